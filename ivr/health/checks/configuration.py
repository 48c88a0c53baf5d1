"""Are the rules right, and does Asterisk's configuration say what they and the settings say?"""

import re
from pathlib import Path

from ivr.health.checks.scene import Scene, Verdict, some, worst
from ivr.health.status import Level
from ivr.render import generated
from ivr.render.etc import of_rules
from ivr.render.install import repository
from ivr.rulebook import Rulebook
from ivr.rulebook.in_use import earlier_rules, read_in_use
from ivr.settings import Settings

_RENDER = "→ ivr render"
_WHOLE = {
    "generated/globals.conf": re.compile(r"^IVR_LIFELINE=[0-9a-f]{12}$", re.MULTILINE),
    "generated/lifeline.conf": re.compile(r"^\[lifeline-[0-9a-f]{12}-whole\]$", re.MULTILINE),
}
"""What the lifeline cannot do without."""


def check_routing(scene: Scene) -> Verdict:
    """The file is right, and it is what a running engine goes by."""
    file = scene.settings.routing
    if scene.book is None:
        return (
            Level.BAD,
            f"{file} salah; tidak ada versi yang benar / is wrong; no version is right → ivr check",
        )
    if scene.book.refused:
        return Level.WARN, (
            f"ditolak; versi / refused; version {scene.book.number} berlaku / is in force: "
            f"{scene.book.refused[0]} ({len(scene.book.refused)}) → ivr check {file}; ivr rollback"
        )
    digest = scene.book.rules.digest
    level, in_force = (scene.engine.parts.get("routing") if scene.engine else None) or (Level.OK, digest)
    if level is not Level.OK:
        return level, f"mesin / the engine: {in_force}"
    if digest not in in_force:
        return Level.WARN, (
            f"{file} belum berlaku / is not live yet: {in_force} → tunggu sebentar / wait a moment; "
            "IVR_STATE, IVR_ROUTING: sama dengan mesin / the same as the engine's?"
        )
    if scene.asterisk and scene.asterisk.rules not in ("", digest):
        return Level.WARN, (
            f"Asterisk masih memakai aturan lain / still goes by other rules: {scene.asterisk.rules} → "
            "mulai ulang mesin / restart the engine"
        )
    return Level.OK, f"{file} ({digest}): {len(scene.book.rules.rules)} aturan / rules"


def check_configuration(scene: Scene) -> Verdict:
    """Every file that Asterisk reads is there, and says what the settings and rules of now say."""
    etc = scene.settings.etc
    if not (etc / "extensions.conf").is_file():
        return Level.BAD, f"{etc} belum disiapkan / is not prepared {_RENDER}"
    if scene.book is None:
        return Level.WARN, "tidak diperiksa tanpa aturan / not checked without rules → ivr check"
    wanted = _hand_written(scene) | _generated(scene, scene.book)
    missing, other = [], []
    for name, text in sorted(wanted.items()):
        try:
            found = (etc / name).read_text()
        except OSError:
            missing.append(name)
            continue
        if text is not None and found != text:
            other.append(name)
        if name in _WHOLE and not _WHOLE[name].search(found):
            missing.append(f"IVR_LIFELINE ({name})")
    problems: list[Verdict] = []
    if missing:
        problems.append(
            (Level.BAD, f"tidak ada atau terpotong / missing or cut off: {some(missing)} {_RENDER}")
        )
    if other:
        problems.append(
            (
                Level.WARN,
                f"tidak lagi sesuai aturan dan setelan / no longer as rules and settings say: {some(other)} "
                f"{_RENDER}; mulai ulang Asterisk / restart Asterisk",
            )
        )
    return worst(problems, f"{len(wanted)} berkas / files")


def _hand_written(scene: Scene) -> dict[str, str | None]:
    """The repository's files as ``ivr.render.etc`` lays them out; None: not compared."""
    root = repository()
    files: dict[str, str | None] = {}
    for path in (*root.glob("asterisk-conf/*.conf"), *root.glob("dialplan/*.conf")):
        below = path.parent.name == "dialplan" and path.name != "extensions.conf"
        files[f"dialplan/{path.name}" if below else path.name] = path.read_text()
    head = None
    if (install := scene.install) is not None:
        head = generated.directories(scene.settings, install.modules, install.data, install.binary.parent)
    files["asterisk.conf"] = None if head is None else f"{head}\n{files['asterisk.conf']}"
    return files


def _generated(scene: Scene, book: Rulebook) -> dict[str, str | None]:
    """As ``ivr.render.etc`` makes them, but no secret is made; None: not compared."""
    settings = scene.settings
    earlier = earlier_rules(settings, read_in_use(settings).next(book.number).kept)
    files: dict[str, str | None] = {
        "generated/pjsip-transports.conf": generated.transports(settings),
        "generated/pjsip-trunk.conf": None,
        "generated/rtp.conf": generated.rtp(settings),
        "generated/hep.conf": generated.sip_capture(settings),
        "generated/manager-general.conf": generated.manager_general(settings),
        "generated/manager-accounts.conf": None,
    }
    try:
        files["generated/manager-accounts.conf"] = generated.manager_accounts(
            *(_secret(settings.secrets / f"ami-{account}") for account in ("engine", "reload"))
        )
        password = settings.trunk_password_file if settings.trunk_username else None
        files["generated/pjsip-trunk.conf"] = generated.trunk(settings, _secret(password) if password else "")
    except OSError:
        pass  # A secret is missing: the check of secrets says so, or the next render makes it.
    parts: dict[str, str | None] = {
        **of_rules(
            settings, book.rules, scene.operators or (), earlier, lambda phone: _password(settings, phone)
        )
    }
    if scene.operators is None:
        parts["generated/pjsip-phones.conf"] = None
    return files | parts


def _password(settings: Settings, phone: str) -> str:
    """Empty where there is none: the next render makes it."""
    try:
        return _secret(settings.secrets / "phones" / phone)
    except OSError:
        return ""


def _secret(path: Path) -> str:
    return path.read_text().strip()
