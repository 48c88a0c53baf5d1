"""The scene before the fault: a call in every state at once."""

import asyncio
from functools import partial

from turmoil.city import City, until
from turmoil.facts import Standing
from turmoil.people import FIRE, FREED, RINGS, STAYS, TALKS, Citizen

TO_A_PERSON = (Standing.TALKING, Standing.HANGING_UP, Standing.RINGING, Standing.QUEUE)
ORDER = (*TO_A_PERSON, Standing.AGENCY, Standing.MENU)
NOT_OURS = "777"
"""A number for which the dialplan does not know the first menu: the engine is asked."""


async def place_everywhere(city: City) -> None:
    """A call in each state at once. The engine's answer to the newest is held back, until
    ``city.agi.flow()``; for it alone the questions go through the proxy."""
    one = {standing: await city.citizen(standing) for standing in (*ORDER, Standing.TRUNK)}
    city.persons[TALKS].answering = city.persons[FREED].answering = STAYS
    for standing, operator in ((Standing.TALKING, TALKS), (Standing.HANGING_UP, FREED)):
        await city.on_duty(operator)
        await _to_a_person(city, one[standing])
        await until(partial(_bridged, city, one[standing]), f"{standing}: both hear each other")
    await city.on_duty(RINGS)
    await _to_a_person(city, one[Standing.RINGING])
    await until(
        lambda: city.persons.rung_for(one[Standing.RINGING].number) == RINGS, "an operator's phone rings"
    )
    await _to_a_person(city, one[Standing.QUEUE])
    await until(lambda: _in(city, one[Standing.QUEUE], "Queue"), "a caller waits")
    await asyncio.gather(*(one[standing].dial(10) for standing in (Standing.AGENCY, Standing.MENU)))
    await one[Standing.AGENCY].press("1")
    await until(lambda: city.persons.rung_for(one[Standing.AGENCY].number) == FIRE, "an agency's phone rings")
    await until(lambda: _in(city, one[Standing.MENU], "Read"), "a caller hears the menu")
    await city.ask_by_proxy(yes=True)
    city.agi.freeze()
    await one[Standing.TRUNK].dial(10, NOT_OURS)
    await until(lambda: city.agi.linked, "the engine is asked about a call")
    await city.ask_by_proxy(yes=False)


async def _to_a_person(city: City, who: Citizen) -> None:
    """Call, and press 0 in the menu."""
    await who.dial(10)
    await until(lambda: _in(city, who, "Read"), "the menu plays")
    await who.press("0")


async def _in(city: City, who: Citizen, application: str) -> bool:
    channel = await city.at(who.number)
    return channel is not None and channel.application == application


async def _bridged(city: City, who: Citizen) -> bool:
    channel = await city.at(who.number)
    return channel is not None and channel.bridged and city.persons.with_whom(who.number) is not None
