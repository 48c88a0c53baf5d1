"""What every check may look at, and how it says what it found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.health.status import Level
from ivr.render.install import AsteriskInstall, repository
from ivr.rulebook import Rulebook
from ivr.settings import Settings

Verdict = tuple[Level, str]
"""How it is, and what is true: "Indonesian / English → remedy", in one line without secrets."""


@dataclass(frozen=True, slots=True)
class Asterisk:
    """What a running Asterisk says of itself over AMI, asked with both of our accounts."""

    rights: Mapping[str, frozenset[str]]
    """Account that could log in → the actions that it may do."""
    refused: Mapping[str, str]
    """Account that could not → why."""
    version: str = ""
    not_loaded: frozenset[str] | None = None
    """Modules of modules.conf that are not loaded; None when nobody could ask."""
    rules: str = ""
    """Digest of the rules that its dialplan goes by; empty when nobody could ask."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What a running engine says on ``/health``: name of a part → its level and text."""

    parts: Mapping[str, Verdict]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that was found out before the checks; what could not be is None."""

    settings: Settings
    book: Rulebook | None
    install: AsteriskInstall | None
    asterisk: Asterisk | None
    """None: nothing answers as an Asterisk on IVR_AMI_PORT."""
    engine: Engine | None
    """None: nothing answers as our engine on IVR_HEALTH_PORT."""
    operators: tuple[str, ...] | None
    """Names of operators' phones; None when the database did not answer."""

    def asterisk_process(self) -> int | None:
        """Process id of the Asterisk that was started on our directory, if it is alive."""
        path = self.settings.root / "asterisk" / "run" / "asterisk.pid"
        try:
            pid = int(path.read_text())
            # A number that was given to another program since is not ours.
            return pid if b"asterisk" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
        except (OSError, ValueError):
            return None


def modules_conf(settings: Settings) -> Path:
    """The one that Asterisk reads; before the first ``ivr render``, the repository's."""
    assembled = settings.etc / "modules.conf"
    return assembled if assembled.is_file() else repository() / "asterisk-conf" / "modules.conf"


def dialplan_files(settings: Settings) -> list[Path]:
    """All files with dialplan in them that Asterisk reads; before the first render, the repository's."""
    if (settings.etc / "extensions.conf").is_file():
        root, custom = settings.etc, settings.etc / "cel_custom.conf"
    else:
        root, custom = repository(), repository() / "asterisk-conf" / "cel_custom.conf"
    files = [root / "extensions.conf", root / "generated" / "lines.conf", custom]
    return [path for path in [*files, *sorted((root / "dialplan").glob("*.conf"))] if path.is_file()]


def worst(problems: Iterable[Verdict], well: str) -> Verdict:
    """All problems in one, as bad as the worst; ``well`` when there is none."""
    found = list(problems)
    if not found:
        return Level.OK, well
    level = Level.BAD if any(level is Level.BAD for level, _ in found) else Level.WARN
    return level, "; ".join(text for _, text in found)


def some(names: Iterable[object], most: int = 4) -> str:
    """Some of the names, and how many more there are."""
    texts = [str(name) for name in names]
    more = f" … (+{len(texts) - most})" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
