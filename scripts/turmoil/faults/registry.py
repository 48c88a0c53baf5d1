"""Every fault there is, in the order of the table."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from turmoil.city import City, Equipment
from turmoil.verdict import Expected

STRICT = Expected()
PLAIN = Equipment()
Happening = Callable[[City], AsyncIterator[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks. ``happen`` breaks it on entering and mends it on leaving."""

    name: str
    what: str
    """What breaks and what must happen, in a line."""
    happen: Callable[[City], AbstractAsyncContextManager[None]]
    expected: Expected = STRICT
    equipment: Equipment = PLAIN
    serves: bool = True
    """Whether calls must be served while it lasts; otherwise as soon as it is over."""
    arriving: int = 2
    """So many calls come while it lasts."""
    quick: bool = False
    """Whether it belongs to ``--quick``."""


FAULTS: dict[str, Fault] = {}


def fault(
    name: str,
    *,
    expected: Expected = STRICT,
    equipment: Equipment = PLAIN,
    serves: bool = True,
    arriving: int = 2,
    quick: bool = False,
) -> Callable[[Happening], Happening]:
    """Register a fault: a generator that breaks something, yields, and mends it. Its docstring's first line
    is what people read."""

    def register(happening: Happening) -> Happening:
        what = " ".join((happening.__doc__ or "").split())
        happen = asynccontextmanager(happening)
        FAULTS[name] = Fault(name, what, happen, expected, equipment, serves, arriving, quick)
        return happening

    return register
