"""Phones and the people at them."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from stack.phones.baresip import Phone

from ivr.vocabulary import LAYER_1_QUEUE
from turmoil.city import PIN, City, until
from turmoil.faults.registry import fault
from turmoil.people import FREED, OPERATOR, RELIEF, RINGS, TALKS
from turmoil.verdict import Expected


@fault("phone-dead", expected=Expected(talk_moves=True), quick=True)
async def dead(city: City) -> AsyncIterator[None]:
    """The phone of an operator who talks loses its power. The caller is with another person soon."""
    await city.persons[TALKS].vanish()
    yield


@fault("phone-never-answers")
async def never_answers(city: City) -> AsyncIterator[None]:
    """One phone on duty rings and is never answered. Its callers come to the others."""
    await city.on_duty(RELIEF)
    yield


@fault("shift-change")
async def shift_change(city: City) -> AsyncIterator[None]:
    """The engine is killed; an operator logs in by *11 and PIN and takes calls, then two log out by *12."""
    await city.engine.kill()
    coming = asyncio.create_task(_log_in(city, city.persons[RELIEF]))
    yield
    await coming
    for name in (RINGS, FREED):
        leaves = await city.persons[name].dial("*12")
        await leaves.established()
        await until(partial(_on_duty, city, name, yes=False), f"{name} is off duty")
    await city.engine.start()
    await city.engine.ready()


async def _log_in(city: City, phone: Phone) -> None:
    call = await phone.dial("*11")
    await call.established()
    await asyncio.sleep(0.3)
    await call.press(f"{PIN}#")
    await until(partial(_on_duty, city, phone.user, yes=True), f"{phone.user} is on duty")
    await call.closed()
    phone.answer(OPERATOR)


async def _on_duty(city: City, name: str, *, yes: bool) -> bool:
    return (f"PJSIP/{name}" in await city.asterisk.rx(f"queue show {LAYER_1_QUEUE}")) == yes
