"""SQLite through aiosqlite, one visit to its thread for each statement."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import column, insert, table, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.store.engine import alone, close, create_engine
from ivr.store.sqlite_connection import FETCHED, SqliteConnection, connect

THINGS = table("things", column("id"), column("name"))
MANY = FETCHED * 2 + 7


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'things.sqlite3'}"


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(url, busy_seconds=0.2)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)"))
    yield engine
    await close(engine)


async def driver(connection: AsyncConnection) -> SqliteConnection:
    found = (await connection.get_raw_connection()).driver_connection
    assert isinstance(found, SqliteConnection)
    return found


async def visits(connection: AsyncConnection, statement: str) -> int:
    thread = await driver(connection)
    before = thread.given
    await connection.execute(text(statement))
    return thread.given - before


async def test_a_statement_is_one_visit_to_the_thread(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await visits(connection, "INSERT INTO things (name) VALUES ('a'), ('b')") == 1
        assert await visits(connection, "SELECT * FROM things") == 1
        thread = await driver(connection)
        before = thread.given
    assert thread.given - before == 1, "the commit"
    async with engine.connect() as connection:
        thread = await driver(connection)
        before = thread.given
    assert thread.given == before, "nothing was to be rolled back"


async def test_what_was_not_committed_is_rolled_back(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(insert(THINGS), [{"name": "a"}])
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM things"))).scalar() == 0


@pytest.mark.parametrize("rows", [0, 1, FETCHED - 1, FETCHED, FETCHED + 1, MANY])
async def test_every_row_comes_once_however_it_is_fetched(engine: AsyncEngine, rows: int) -> None:
    async with engine.begin() as connection:
        for number in range(rows):
            await connection.execute(insert(THINGS), {"id": number, "name": "x"})
    wanted = list(range(rows))
    async with engine.connect() as connection:
        query = text("SELECT id FROM things ORDER BY id")
        assert list((await connection.execute(query)).scalars()) == wanted
        assert [row.id async for row in await connection.stream(query)] == wanted
        result = await connection.stream(query)
        some = await result.fetchmany(3)
        assert [row.id for row in [*some, *await result.fetchall()]] == wanted


async def test_a_result_that_is_left_in_the_middle_disturbs_nobody(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(THINGS), [{"name": "x"}] * MANY)
    async with engine.begin() as connection:
        result = await connection.stream(text("SELECT id FROM things"))
        await result.fetchmany(3)
        await result.close()
        await connection.execute(text("DROP TABLE things"))


async def test_counts_and_keys_are_told(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(THINGS), [{"name": "x"}] * 3)
        changed = await connection.execute(update(THINGS).values(name="y"))
        added = await connection.execute(text("INSERT INTO things (name) VALUES ('z')"))
    assert (changed.rowcount, added.lastrowid) == (3, 4)


async def test_after_an_error_the_connection_goes_on(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(OperationalError, match="no such table"):
            await connection.execute(text("SELECT * FROM missing"))
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1


async def test_who_gives_up_while_a_lock_is_awaited_leaves_none_behind(engine: AsyncEngine, url: str) -> None:
    """The thread gets the lock when nobody waits for its answer any more: it must be given back."""
    patient, other = create_engine(url, busy_seconds=5), create_engine(url)

    async def lock() -> None:
        async with patient.begin() as connection:
            await alone(connection)

    try:
        async with other.begin() as holder:
            await alone(holder)
            waiting = asyncio.create_task(lock())
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.sleep(0.1)
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        await asyncio.sleep(0.2)
        async with engine.begin() as connection:
            await alone(connection)
    finally:
        await close(patient)
        await close(other)


async def test_a_rollback_undoes_also_what_the_thread_is_still_at(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    lone = await connect(str(tmp_path / "things.sqlite3"), timeout=5)
    try:
        async with engine.begin() as holder:
            await alone(holder)
            beginning = asyncio.create_task(lone.execute_fetchall("BEGIN IMMEDIATE"))
            await asyncio.sleep(0.1)
            beginning.cancel()
            undoing = asyncio.create_task(lone.rollback())
            await asyncio.sleep(0.1)
        await undoing
        assert not lone.in_transaction
        assert lone.given == lone.done
    finally:
        await lone.close()
