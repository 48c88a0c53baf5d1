"""The private PostgreSQL of the tests is there, is alone, and leaves nothing behind."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from stack.postgresql import Postgresql, system_programs, wheel_programs

from ivr.store.engine import close, create_engine

pytestmark = pytest.mark.postgresql

OWNER = """
import time
from stack.postgresql import Postgresql
server = Postgresql().start()
server.pause()
print(server.directory, flush=True)
time.sleep(600)
"""


async def ask(url: str) -> object:
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            return (await connection.execute(text("SELECT 40 + 2"))).scalar_one()
    finally:
        await close(engine)


def process_of(server: Path) -> int:
    return int((server / "data" / "postmaster.pid").read_text().split()[0])


def alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def until_gone(*things: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while any(there() for there in things):  # noqa: ASYNC110 - a process of somebody else's
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("programs", [system_programs, wheel_programs], ids=["system", "wheel"])
async def test_a_server_from_either_source_stands_beside_another(
    postgresql: Postgresql, programs: Callable[[], Path | None]
) -> None:
    """It answers by TCP and by its socket, is not root, and is gone afterwards."""
    chosen = programs()
    if chosen is None:
        pytest.skip("not on this machine; the other source is what the tests use")
    with Postgresql(chosen) as server:
        pid = process_of(server.directory)
        assert server.port != postgresql.port
        assert await ask(await server.create_database("one")) == 42
        assert await ask(server.socket_url("one")) == 42
        assert os.stat(f"/proc/{pid}").st_uid != 0
    await until_gone(lambda: alive(pid), server.directory.exists)


async def test_nobody_gets_in_without_the_password(postgresql: Postgresql, postgresql_url: str) -> None:
    password = postgresql_url.split(":")[2].partition("@")[0]
    with pytest.raises(DBAPIError, match="password"):
        await ask(postgresql_url.replace(password, "guess"))
    assert postgresql.directory.stat().st_mode & 0o077 == 0


async def test_what_was_committed_is_there_after_a_crash(postgresql: Postgresql, postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE kept AS SELECT 1 AS one"))
    await close(engine)
    postgresql.stop(crash=True)
    postgresql.start()
    engine = create_engine(postgresql_url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT one FROM kept"))).scalar_one() == 1
    await close(engine)


async def test_a_server_whose_owner_is_killed_ends_and_leaves_nothing() -> None:
    """Even one that was stopped (SIGSTOP) when that happened."""
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    directory = Path((await owner.stdout.readline()).decode().strip())
    pid = process_of(directory)
    owner.kill()
    await owner.wait()
    await until_gone(lambda: alive(pid), directory.exists)
