"""What a recording must be, given its call: pure.

MixMonitor writes 8 kHz, 16 bit, mono, silence too, from the trunk's answer to the call's end, and 32 kB at
once (its stdio buffer; seen on 22.10.1): a file that is being written grows in steps of 2.05 s.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.calls.call import Call

BYTES_A_SECOND = 16_000
HEADER_BYTES = 44
STEP_SECONDS = 32_768 / BYTES_A_SECOND
GAP_SECONDS = STEP_SECONDS + 1.0
"""How far a file may fall behind the talk: one step, and a second for a busy machine."""
BORDER_SECONDS = 2.0
"""Missing at a recording's two ends together, or where it was begun again for a second person."""


class Why(StrEnum):
    """Why a recording failed."""

    MISSING = "missing"
    """There is no file."""
    EMPTY = "empty"
    """There is no audio in it."""
    INCOMPLETE = "incomplete"
    """It is shorter than the call, or did not grow during a talk."""
    DISK = "disk"
    """The engine had stopped recordings for want of room."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How a recording grew during one talk. Times are a monotonic clock's, in seconds."""

    least_lag: float
    """The least that the file was behind the clock (plus a constant)."""
    size: int
    grown_at: float
    told: bool = False
    """Whether the gap that lasts now was told."""


def look(growth: Growth | None, at: float, size: int) -> tuple[Growth, float | None]:
    """The growth after a look at the file, and for how many seconds it has had no audio, if that is new to
    be told. A loss is seen when it shows: a whole step that could not be written, whenever that was."""
    lag = at - size / BYTES_A_SECOND
    if growth is None:
        return Growth(lag, size, at), None
    grew = size > growth.size
    if growth.told:
        return (Growth(lag, size, at) if grew else growth), None
    behind = lag - growth.least_lag
    after = replace(
        growth,
        least_lag=min(lag, growth.least_lag),
        size=size,
        grown_at=at if grew else growth.grown_at,
        told=behind > GAP_SECONDS and not grew,
    )
    if behind <= GAP_SECONDS:
        return after, None
    if grew:  # It grows again already: what is lost is lost, and counted once.
        return Growth(lag, size, at), behind - STEP_SECONDS
    return after, at - growth.grown_at


def places(call: Call) -> Iterator[str]:
    """Where the recording may be, relative to the directory of recordings, the likeliest first: the day in
    UTC is the one that Asterisk's clock had a moment after the answer (dialplan/intake.conf)."""
    answered = call.answered_at or call.started_at or call.seen_at
    for days in (0, 1, -1):
        yield f"{_day(answered, days)}/{call.id}.wav"


def _day(at: datetime, days: int) -> str:
    return f"{at + timedelta(days=days):%Y/%m/%d}"


def seconds_of(size: int) -> float:
    return max(0, size - HEADER_BYTES) / BYTES_A_SECOND


def why_failed(
    size: int | None, of_seconds: float, *, gaps: int, disk: bool, quiet_seconds: float
) -> Why | None:
    """Why a recording of ``size`` bytes (``None``: no file) of a call that lasted ``of_seconds`` is not
    whole; ``None`` when it is. ``gaps`` were told during talks, ``disk``: recordings were stopped meanwhile.

    While the engine is asked nobody sends audio, and nothing is written: ``quiet_seconds`` is the longest
    that a call may wait for it.
    """
    missing = of_seconds - seconds_of(size or 0)
    if size is not None and size > HEADER_BYTES and not gaps and missing <= quiet_seconds + BORDER_SECONDS:
        return None
    if disk:
        return Why.DISK
    if size is None:
        return Why.MISSING
    return Why.EMPTY if size <= HEADER_BYTES else Why.INCOMPLETE
