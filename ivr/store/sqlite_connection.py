"""aiosqlite with one visit to its thread for each statement.

aiosqlite gives each small step of a cursor (make it, execute, fetch, close) to its thread and waits, and so
two threads wake for each: three or four times a statement. Here a statement is one step, rows included.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aiosqlite

FETCHED = 1_000
"""Rows that come with the statement; more are fetched when they are asked for."""


class SqliteConnection(aiosqlite.Connection):
    """For SQLAlchemy's ``async_creator_fn``. A rollback where nothing is to be rolled back visits no
    thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=FETCHED)
        self._thread.daemon = True  # as SQLAlchemy has it: no process waits for it at its end
        self.given = self.done = 0
        """Steps given to the thread, and done by it: who was cancelled waits no more, but the thread does
        its work."""

    def cursor(self) -> "SqliteCursor":  # type: ignore[override]
        return SqliteCursor(self)

    async def rollback(self) -> None:
        if self.given != self.done or self.in_transaction:
            await super().rollback()

    async def visit(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """The result of ``step``, done in the thread of the connection."""
        return await self._execute(step, *arguments)

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """aiosqlite's own: all that is given to the thread passes here."""

        def step() -> Any:
            try:
                return fn(*args, **kwargs)
            finally:
                self.done += 1

        self.given += 1
        return await super()._execute(step)  # type: ignore[no-untyped-call]


class SqliteCursor:
    """What SQLAlchemy asks of a cursor."""

    description: Any = None
    rowcount = -1
    lastrowid: int | None = None
    arraysize = 1

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self._rest: sqlite3.Cursor | None = None
        """Holds the rows that were not fetched yet."""

    async def __aenter__(self) -> "SqliteCursor":
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> None:
        await self._connection.visit(self._execute, sqlite3.Cursor.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> None:
        await self._connection.visit(self._execute, sqlite3.Cursor.executemany, sql, parameters)

    def _execute(self, how: Callable[..., sqlite3.Cursor], sql: str, parameters: Any) -> None:
        self._close()
        cursor = self._connection._conn.cursor()
        how(cursor, sql, parameters)
        self.description = cursor.description
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        self._rows = cursor.fetchmany(FETCHED) if cursor.description else []
        if len(self._rows) == FETCHED:
            self._rest = cursor
        else:
            cursor.close()

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        wanted = self.arraysize if size is None else size
        while len(self._rows) < wanted and self._rest is not None:
            await self._connection.visit(self._fetch, max(FETCHED, wanted - len(self._rows)))
        rows, self._rows = self._rows[:wanted], self._rows[wanted:]
        return rows

    async def fetchall(self) -> Sequence[Any]:
        if self._rest is not None:
            await self._connection.visit(self._fetch, None)
        rows, self._rows = self._rows, []
        return rows

    def _fetch(self, size: int | None) -> None:
        if self._rest is None:
            return
        more = self._rest.fetchall() if size is None else self._rest.fetchmany(size)
        self._rows += more
        if size is None or len(more) < size:
            self._close()

    async def close(self) -> None:
        self._rows = []
        if self._rest is not None:
            await self._connection.visit(self._close)

    def _close(self) -> None:
        if self._rest is not None:
            self._rest.close()
            self._rest = None


def connect(database: str, **arguments: Any) -> SqliteConnection:
    """As :func:`aiosqlite.connect`: to be awaited."""
    return SqliteConnection(lambda: sqlite3.connect(database, **arguments))
