"""Database and disk."""

import contextlib
from collections.abc import AsyncIterator

from stack.storage import database_file, database_locked, database_slow, no_space_for

from turmoil.city import City
from turmoil.faults.registry import fault


@fault("database-locked", quick=True)
async def locked(city: City) -> AsyncIterator[None]:
    """Somebody else writes into the database and does not end. Entries wait in the journal."""
    with database_locked(city.settings):
        yield


@fault("database-gone")
async def gone(city: City) -> AsyncIterator[None]:
    """The database's files are moved away, and a directory stands in their place; then they are back."""
    path = database_file(city.settings)
    away = path.with_name("away")
    away.mkdir()
    parts = list(path.parent.glob(f"{path.name}*"))
    for part in parts:
        part.rename(away / part.name)
    path.mkdir()
    yield
    with contextlib.suppress(OSError):
        path.rmdir()
    for part in parts:
        (away / part.name).rename(part)


@fault("database-slow")
async def slow(city: City) -> AsyncIterator[None]:
    """Every commit waits more than a second for somebody else's."""
    with database_slow(city.settings):
        yield


@fault("disk-full")
async def full(city: City) -> AsyncIterator[None]:
    """Neither engine nor Asterisk can write a byte more: database, journal, recordings, event file, logs."""
    with no_space_for(city.engine.pid), no_space_for(city.asterisk.pid):
        yield
