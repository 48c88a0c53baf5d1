"""Calls per second that are held without a failed call."""

import asyncio
import math
import time
from dataclasses import asdict, dataclass

from benchmarks import rounds
from benchmarks.contestants import SIAGA, STATIC, Contestant
from benchmarks.figures import Section, Table
from benchmarks.ground import Ground, Running
from benchmarks.plan import Sizes
from benchmarks.process import cpu_seconds
from benchmarks.record import newly_whole, whole
from benchmarks.say import say


@dataclass(frozen=True, slots=True)
class Held:
    """One try. ``failed``: SIPp's failures, calls that no operator answered, and (of ours) calls without the
    engine or without their end in the record. ``cpus``: how many of the machine's were busy with it."""

    title: str
    rate: float
    seconds: float
    placed: int
    failed: int
    asterisk_cpus: float
    engine_cpus: float


async def measure(ground: Ground, sizes: Sizes) -> Section:
    await ground.duty(len(ground.operators))
    tries: list[Held] = []
    for contestant in (STATIC, SIAGA):
        for rate in sizes.load_rates:
            count = math.ceil(rate * sizes.load_seconds)
            say(f"load: {contestant.title}, {rate:g} calls/s for {sizes.load_seconds:g} s")
            async with ground.engine_of(contestant) as engine:
                work = _try(ground, contestant, engine, count, rate)
                tries.append(await ground.watched(work))
            if tries[-1].failed:
                break
    held = {
        contestant.id: max(
            (one.rate for one in tries if one.title == contestant.title and not one.failed), default=0.0
        )
        for contestant in (STATIC, SIAGA)
    }
    table = Table(
        f"Calls held for {sizes.load_seconds:g} s",
        ("", "calls/s", "calls", "failed", "Asterisk CPUs", "engine CPUs"),
        [(one.title, one.rate, one.placed, one.failed, one.asterisk_cpus, one.engine_cpus) for one in tries],
        "Failed: not answered by an operator, or cut; of ours also not served by the engine, or without its "
        "end in the record. Rates go up until one fails. SIPp has its share of the same CPUs.",
    )
    figures = {"seconds": sizes.load_seconds, "held": held, "tries": [asdict(one) for one in tries]}
    return Section("load", "Load", (table,), figures)


async def _try(
    ground: Ground, contestant: Contestant, engine: Running | None, count: int, rate: float
) -> Held:
    before = whole(ground)
    pids = [ground.asterisk.pid, *([engine.pid] if engine else [])]
    async with rounds.operators(ground, traced=False) as phones:
        cpu = [cpu_seconds(pid) for pid in pids]
        began = time.monotonic()
        totals = await rounds.place(ground, contestant, count, rate)
        took = time.monotonic() - began
        used = [cpu_seconds(pid) - start for pid, start in zip(pids, cpu, strict=True)]
        # The static dialplan leaves nothing to look into; the operators' side knows who was answered, and
        # counts once a second.
        await asyncio.sleep(1.2)
        answered = phones.totals().created
    missed = count - min(totals.well, answered)
    if contestant is SIAGA:
        missed = max(missed, count - await newly_whole(ground, before, count))
    return Held(
        title=contestant.title,
        rate=rate,
        seconds=took,
        placed=count,
        failed=max(missed, totals.failed),
        asterisk_cpus=used[0] / took,
        engine_cpus=used[1] / took if engine else 0.0,
    )
