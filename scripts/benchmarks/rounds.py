"""One round: so many calls at one rate to one contestant, and what they cost."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from stack.phones.scenario import TrunkCall
from stack.phones.sipp import Message

from benchmarks import sipp
from benchmarks.contestants import Contestant
from benchmarks.ground import OPERATORS_ADDRESS, Ground, Running
from benchmarks.process import BenchError, cpu_seconds
from benchmarks.sink import Sink
from benchmarks.sipp import Sipp, Totals

KEY_AFTER = 0.5
"""Seconds from the answer to the key: in the middle of the menu's first words."""
RING = 0.1
"""Seconds an operator's phone rings."""
TALK = 1.4
"""Seconds from the key to the caller's hanging up: ringing, and a talk of a second."""
SETTLE = 1.0
"""Seconds after the last call before what it cost is read: ends of calls are still written then."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Round:
    """``reached``: calls that an operator answered. Times in seconds; a call without a sample is not in them.

    ``first_audio``: from the INVITE to the first packet of the menu. ``ringing``: from the key to the INVITE
    at the operator's phone.
    """

    placed: int
    reached: int
    asterisk_cpu: float
    engine_cpu: float
    first_audio: tuple[float, ...]
    ringing: tuple[float, ...]

    @property
    def lost(self) -> int:
        return self.placed - self.reached


def new_numbers(count: int) -> list[str]:
    """Callers' numbers that no call of this run has had."""
    return [f"+62811{next(_numbers):08}" for _ in range(count)]


def full_call(contestant: Contestant, talk: float = TALK) -> TrunkCall:
    return TrunkCall(dialled=contestant.number, keys=[(KEY_AFTER, "1")], hang_up_after=talk)


@asynccontextmanager
async def operators(ground: Ground, *, traced: bool) -> AsyncIterator[Sipp]:
    """The operators' phones are there."""
    phones = sipp.operators(OPERATORS_ADDRESS, ground.operators_port, RING, traced=traced)
    try:
        await phones.start()
        yield phones
    finally:
        await phones.stop()


async def place(
    ground: Ground, contestant: Contestant, count: int, per_second: float, talk: float = TALK
) -> Totals:
    """Calls without looking at each; what SIPp counted."""
    call = full_call(contestant, talk)
    target = ground.installation.trunk
    run = sipp.callers(call, new_numbers(count), per_second, target, contestant.address, traced=False)
    try:
        await run.start()
        await run.wait()
        return run.totals()
    finally:
        await run.stop()


async def measured(
    ground: Ground,
    contestant: Contestant,
    engine: Running | None,
    phones: Sipp,
    count: int,
    per_second: float,
    call: TrunkCall | None = None,
) -> Round:
    """One round of ``call`` (a full call if it is not given). ``phones`` must be traced, and nothing else may
    call them meanwhile."""
    numbers = new_numbers(count)
    with Sink(contestant.address, count) as sink:
        run = sipp.callers(
            call or full_call(contestant),
            numbers,
            per_second,
            ground.installation.trunk,
            contestant.address,
            audio_ports=sink.ports,
            traced=True,
        )
        seen = phones.log_size()
        before = _cpu(ground, engine)
        try:
            await run.start()
            await run.wait()
            await asyncio.sleep(SETTLE)
            after = _cpu(ground, engine)
            run.totals()  # Says so when there was no call at all.
            sent = run.messages()
        finally:
            await run.stop()
        heard = dict(zip(numbers, sink.first_packets(), strict=True))
    if not heard or all(at is None for at in heard.values()):
        raise BenchError(f"no caller of {contestant.title} heard anything: nothing can be measured so")
    invited = first_of(sent, "INVITE", sent=True)
    pressed = first_of(sent, "INFO", sent=True)
    rung = first_of(phones.messages(seen), "INVITE", sent=False)
    answered = first_of(phones.messages(seen), "ACK", sent=False)
    reached = sum(number in answered for number in numbers)
    if not reached:
        raise BenchError(f"no caller of {contestant.title} reached an operator: nothing can be measured so")
    return Round(
        placed=count,
        reached=reached,
        asterisk_cpu=after[0] - before[0],
        engine_cpu=after[1] - before[1],
        first_audio=_times(invited, {name: at for name, at in heard.items() if at is not None}),
        ringing=_times(pressed, rung),
    )


def first_of(messages: Sequence[Message], method: str, *, sent: bool) -> dict[str, float]:
    """Caller's number → when the first request of this method was seen, in seconds since 1970."""
    found: dict[str, float] = {}
    for message in messages:
        if message.sent == sent and message.status is None and message.method == method:
            number = message.header("From").partition("sip:")[2].partition("@")[0]
            found.setdefault(number, message.at.timestamp())
    return found


def _times(start: Mapping[str, float], end: Mapping[str, float]) -> tuple[float, ...]:
    return tuple(end[number] - at for number, at in start.items() if number in end)


def _cpu(ground: Ground, engine: Running | None) -> tuple[float, float]:
    return cpu_seconds(ground.asterisk.pid), 0.0 if engine is None else cpu_seconds(engine.pid)
