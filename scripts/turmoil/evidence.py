"""Looking at a stack when all is over: phones' recordings, Asterisk's file, the record, the kernel."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from stack.installation import InstallationError
from stack.phones.baresip import PhoneCall
from stack.tones import HEADER, RATE, presence

from turmoil.city import City
from turmoil.facts import CallSeen, Recorded, Seen, StackSeen, Standing, Weight
from turmoil.people import HEALTH, TONES, Citizen, Persons
from turmoil.process import metric
from turmoil.record import Witness, recorded, steps_not_recorded, witness
from turmoil.verdict import MORE_HANDLES, MORE_TASKS

RECORD_SECONDS = 20.0
"""So long the record may take to be complete after the last call."""
SETTLE_SECONDS = 10.0
BYTES_A_SECOND = 2 * RATE
WANTED: Mapping[Standing, tuple[str, ...]] = {Standing.MENU: (HEALTH,)}
"""The caller in the menu presses 2 after the fault."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a talk was recorded at a moment, in seconds: by the caller's phone and by the person's."""

    talk: PhoneCall | None
    caller: int
    person: int


def mark(one: Citizen, persons: Persons) -> Mark:
    talk = next(iter(persons.talks_with(one.number)), None)
    return Mark(talk, _length(one.call), _length(talk) if talk else 0)


async def seen(
    city: City,
    weights: tuple[Weight, int],
    began: Mapping[Citizen, Mark],
) -> Seen:
    """Everything that was seen. ``began`` are the marks of talks when the fault came."""
    channels = await _channels_left(city)
    asterisk = witness(city.settings)
    record = await _complete_record(city, asterisk)
    after, asterisk_after = await _settled(city, weights)
    calls = [
        await asyncio.to_thread(_call, one, city, asterisk, record, began.get(one)) for one in city.citizens
    ]
    lost = await asyncio.to_thread(metric, city.settings.health_port, "siaga_ledger_lost")
    stack = StackSeen(
        channels_left=channels,
        calls_of_asterisk=asterisk.calls,
        recorded=record,
        steps_not_recorded=steps_not_recorded(asterisk, record),
        verify_error=await _verify(city),
        lost_rows=lost or 0,
        not_well="" if await city.engine.health() == 200 else "see /health in its log",
        engine_before=weights[0],
        engine_after=after,
        asterisk_before=weights[1],
        asterisk_after=asterisk_after,
    )
    return Seen(calls, stack)


def _call(
    one: Citizen, city: City, asterisk: Witness, record: Mapping[str, Recorded], began: Mark | None
) -> CallSeen:
    ids = asterisk.numbers.get(one.number, ())
    if not ids:  # A full disk kept Asterisk from writing its file.
        ids = tuple(sorted(row.call_id for row in record.values() if row.number == one.number))
    answered = any(attempt.established_at is not None for attempt in one.attempts)
    person, heard_person, person_heard = _talk(one, city.persons, began)
    return CallSeen(
        standing=one.standing,
        number=one.number,
        call_ids=ids,
        answered=answered,
        cut=one.cut,
        person=person,
        heard_person=heard_person,
        person_heard=person_heard,
        wanted=WANTED.get(one.standing, ()),
        recorded=tuple(record[call] for call in ids if call in record),
    )


def _talk(one: Citizen, persons: Persons, began: Mark | None) -> tuple[str | None, bool, bool]:
    """With whom, and who heard whom: of the talk in which most was heard."""
    best: tuple[str | None, bool, bool] = (None, False, False)
    for talk in persons.talks_with(one.number):
        person = talk.phone.user
        heard = any(presence(one.call.recording, TONES[person])[began.caller if began else 0 :])
        spoke = any(presence(talk.recording, one.hz)[began.person if began and talk is began.talk else 0 :])
        if best[0] is None or heard + spoke >= best[1] + best[2]:
            best = (person, heard, spoke)
    return best


def _length(call: PhoneCall) -> int:
    """Whole seconds recorded so far, the one that has begun among them."""
    size = call.recording.stat().st_size if call.recording.exists() else 0
    return -(-max(0, size - HEADER) // BYTES_A_SECOND)


async def _channels_left(city: City) -> list[str]:
    deadline = time.monotonic() + SETTLE_SECONDS
    while left := await city.asterisk.channels():
        if time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.2)
    return []


async def _complete_record(city: City, asterisk: Witness) -> dict[str, Recorded]:
    """The record, once each call has its end there, or as it is after the longest time."""
    deadline = time.monotonic() + RECORD_SECONDS
    while True:
        record = await recorded(city.settings)
        complete = asterisk.calls <= record.keys() and all(row.result for row in record.values())
        if complete or time.monotonic() > deadline:
            return record
        await asyncio.sleep(0.5)


async def _settled(city: City, before: tuple[Weight, int]) -> tuple[Weight, int]:
    """What both processes hold, once it is as little as before, or after the longest time."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        engine, asterisk = await city.engine_weight(), city.asterisk_handles()
        few = engine.handles <= before[0].handles + MORE_HANDLES and asterisk <= before[1] + MORE_HANDLES
        few = few and (engine.tasks or 0) <= (before[0].tasks or 0) + MORE_TASKS
        if few or time.monotonic() > deadline:
            return engine, asterisk
        await asyncio.sleep(0.5)


async def _verify(city: City) -> str:
    """What ``ivr ledger verify`` complains of; empty when the chain is whole."""
    try:
        await city.installation.ivr("ledger", "verify", seconds=30)
    except (InstallationError, TimeoutError) as error:
        return " ".join(str(error).split()) or "no answer within 30 s"
    return ""
