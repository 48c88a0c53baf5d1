"""Bring a database to the newest shape of the tables."""

import asyncio
import threading

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from ivr.store.engine import alone, close, create_engine

_ONE_AT_A_TIME = threading.Lock()
"""Of a process: Alembic keeps the migration that runs in global variables."""


async def upgrade(url: str) -> None:
    """Run the missing migrations on ``url``; does nothing when there are none.

    Runs in a thread with an event loop and connections of its own, so that calls never wait for it. All of it
    is one transaction: a crash in the middle changes nothing, and of two processes the second waits.
    """
    await asyncio.to_thread(_in_a_loop_of_its_own, url)


def _in_a_loop_of_its_own(url: str) -> None:
    with _ONE_AT_A_TIME:
        asyncio.run(_upgrade(url))


async def _upgrade(url: str) -> None:
    engine = create_engine(url, statement_seconds=None)
    try:
        async with engine.begin() as connection:
            await alone(connection)  # Python's sqlite3 begins no transaction by itself for CREATE TABLE
            await connection.run_sync(_run)
    except Exception:
        # aiosqlite's thread says goodbye to this loop a moment after a failed connect: let it find one.
        await asyncio.sleep(0.1)
        raise
    finally:
        await close(engine)


def _run(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "ivr.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
