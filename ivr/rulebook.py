"""The rules in force: routing.yaml if it is right, else the last copy that was."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from ivr.errors import IvrError
from ivr.prompts import DEFAULT_VOICES
from ivr.render.files import write_atomic
from ivr.routing.loader import load_bytes, load_file
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules
from ivr.settings import Settings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """``refused`` are the problems of a newer routing.yaml that was not taken, one a line."""

    rules: Rules
    source: Path
    refused: tuple[str, ...] = ()


def open_rulebook(settings: Settings) -> Rulebook:
    """Load IVR_ROUTING and keep a copy of it, or fall back to the copy.

    Raises :class:`IvrError` with every problem of the file if there is no copy either.
    """
    try:
        rules = load_file(settings.routing)
    except RoutingError as error:
        return _last_good(settings, error)
    try:
        write_atomic(settings.last_good_routing, settings.routing.read_text(encoding="utf-8-sig"))
    except OSError as error:
        _log.warning("routing_copy_not_kept", reason=error.strerror)
    return Rulebook(rules, settings.routing)


def _last_good(settings: Settings, error: RoutingError) -> Rulebook:
    problems = tuple(str(problem) for problem in error.problems)
    try:
        rules = load_bytes(settings.last_good_routing.read_bytes(), str(settings.last_good_routing))
    except (OSError, RoutingError):
        raise IvrError("\n".join(problems)) from error
    _log.error("routing_refused", file=str(settings.routing), problems=len(problems), using="last good copy")
    return Rulebook(rules, settings.last_good_routing, problems)


def voices(rules: Rules) -> Mapping[str, str | None]:
    """Language → espeak-ng voice; ``None`` for a language that has recordings only."""
    return {
        name: None if language.recorded else DEFAULT_VOICES.get(name, name)
        for name, language in rules.languages.items()
    }
