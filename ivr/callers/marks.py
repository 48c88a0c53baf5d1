"""Marks that operators put on numbers, in the database.

A mark moves a call in its queue, as routing.yaml says under ``callers``; it never refuses one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.calls.findings import Kind
from ivr.errors import IvrError
from ivr.ledger.entries import Entry, Source
from ivr.ledger.rows import entry_row
from ivr.ledger.storing import store
from ivr.store.tables import caller_marks

MOST_READ = 50_000
"""The newest are read; more than that in the time that the file remembers them is nobody's day."""


class Mark(StrEnum):
    PRANK = "prank"


@dataclass(frozen=True, slots=True)
class Marked:
    """``number`` (+628…) is personal data. ``by``: who marked it. ``call_id``: for which call, if for one."""

    number: str
    mark: Mark
    by: str
    at: datetime
    call_id: str | None = None


async def add_mark(engine: AsyncEngine, marked: Marked) -> None:
    """Raises :class:`IvrError` if this call has this mark already. The ledger tells it of the call, without
    the number."""
    try:
        async with engine.begin() as connection:
            await connection.execute(
                insert(caller_marks).values(
                    number=marked.number,
                    mark=str(marked.mark),
                    by=marked.by,
                    at=marked.at,
                    call_id=marked.call_id,
                )
            )
            if marked.call_id is not None:
                entry = _entry(marked.call_id, Kind.CALLER_MARKED, marked.mark, marked.at)
                await store(connection, [entry_row(entry, marked.at)])
    except IntegrityError as error:
        raise IvrError(f"The call {marked.call_id} is marked as {marked.mark} already.") from error


async def remove_marks(
    engine: AsyncEngine,
    mark: Mark,
    *,
    number: str | None = None,
    call_id: str | None = None,
    at: datetime,
) -> int:
    """Of one call, or all of a number; how many there were."""
    which = caller_marks.c.call_id == call_id if call_id is not None else caller_marks.c.number == number
    async with engine.begin() as connection:
        gone = await connection.execute(
            delete(caller_marks)
            .where(which, caller_marks.c.mark == str(mark))
            .returning(caller_marks.c.call_id)
        )
        of_calls = list(gone.scalars())
        entries = [_entry(call, Kind.CALLER_UNMARKED, mark, at) for call in of_calls if call is not None]
        if entries:
            await store(connection, [entry_row(entry, at) for entry in entries])
    return len(of_calls)


async def list_marks(engine: AsyncEngine, limit: int) -> tuple[Marked, ...]:
    """The newest, newest first."""
    newest = select(caller_marks).order_by(caller_marks.c.at.desc(), caller_marks.c.id.desc()).limit(limit)
    async with engine.connect() as connection:
        return tuple(
            Marked(row.number, Mark(row.mark), row.by, row.at, row.call_id)
            for row in await connection.execute(newest)
        )


async def pranks_since(engine: AsyncEngine, since: datetime) -> Mapping[str, Sequence[datetime]]:
    """When each number was marked, by number."""
    query = (
        select(caller_marks.c.number, caller_marks.c.at)
        .where(caller_marks.c.at >= since, caller_marks.c.mark == str(Mark.PRANK))
        .order_by(caller_marks.c.at.desc())
        .limit(MOST_READ)
    )
    found: dict[str, list[datetime]] = {}
    async with engine.connect() as connection:
        for number, at in await connection.execute(query):
            found.setdefault(number, []).append(at)
    return found


def _entry(call_id: str, kind: Kind, mark: Mark, at: datetime) -> Entry:
    return Entry(call_id, at, str(kind), Source.ENGINE, {"mark": str(mark)})
