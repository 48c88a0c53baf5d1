"""Rows into the database; the same statement twice leaves what once leaves."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Text, case, cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ledger.rows import Row
from ivr.store.tables import callers, calls, ledger

_Insert = sqlite.Insert | postgresql.Insert


async def store(connection: AsyncConnection, rows: Sequence[Row], *, replay: bool) -> None:
    """Write ``rows`` in their order, in the transaction that is open.

    ``replay``: they come from the journal and may be older than what is stored.
    """
    dialect = connection.dialect.name
    for table, statement in (
        (ledger, _entries(dialect)),
        (callers, _callers(dialect)),
        (calls, _calls(dialect, replay)),
    ):
        values = [dict(row.values) for row in rows if row.table == table.name]
        if values:
            await connection.execute(statement, values)


@cache
def _entries(dialect: str) -> _Insert:
    insert = sqlite.insert(ledger) if dialect == "sqlite" else postgresql.insert(ledger)
    return insert.on_conflict_do_nothing(index_elements=[ledger.c.entry_id])


@cache
def _callers(dialect: str) -> _Insert:
    insert = sqlite.insert(callers) if dialect == "sqlite" else postgresql.insert(callers)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[callers.c.call_id],
        set_={
            "number": case((new.number != "", new.number), else_=callers.c.number),
            "name": case((new.name != "", new.name), else_=callers.c.name),
            "headers": case((cast(new.headers, Text) != "{}", new.headers), else_=callers.c.headers),
        },
    )


@cache
def _calls(dialect: str, replay: bool) -> _Insert:
    insert = sqlite.insert(calls) if dialect == "sqlite" else postgresql.insert(calls)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[calls.c.call_id],
        set_={column.name: new[column.name] for column in calls.c if not column.primary_key},
        where=new.written_at >= calls.c.written_at if replay else None,
    )
