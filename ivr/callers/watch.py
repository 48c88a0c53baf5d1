"""Keeps the memory of callers in step with the database, off the way of calls."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.callers.marks import pranks_since
from ivr.callers.memory import CallerMemory, LastCall
from ivr.intake.caller import subscriber
from ivr.ledger.read import lately
from ivr.ledger.vault import Vault
from ivr.routing.model import CallerClass
from ivr.routing.rules import Rules
from ivr.store.faults import in_short

REFRESH_SECONDS = 5.0
"""A mark counts for calls that come so much later."""
DEADLINE_SECONDS = 2.0
LONGEST_CALL = timedelta(hours=1)
"""A call that began longer ago than this, before the time in which a redial counts, is not looked for."""

_log = structlog.get_logger(__name__)


class CallerWatch:
    """While the database is away, what was read last goes on counting. ``rules`` gives those in force,
    ``now`` an aware time."""

    def __init__(
        self,
        engine: AsyncEngine,
        memory: CallerMemory,
        vault: Vault,
        rules: Callable[[], Rules],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._memory = memory
        self._vault = vault
        self._rules = rules
        self._now = now
        self._restored = False
        self._away = False

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Once; takes little more than :data:`DEADLINE_SECONDS` and never raises."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._read_marks()
                if not self._restored:
                    await self._restore()
        except Exception as error:
            if not self._away:
                _log.warning("callers-not-read", error=in_short(error), using="what was read last")
            self._away = True
        else:
            self._away = False

    async def _read_marks(self) -> None:
        prank = self._rules().callers.prank
        if prank is None:
            self._memory.take_marks({})
        else:
            since = self._now() - timedelta(seconds=prank.forget_seconds)
            self._memory.take_marks(await pranks_since(self._engine, since))

    async def _restore(self) -> None:
        """Once after the start: who is on the line, and who had reached nobody."""
        rules = self._rules()
        within = rules.callers.redial.within_seconds if rules.callers.redial else 0
        found = await lately(
            self._engine, self._now() - timedelta(seconds=within) - LONGEST_CALL, self._vault
        )
        on_line: list[tuple[str, str]] = []
        ended: list[LastCall] = []
        for known in found:
            number = subscriber(known.number, rules.city)
            if number is None or known.call.caller is not CallerClass.NUMBER:
                continue
            if known.call.ended_at is None:
                on_line.append((known.call.id, number))
            else:
                call = known.call
                ended.append(LastCall(number, known.call.ended_at, call.human_at is not None, call.id))
        self._memory.restore(on_line, ended)
        self._restored = True
