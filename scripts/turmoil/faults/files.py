"""Files that are gone or wrong."""

import shutil
from collections.abc import AsyncIterator

from turmoil.city import City
from turmoil.faults.registry import fault


@fault("prompts-gone")
async def prompts_gone(city: City) -> AsyncIterator[None]:
    """All prompts are gone. Menus are silent, keys work, and everybody gets to a person."""
    away = city.settings.prompts.with_name("prompts-away")
    city.settings.prompts.rename(away)
    yield
    if city.settings.prompts.exists():  # What the engine has spoken anew meanwhile.
        shutil.rmtree(city.settings.prompts)
    away.rename(city.settings.prompts)


@fault("routing-broken")
async def routing_broken(city: City) -> AsyncIterator[None]:
    """routing.yaml is broken on disk. The rules of before stay in force, also when the engine restarts."""
    whole = city.settings.routing.read_text()
    city.settings.routing.write_text(whole[: len(whole) // 2] + "\n  ]: {")
    await city.engine.kill()
    await city.engine.start()
    yield
    city.settings.routing.write_text(whole)
