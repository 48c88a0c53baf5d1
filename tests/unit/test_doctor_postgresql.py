"""The doctor looks at a PostgreSQL as it does at SQLite, and at whether it keeps what it was given."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from stack.postgresql import Postgresql

from ivr.health.checks.database import check_database
from ivr.health.status import Level
from ivr.queueing.operators import Operator
from ivr.settings import Settings
from ivr.store.accounts import add_operator
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade


@pytest.fixture
def durable(postgresql: Postgresql) -> Iterator[Postgresql]:
    """A server as a city's, which waits for its disk."""
    restart(postgresql, durable=True)
    yield postgresql
    restart(postgresql, durable=False)


def restart(server: Postgresql, *, durable: bool) -> None:
    server.resume()
    server.stop()
    server.durable = durable
    server.start()


@pytest.fixture
def settings(tmp_path: Path, durable: Postgresql, postgresql_url: str) -> Settings:
    return Settings(state=tmp_path, database_url=postgresql_url)


async def test_one_that_is_well_is_read_and_left_as_it_was(settings: Settings) -> None:
    await upgrade(settings.database)
    engine = create_engine(settings.database)
    await add_operator(engine, Operator("op1", "Operator 1", "salt$hash"))
    (level, said), phones = await check_database(settings)
    assert (level, phones) == (Level.OK, ("op1",)), said
    assert "postgresql" in said
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM callers"))).scalar_one() == 0
    await close(engine)


async def test_an_empty_one_is_to_be_migrated(settings: Settings) -> None:
    (level, said), _ = await check_database(settings)
    assert level is Level.WARN
    assert "ivr render" in said


async def test_one_that_loses_commits_in_a_power_cut_is_told(settings: Settings, durable: Postgresql) -> None:
    await upgrade(settings.database)
    name = settings.database.rpartition("/")[2]
    await durable.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    (level, said), _ = await check_database(settings)
    assert (level, "synchronous_commit = on" in said) == (Level.WARN, True), said
    await durable.execute(f"ALTER DATABASE {name} RESET synchronous_commit")
    restart(durable, durable=False)
    (level, said), _ = await check_database(settings)
    assert (level, "fsync = on" in said) == (Level.WARN, True), said


async def test_one_that_hangs_is_bad(settings: Settings, durable: Postgresql) -> None:
    await upgrade(settings.database)
    durable.pause()
    (level, said), phones = await check_database(settings)
    durable.resume()
    assert (level, phones) == (Level.BAD, None)
    assert "IVR_DATABASE_URL" in said
