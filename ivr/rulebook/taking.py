"""Make everything ready for rules that are to go live: check, speak, write what Asterisk needs.

This is the work of a process of its own (:mod:`ivr.rulebook.worker`): none of it may delay a call.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ivr.errors import IvrError, SettingsError
from ivr.menu.prompts_needed import prompts_needed
from ivr.prompts import Catalogue, render_prompts
from ivr.render.etc import (
    check,
    modules_to_reload,
    of_rules,
    operators_of_last_time,
    phone_password,
    write_parts,
)
from ivr.render.reload_note import all_reloaded, note_to_reload
from ivr.render.spoken import voices
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules
from ivr.rulebook.bundle import Bundle, read_bundle
from ivr.rulebook.in_use import InUse, earlier_rules, read_in_use, write_in_use
from ivr.rulebook.opening import note_refusal, owner
from ivr.rulebook.versions import Action, Event, Versions
from ivr.settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """Take what stands at IVR_ROUTING, unless that is ``have`` (a digest); or the version ``number``.
    ``live`` is the version in force, ``drop`` earlier ones by which no call goes any more."""

    settings: Settings
    live: int | None = None
    have: str = ""
    number: int | None = None
    drop: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """Everything is on disk. ``modules`` of Asterisk are to be reloaded before the rules may be used;
    ``kept`` are the versions that calls in progress may still go by."""

    number: int
    rules: Rules
    catalogue: Catalogue
    modules: tuple[str, ...]
    kept: tuple[int, ...]
    watch: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Same:
    """It is what the asker has."""

    watch: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """``problems``, one a line. ``digest`` names the content; empty when it could not be read."""

    digest: str
    problems: tuple[str, ...]
    watch: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing is wrong with the rules, but they could not be made ready now; try again."""

    reason: str


Answer = Taken | Same | Refused | Failed


def take(job: Job) -> Answer:
    """Never raises for what can be wrong with a file, a disk or a prompt."""
    try:
        return _take(job)
    except OSError as error:
        return Failed(
            f"{error.strerror or error} ({error.filename or job.settings.root}): free space, or let this "
            "user write there"
        )
    except IvrError as error:
        return Failed(str(error))


def _take(job: Job) -> Answer:
    settings = job.settings
    versions = Versions(settings.routing_state)
    try:
        bundle = _bundle(job, versions)
    except RoutingError as error:
        return _refuse(job, versions, "", _lines(error))
    watch = _watched(settings.routing, bundle)
    if bundle.digest == job.have:
        return Same(watch)
    try:
        rules = bundle.accept(settings.routing) if job.number is None else bundle.load(settings.routing)
        check(settings, rules, operators_of_last_time(settings))
    except RoutingError as error:
        return _refuse(job, versions, bundle.digest, _lines(error), watch)
    except SettingsError as error:
        return _refuse(job, versions, bundle.digest, (str(error),), watch)
    catalogue = asyncio.run(
        render_prompts(prompts_needed(rules), settings.prompts, settings.recorded, voices(rules))
    )
    with versions.lock():
        number = job.number or _number(settings, versions, bundle)
        if number is None:
            return Failed("the file changed again meanwhile")
        live, kept = _in_use(job, number)
        write_in_use(settings, InUse(live, kept))
        wanted = of_rules(
            settings,
            rules,
            operators_of_last_time(settings),
            earlier_rules(settings, kept),
            phone_password(settings),
        )
        modules = modules_to_reload(settings, wanted)
        pending = note_to_reload(settings, modules)
        write_parts(settings, wanted)
    return Taken(number, rules, catalogue, pending, kept, watch)


def _in_use(job: Job, number: int) -> tuple[int | None, tuple[int, ...]]:
    """The version in force, and those that calls may go by once ``number`` is: also what an engine left that
    was killed."""
    before = read_in_use(job.settings)
    live = before.live if job.live is None else job.live
    kept = before.kept if before.live is None else (*before.kept, before.live)
    return live, InUse(live, kept).next(number, job.drop).kept


def _bundle(job: Job, versions: Versions) -> Bundle:
    with versions.lock():
        if job.number is not None:
            event = versions.event(job.number)
            if event is None:
                raise IvrError(f"There is no version {job.number} any more: apply a file (ivr apply).")
            return versions.bundle(event)
        versions.recover(job.settings.routing)
        return read_bundle(job.settings.routing)


def _number(settings: Settings, versions: Versions, bundle: Bundle) -> int | None:
    """The version that stands in place; a new one when somebody edited the file. ``None``: it is not this
    one any more."""
    if read_bundle(settings.routing).digest != bundle.digest:
        return None
    current = versions.current()
    if current is not None and current.digest == bundle.digest:
        return current.number
    event = Event(
        number=None,
        digest=bundle.digest,
        action=Action.EDITED,
        author=owner(settings.routing),
        at=datetime.now(UTC),
        main=settings.routing.name,
    )
    return versions.keep(event, bundle).number


def _refuse(
    job: Job, versions: Versions, digest: str, problems: tuple[str, ...], watch: tuple[Path, ...] = ()
) -> Refused:
    with versions.lock():
        note_refusal(job.settings, versions, digest, problems)
    path = job.settings.routing
    return Refused(digest, problems, (*watch, path, path.parent))


def _lines(error: RoutingError) -> tuple[str, ...]:
    return tuple(str(problem) for problem in error.problems)


def _watched(path: Path, bundle: Bundle) -> tuple[Path, ...]:
    """What changes when the rules do: the files, and the directories in which another one may appear."""
    files = [path.parent / name for name in bundle.included]
    return (path, *files, *sorted({file.parent for file in files}))


def went_live(settings: Settings, number: int) -> None:
    """Asterisk has read its parts, and calls are decided by this version. Raises :class:`OSError`."""
    with Versions(settings.routing_state).lock():
        all_reloaded(settings)
        before = read_in_use(settings)
        write_in_use(settings, InUse(number, before.next(number).kept))
