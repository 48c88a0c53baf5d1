"""Connections to the database, set up so that a commit means it is on disk and no wait is for ever."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from ivr.store import sqlite_connection
from ivr.store.json_text import serialise

BUSY_SECONDS = 2.0
"""A statement waits so long for what another connection holds before it fails as locked."""

CONNECT_SECONDS = 5.0
"""PostgreSQL may take so long to let somebody in."""

STATEMENT_SECONDS = 30.0
"""PostgreSQL may take so long for one statement; migrations as long as they need."""

IDLE_SECONDS = 10.0
"""PostgreSQL ends a connection that says nothing for so long in the middle of a transaction: of one that the
network forgot nobody else would take back the locks."""

CLOSE_SECONDS = 2.0
"""PostgreSQL may take so long to say goodbye; one that hangs never does."""


def create_engine(
    url: str, *, busy_seconds: float = BUSY_SECONDS, statement_seconds: float | None = STATEMENT_SECONDS
) -> AsyncEngine:
    """Engine for ``url`` (``sqlite+aiosqlite:///…``, ``postgresql+asyncpg://…``); nothing is opened yet.

    :func:`close` it when it is done with.
    """
    # Parameters hold callers' numbers: they must not appear in errors.
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(
            url,
            hide_parameters=True,
            json_serializer=serialise,
            connect_args={"async_creator_fn": sqlite_connection.connect},
        )
        return _sqlite(engine, busy_seconds)
    return create_async_engine(
        url,
        hide_parameters=True,
        json_serializer=serialise,
        pool_pre_ping=True,  # the server may have been restarted since
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": statement_seconds,
            "server_settings": {
                "application_name": "siaga112",
                "lock_timeout": str(int(busy_seconds * 1000)),
                "idle_in_transaction_session_timeout": str(int(IDLE_SECONDS * 1000)),
            },
        },
    )


async def alone(connection: AsyncConnection) -> None:
    """From here to the end of the transaction nobody else is in one of these: neither another writer of the
    ledger nor a migration. Others wait ``busy_seconds`` for it."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(112)")
        return
    raw = await connection.get_raw_connection()
    # A transaction that is open has begun with a statement that writes: Python's sqlite3 begins none to read.
    if raw.driver_connection is not None and not raw.driver_connection.in_transaction:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")


async def close(engine: AsyncEngine) -> None:
    """Close its connections, if need be without the server's agreement."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await engine.dispose()


def _sqlite(engine: AsyncEngine, busy_seconds: float) -> AsyncEngine:
    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        # WAL: readers (ivr calls, pages) and the one writer do not wait for each other.
        cursor.execute("PRAGMA journal_mode = WAL")
        # FULL: with WAL, NORMAL would lose the last commits in a power cut. The writer commits in
        # batches, so this costs one sync a batch, not one an entry.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What is erased is overwritten, too, and does not stay in free pages.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    if (file := engine.url.database) and file != ":memory:":
        _only_the_file_of_that_name(engine, Path(file))
    return engine


def _only_the_file_of_that_name(engine: AsyncEngine, file: Path) -> None:
    """SQLite writes on into a file that was moved away or removed under it, where nobody would find it: such
    a connection is not used. A file that was there and is gone is not made again: it may come back."""
    been = False

    def identity() -> tuple[int, int] | None:
        try:
            found = file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def gone() -> FileNotFoundError:
        return FileNotFoundError(f"{file} is gone: bring it back; the engine's next start makes a new one")

    @event.listens_for(engine.sync_engine, "do_connect")
    def refuse_to_make_it_again(*_: object) -> None:
        if been and identity() is None:
            raise gone()

    @event.listens_for(engine.sync_engine, "connect")
    def remember(_connection: Any, entry: ConnectionPoolEntry) -> None:
        nonlocal been
        been = True
        entry.info["file"] = identity()

    @event.listens_for(engine.sync_engine, "checkout")
    def compare(_connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
        now = identity()
        if now is None:
            raise gone()
        if now != entry.info.get("file"):
            raise DisconnectionError("another file has its place")
