"""The clock of a call: from its answer to an agency's acceptance. Pure arithmetic."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class ClockMark(StrEnum):
    HALF = "half"
    """Half of the time is over and no agency has accepted."""
    LATE = "late"
    """All of it."""


@dataclass(frozen=True, slots=True)
class ClockEntry:
    mark: ClockMark
    at: datetime


def clock_entries(
    clock_seconds: int, answered_at: datetime, accepted_at: datetime | None, now: datetime
) -> tuple[ClockEntry, ...]:
    """The marks that the call has passed by ``now``, in order. All times are aware.

    An agency that accepts exactly at a mark has passed no mark.
    """
    until = now if accepted_at is None else min(now, accepted_at)
    return tuple(
        entry
        for entry in _marks(clock_seconds, answered_at)
        if (entry.at < until if accepted_at is not None and accepted_at <= now else entry.at <= until)
    )


def _marks(clock_seconds: int, answered_at: datetime) -> tuple[ClockEntry, ClockEntry]:
    return (
        ClockEntry(ClockMark.HALF, answered_at + timedelta(seconds=clock_seconds / 2)),
        ClockEntry(ClockMark.LATE, answered_at + timedelta(seconds=clock_seconds)),
    )
