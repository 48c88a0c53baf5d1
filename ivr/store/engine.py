"""Connections to the database, set up so that a commit means it is on disk and no wait is for ever."""

import asyncio
from contextlib import suppress
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from ivr.store.json_text import serialise

BUSY_SECONDS = 2.0
"""A statement waits so long for what another connection holds before it fails as locked."""

CONNECT_SECONDS = 5.0
"""PostgreSQL may take so long to let somebody in."""

STATEMENT_SECONDS = 30.0
"""PostgreSQL may take so long for one statement; migrations as long as they need."""

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
        return _sqlite(
            create_async_engine(url, hide_parameters=True, json_serializer=serialise), busy_seconds
        )
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
            },
        },
    )


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
        cursor.close()

    return engine
