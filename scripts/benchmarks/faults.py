"""What callers notice when something is broken: engine dead, hung, slow or restarted, database stopped."""

import asyncio
import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from stack.phones.scenario import TrunkCall
from stack.ports import free_port
from stack.proxy import Proxy
from stack.storage import database_locked

from benchmarks import rounds
from benchmarks.contestants import SIAGA
from benchmarks.figures import Section, Table, median, milliseconds
from benchmarks.ground import Ground
from benchmarks.plan import Sizes
from benchmarks.process import BenchError
from benchmarks.rounds import TALK
from benchmarks.say import say
from benchmarks.sipp import Sipp

RATE = 5.0
"""Calls a second to an engine that is dead or hung."""
BUSY_RATE = 20.0
"""Calls a second to one that is slow, or without its database."""
SLOW = 2.5
"""Seconds that each answer takes."""
FILL_RATE = 40.0
HUNG = 3.5
"""Seconds of patience behind the key while nobody answers Asterisk's question about it (it waits 3 s)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """``reached``: calls that an operator answered. Times in seconds: from the INVITE to the first packet,
    and from the key to an operator's phone."""

    what: str
    rate: float
    calls: int
    reached: int
    audio_p50: float | None
    audio_max: float | None
    ring_p50: float | None
    ring_max: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """``in_step``: from the link to the moment in which all is known; ``start``: from the engine's start."""

    calls: int
    in_step: float
    start: float


async def measure(ground: Ground, sizes: Sizes) -> Section:
    await ground.duty(len(ground.operators))
    heard: list[Heard] = []
    count = sizes.fault_calls
    async with rounds.operators(ground, traced=True) as phones, ground.engine_of(SIAGA):
        for _ in range(sizes.fault_rounds):
            say("faults: with the database, and without it")
            heard.append(await _round(ground, phones, "with the database", count, BUSY_RATE))
            with database_locked(ground.installation.settings):
                heard.append(await _round(ground, phones, "without it", count, BUSY_RATE))
        say("faults: engine hung")
        heard.append(await _hung(ground, phones, count))
        say(f"faults: engine slow for {sizes.slow_seconds:g} s")
        heard.append(await _slow(ground, phones, math.ceil(BUSY_RATE * sizes.slow_seconds)))
        say(f"faults: engine dead, and a new one finds {sizes.found_again} calls")
        dead, found = await _dead(ground, phones, count, sizes.found_again)
        heard.append(dead)
    tables = (
        Table(
            "What callers notice",
            (
                *("", "calls/s", "calls", "reached an operator"),
                *("first audio p50 ms", "longest ms", "key to ringing p50 ms", "longest ms"),
            ),
            [_row(one) for one in heard],
            f"First audio: from the INVITE to the menu's first packet. Slow: each answer takes {SLOW:g} s. "
            "Without the database: somebody else holds its lock.",
        ),
        Table(
            "A new engine in the middle of calls",
            ("calls in progress", "from link to in step ms", "from the engine's start ms"),
            [(found.calls, milliseconds(found.in_step), milliseconds(found.start))],
            "In step: all calls and operators are known, and what the engine missed is in the record.",
        ),
    )
    figures = {"heard": [asdict(one) for one in heard], "found_again": asdict(found)}
    return Section("faults", "When something is broken", tables, figures)


def _row(one: Heard) -> tuple[str | float | None, ...]:
    times = (one.audio_p50, one.audio_max, one.ring_p50, one.ring_max)
    return (one.what, one.rate, one.calls, one.reached, *map(milliseconds, times))


async def _hung(ground: Ground, phones: Sipp, count: int) -> Heard:
    engine = ground.installation.engine
    engine.pause()
    try:
        return await _round(ground, phones, "engine hung", count, RATE, rounds.full_call(SIAGA, HUNG + TALK))
    finally:
        engine.resume()
        await engine.ready()


async def _close_circuit(ground: Ground) -> None:
    """What came before is no reason to pass the engine by."""
    await ground.asterisk.rx("dialplan set global IVR_FAILED 0")


async def _round(
    ground: Ground, phones: Sipp, what: str, count: int, rate: float, call: TrunkCall | None = None
) -> Heard:
    await _close_circuit(ground)
    one = await rounds.measured(ground, SIAGA, None, phones, count, rate, call)
    return Heard(
        what=what,
        rate=rate,
        calls=one.placed,
        reached=one.reached,
        audio_p50=median(one.first_audio),
        audio_max=max(one.first_audio, default=None),
        ring_p50=median(one.ringing),
        ring_max=max(one.ringing, default=None),
    )


async def _slow(ground: Ground, phones: Sipp, count: int) -> Heard:
    settings = ground.installation.settings
    proxy = Proxy(free_port("127.0.0.1"), settings.agi_port)
    proxy.delay = SLOW
    await proxy.open()
    call = rounds.full_call(SIAGA, SLOW + TALK)
    await _ask_at(ground, proxy.port)
    try:
        return await _round(ground, phones, "engine slow", count, BUSY_RATE, call)
    finally:
        await _ask_at(ground, settings.agi_port)
        proxy.cut()


async def _ask_at(ground: Ground, port: int) -> None:
    await ground.asterisk.rx(f"dialplan set global IVR_ENGINE agi://127.0.0.1:{port}")


async def _dead(ground: Ground, phones: Sipp, count: int, in_progress: int) -> tuple[Heard, Found]:
    """The engine is killed while ``in_progress`` calls talk; further ones come, and then another engine."""
    engine, log = ground.installation.engine, ground.state / "engine.log"
    filling, coming = in_progress / FILL_RATE, count / RATE
    talking = asyncio.create_task(
        rounds.place(ground, SIAGA, in_progress, FILL_RATE, talk=filling + coming + 12.0)
    )
    try:
        await asyncio.sleep(filling + 2.0)
        await engine.kill()
        heard = await _round(ground, phones, "engine dead", count, RATE)
        seen, began = log.stat().st_size, datetime.now().astimezone()
        await engine.start()
        await engine.ready()
        up = await _said(log, seen, "ami_up")
        in_step = await _said(log, seen, "in_step_with_asterisk")
        await talking
    finally:
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking
    if in_step["calls"] != in_progress:
        raise BenchError(f"the new engine found {in_step['calls']} calls of {in_progress}")
    link, done = (datetime.fromisoformat(str(line["timestamp"])) for line in (up, in_step))
    return heard, Found(in_progress, (done - link).total_seconds(), (done - began).total_seconds())


async def _said(log: Path, offset: int, event: str) -> dict[str, object]:
    """The first line of this kind that the engine's log has from ``offset`` on, or gets within 10 s."""
    for _ in range(100):
        for line in log.read_bytes()[offset:].splitlines():  # noqa: ASYNC240 - a few lines
            said = json.loads(line) if line.startswith(b"{") and line.endswith(b"}") else {}
            if said.get("event") == event:
                return dict(said)
        await asyncio.sleep(0.1)
    raise BenchError(f"the engine's log has no {event}: see {log}")
