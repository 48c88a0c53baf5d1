"""What grows with calls in progress and with operators: the same calls while more and more is there."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from benchmarks import rounds
from benchmarks.contestants import SIAGA, STATIC, Contestant
from benchmarks.figures import Lines, Section, Table, median, milliseconds, percentile
from benchmarks.ground import Ground, Running
from benchmarks.plan import Sizes
from benchmarks.rounds import Round
from benchmarks.say import say
from benchmarks.sipp import Sipp

RATE = 5.0
"""Calls a second that are measured: 10 operators are enough for it."""
FILL_RATE = 40.0
"""Calls a second with which those in progress begin and end."""
SPARE_OPERATORS = 30
"""Free beside those who talk in the calls in progress."""


@dataclass(frozen=True, slots=True)
class Point:
    title: str
    size: int
    asterisk_ms: float
    engine_ms: float
    audio_p50: float | None
    ring_p50: float | None
    ring_p99: float | None
    lost: int


def operators_needed(sizes: Sizes) -> int:
    """So many phones must the ground have."""
    return max(max(sizes.in_progress) + SPARE_OPERATORS, *sizes.operators)


async def measure(ground: Ground, sizes: Sizes) -> Section:
    busy: list[Point] = []
    staffed: list[Point] = []
    async with rounds.operators(ground, traced=True) as phones:
        for contestant in (STATIC, SIAGA):
            async with ground.engine_of(contestant) as engine:
                for size in sizes.in_progress:
                    say(f"growth: {contestant.title}, {size} calls in progress")
                    await ground.duty(size + SPARE_OPERATORS)
                    work = _while_busy(ground, contestant, engine, phones, size, sizes.growth_calls)
                    busy.append(_point(contestant, size, await ground.watched(work)))
                for size in sizes.operators:
                    say(f"growth: {contestant.title}, {size} operators")
                    await ground.duty(size)
                    work = rounds.measured(ground, contestant, engine, phones, sizes.growth_calls, RATE)
                    staffed.append(_point(contestant, size, await ground.watched(work)))
    tables = (_table("calls in progress", busy), _table("operators on duty", staffed))
    charts = (
        _chart("growth-calls", "calls in progress", sizes.in_progress, busy),
        _chart("growth-operators", "operators on duty", sizes.operators, staffed),
    )
    figures = {
        "in_progress": [asdict(point) for point in busy],
        "operators": [asdict(point) for point in staffed],
    }
    return Section("growth", "Growth with calls and operators", tables, figures, charts)


async def _while_busy(
    ground: Ground, contestant: Contestant, engine: Running | None, phones: Sipp, size: int, calls: int
) -> Round:
    """A round while ``size`` others talk. They began before it and end after it, by themselves."""
    filling = size / FILL_RATE
    measuring = calls / RATE + 5.0
    background = asyncio.create_task(
        rounds.place(ground, contestant, size, FILL_RATE, talk=filling + measuring + 2.0)
    )
    try:
        await asyncio.sleep(filling + 2.0)
        one = await rounds.measured(ground, contestant, engine, phones, calls, RATE)
        await background
        return one
    finally:
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background


def _point(contestant: Contestant, size: int, one: Round) -> Point:
    return Point(
        title=contestant.title,
        size=size,
        asterisk_ms=1000 * one.asterisk_cpu / one.placed,
        engine_ms=1000 * one.engine_cpu / one.placed,
        audio_p50=milliseconds(median(one.first_audio)),
        ring_p50=milliseconds(median(one.ringing)),
        ring_p99=milliseconds(percentile(one.ringing, 0.99)),
        lost=one.lost,
    )


def _table(what: str, points: Sequence[Point]) -> Table:
    return Table(
        f"One call more, by {what}",
        (
            *("", what, "Asterisk ms", "engine ms", "first audio p50 ms"),
            *("key to ringing p50 ms", "p99 ms", "lost"),
        ),
        [
            (
                *(point.title, point.size, point.asterisk_ms, point.engine_ms, point.audio_p50),
                *(point.ring_p50, point.ring_p99, point.lost),
            )
            for point in points
        ],
        f"CPU of a full call at {RATE:g} calls/s.",
    )


def _chart(name: str, what: str, places: Sequence[int], points: Sequence[Point]) -> Lines:
    def of(contestant: Contestant, value: Callable[[Point], float]) -> list[float]:
        return [value(point) for point in points if point.title == contestant.title]

    return Lines(
        name,
        f"CPU of one call by {what}",
        "ms",
        what,
        [float(place) for place in places],
        {
            "static: Asterisk": of(STATIC, lambda point: point.asterisk_ms),
            "Siaga 112: Asterisk": of(SIAGA, lambda point: point.asterisk_ms),
            "Siaga 112: engine": of(SIAGA, lambda point: point.engine_ms),
        },
    )
