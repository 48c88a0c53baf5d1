"""Put rules in place by a command: checked first, kept as a version, then IVR_ROUTING is replaced.

The running engine watches IVR_ROUTING and does the rest (:mod:`ivr.rulebook.changes`); one that is not
running reads it at its start.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ivr.errors import IvrError
from ivr.render.etc import check, operators_of_last_time
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules
from ivr.rulebook.bundle import Bundle, read_bundle
from ivr.rulebook.versions import Action, Event, Versions
from ivr.settings import Settings


@dataclass(frozen=True, slots=True)
class Installed:
    event: Event
    changed: bool
    """False: it stood there already, and was only signed for."""


def apply(settings: Settings, file: Path, author: str, reason: str, now: datetime) -> Installed:
    """Put ``file`` and what it includes in place.

    Raises :class:`IvrError` (all problems of the file, one a line; or what keeps it from being written): then
    nothing was changed.
    """
    bundle = read_bundle(file)
    _check(settings, bundle, file)
    event = Event(None, bundle.digest, Action.APPLIED, author, now, reason, main=settings.routing.name)
    return _install(settings, event, bundle)


def roll_back(
    settings: Settings, number: int | None, author: str, reason: str, now: datetime
) -> tuple[Installed, int]:
    """Put an earlier version in place again: ``number``, or the one before what stands there now. The other
    value is its number. Raises as :func:`apply`."""
    versions = Versions(settings.routing_state)
    target = _earlier(settings, versions, number)
    bundle = versions.bundle(target)
    _check(settings, bundle, settings.routing)
    event = Event(
        number=None,
        digest=bundle.digest,
        action=Action.ROLLED_BACK,
        author=author,
        at=now,
        reason=reason,
        main=settings.routing.name,
        of=target.origin,
    )
    return _install(settings, event, bundle), target.origin


def _check(settings: Settings, bundle: Bundle, file: Path) -> Rules:
    rules = bundle.accept(file)
    check(settings, rules, operators_of_last_time(settings))
    return rules


def _install(settings: Settings, event: Event, bundle: Bundle) -> Installed:
    versions = Versions(settings.routing_state)
    try:
        with versions.lock():
            versions.recover(settings.routing)
            before = _in_place(settings)
            current = versions.current()
            if before is not None and before.digest == bundle.digest:
                if current is None or current.digest != bundle.digest:
                    return Installed(versions.keep(event, bundle), True)
                signed = replace(event, number=current.number, main=current.main, of=current.of)
                versions.append(signed)
                return Installed(signed, False)
            event = versions.install(event, bundle, settings.routing, before)
            return Installed(event, True)
    except OSError as error:
        raise IvrError(
            f"{settings.routing_state} cannot be written ({error.strerror}); the rules stay as they were. "
            "Free space, or let this user write there."
        ) from error


def _in_place(settings: Settings) -> Bundle | None:
    try:
        return read_bundle(settings.routing)
    except RoutingError:
        return None


def _earlier(settings: Settings, versions: Versions, number: int | None) -> Event:
    if number is not None:
        event = versions.event(number)
        if event is None:
            raise IvrError(f"There is no version {number}: ivr history lists them.")
        return event
    current = versions.current()
    if current is None:
        raise IvrError("There is no version yet to go back to: apply a file first (ivr apply).")
    in_place = _in_place(settings)
    if in_place is None or in_place.digest != current.digest:
        return current
    earlier = [event for event in versions.history() if event.number and event.number < current.origin]
    if not earlier:
        raise IvrError(f"Version {current.origin} is the first: there is nothing earlier to go back to.")
    return earlier[-1]
