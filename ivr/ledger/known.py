"""How calls stand in the record, as far as it can be read: in the database, and in the journal before it."""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.calls.call import Call
from ivr.ledger.read import open_calls
from ivr.ledger.rows import Row, call_of
from ivr.store.tables import calls

MOST_NAMES = 500
"""Of calls in one statement: the databases bound the number of its parameters."""


class KnownCalls:
    """``seconds``: the database may take so long for one answer."""

    def __init__(self, database: AsyncEngine, journal: Path, seconds: float = 2.0) -> None:
        self._database = database
        self._journal = journal
        self._seconds = seconds

    async def open(self) -> tuple[Call, ...]:
        """Calls that an earlier run left open, oldest first. Raises whatever the database does."""
        async with asyncio.timeout(self._seconds):
            return await open_calls(self._database)

    async def in_journal(self) -> tuple[Call, ...]:
        """Calls whose rows wait in the journal, as they stood last. Never raises."""
        return tuple((await asyncio.to_thread(_in_journal, self._journal)).values())

    async def of(self, call_ids: Collection[str]) -> Mapping[str, Call]:
        """Those of these calls that the database has. Raises whatever the database does."""
        names, found = list(call_ids), dict[str, Call]()
        async with asyncio.timeout(self._seconds + len(names) / 1000), self._database.connect() as connection:
            for first in range(0, len(names), MOST_NAMES):
                some = names[first : first + MOST_NAMES]
                rows = await connection.execute(
                    select(calls.c.call_id, calls.c.snapshot).where(calls.c.call_id.in_(some))
                )
                found |= {row.call_id: call_of(row.snapshot) for row in rows}
        return found


def _in_journal(path: Path) -> dict[str, Call]:
    found: dict[str, Call] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    row = Row.from_line(line)
                    if row.table == calls.name:
                        call = call_of(json.loads(str(row.values["snapshot"])))
                        found[call.id] = call
                except ValueError:  # torn; the writer puts it aside
                    continue
    except OSError:  # there is none
        pass
    return found
