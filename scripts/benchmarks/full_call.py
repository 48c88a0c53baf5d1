"""The full call, all contestants side by side: what it costs, and how long a caller waits for the machine."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks import rounds
from benchmarks.contestants import ALL, SIAGA, STATIC, Contestant
from benchmarks.figures import Bars, Section, Table, median, milliseconds, percentile
from benchmarks.ground import Ground, Running
from benchmarks.plan import Sizes
from benchmarks.process import BenchError
from benchmarks.record import newly_whole, whole
from benchmarks.rounds import Round
from benchmarks.say import say
from benchmarks.sipp import Sipp

Results = dict[tuple[str, float], list[Round]]
"""(contestant, rate) → its rounds."""


async def measure(ground: Ground, sizes: Sizes) -> Section:
    """Rounds in turn, each time beginning with another contestant, so that none has always the same place."""
    await ground.duty(len(ground.operators))
    results: Results = defaultdict(list)
    async with rounds.operators(ground, traced=True) as phones:
        for number in range(sizes.rounds):
            order = [*ALL[number % len(ALL) :], *ALL[: number % len(ALL)]]
            for contestant in order:
                say(f"full call, round {number + 1} of {sizes.rounds}: {contestant.title}")
                async with ground.engine_of(contestant) as engine:
                    await ground.watched(rounds.place(ground, contestant, sizes.warm_up, sizes.ratio_rate))
                    for rate in sizes.rates if number < sizes.slow_rounds else sizes.rates[1:]:
                        calls = max(sizes.calls_per_round, round(rate * sizes.round_seconds))
                        work = _round(ground, contestant, engine, phones, calls, rate)
                        results[contestant.id, rate].append(await ground.watched(work))
    for contestant in (STATIC, SIAGA):
        if not any(one.reached for one in results[contestant.id, sizes.ratio_rate]):
            raise BenchError(f"no call to {contestant.title} reached an operator: scripts/ivr doctor")
    return section(results, sizes.rates, sizes.ratio_rate)


async def _round(
    ground: Ground, contestant: Contestant, engine: Running | None, phones: Sipp, calls: int, rate: float
) -> Round:
    """Of ours also the record must be whole: a call that went on without the engine costs less."""
    before = whole(ground)
    one = await rounds.measured(ground, contestant, engine, phones, calls, rate)
    if contestant is not SIAGA:
        return one
    return replace(one, reached=min(one.reached, await newly_whole(ground, before, calls)))


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of a contestant's rounds at one rate; milliseconds of CPU a call."""

    title: str
    rate: float
    asterisk_ms: float
    engine_ms: float
    ratio_to_static: float
    """Asterisk and engine together."""
    calls: int
    lost: int

    @property
    def total_ms(self) -> float:
        return self.asterisk_ms + self.engine_ms


@dataclass(frozen=True, slots=True)
class Wait:
    """What callers of all rounds at one rate waited for the machine, in milliseconds; ``added``: more than
    the static dialplan's."""

    title: str
    rate: float
    audio_p50: float | None
    audio_p99: float | None
    ring_p50: float | None
    ring_p99: float | None
    audio_added_p50: float | None = None
    audio_added_p99: float | None = None


def section(results: Results, rates: Sequence[float], ratio_rate: float) -> Section:
    """Medians of the rounds. A ratio is to the static dialplan of the same round."""
    all_costs = {(rate, one.id): _cost(results, one, rate) for rate in rates for one in ALL}
    costs = {one.id: all_costs[ratio_rate, one.id] for one in ALL}
    waits = [wait for rate in rates for wait in _waits(results, rate)]
    cost_table = Table(
        "One full call: CPU",
        ("", "calls/s", "Asterisk ms", "engine ms", "together ms", "ratio to static", "calls", "lost"),
        [
            (
                *(cost.title, cost.rate, cost.asterisk_ms, cost.engine_ms, cost.total_ms),
                *(cost.ratio_to_static, cost.calls, cost.lost),
            )
            for cost in all_costs.values()
        ],
        "Medians of the rounds; the ratio is the median of each round's ratio.",
    )
    wait_table = Table(
        "What the caller waits for the machine",
        (
            *("", "calls/s", "first audio p50 ms", "p99 ms", "added p50 ms", "added p99 ms"),
            *("key to ringing p50 ms", "p99 ms"),
        ),
        [
            (
                *(wait.title, wait.rate, wait.audio_p50, wait.audio_p99),
                *(wait.audio_added_p50, wait.audio_added_p99, wait.ring_p50, wait.ring_p99),
            )
            for wait in waits
        ],
        "First audio: from the INVITE to the menu's first packet. Key to ringing: from the key to the INVITE "
        "at the operator's phone. Added: more than the static dialplan's at the same place.",
    )
    chart = Bars(
        "full-call",
        f"CPU of one full call at {ratio_rate:g} calls/s",
        "ms",
        [cost.title for cost in costs.values()],
        {
            "Asterisk": [cost.asterisk_ms for cost in costs.values()],
            "engine": [cost.engine_ms for cost in costs.values()],
        },
    )
    figures = {
        "rate": ratio_rate,
        "ratio_to_static": costs[SIAGA.id].ratio_to_static,
        "ratios_by_rate": {f"{rate:g}": all_costs[rate, SIAGA.id].ratio_to_static for rate in rates},
        "contestants": {name: asdict(cost) for name, cost in costs.items()},
        "waits": [asdict(wait) for wait in waits],
    }
    return Section("full_call", "The full call", (cost_table, wait_table), figures, (chart,))


def _cost(results: Results, contestant: Contestant, rate: float) -> Cost:
    own, base = results[contestant.id, rate], results[STATIC.id, rate]
    return Cost(
        title=contestant.title,
        rate=rate,
        asterisk_ms=1000 * statistics.median(one.asterisk_cpu / one.placed for one in own),
        engine_ms=1000 * statistics.median(one.engine_cpu / one.placed for one in own),
        ratio_to_static=statistics.median(
            _total(one) / _total(other) for one, other in zip(own, base, strict=True)
        ),
        calls=sum(one.placed for one in own),
        lost=sum(one.lost for one in own),
    )


def _total(one: Round) -> float:
    """CPU seconds a call."""
    return (one.asterisk_cpu + one.engine_cpu) / one.placed


def _waits(results: Results, rate: float) -> Iterator[Wait]:
    base: Wait | None = None
    for contestant in ALL:  # The static dialplan is the first.
        own = results[contestant.id, rate]
        audio = [sample for one in own for sample in one.first_audio]
        ringing = [sample for one in own for sample in one.ringing]
        wait = Wait(
            title=contestant.title,
            rate=rate,
            audio_p50=milliseconds(median(audio)),
            audio_p99=milliseconds(percentile(audio, 0.99)),
            ring_p50=milliseconds(median(ringing)),
            ring_p99=milliseconds(percentile(ringing, 0.99)),
        )
        base = base or wait
        yield replace(
            wait,
            audio_added_p50=_more(wait.audio_p50, base.audio_p50),
            audio_added_p99=_more(wait.audio_p99, base.audio_p99),
        )


def _more(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base
