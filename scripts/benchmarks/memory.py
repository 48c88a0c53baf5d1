"""Memory and handles of Asterisk and the engine over many calls."""

from dataclasses import asdict, dataclass

from benchmarks import rounds
from benchmarks.contestants import SIAGA
from benchmarks.figures import Lines, Section, Table
from benchmarks.ground import Ground, Running
from benchmarks.plan import Sizes
from benchmarks.process import size
from benchmarks.say import say

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """After so many ``calls``, with none in progress."""

    calls: int
    asterisk_mb: float
    asterisk_handles: int
    engine_mb: float
    engine_handles: int


async def measure(ground: Ground, sizes: Sizes) -> Section:
    await ground.duty(len(ground.operators))
    looks: list[Look] = []
    calls = sizes.filling_calls + sizes.many_calls
    share = max(1, calls // sizes.looks)
    async with ground.engine_of(SIAGA) as engine, rounds.operators(ground, traced=False):
        assert engine is not None
        for number in range(1, sizes.looks + 1):
            say(f"memory: {number * share} of {calls} calls")
            await ground.watched(rounds.place(ground, SIAGA, share, sizes.many_rate))
            looks.append(_look(ground, engine, number * share))
    growth = _growth([one for one in looks if one.calls >= sizes.filling_calls])
    table = Table(
        f"Memory and handles over {sizes.many_calls:,} calls after {sizes.filling_calls:,}",
        ("calls", "Asterisk MB", "handles", "engine MB", "handles"),
        [
            (one.calls, one.asterisk_mb, one.asterisk_handles, one.engine_mb, one.engine_handles)
            for one in looks
        ],
        f"Growth a thousand calls after the first {sizes.filling_calls:,}: "
        f"Asterisk {growth['asterisk_mb']:.2f} MB and "
        f"{growth['asterisk_handles']:.1f} handles, engine {growth['engine_mb']:.2f} MB and "
        f"{growth['engine_handles']:.1f} handles. The engine keeps the last 2,000 ended calls, and for five "
        "minutes each call whose clock runs.",
    )
    chart = Lines(
        "memory",
        "Resident memory",
        "MB",
        "calls",
        [float(one.calls) for one in looks],
        {
            "Asterisk": [one.asterisk_mb for one in looks],
            "engine": [one.engine_mb for one in looks],
        },
    )
    figures = {"looks": [asdict(one) for one in looks], "growth_per_1000_calls": growth}
    return Section("memory", "Memory and handles", (table,), figures, (chart,))


def _look(ground: Ground, engine: Running, calls: int) -> Look:
    asterisk, ours = size(ground.asterisk.pid), size(engine.pid)
    return Look(
        calls=calls,
        asterisk_mb=asterisk.resident / MEGABYTE,
        asterisk_handles=asterisk.handles,
        engine_mb=ours.resident / MEGABYTE,
        engine_handles=ours.handles,
    )


def _growth(looks: list[Look]) -> dict[str, float]:
    """A thousand calls' growth from the first look to the last."""
    first, last = looks[0], looks[-1]
    thousands = (last.calls - first.calls) / 1000
    names = ("asterisk_mb", "asterisk_handles", "engine_mb", "engine_handles")
    return {name: (getattr(last, name) - getattr(first, name)) / thousands for name in names}
