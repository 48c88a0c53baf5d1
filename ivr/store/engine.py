"""Connections to the database, set up so that a commit means it is on disk."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 2.0
"""SQLite waits so long for another connection's write before it reports "locked"."""


def create_engine(url: str, *, busy_seconds: float = BUSY_SECONDS) -> AsyncEngine:
    """Engine for ``url`` (``sqlite+aiosqlite:///…``, ``postgresql+asyncpg://…``); nothing is opened yet."""
    # Parameters hold callers' numbers: they must not appear in errors.
    engine = create_async_engine(url, hide_parameters=True, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":

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
            cursor.close()

    return engine
