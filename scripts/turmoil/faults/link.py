"""The link over which the engine sees what happens in Asterisk (AMI)."""

from collections.abc import AsyncIterator

from turmoil.city import City, Equipment
from turmoil.faults.registry import fault


@fault("ami-cut", equipment=Equipment(ami_by_proxy=True))
async def cut(city: City) -> AsyncIterator[None]:
    """The link is cut and refused. Questions are answered; what was missed is in the record afterwards."""
    city.ami.cut()
    yield
    await city.ami.open()


@fault("ami-half-open", equipment=Equipment(ami_by_proxy=True), quick=True)
async def half_open(city: City) -> AsyncIterator[None]:
    """Nothing passes on the link any more, and it does not close."""
    city.ami.freeze()
    yield
    city.ami.thaw()
