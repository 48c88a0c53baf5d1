"""A database with writers in front of it, and what can be done to it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Column, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.ledger.entries import Entry, Source
from ivr.ledger.personal import Opened, opened
from ivr.ledger.vault import Vault
from ivr.ledger.writer import LedgerWriter, Tuning
from ivr.store.engine import close, create_engine
from ivr.store.tables import ledger
from ivr.store.upgrade import upgrade

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
FAST = Tuning(linger_seconds=0.001, retry_seconds=(0.01, 0.05), commit_seconds=5)


def entry(number: int, call: str = "c1") -> Entry:
    return Entry(call, NOW, "queue", Source.ASTERISK, {"number": number})


def a_vault(folder: Path) -> Vault:
    """A vault with a key of its own, the same one for the same folder."""
    return Vault(folder / "secrets", folder / "sealed-by", make=True)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - many conditions
            await asyncio.sleep(0.005)


class Place:
    """One record: its database, of either kind, and its journal."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.journal = folder / "journal"
        self.vault = a_vault(folder)
        self.engines: list[AsyncEngine] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for engine in self.engines:
            await close(engine)

    def writer(self, tuning: Tuning = FAST, journal: Path | None = None, busy: float = 0.01) -> LedgerWriter:
        """``busy``: so many seconds a commit waits in a lock."""
        writer = LedgerWriter(
            self.engine(busy),
            journal or self.journal,
            vault=self.vault,
            prepare=partial(upgrade, self.url),
            tuning=tuning,
        )
        writer.start()
        return writer

    def engine(self, busy: float = 30.0) -> AsyncEngine:
        engine = create_engine(self.url, busy_seconds=busy)
        self.engines.append(engine)
        return engine

    async def column(self, column: Column[Any]) -> list[Any]:
        """All values of one column, in the order of the table's key."""
        async with self.engine().connect() as connection:
            found = await connection.execute(select(column).order_by(*column.table.primary_key))
            return list(found.scalars())

    async def of_caller(self, call_id: str) -> Opened | None:
        """What the record knows of the caller."""
        async with self.engine().connect() as connection:
            return (await opened(connection, [call_id], self.vault)).get(call_id)

    async def numbers(self) -> list[Any]:
        """Of all entries, in the order in which they were written."""
        return [data["number"] for data in await self.column(ledger.c.data) if "number" in data]

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Somebody else holds all that the writer needs."""
        url = make_url(self.url)
        async with _locked_file(url.database or "") if "sqlite" in url.drivername else self._locked_tables():
            yield

    @asynccontextmanager
    async def _locked_tables(self) -> AsyncIterator[None]:
        async with self.engine().begin() as connection:
            await connection.execute(text("LOCK TABLE ledger, calls, callers IN ACCESS EXCLUSIVE MODE"))
            yield


@asynccontextmanager
async def _locked_file(file: str) -> AsyncIterator[None]:
    """Taking the lock must not block this loop, in which the writer commits."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=0)
    while not connection.in_transaction:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            await asyncio.sleep(0.001)
    yield
    connection.execute("ROLLBACK")
    connection.close()
