"""Databases for tests: each of both kinds."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from ledger_place import Place
from sqlalchemy.ext.asyncio import AsyncEngine
from stack.postgresql import Postgresql

from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade

_numbers = count()


@pytest.fixture
async def postgresql_url(postgresql: Postgresql) -> AsyncIterator[str]:
    """An empty database of the private server."""
    name = f"test_{next(_numbers)}"
    yield await postgresql.create_database(name)
    await postgresql.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: every test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    (tmp_path / "database").mkdir()
    return f"sqlite+aiosqlite:///{tmp_path / 'database' / 'siaga.sqlite3'}"


@pytest.fixture
async def place(tmp_path: Path, database_url: str) -> AsyncIterator[Place]:
    """A database of either kind with a writer in front of it."""
    async with Place(tmp_path, database_url) as place:
        yield place


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The database, migrated; on each kind in turn."""
    await upgrade(database_url)
    engine = create_engine(database_url)
    yield engine
    await close(engine)
