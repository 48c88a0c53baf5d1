"""The engine's part: what was ordered is done when its call has ended, told to the ledger, and forgotten."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.calls.findings import Kind
from ivr.ledger.entries import Entry, Source
from ivr.ledger.vault import Vault
from ivr.privacy.erasing import AT_ONCE, Places, alive, carry_out
from ivr.store.faults import in_short
from ivr.store.tables import erasures, ledger

REFRESH_SECONDS = 5.0
DEADLINE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class ErasureWatch:
    """``record`` puts an entry into the ledger, ``forget`` drops what memory knows of calls."""

    def __init__(
        self,
        engine: AsyncEngine,
        places: Places,
        vault: Vault,
        record: Callable[[Entry], None],
        forget: Callable[[Collection[str]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._places = places
        self._vault = vault
        self._record = record
        self._forget = forget
        self._now = now
        self._told: set[str] = set()
        """Entries that this run has recorded and not yet seen in the ledger."""
        self._away = False

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Once; takes little more than :data:`DEADLINE_SECONDS` and never raises."""
        try:
            if self._vault.locked:
                await asyncio.to_thread(self._vault.unlock)
            async with asyncio.timeout(DEADLINE_SECONDS):
                rows = await self._orders()
                await self._carry_out([row.call_id for row in rows if row.done_at is None])
                await self._tell([row for row in rows if row.done_at is not None])
        except Exception as error:
            if not self._away:
                _log.warning("erasures-not-read", error=in_short(error), remedy="tried again")
            self._away = True
        else:
            self._away = False

    async def _orders(self) -> Sequence[Any]:
        query = select(erasures).where(~erasures.c.entered).order_by(erasures.c.asked_at).limit(AT_ONCE)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).all()

    async def _carry_out(self, call_ids: Sequence[str]) -> None:
        if not call_ids:
            return
        async with self._engine.connect() as connection:
            living = await alive(connection, call_ids, self._now())
        over = [call_id for call_id in call_ids if call_id not in living]
        if over:
            await asyncio.to_thread(self._places.destroy, over)
            async with self._engine.begin() as connection:
                await carry_out(connection, over, self._now())

    async def _tell(self, done: Sequence[Any]) -> None:
        if not done:
            return
        ids = [row.call_id for row in done]
        self._forget(ids)
        query = select(ledger.c.call_id).where(ledger.c.call_id.in_(ids), ledger.c.kind == str(Kind.ERASED))
        async with self._engine.connect() as connection:
            stored = set(await connection.scalars(query))
        for row in done:
            if row.call_id not in stored | self._told:
                data = {"why": row.why, "by": row.by}
                self._record(Entry(row.call_id, row.done_at, str(Kind.ERASED), Source.ENGINE, data))
                self._told.add(row.call_id)
        if stored:
            async with self._engine.begin() as connection:
                entered = update(erasures).where(erasures.c.call_id.in_(stored)).values(entered=True)
                await connection.execute(entered)
            self._told -= stored
