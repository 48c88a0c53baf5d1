"""The rules that a process starts with: IVR_ROUTING if it is right, else the newest version that is."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from ivr.errors import IvrError
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules
from ivr.rulebook.bundle import Bundle, read_bundle
from ivr.rulebook.versions import Action, Event, Versions, user_name
from ivr.settings import Settings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """``number`` is the version (``None``: its text is not kept yet). ``refused`` are the problems of a newer
    IVR_ROUTING that was not taken, one a line; ``refused_digest`` names its content, if it could be read."""

    rules: Rules
    bundle: Bundle
    source: Path
    number: int | None = None
    refused: tuple[str, ...] = ()
    refused_digest: str = ""


def read_rulebook(settings: Settings) -> Rulebook:
    """The rules; nothing is written. Raises :class:`IvrError` with every problem of the file if no version
    is right either."""
    versions = Versions(settings.routing_state)
    current = versions.current()
    digest = ""
    try:
        bundle = read_bundle(settings.routing)
        digest = bundle.digest
        known = current is not None and current.digest == bundle.digest
        rules = bundle.load(settings.routing) if known else bundle.accept(settings.routing)
    except RoutingError as error:
        return _earlier(settings, versions, error, digest)
    return Rulebook(rules, bundle, settings.routing, current.number if current and known else None)


def open_rulebook(settings: Settings) -> Rulebook:
    """The same, and what is found is kept: a new text as a version, a wrong one as an event. That nothing can
    be written stops nobody."""
    versions = Versions(settings.routing_state)
    try:
        with versions.lock():
            versions.recover(settings.routing)
            book = read_rulebook(settings)
            number = keep_found(settings, versions, book)
            return replace(book, number=number)
    except RoutingError:
        raise
    except (OSError, IvrError) as error:
        _log.warning("routing_version_not_kept", reason=str(error))
    return read_rulebook(settings)


def keep_found(settings: Settings, versions: Versions, book: Rulebook) -> int | None:
    """Keep the text in force as a version if it is not, and a refusal as an event; the version's number."""
    if book.refused:
        note_refusal(settings, versions, book.refused_digest, book.refused)
        return book.number
    if book.number is not None:
        return book.number
    return versions.keep(
        Event(
            number=None,
            digest=book.bundle.digest,
            action=Action.EDITED,
            author=owner(settings.routing),
            at=datetime.now(UTC),
            main=settings.routing.name,
        ),
        book.bundle,
    ).number


def note_refusal(settings: Settings, versions: Versions, digest: str, problems: tuple[str, ...]) -> None:
    """Once for one text: not again by each process that meets it."""
    last = next(reversed(versions.history()), None)
    if last is None or (last.action, last.digest) != (Action.REFUSED, digest):
        author = owner(settings.routing)
        shown = problems[:MOST_PROBLEMS]
        versions.append(Event(None, digest, Action.REFUSED, author, datetime.now(UTC), problems=shown))


MOST_PROBLEMS = 20
"""So many problems of a refused file stand in the history."""


def owner(path: Path) -> str:
    """Whose file it is: as near as one can come to who edited it."""
    try:
        return user_name(path.stat().st_uid)
    except OSError:
        return "?"


def _earlier(settings: Settings, versions: Versions, error: RoutingError, digest: str) -> Rulebook:
    problems = tuple(str(problem) for problem in error.problems)
    for event in reversed(versions.history()):
        if event.number is None:
            continue
        try:
            bundle = versions.bundle(event)
            source = settings.routing_state / "versions" / str(event.number) / event.main
            rules = bundle.load(source)
        except IvrError:
            continue
        _log.error("routing_refused", file=str(settings.routing), problems=len(problems), using=event.number)
        return Rulebook(rules, bundle, source, event.number, problems, digest)
    raise IvrError("\n".join(problems)) from error
