"""Asterisk itself, and all at once."""

from collections.abc import AsyncIterator

from stack.storage import no_handles_for

from turmoil.city import City
from turmoil.faults.registry import fault
from turmoil.verdict import Expected

STOPS = Expected(asterisk_stops=True)


@fault("asterisk-restarted", expected=STOPS, serves=False)
async def restarted(city: City) -> AsyncIterator[None]:
    """Asterisk is stopped with its calls and starts again. Those calls are in the record as interrupted."""
    await city.asterisk.stop()
    yield
    await city.asterisk.start()


@fault("asterisk-handles-exhausted", serves=False)
async def handles_exhausted(city: City) -> AsyncIterator[None]:
    """Asterisk can open no file and no socket more. Its calls go on; who is refused meanwhile dials again."""
    with no_handles_for(city.asterisk.pid):
        yield


@fault("power-cut", expected=STOPS, serves=False, quick=True)
async def power_cut(city: City) -> AsyncIterator[None]:
    """Everything is killed at once, the tails of event file and journal are torn; then a cold start."""
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
