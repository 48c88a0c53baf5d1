"""What was kept long enough is destroyed: once an hour, in small pieces, off the way of calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.callers.marks import destroy_marks
from ivr.privacy.erasing import AT_ONCE, Order, Places, Why, order
from ivr.privacy.files import expire_events, expire_recordings, rotate_events
from ivr.routing.rules import Keep
from ivr.store.faults import in_short
from ivr.store.tables import caller_marks, callers, calls

FIRST_SECONDS = 300.0
EVERY_SECONDS = 3600.0
CLOCK_SECONDS = 60.0
"""The clock may be set by so much between two looks; after a greater jump nothing is destroyed by it."""
FILES_AT_ONCE = 500
PAUSE_SECONDS = 0.2
"""Between two pieces, so that the record's own commits and the disk come first."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Destroyed:
    recordings: int = 0
    callers: int = 0
    marks: int = 0
    event_files: int = 0

    def __bool__(self) -> bool:
        return any((self.recordings, self.callers, self.marks, self.event_files))


def went_evenly(before: datetime, now: datetime, seconds: float) -> bool:
    """Whether the clock went from ``before`` to ``now`` in these seconds of a clock that cannot be set."""
    return abs((now - before).total_seconds() - seconds) <= CLOCK_SECONDS


class Retention:
    """``keep`` gives the times in force, ``note`` puts an entry that concerns no call into the ledger."""

    def __init__(
        self,
        engine: AsyncEngine,
        places: Places,
        keep: Callable[[], Keep],
        note: Callable[[Mapping[str, object]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._places = places
        self._keep = keep
        self._note = note
        self._now = now

    async def run(self) -> None:
        """For ever. A clock that has just jumped (a wrong year at the start, say) destroys nothing: the next
        look counts, by when somebody or NTP has set it."""
        seconds = FIRST_SECONDS
        while True:
            before, began = self._now(), time.monotonic()
            await asyncio.sleep(seconds)
            if went_evenly(before, self._now(), time.monotonic() - began):
                await self.once()
            else:
                _log.warning(
                    "retention-waits", reason="the clock jumped", remedy="looked at again in an hour"
                )
            seconds = EVERY_SECONDS

    async def once(self) -> Destroyed:
        """Everything whose time is over now. Never raises: what fails is tried the next hour."""
        now, keep = self._now(), self._keep()
        recorded, known = (now - timedelta(days=days) for days in (keep.recordings_days, keep.callers_days))
        gone = Destroyed(
            recordings=await self._safely("recordings", self._recordings(recorded)),
            callers=await self._safely("callers", self._callers(known, now)),
            marks=await self._safely("marks", self._marks(known)),
            event_files=await self._safely("events", self._events(now, known)),
        )
        if gone:
            self._note(
                {
                    "recordings": gone.recordings,
                    "recordings_before": f"{recorded.astimezone(UTC):%Y-%m-%d}",
                    "callers": gone.callers,
                    "marks": gone.marks,
                    "event_files": gone.event_files,
                    "callers_before": f"{known.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                }
            )
        return gone

    async def _safely(self, what: str, work: Awaitable[int]) -> int:
        try:
            return await work
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else in_short(error)
            _log.warning("retention-failed", what=what, error=reason, remedy="tried again in an hour")
            return 0

    async def _recordings(self, before: datetime) -> int:
        root, day, total = self._places.recordings, before.astimezone(UTC).date(), 0
        while gone := await asyncio.to_thread(expire_recordings, root, day, FILES_AT_ONCE):
            total += gone
            await asyncio.sleep(PAUSE_SECONDS)
        return total

    async def _callers(self, before: datetime, now: datetime) -> int:
        living = exists().where(calls.c.call_id == callers.c.call_id, calls.c.ended_at.is_(None))
        old = select(callers.c.call_id).distinct().where(callers.c.recorded_at < before, ~living)
        what, total = Order(Why.RETENTION, "", "", now), 0
        while True:
            async with self._engine.connect() as connection:
                some = list(await connection.scalars(old.limit(AT_ONCE)))
            if not some:
                break
            async with self._engine.begin() as connection:
                await order(connection, some, what, done=True)
            total += len(some)
            await asyncio.sleep(PAUSE_SECONDS)
        return total

    async def _marks(self, before: datetime) -> int:
        async with self._engine.begin() as connection:
            return len(await destroy_marks(connection, caller_marks.c.at < before))

    async def _events(self, now: datetime, before: datetime) -> int:
        events, today = self._places.events, now.astimezone(UTC).date()
        await asyncio.to_thread(rotate_events, events, today)
        return await asyncio.to_thread(expire_events, events, before.astimezone(UTC).date())
