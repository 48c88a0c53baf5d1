"""Bring a database to the newest shape of the tables."""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from ivr.errors import VaultError
from ivr.store.engine import alone, close, create_engine

if TYPE_CHECKING:
    from ivr.ledger.vault import Vault

_ONE_AT_A_TIME = threading.Lock()
"""Of a process: Alembic keeps the migration that runs in global variables."""


async def upgrade(url: str, vault: "Callable[[], Vault] | None" = None) -> None:
    """Run the missing migrations on ``url``; does nothing when there are none. ``vault`` is asked for when
    there is personal data of before it was sealed.

    Runs in a thread with an event loop and connections of its own, so that calls never wait for it. All of it
    is one transaction: a crash in the middle changes nothing, and of two processes the second waits.
    """
    await asyncio.to_thread(_in_a_loop_of_its_own, url, vault or _no_vault)


def _in_a_loop_of_its_own(url: str, vault: "Callable[[], Vault]") -> None:
    with _ONE_AT_A_TIME:
        asyncio.run(_upgrade(url, vault))


async def _upgrade(url: str, vault: "Callable[[], Vault]") -> None:
    engine = create_engine(url, statement_seconds=None)
    try:
        async with engine.begin() as connection:
            await alone(connection)  # Python's sqlite3 begins no transaction by itself for CREATE TABLE
            await connection.run_sync(_run, vault)
    except Exception:
        # aiosqlite's thread says goodbye to this loop a moment after a failed connect: let it find one.
        await asyncio.sleep(0.1)
        raise
    finally:
        await close(engine)


def _run(connection: Connection, vault: "Callable[[], Vault]") -> None:
    config = Config()
    config.set_main_option("script_location", "ivr.store:migrations")
    config.attributes["connection"] = connection
    config.attributes["vault"] = vault
    command.upgrade(config, "head")


def _no_vault() -> "Vault":
    raise VaultError("Numbers of before they were sealed stand in this database: start ivr serve once.")
