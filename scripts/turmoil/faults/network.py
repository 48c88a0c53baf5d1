"""The carrier and the names of hosts."""

from collections.abc import AsyncIterator

from turmoil.city import City, Equipment, until
from turmoil.faults.registry import fault

HEALTH_BY_TRUNK = (
    "lines: [dinkes-1 15s, dinkes-2 20s]",
    "lines: [dinkes-away 8s number=+628119998887, dinkes-1 15s]",
)
"""The agency of key 2 is called by the carrier first, and then at its own phone."""


async def _registered(city: City) -> bool:
    return "Registered" in await city.asterisk.rx("pjsip show registrations")


@fault("carrier-unreachable", equipment=Equipment(carrier=True, rules=(HEALTH_BY_TRUNK,)))
async def unreachable(city: City) -> AsyncIterator[None]:
    """The carrier takes no registration and no call from us any more. Its calls to us go on; lines behind it
    are passed, and the registration comes back by itself."""
    assert city.registrar is not None
    await until(lambda: _registered(city), "the trunk is registered")
    city.registrar.close()
    await city.asterisk.rx("pjsip send register *all")
    yield
    await until(lambda: _lost(city), "Asterisk notices that the registration is lost", 40)
    await city.registrar.open()
    await until(lambda: _registered(city), "the trunk is registered again", 40)


async def _lost(city: City) -> bool:
    return not await _registered(city)


@fault("names-gone", equipment=Equipment(carrier=True, carrier_by_name=True, rules=(HEALTH_BY_TRUNK,)))
async def names_gone(city: City) -> AsyncIterator[None]:
    """The carrier is known by a name, and no name server answers any more. No call waits for a name."""
    assert city.names is not None
    city.names.fall_silent()
    await city.asterisk.rx("pjsip send register *all")
    yield
