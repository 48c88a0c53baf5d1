"""One fault from the first call to the verdict."""

import asyncio
import time
import traceback
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.asterisk import AsteriskError
from stack.engine import EngineError
from stack.installation import InstallationError
from stack.phones.baresip_process import PhoneError
from stack.phones.sipp import SippError

from ivr.errors import IvrError
from turmoil.city import City
from turmoil.errors import ChaosError
from turmoil.evidence import Mark, mark, seen
from turmoil.facts import Standing
from turmoil.faults import Fault
from turmoil.people import AGENCY, FIRE, FREED, HEALTH, OPERATOR, RINGS, TALKS, Citizen
from turmoil.scene import place_everywhere
from turmoil.verdict import Loss, judge

DEADLINE = 150.0
"""Seconds for one fault; then everything of it is stopped, and it counts as not finished."""
SERVED_SECONDS = 60.0
"""So long everybody may take to be with a person."""
LASTS = 5.0
"""A fault in which nobody can be served lasts so many seconds more."""
EXPECTED = (
    *(ChaosError, IvrError, AsteriskError, EngineError, InstallationError, PhoneError, SippError),
    *(TimeoutError, OSError),
)
"""What says by itself why a fault was not played to its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``unfinished`` tells why a fault was not played to its end; empty: it was."""

    fault: Fault
    losses: tuple[Loss, ...]
    seconds: float
    logs: Path
    unfinished: str = ""

    @property
    def well(self) -> bool:
        return not (self.losses or self.unfinished)


async def play(fault: Fault, state: Path, deadline: float = DEADLINE) -> Outcome:
    """Never raises but for cancellation: what goes wrong is in the outcome."""
    began = time.monotonic()
    losses: list[Loss] = []
    unfinished = ""
    limit = asyncio.timeout(deadline)
    try:
        async with limit:
            losses = await _play(fault, state)
    except Exception as error:
        unfinished = f"not within {deadline:.0f} s" if limit.expired() else _in_a_line(error)
        _keep(traceback.format_exc(), state / "chaos.log")
    return Outcome(fault, tuple(losses), time.monotonic() - began, state, unfinished)


def _keep(text: str, file: Path) -> None:
    if file.parent.is_dir():
        file.write_text(text)


def _in_a_line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = " ".join(str(error).split())
    return said if isinstance(error, EXPECTED) and said else f"{type(error).__name__}: {said} (see chaos.log)"


async def _play(fault: Fault, state: Path) -> list[Loss]:
    async with City(state, fault.equipment) as city:
        weights = await city.engine_weight(), city.asterisk_handles()
        coming = [await city.citizen(Standing.DURING) for _ in range(fault.arriving)]
        await place_everywhere(city)
        marks: dict[Citizen, Mark] = {}
        async with AsyncExitStack() as lasting, asyncio.TaskGroup() as doings:
            # Some faults take seconds to happen, and this operator becomes free at once: a talk with the next
            # caller may begin meanwhile. It must end like any other, and it counts.
            city.persons[FREED].answer(OPERATOR)
            breaking = time.time()
            doings.create_task(_hang_up(city.of(Standing.HANGING_UP)))
            await asyncio.sleep(0)
            await lasting.enter_async_context(fault.happen(city))
            city.agi.flow()
            marks |= {one: mark(one, city.persons) for one in city.of(Standing.TALKING)}
            if fault.expected.asterisk_stops:
                await _all_hang_up(city)
            for doing in _after_the_fault(city, coming):
                doings.create_task(doing)
            if fault.serves:
                await _served(city, _due(city, fault), breaking)
            else:
                await asyncio.sleep(LASTS)
                await lasting.aclose()
                await _served(city, _due(city, fault), breaking)
        await _after(city)
        await _hang_up(city.of(Standing.TALKING))
        losses = judge(await seen(city, weights, marks), fault.expected)
        if losses:
            await asyncio.to_thread(city.keep_sounds)
        return losses


def _after_the_fault(city: City, coming: Iterable[Citizen]) -> list[Coroutine[Any, Any, None]]:
    """What people do from that moment on."""
    persons = city.persons
    for name in (TALKS, RINGS):  # Who talks stays in that talk.
        persons[name].answer(OPERATOR)
    for name in (FIRE, HEALTH):
        persons[name].answer(AGENCY)
    doings = [one.press("2") for one in city.of(Standing.MENU)]
    doings += [one.ask_for_a_person(persons) for one in city.of(Standing.TRUNK)]
    for number, one in enumerate(coming):
        doings.append(_calls(one, city, after=number * 1.0, silent=number % 2 == 1))
    return doings


async def _calls(one: Citizen, city: City, *, after: float = 0.0, silent: bool = False) -> None:
    """Call, and press 0 or nothing."""
    await asyncio.sleep(after)
    await one.dial(SERVED_SECONDS)
    if not silent:
        await one.ask_for_a_person(city.persons)


def _due(city: City, fault: Fault) -> list[Citizen]:
    """Who must be with a person before the fault is over."""
    if fault.expected.asterisk_stops:
        return list(city.of(Standing.DURING))
    done = {Standing.HANGING_UP} | (set() if fault.expected.talk_moves else {Standing.TALKING})
    return [one for one in city.citizens if one.standing not in done]


async def _served(city: City, due: Sequence[Citizen], since: float) -> None:
    """Wait until each has had a talk or was cut; who has not in time is told of by the verdict."""
    deadline = time.monotonic() + SERVED_SECONDS
    while time.monotonic() < deadline:
        if all(city.persons.had_a_talk(one.number, since) or one.cut for one in due):
            return
        await asyncio.sleep(0.2)


async def _after(city: City) -> None:
    """All is well again, and one more citizen calls."""
    await city.engine.ready()
    last, now = await city.citizen(Standing.AFTER), time.time()
    await _calls(last, city)
    await _served(city, [last], now)


async def _hang_up(who: Iterable[Citizen]) -> None:
    for one in who:
        await one.hang_up()


async def _all_hang_up(city: City) -> None:
    """Asterisk is gone: everybody hears that the line is dead, and puts the receiver down."""
    before = [one for one in city.citizens if one.attempts]
    await asyncio.gather(city.persons.hang_up_all(), _hang_up(before))
