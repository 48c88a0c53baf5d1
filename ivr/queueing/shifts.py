"""Who came on duty, who left, who paused: what changed in the roster, for the record. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ivr.calls.events import OperatorChanged, OperatorLeft, QueueEvent
from ivr.calls.findings import Kind


class Duty(StrEnum):
    OFF = "off-duty"
    ON = "on-duty"
    PAUSED = "paused"


Duties = Mapping[tuple[str, str], Duty]
"""Of everybody who is logged in, by (queue, phone)."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One operator of one queue came, went, or paused."""

    kind: Kind
    data: Mapping[str, object]


class Shifts:
    """Follows who is on duty. ``believed`` is ``None`` until Asterisk has told it once."""

    def __init__(self) -> None:
        self.believed: Duties | None = None

    def asked(self, members: Iterable[OperatorChanged]) -> tuple[Shift, ...]:
        """Asterisk told all there are, after a time in which nobody looked: what is not as believed."""
        before = self.believed
        self.believed = {(member.queue, member.phone): _duty(member) for member in members}
        return () if before is None else corrected(before, self.believed)

    def apply(self, event: QueueEvent) -> tuple[Shift, ...]:
        """Somebody did something, live."""
        place = (event.queue, event.phone)
        before = self.believed or {}
        now = _duty(event) if isinstance(event, OperatorChanged) else Duty.OFF
        was = before.get(place, Duty.OFF)
        if was is now:
            return ()
        others = {other: duty for other, duty in before.items() if other != place}
        self.believed = others if isinstance(event, OperatorLeft) else {**others, place: now}
        return seen({place: was}, {place: now})


def _duty(member: OperatorChanged) -> Duty:
    return Duty.PAUSED if member.paused else Duty.ON


def seen(before: Duties, after: Duties) -> tuple[Shift, ...]:
    """What somebody did while we looked."""
    return tuple(
        Shift(kind, {"phone": phone, "queue": queue, **({"paused": True} if logged_in_paused else {})})
        for queue, phone, was, now in _differences(before, after)
        for kind, logged_in_paused in [(_kind(was, now), (was, now) == (Duty.OFF, Duty.PAUSED))]
    )


def corrected(before: Duties, after: Duties) -> tuple[Shift, ...]:
    """How Asterisk differs, after a time in which nobody looked, from what was believed."""
    return tuple(
        Shift(
            Kind.OPERATOR_CORRECTED,
            {"phone": phone, "queue": queue, "was": str(was), "is": str(now)},
        )
        for queue, phone, was, now in _differences(before, after)
    )


def _differences(before: Duties, after: Duties) -> Iterator[tuple[str, str, Duty, Duty]]:
    for queue, phone in sorted({*before, *after}):
        was, now = (known.get((queue, phone), Duty.OFF) for known in (before, after))
        if was is not now:
            yield queue, phone, was, now


def _kind(was: Duty, now: Duty) -> Kind:
    if now is Duty.OFF:
        return Kind.OPERATOR_LOGGED_OUT
    if was is Duty.OFF:
        return Kind.OPERATOR_LOGGED_IN
    return Kind.OPERATOR_PAUSED if now is Duty.PAUSED else Kind.OPERATOR_RESUMED
