"""Destroying personal data: the keys, what they sealed, recordings, and numbers in Asterisk's event log.

Files first, the database last: what was interrupted is found again by the number and done once more. A row in
``erasures`` stays: with it nothing of the call is taken in again, and the engine makes the ledger's entry.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import ColumnElement, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.privacy.files import blank_events, recordings_of
from ivr.settings import Settings
from ivr.store.engine import alone
from ivr.store.tables import caller_keys, callers, calls, erasures

AT_ONCE = 500
"""Calls of one transaction: it is short, so that the record's own commits do not wait."""


LONGEST_AFTERWARDS = timedelta(minutes=10)


class Why(StrEnum):
    REQUEST = "request"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Order:
    """``reason`` is what somebody wrote, and may name people: it never goes to the ledger."""

    why: Why
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Places:
    """Where personal data lies beside the database."""

    recordings: Path
    events: Path

    @classmethod
    def of(cls, settings: Settings) -> "Places":
        return cls(settings.recordings, settings.root / "asterisk" / "log" / "cel-custom")

    def destroy(self, call_ids: Collection[str]) -> tuple[int, int]:
        """How many recordings and how many events. Blocks. Raises :class:`OSError`."""
        files = [path for call_id in call_ids for path in recordings_of(self.recordings, call_id)]
        for path in files:
            path.unlink(missing_ok=True)
        return len(files), blank_events(self.events, call_ids)


async def alive(connection: AsyncConnection, call_ids: Sequence[str], now: datetime) -> set[str]:
    """Those that have not ended, as far as the record knows, or have and the engine is not done with them (it
    looks at each recording, and a clock may run)."""
    found: set[str] = set()
    young = calls.c.open & (calls.c.ended_at > now - LONGEST_AFTERWARDS)
    for some in _parts(call_ids):
        living = calls.c.call_id.in_(some) & (calls.c.ended_at.is_(None) | young)
        found |= set(await connection.scalars(select(calls.c.call_id).where(living)))
    return found


async def order(connection: AsyncConnection, call_ids: Sequence[str], what: Order, *, done: bool) -> None:
    """``done``: what was sealed is destroyed in this transaction; otherwise the engine does it when the call
    has ended. Twice is once."""
    await alone(connection)
    into = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    for some in _parts(call_ids):
        rows = [
            {
                "call_id": call_id,
                "why": str(what.why),
                "by": what.by,
                "reason": what.reason,
                "asked_at": what.at,
                "done_at": what.at if done else None,
                "entered": False,
            }
            for call_id in some
        ]
        await connection.execute(into(erasures).on_conflict_do_nothing(), rows)
        if done:
            await _destroy(connection, some, what.at)


async def carry_out(connection: AsyncConnection, call_ids: Sequence[str], at: datetime) -> None:
    """What was ordered before, now that the calls have ended."""
    await alone(connection)
    for some in _parts(call_ids):
        await _destroy(connection, some, at)


async def forget_pages(engine: AsyncEngine) -> None:
    """SQLite's own journal still holds what was destroyed: empty it, unless somebody reads."""
    if engine.dialect.name == "sqlite":
        async with engine.connect() as connection:
            await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


async def _destroy(connection: AsyncConnection, call_ids: Sequence[str], at: datetime) -> None:
    def of(column: ColumnElement[str]) -> ColumnElement[bool]:
        return column.in_(call_ids)

    await connection.execute(delete(caller_keys).where(of(caller_keys.c.call_id)))
    await connection.execute(delete(callers).where(of(callers.c.call_id)))
    undone = of(erasures.c.call_id) & erasures.c.done_at.is_(None)
    await connection.execute(update(erasures).where(undone).values(done_at=at))


def _parts(call_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (call_ids[first : first + AT_ONCE] for first in range(0, len(call_ids), AT_ONCE))
