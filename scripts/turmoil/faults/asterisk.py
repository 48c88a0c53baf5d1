"""Asterisk itself, and all at once."""

import asyncio
from collections.abc import AsyncIterator

from stack.storage import no_handles_for

from turmoil.city import City, Equipment
from turmoil.faults.registry import fault
from turmoil.verdict import Expected

ON_DISK = 0.5
"""What came so many seconds ago is in the record: an engine that dies loses what it has not yet stored, about
50 ms, on a busy machine more."""
HOUR = 3600
STOPS = Expected(asterisk_stops=True)


@fault("asterisk-restarted", expected=STOPS, serves=False)
async def restarted(city: City) -> AsyncIterator[None]:
    """Asterisk is stopped with its calls and starts again. Those calls are in the record as interrupted."""
    await city.asterisk.stop()
    yield
    await city.asterisk.start()


@fault("asterisk-crashed", expected=STOPS, serves=False)
async def crashed(city: City) -> AsyncIterator[None]:
    """Asterisk is killed with its calls and starts again. Those calls are in the record as interrupted."""
    await city.asterisk.kill()
    yield
    await city.asterisk.start()


@fault("asterisk-handles-exhausted", expected=Expected(any_person=True), serves=False)
async def handles_exhausted(city: City) -> AsyncIterator[None]:
    """Asterisk can open no file and no socket more. Its calls go on; who is refused meanwhile dials again."""
    with no_handles_for(city.asterisk.pid):
        yield


@fault("power-cut", expected=STOPS, serves=False, quick=True)
async def power_cut(city: City) -> AsyncIterator[None]:
    """Everything is killed at once, the tails of event file and journal are torn; then a cold start."""
    await asyncio.sleep(ON_DISK)
    city.engine.pause()
    await city.asterisk.kill()
    await city.engine.kill()
    for file in ("asterisk/log/cel-custom/master.csv", "ledger/journal.jsonl"):
        path = city.state / file
        if path.exists() and path.stat().st_size:
            with path.open("rb+") as torn:
                torn.truncate(path.stat().st_size - 7)
    yield
    await city.asterisk.start()
    await city.engine.start()
    await city.engine.ready()


@fault("clock-ahead", expected=Expected(any_person=True), equipment=Equipment(own_clock=True))
async def clock_ahead(city: City) -> AsyncIterator[None]:
    """Asterisk's clock is set ahead by an hour. Phones count as gone until they register; all get through."""
    assert city.clock is not None
    city.clock.set(HOUR)
    yield


@fault("clock-back", equipment=Equipment(own_clock=True))
async def clock_back(city: City) -> AsyncIterator[None]:
    """Asterisk's clock is set back by an hour. Waits that would last an hour begin again."""
    assert city.clock is not None
    city.clock.set(-HOUR)
    yield
