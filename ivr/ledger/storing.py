"""Rows into the database; the same rows twice leave what once leaves."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Select,
    Table,
    and_,
    bindparam,
    column,
    exists,
    func,
    insert,
    select,
    table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ledger.chain import GENESIS, Head, link_texts
from ivr.ledger.entries import Source
from ivr.ledger.rows import Row
from ivr.store.engine import alone
from ivr.store.tables import caller_keys, callers, calls, erasures, ledger, sqlite_text, utc_text

_PLAIN_LEDGER = table(ledger.name, *(column(one.name) for one in ledger.c if one is not ledger.c.seq))
"""The ledger without its types, for entries in the form of the database."""
_ADVISED = ("entry", "category", "language", "rule")
_Insert = sqlite.Insert | postgresql.Insert


async def store(
    connection: AsyncConnection, rows: Sequence[Row], *, replay: bool = False, doubtful: bool = False
) -> None:
    """Write ``rows`` in their order, in the transaction that is open; entries at the end of the chain.

    ``replay``: they come from the journal and may be older than what is stored. ``doubtful``: it is not known
    whether they are stored already, as after a commit that did not answer; ``replay`` includes it. Of what
    was taken from Asterisk's log that is never known.
    """
    entries = [dict(row.values) for row in rows if row.table == ledger.name]
    if entries:
        retold = any(entry["source"] == Source.ASTERISK_LOG for entry in entries)
        await _append(connection, entries, look=replay or doubtful or retold)
    dialect = connection.dialect.name
    for into, statement in (
        (callers, _unless_erased(dialect, callers)),
        (caller_keys, _unless_erased(dialect, caller_keys)),
        (calls, _calls(dialect, replay)),
    ):
        values = [dict(row.values) for row in rows if row.table == into.name]
        if values:
            await connection.execute(statement, values)


async def head(connection: AsyncConnection) -> Head | None:
    """The last entry; ``None`` when there is none."""
    last = select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)
    row = (await connection.execute(last)).one_or_none()
    return None if row is None else Head(row.seq, row.hash)


async def _append(connection: AsyncConnection, entries: list[dict[str, object]], *, look: bool) -> None:
    """Nobody else appends between reading the head and the commit. Where the head stands is not remembered:
    commands (``ivr caller mark``) append, too."""
    await alone(connection)
    if look:
        entries = await _not_stored(connection, entries)
    last = await head(connection)
    before = GENESIS if last is None else last.hash
    keeps_texts = connection.dialect.name == "sqlite"
    for entry in entries:
        at, recorded_at = utc_text(entry["at"]), utc_text(entry["recorded_at"])
        entry["hash"] = before = link_texts(before, entry, at, recorded_at)
        entry["data"] = str(entry["data"])
        if keeps_texts:
            entry["at"], entry["recorded_at"] = sqlite_text(at), sqlite_text(recorded_at)
    if entries:
        statement, columns = _insert_entries(connection.dialect)
        await connection.exec_driver_sql(statement, [tuple(map(entry.get, columns)) for entry in entries])


async def _not_stored(
    connection: AsyncConnection, entries: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    ids = {entry["entry_id"]: entry for entry in entries}
    stored = await connection.execute(select(ledger.c.entry_id).where(ledger.c.entry_id.in_(ids)))
    for entry_id in stored.scalars():
        del ids[entry_id]
    return list(ids.values())


@lru_cache(maxsize=4)
def _insert_entries(dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The statement as the driver takes it, and the columns in its order. To have each type and SQLAlchemy's
    own look at the parameters asked for each entry is half of what storing them costs."""
    made = insert(_PLAIN_LEDGER).compile(dialect=dialect)
    return str(made), tuple(made.positiontup or ())


@cache
def _unless_erased(dialect: str, table: Table) -> _Insert:
    """Sealed data of a call that was erased does not come back, however late it comes."""
    into = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    columns = list(table.c)
    erased = exists().where(erasures.c.call_id == bindparam("call_id"), erasures.c.done_at.is_not(None))
    new: Select[tuple[object, ...]] = select(
        *(bindparam(column.name, type_=column.type) for column in columns)
    ).where(~erased)
    return into.from_select(columns, new).on_conflict_do_nothing(index_elements=[table.c.sealed_id])


@cache
def _calls(dialect: str, replay: bool) -> _Insert:
    insert = sqlite.insert(calls) if dialect == "sqlite" else postgresql.insert(calls)
    new = insert.excluded
    # An engine that could not ask the database knows a call from Asterisk's log alone, without what the one
    # before it had advised. It adds to the row, and takes nothing away.
    values: dict[str, ColumnElement[Any]] = {
        column.name: func.coalesce(new[column.name], column) if column.name in _ADVISED else new[column.name]
        for column in calls.c
        if not column.primary_key
    }
    forgets = and_(calls.c.ended_at.is_not(None), calls.c.rule.is_not(None), new.rule.is_(None))
    return insert.on_conflict_do_update(
        index_elements=[calls.c.call_id],
        set_=values,
        where=and_(new.written_at >= calls.c.written_at, ~forgets) if replay else ~forgets,
    )
