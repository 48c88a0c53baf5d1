"""Do our two accounts get in, and may each do what it needs and no more?"""

from ivr.health.checks.scene import Engine, Scene, Verdict, some, worst
from ivr.health.status import Level

NEEDED = {
    "engine": frozenset(
        {"Ping", "Status", "QueueStatus", "Getvar", "Setvar", "Redirect", "Originate", "StopMixMonitor"}
    ),
    "reload": frozenset({"Reload", "DBPut", "DBDelTree", "ModuleCheck"}),
}
FORBIDDEN = {
    # Whoever has these owns Asterisk, or can change what it will be after the next start.
    "engine": frozenset({"Command", "Reload", "ModuleLoad", "UpdateConfig", "DBPut", "DialplanExtensionAdd"}),
    "reload": frozenset({"Command", "UpdateConfig", "Originate", "Redirect"}),
}
_WRITE = "akun / account"


def check_ami(scene: Scene) -> Verdict:
    """Log-in and rights of both accounts, as Asterisk tells them (``ListCommands``): nothing is tried out."""
    asterisk = scene.asterisk
    if asterisk is None:
        pid = scene.asterisk_process()
        if pid is not None:
            return Level.BAD, (
                f"Asterisk (proses / process {pid}) berjalan tanpa menjawab di / runs and does not answer on "
                f"IVR_AMI_PORT {scene.settings.ami_port} → lihat / see asterisk/log/messages; ivr render, "
                "mulai ulang Asterisk / restart Asterisk"
            )
        return Level.WARN, "Asterisk tidak berjalan / is not running → scripts/run"
    problems: list[Verdict] = [
        (
            Level.BAD,
            f"{_WRITE} {account}: {reason} → ivr render, mulai ulang Asterisk / restart Asterisk; milik "
            "instalasi lain? / another installation's? IVR_AMI_PORT",
        )
        for account, reason in asterisk.refused.items()
    ]
    for account, rights in asterisk.rights.items():
        if lacks := sorted(NEEDED[account] - rights):
            problems.append(
                (Level.BAD, f"{_WRITE} {account} tidak boleh / may not: {some(lacks)} → manager.conf")
            )
        if excess := sorted(FORBIDDEN[account] & rights):
            problems.append(
                (
                    Level.BAD,
                    f"{_WRITE} {account} boleh terlalu banyak / may too much: {some(excess)} → manager.conf",
                )
            )
    return worst(problems, "engine, reload: masuk dan hak benar / log in, rights are right")


def check_engine(scene: Scene) -> Verdict:
    """What the engine says of itself."""
    if scene.engine is None:
        return Level.WARN, (
            "tidak berjalan; penelepon ke operator lewat dialplan / not running; callers reach operators "
            "by the plain dialplan → scripts/run"
        )
    return worst(_unwell(scene.engine), f"berjalan / running, port {scene.settings.health_port}")


def _unwell(engine: Engine) -> list[Verdict]:
    return [
        (level, f"{name}: {text}") for name, (level, text) in engine.parts.items() if level is not Level.OK
    ]
