"""The engine's process."""

from collections.abc import AsyncIterator

from stack.storage import no_handles_for

from turmoil.city import City
from turmoil.faults.registry import fault


async def _back(city: City) -> None:
    await city.engine.start()
    await city.engine.ready()


@fault("engine-killed", quick=True)
async def killed(city: City) -> AsyncIterator[None]:
    """The engine is killed, and started again later. Menus go on where they were, without it."""
    await city.engine.kill()
    yield
    await _back(city)


@fault("engine-hung", quick=True)
async def hung(city: City) -> AsyncIterator[None]:
    """The engine hangs (SIGSTOP): it is asked and never answers. Asterisk waits 3 s at the most."""
    city.engine.pause()
    yield
    city.engine.resume()


@fault("engine-restarted")
async def restarted(city: City) -> AsyncIterator[None]:
    """The engine is told to stop (SIGTERM) and starts again at once. Menus that play are ended by it."""
    city.engine.terminate()
    yield
    await city.engine.wait()
    await _back(city)


@fault("engine-upgraded")
async def upgraded(city: City) -> AsyncIterator[None]:
    """The engine is told to give new calls to the plain dialplan (SIGUSR1) and to stop; what an installation
    runs before a new version (ivr render) runs; the new one starts."""
    city.engine.drain()
    city.engine.terminate()
    yield
    await city.engine.wait()
    await city.installation.render()
    await _back(city)


@fault("engine-handles-exhausted")
async def handles_exhausted(city: City) -> AsyncIterator[None]:
    """The engine can open no file and no connection more."""
    with no_handles_for(city.engine.pid):
        yield
