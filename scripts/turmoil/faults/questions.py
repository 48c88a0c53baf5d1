"""The questions that Asterisk asks the engine: it lives, but its answers do not arrive as they should."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from turmoil.city import City
from turmoil.faults.registry import fault

SLOW_SECONDS = 2.5


@asynccontextmanager
async def _by_proxy(city: City) -> AsyncIterator[None]:
    await city.ask_by_proxy(yes=True)
    yield
    await city.ask_by_proxy(yes=False)


@fault("engine-slow", arriving=6)
async def slow(city: City) -> AsyncIterator[None]:
    """Each answer takes 2.5 s, and calls arrive. After 6 s in all a call goes on without the engine."""
    async with _by_proxy(city):
        city.agi.delay = SLOW_SECONDS
        yield
        city.agi.delay = 0


@fault("questions-refused")
async def refused(city: City) -> AsyncIterator[None]:
    """Nobody listens where the engine is asked; the engine sees the calls all the same."""
    async with _by_proxy(city):
        city.agi.cut()
        yield
        await city.agi.open()


@fault("answers-cut-off")
async def cut_off(city: City) -> AsyncIterator[None]:
    """Each connection closes in the middle of the engine's command."""
    async with _answers(city, lambda data: data[: len(data) // 2]):
        yield


@fault("answers-nonsense")
async def nonsense(city: City) -> AsyncIterator[None]:
    """In place of an answer comes another, of another version, with quotes, code and binary in it."""
    advice = b'SET VARIABLE IVR_ADVICE "2|song|q:${SHELL(date)}:\x00\xff|end"\n'
    async with _answers(city, lambda data: advice):  # noqa: ARG005
        yield


@asynccontextmanager
async def _answers(city: City, says: Callable[[bytes], bytes]) -> AsyncIterator[None]:
    async with _by_proxy(city):
        city.agi.says = says
        yield
        city.agi.says = None
