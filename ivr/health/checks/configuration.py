"""Are the rules right, and does Asterisk's configuration say what they and the settings say?"""

import re
from collections.abc import Iterable
from pathlib import Path

from ivr.health.checks.scene import Scene, Verdict, some, worst
from ivr.health.status import Level
from ivr.render import generated
from ivr.render.generated import Phone
from ivr.render.install import repository
from ivr.routing.loader import load_bytes, load_file
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules
from ivr.rulebook import Rulebook
from ivr.settings import Settings

_RENDER = "→ ivr render"
_LIFELINE = re.compile(r"^IVR_LIFELINE=.*$", re.MULTILINE)
_LIFELINE_WHOLE = re.compile(r"^IVR_LIFELINE=1\|[^|]+\|end$", re.MULTILINE)


def read_rulebook(settings: Settings) -> Rulebook | None:
    """As :func:`ivr.rulebook.open_rulebook`, but nothing is written; None when there is no good file."""
    try:
        return Rulebook(load_file(settings.routing), settings.routing)
    except RoutingError as error:
        refused = tuple(map(str, error.problems))
    try:
        copy = settings.last_good_routing
        return Rulebook(load_bytes(copy.read_bytes(), str(copy)), copy, refused)
    except (OSError, RoutingError):
        return None


def check_routing(scene: Scene) -> Verdict:
    """The file is right, and it is what a running engine goes by."""
    file = scene.settings.routing
    if scene.book is None:
        return (
            Level.BAD,
            f"{file} salah dan tidak ada salinan / is wrong and there is no good copy → ivr check",
        )
    if scene.book.refused:
        return Level.WARN, (
            f"salinan terakhir yang benar dipakai / the last good copy is used: {scene.book.refused[0]} "
            f"({len(scene.book.refused)}) → ivr check {file}"
        )
    digest = scene.book.rules.digest
    _, in_force = (scene.engine.parts.get("routing") if scene.engine else None) or (Level.OK, digest)
    if in_force != digest:
        return Level.WARN, (
            f"{file} berubah sejak mesin mulai / changed since the engine started → "
            "mulai ulang / restart ivr serve"
        )
    return Level.OK, f"{file} ({digest}): {len(scene.book.rules.rules)} aturan / rules"


def check_configuration(scene: Scene) -> Verdict:
    """Every file that Asterisk reads is there, and says what the settings and rules of now say."""
    etc = scene.settings.etc
    if not (etc / "extensions.conf").is_file():
        return Level.BAD, f"{etc} belum disiapkan / is not prepared {_RENDER}"
    if scene.book is None:
        return Level.WARN, "tidak diperiksa tanpa aturan / not checked without rules → ivr check"
    wanted = _hand_written(scene) | _generated(scene, scene.book.rules)
    missing, other = [], []
    for name, text in sorted(wanted.items()):
        try:
            found = (etc / name).read_text()
        except OSError:
            missing.append(name)
            continue
        # The lifeline's plan depends on the time of day at which it was written.
        if text is not None and _LIFELINE.sub("", found) != _LIFELINE.sub("", text):
            other.append(name)
        if name == "generated/globals.conf" and not _LIFELINE_WHOLE.search(found):
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


def _generated(scene: Scene, rules: Rules) -> dict[str, str | None]:
    """As ``ivr.render.etc`` makes them, but no secret is made; None: not compared."""
    settings = scene.settings
    files: dict[str, str | None] = {
        "globals": generated.globals_conf(settings, ""),
        "lines": generated.lines(settings, rules.lines.values()),
        "queues": generated.queues(rules),
        "musiconhold": generated.music_on_hold(settings, rules.languages),
        "pjsip-transports": generated.transports(settings),
        "pjsip-trunk": None,
        "pjsip-phones": None,
        "rtp": generated.rtp(settings),
        "manager-general": generated.manager_general(settings),
        "manager-accounts": None,
    }
    try:
        files["manager-accounts"] = generated.manager_accounts(
            *(_secret(settings.secrets / f"ami-{account}") for account in ("engine", "reload"))
        )
        password = settings.trunk_password_file if settings.trunk_username else None
        files["pjsip-trunk"] = generated.trunk(settings, _secret(password) if password else "")
        if scene.operators is not None:
            files["pjsip-phones"] = generated.phones(settings, _phones(settings, rules, scene.operators))
    except OSError:
        pass  # A secret is missing: the check of secrets says so, or the next render makes it.
    return {f"generated/{name}.conf": text for name, text in files.items()}


def _phones(settings: Settings, rules: Rules, operators: Iterable[str]) -> list[Phone]:
    agencies = {line.phone for line in rules.lines.values() if line.phone is not None}
    return [
        Phone(name, template, _secret(settings.secrets / "phones" / name))
        for template, names in (("operator", operators), ("agency", agencies))
        for name in sorted(names)
    ]


def _secret(path: Path) -> str:
    return path.read_text().strip()
