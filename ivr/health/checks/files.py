"""The secrets, and the directory of the event log."""

import os

from ivr.health.checks.scene import Scene, Verdict, some, worst
from ivr.health.status import Level

_RENDER = "→ ivr render"


def check_event_log(scene: Scene) -> Verdict:
    """Asterisk says nothing when it cannot write there, and what the engine missed is then lost."""
    directory = scene.settings.root / "asterisk" / "log" / "cel-custom"
    if not directory.is_dir():
        return Level.BAD, (
            f"{directory} tidak ada, panggilan tanpa mesin tidak tercatat / is missing, calls without the "
            f"engine leave no record {_RENDER}"
        )
    for path in (directory, directory / "master.csv"):
        if path.exists() and not os.access(path, os.W_OK):
            return Level.BAD, f"{path} tidak dapat ditulis / cannot be written → chown, chmod u+w"
    return Level.OK, str(directory)


def check_secrets(scene: Scene) -> Verdict:
    """Whoever reads them can do all that the engine can."""
    settings = scene.settings
    if not (settings.secrets / "ami-engine").exists():
        return Level.BAD, f"{settings.secrets} belum ada / is not there yet {_RENDER}"
    own = sorted(path for path in settings.secrets.rglob("*") if path.is_file())
    copies = [
        settings.generated / f"{name}.conf" for name in ("manager-accounts", "pjsip-phones", "pjsip-trunk")
    ]
    named = [path for path in (settings.trunk_password_file, settings.trunk_key) if path is not None]
    absent = [path for path in named if not path.is_file()]
    files = [path for path in (*own, *copies, *named) if path.is_file()]
    open_to_all = [path for path in files if path.stat().st_mode & 0o077]
    unreadable = [path for path in files if not os.access(path, os.R_OK)]
    problems: list[Verdict] = []
    if absent:
        problems.append(
            (Level.BAD, f"tidak ada / missing: {some(absent)} → IVR_TRUNK_PASSWORD_FILE, IVR_TRUNK_KEY")
        )
    if unreadable:
        problems.append((Level.BAD, f"tidak terbaca / not readable: {some(unreadable)} → chown"))
    if open_to_all:
        shown = " ".join(map(str, open_to_all[:3]))
        problems.append(
            (Level.BAD, f"{len(open_to_all)} terbuka bagi orang lain / open to others → chmod 600 {shown}")
        )
    return worst(problems, f"{len(files)} berkas, hanya untuk pemiliknya / files, for their owner only")
