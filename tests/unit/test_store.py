"""The database: built from nothing by migrations, honest about times, and a ledger that can only grow."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

import ivr.store.migrations.versions
from ivr.store.engine import close, create_engine
from ivr.store.tables import ledger, metadata
from ivr.store.upgrade import upgrade

NOW = datetime(2026, 3, 1, 4, 0, 0, 123456, tzinfo=UTC)
ROW = {
    "entry_id": "e1",
    "call_id": "c1",
    "at": NOW,
    "recorded_at": NOW,
    "kind": "trunk",
    "source": "asterisk",
    "data": {"dialled": "112"},
}


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'only.sqlite3'}"
    await upgrade(url)
    engine = create_engine(url)
    yield engine
    await close(engine)


async def test_migrations_build_exactly_the_tables_of_the_code(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert differences == []


async def test_a_second_upgrade_changes_nothing(engine: AsyncEngine, database_url: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(ledger), [ROW])
    await upgrade(database_url)
    async with engine.connect() as connection:
        assert len((await connection.execute(select(ledger))).all()) == 1


async def test_an_upgrade_that_fails_leaves_nothing_behind(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE operators (x INTEGER)"))  # the last of the migration
    with pytest.raises(DBAPIError):
        await upgrade(database_url)
    async with engine.begin() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["operators"]
        await connection.execute(text("DROP TABLE operators"))
    await upgrade(database_url)
    await close(engine)


async def test_of_two_upgrades_at_once_one_waits(database_url: str) -> None:
    await asyncio.gather(*(upgrade(database_url) for _ in range(3)))
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).all()
    await close(engine)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET kind = 'x'",
        "UPDATE ledger SET data = '{}' WHERE seq = 1",
        "DELETE FROM ledger",
    ],
)
async def test_no_row_of_the_ledger_can_be_changed_or_removed(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(ledger), [ROW])
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    async with engine.connect() as connection:
        assert (await connection.execute(select(ledger.c.kind))).scalar_one() == "trunk"


@pytest.mark.parametrize("key", ["seq = 1", "entry_id = 'e1'"])
async def test_replace_of_sqlite_does_not_get_round_it(sqlite: AsyncEngine, key: str) -> None:
    async with sqlite.begin() as connection:
        await connection.execute(insert(ledger), [ROW])
        column, value = key.split(" = ")
        other = {"seq": "7", "entry_id": "'other'"} | {column: value}
        replace = (
            "REPLACE INTO ledger (seq, entry_id, call_id, at, recorded_at, kind, source, data)"
            f" VALUES ({other['seq']}, {other['entry_id']}, 'c1', '2020', '2020', 'forged', 'x', '{{}}')"
        )
        with pytest.raises(DBAPIError, match="append-only"):
            await connection.execute(text(replace))
        assert (await connection.execute(select(ledger.c.kind))).scalars().all() == ["trunk"]


async def test_truncate_of_postgresql_does_not_get_round_it(postgresql_url: str) -> None:
    await upgrade(postgresql_url)
    engine = create_engine(postgresql_url)
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE ledger"))
    await close(engine)


async def test_times_come_back_aware_and_in_utc(engine: AsyncEngine) -> None:
    wit = timezone(timedelta(hours=9))
    async with engine.begin() as connection:
        await connection.execute(insert(ledger), [ROW | {"at": NOW.astimezone(wit)}])
        at = (await connection.execute(select(ledger.c.at))).scalar_one()
        later = select(ledger.c.seq).where(ledger.c.at >= NOW.astimezone(wit) + timedelta(seconds=1))
        assert (await connection.execute(later)).all() == []
    assert (at, at.tzinfo) == (NOW, UTC)


async def test_a_time_without_zone_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(StatementError, match="without zone"):
        async with engine.begin() as connection:
            await connection.execute(insert(ledger), [ROW | {"at": datetime(2026, 3, 1)}])


async def test_a_commit_to_sqlite_is_on_disk_and_readers_do_not_wait(sqlite: AsyncEngine) -> None:
    async with sqlite.connect() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 2000}


async def test_errors_do_not_show_values(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with engine.begin() as connection:
            await connection.execute(
                text("INSERT INTO nowhere VALUES (:number)"), {"number": "+628110000000"}
            )
    assert "62811" not in str(caught.value)


def test_the_migrations_are_part_of_an_installed_package() -> None:
    versions = Path(ivr.store.migrations.versions.__file__ or "").parent
    assert list(versions.glob("v*.py"))
    # setuptools finds a package only where every folder on the way is one
    for folder in (versions, *versions.parents[:3]):
        assert (folder / "__init__.py").exists()
