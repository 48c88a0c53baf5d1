"""The city's clock of one call: from the first person's answer to an agency's acceptance.

It runs on when the call has ended, and what it finds is told once.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ivr.calls.call import Call
from ivr.calls.findings import Finding, Kind
from ivr.routing.clock import ClockEntry, ClockMark, clock_entries

_KINDS = {ClockMark.HALF: Kind.CLOCK_HALF, ClockMark.LATE: Kind.CLOCK_LATE}


def next_mark(call: Call) -> datetime | None:
    """When this call's clock has something to tell next; ``None`` when it has nothing more to tell."""
    if call.clock_seconds is None or call.clock_told == len(_KINDS) or (answered := call.human_at) is None:
        return None
    at = answered + timedelta(seconds=call.clock_seconds * (call.clock_told + 1) / len(_KINDS))
    return at if call.agency_at is None or at < call.agency_at else None


def running(call: Call) -> bool:
    """Whether half time or lateness of this call may still have to be told."""
    return next_mark(call) is not None


def tell(call: Call, now: datetime) -> tuple[Call, tuple[Finding, ...]]:
    """What the clock has to tell at ``now`` and was not told before; ``at`` is the moment it came true."""
    entries = _marks(call, now)
    findings = tuple(
        Finding(
            call.id,
            entry.at,
            _KINDS[entry.mark],
            {"clock_seconds": call.clock_seconds},
            by_engine=True,
            key=str(_KINDS[entry.mark]),
        )
        for entry in entries[call.clock_told :]
    )
    return (replace(call, clock_told=len(entries)), findings) if findings else (call, ())


def _marks(call: Call, now: datetime) -> tuple[ClockEntry, ...]:
    if call.clock_seconds is None or call.human_at is None:
        return ()
    return clock_entries(call.clock_seconds, call.human_at, call.agency_at, now)
