"""Marks that operators put on numbers, in the database.

A mark moves a call in its queue, as routing.yaml says under ``callers``; it never refuses one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.calls.findings import Kind
from ivr.errors import IvrError, VaultError
from ivr.ledger.entries import Entry, Source
from ivr.ledger.rows import entry_row
from ivr.ledger.storing import store
from ivr.ledger.vault import Vault
from ivr.store.tables import caller_keys, caller_marks

MOST_READ = 50_000
"""The newest are read; more than that in the time that the file remembers them is nobody's day."""


_ABOUT = "mark"


class Mark(StrEnum):
    PRANK = "prank"


@dataclass(frozen=True, slots=True)
class Marked:
    """``number`` (+628…) is personal data, sealed in the database. ``by``: who marked it. ``call_id``: for
    which call, if for one."""

    number: str
    mark: Mark
    by: str
    at: datetime
    call_id: str | None = None


async def add_mark(engine: AsyncEngine, marked: Marked, vault: Vault) -> None:
    """Raises :class:`IvrError` if this call has this mark already, or the vault is locked. The ledger tells
    it of the call, without the number."""
    sealed = vault.seal(_ABOUT, {"number": marked.number})
    try:
        async with engine.begin() as connection:
            await connection.execute(
                insert(caller_marks).values(
                    number_index=vault.index(marked.number),
                    sealed_id=sealed.id,
                    sealed=sealed.text,
                    mark=str(marked.mark),
                    by=marked.by,
                    at=marked.at,
                    call_id=marked.call_id,
                )
            )
            key = {"sealed_id": sealed.id, "call_id": None, "wrapped": sealed.wrapped}
            await connection.execute(insert(caller_keys).values(key))
            if marked.call_id is not None:
                entry = _entry(marked.call_id, Kind.CALLER_MARKED, marked.mark, marked.at)
                await store(connection, [entry_row(entry, marked.at)])
    except IntegrityError as error:
        raise IvrError(f"The call {marked.call_id} is marked as {marked.mark} already.") from error


async def remove_marks(
    engine: AsyncEngine,
    mark: Mark,
    *,
    number_index: str | None = None,
    call_id: str | None = None,
    at: datetime,
) -> int:
    """Of one call, or all of a number (:meth:`Vault.index`); how many there were."""
    which = (
        caller_marks.c.call_id == call_id
        if call_id is not None
        else caller_marks.c.number_index == number_index
    )
    async with engine.begin() as connection:
        of_calls = await destroy_marks(connection, which & (caller_marks.c.mark == str(mark)))
        entries = [_entry(call, Kind.CALLER_UNMARKED, mark, at) for call in of_calls if call is not None]
        if entries:
            await store(connection, [entry_row(entry, at) for entry in entries])
    return len(of_calls)


async def destroy_marks(connection: AsyncConnection, which: ColumnElement[bool]) -> list[str | None]:
    """With their keys, in the transaction that is open; the calls for which they were made."""
    gone = await connection.execute(
        delete(caller_marks).where(which).returning(caller_marks.c.sealed_id, caller_marks.c.call_id)
    )
    rows = gone.all()
    await connection.execute(
        delete(caller_keys).where(caller_keys.c.sealed_id.in_([row.sealed_id for row in rows]))
    )
    return [row.call_id for row in rows]


async def list_marks(
    connection: AsyncConnection, limit: int, vault: Vault, *, number_index: str | None = None
) -> tuple[Marked, ...]:
    """The newest, newest first; of one number if it is given. With the vault locked no number is told."""
    newest = (
        select(caller_marks, caller_keys.c.wrapped)
        .join(caller_keys, caller_keys.c.sealed_id == caller_marks.c.sealed_id, isouter=True)
        .order_by(caller_marks.c.at.desc(), caller_marks.c.id.desc())
        .limit(limit)
    )
    if number_index is not None:
        newest = newest.where(caller_marks.c.number_index == number_index)
    return tuple(
        Marked(_number(row.wrapped, row.sealed, vault), Mark(row.mark), row.by, row.at, row.call_id)
        for row in await connection.execute(newest)
    )


async def pranks_since(engine: AsyncEngine, since: datetime) -> Mapping[str, Sequence[datetime]]:
    """When each number was marked, by the number's :meth:`Vault.index`."""
    query = (
        select(caller_marks.c.number_index, caller_marks.c.at)
        .where(caller_marks.c.at >= since, caller_marks.c.mark == str(Mark.PRANK))
        .order_by(caller_marks.c.at.desc())
        .limit(MOST_READ)
    )
    found: dict[str, list[datetime]] = {}
    async with engine.connect() as connection:
        for index, at in await connection.execute(query):
            found.setdefault(index, []).append(at)
    return found


def _number(wrapped: str | None, sealed: str, vault: Vault) -> str:
    try:
        return str(vault.open(_ABOUT, wrapped or "", sealed)[0]["number"])
    except VaultError:
        return ""


def _entry(call_id: str, kind: Kind, mark: Mark, at: datetime) -> Entry:
    return Entry(call_id, at, str(kind), Source.ENGINE, {"mark": str(mark)})
