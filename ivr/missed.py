"""What Asterisk did while the engine did not hear it, taken from Asterisk's own event log afterwards.

Each time the link comes up, before the live events of it are heard:

1. The log is surveyed from the bookmark on: which calls it has, which of them are over.
2. Events of calls that may still go on, or were on a moment ago, are told to the registry at once, so that
   what comes live continues them (:meth:`Missed.take_in`, then :meth:`Missed.take_tail`).
3. Calls that are over follow in the background, each whole, slowly enough that no question waits for it.

An event that is in the record already is not told again; if one is after all (the engine was killed between
two commits), its entry has the same key, and the ledger keeps the first.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ivr.asterisk.event_log import EventLog, Piece, Place
from ivr.calls.call import Call
from ivr.calls.events import CallEnded, CallEvent, CallStarted
from ivr.calls.registry import Change
from ivr.calls.retelling import Numbering, Seam, is_news
from ivr.ledger.entries import Source
from ivr.ledger.keeper import Keeper

LATE = timedelta(minutes=1)
"""So long some of a call's legs may outlive it: somebody at a line hears that the caller is gone."""
SLICE = 100
"""Events told before other tasks get their turn: some 10 ms."""
SETTLED_AT_ONCE = 50
"""Calls that are over, told with one question to the database."""
MOST_QUEUED = 2_000
"""So many rows may wait for the database; then the background waits, too."""
RETRY_SECONDS = 5.0
EDGES = 10
"""The place of the log's end is noted each second, and so many are kept: the live events begin behind the
oldest, however slowly the link's coming up was noticed."""
MARK_SECONDS = 10
SAFE_AFTER = timedelta(minutes=1)
"""What was in the log so long ago has been heard, or the link would have been dropped, and is stored."""

_log = structlog.get_logger(__name__)
_NumberedEvent = tuple[CallEvent, int | None]


class Knows(Protocol):
    """:class:`ivr.ledger.known.KnownCalls`."""

    async def of(self, call_ids: Collection[str]) -> Mapping[str, Call]: ...


@dataclass(slots=True)
class _Extent:
    """What the log has of one call."""

    first: datetime
    last: datetime
    events: int = 0
    begun: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class LogStatus:
    """``problem``: why the log could not be read; empty when it could. Counts are since the
    engine's start: events ``taken`` from the log, and pieces of it that were ``unreadable``."""

    problem: str
    taken: int
    unreadable: int
    catching_up: bool


class Missed:
    """``tell`` gets what changed; ``again`` makes the link come up anew, when the log can be read at last.
    ``read_to`` is the bookmark's place, and moves on."""

    def __init__(
        self,
        log: EventLog,
        keeper: Keeper,
        known: Knows,
        tell: Callable[[tuple[Change, ...]], None],
        again: Callable[[str], None],
        now: Callable[[], datetime],
        read_to: Place | None = None,
    ) -> None:
        self._event_log = log
        self._keeper = keeper
        self._known = known
        self._tell = tell
        self._again = again
        self._now = now
        self.read_to = read_to
        self.asterisk_since: datetime | None = None
        """When the Asterisk of now was started: of calls that ended in that moment it is the reason."""
        self.seam = Seam()
        self._edges: deque[Place | None] = deque(maxlen=EDGES)
        self._marks: deque[tuple[datetime, Place]] = deque(maxlen=10_000)
        self._seconds = 0
        self._hears = self._settled = False
        self._extents: dict[str, _Extent] = {}
        self._now_on: set[str] = set()
        """Calls of the log that are told to the registry."""
        self._numbering = Numbering()
        self._end: Place | None = None
        """Behind what was read; ``None`` when there was nothing behind the bookmark."""
        self._rest: asyncio.Task[None] | None = None
        self._problem = ""
        self._taken = self._unreadable = 0

    @property
    def status(self) -> LogStatus:
        catching_up = self._rest is not None and not self._rest.done()
        return LogStatus(self._problem, self._taken, self._unreadable, catching_up)

    async def take_in(self) -> None:
        """The link is up: tell the registry what the log has of calls that may still be on. Never raises."""
        await self.stop()
        self._settled = False
        self._marks.clear()
        self.seam = Seam()
        try:
            await self._survey()
            stored = await self._choose()
            self._numbering = Numbering()
            if self._end is not None:
                async for piece in self._pieces(self.read_to, self._end, self._now_on):
                    await self._tell_registry(piece.events, stored)
            self._problem = ""
        except OSError as error:
            self._cannot(error)

    async def take_tail(self) -> None:
        """Asterisk has been asked which calls are on: tell what has been written until then. Live events
        follow. Never raises."""
        self._hears = True
        if not self._problem:
            try:
                await self._take_tail()
            except OSError as error:
                self._cannot(error)
        live = list(self._keeper.registry.live())
        for call in live:
            # Whose events could not be counted from the beginning, must not be given numbers.
            if self._problem or (call.events and call.id not in self._numbering):
                self._keeper.registry.lose_count(call.id)
        self._rest = asyncio.create_task(self._take_rest(), name="missed-calls")

    async def stop(self) -> None:
        """Leave the rest of the log for the next time."""
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.wait({self._rest})
            self._rest = None

    def lost(self) -> None:
        """The link is down: what is written now is not heard."""
        self._hears = False
        self._marks.clear()

    async def note_end(self) -> None:
        """To be called each second, whatever the link does, and before it comes up first. Never raises."""
        try:
            end = await asyncio.to_thread(self._event_log.end)
        except OSError:  # told when it is to be read
            return
        self._edges.append(end)
        self._seconds += 1
        if self._hears and self._settled and end is not None and self._seconds % MARK_SECONDS == 0:
            self._marks.append((self._now(), end))
            self._move_bookmark()

    def _move_bookmark(self) -> None:
        """Up to where every call is over, and its entries are stored."""
        written = self._keeper.writer.status()
        if not written.well or written.queued > MOST_QUEUED:
            return
        oldest = min((call.seen_at for call in self._keeper.registry.live()), default=self._now())
        while self._marks and self._marks[0][0] < min(oldest, self._now()) - SAFE_AFTER:
            self.read_to = self._marks.popleft()[1]

    async def _pieces(
        self, since: Place | None, until: Place | None, of: Container[str] | None = None
    ) -> AsyncIterator[Piece]:
        reading = self._event_log.read(since, until, of)
        while (piece := await asyncio.to_thread(next, reading, None)) is not None:
            yield piece

    async def _survey(self) -> None:
        """Which calls the log has from the bookmark on, or from its beginning if the bookmark is wrong."""
        while True:
            self._extents, self._end, unreadable = {}, None, 0
            async for piece in self._pieces(self.read_to, None):
                unreadable += piece.unreadable
                self._end = piece.end
                for event in piece.events:
                    self._extend(event)
            if self.read_to is None or not self._begins_too_late():
                break
            self.read_to = None  # a bookmark that is wrong costs time, and nothing else
        self._unreadable += unreadable
        if unreadable:
            _log.warning("event-log-unreadable", pieces=unreadable, remedy="the rest of it was read")

    def _begins_too_late(self) -> bool:
        """Whether calls began before the bookmark and were not over there."""
        if any(
            call.events and not (call.id in self._extents and self._extents[call.id].begun)
            for call in self._keeper.registry.live()
        ):
            return True
        first = min((extent.first for extent in self._extents.values()), default=self._now())
        return any(
            not extent.begun and _born(call_id) < first.timestamp() - 1
            for call_id, extent in self._extents.items()
        )

    def _extend(self, event: CallEvent) -> None:
        extent = self._extents.setdefault(event.call_id, _Extent(event.at, event.at))
        extent.events += 1
        extent.last = event.at
        extent.begun = extent.begun or isinstance(event, CallStarted)
        extent.over = extent.over or isinstance(event, CallEnded)

    async def _choose(self) -> dict[str, Call]:
        """Choose the calls that are told to the registry, and say how those that it does not know stand in
        the record. While that is away they are told from their beginning."""
        registry = self._keeper.registry
        newest = max((extent.last for extent in self._extents.values()), default=self._now())
        self._now_on = {
            id
            for id, extent in self._extents.items()
            if not extent.over or extent.last > newest - LATE or registry.get(id) is not None
        }
        unknown = {id for id in self._now_on if registry.get(id) is None}
        try:
            return dict(await self._known.of(unknown)) if unknown else {}
        except Exception as error:
            _log.warning("record-unread", error=type(error).__name__, instead="the event log alone")
            return {}

    async def _tell_registry(self, events: Iterable[CallEvent], stored: dict[str, Call]) -> None:
        registry = self._keeper.registry
        for place, event in enumerate(events):
            if event.call_id not in self._now_on:
                continue
            known = stored.pop(event.call_id, None)
            if known is not None:
                registry.restore([known])
            number = self._numbering.number(event)
            if is_news(registry.get(event.call_id), event, number):
                self._taken += 1
                self._tell(self._keeper.see(event, Source.ASTERISK_LOG))
            if place % SLICE == 0:
                await asyncio.sleep(0)

    async def _take_tail(self) -> None:
        surveyed = self._extents.keys() - self._now_on
        async for piece in self._pieces(self._end or self.read_to, None):
            self._now_on |= {event.call_id for event in piece.events} - surveyed
            await self._tell_registry(piece.events, {})
            self._unreadable += piece.unreadable
            self._end = piece.end
        told: list[CallEvent] = []
        if self._edges and self._end is not None:
            async for piece in self._pieces(self._edges[0], self._end):
                told.extend(piece.events)
        self.seam = Seam(told)
        if self._end is None and self.read_to is None and any(self._keeper.registry.live()):
            raise FileNotFoundError("Calls are on, and it has none")

    async def _take_rest(self) -> None:
        """Calls that are over, and then: in step."""
        try:
            if not self._problem:
                await self._tell_whole()
                self._settled = True
                return
        except OSError as error:
            self._cannot(error)
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(OSError):
                if await asyncio.to_thread(self._can_be_read):
                    self._again("Asterisk's event log can be read again: everything is looked at anew")
                    return

    def _can_be_read(self) -> bool:
        return any(piece.events for piece in self._event_log.read(self.read_to))

    async def _tell_whole(self) -> None:
        extents = {id: extent for id, extent in self._extents.items() if id not in self._now_on}
        self._extents = {}
        if not extents or self._end is None:
            return
        left = {id: extent.events for id, extent in extents.items()}
        numbering = Numbering()
        stories: dict[str, list[_NumberedEvent]] = {}
        whole: list[tuple[str, list[_NumberedEvent]]] = []
        before = self._taken
        async for piece in self._pieces(self.read_to, self._end, extents):
            for event in piece.events:
                stories.setdefault(event.call_id, []).append((event, numbering.number(event)))
                left[event.call_id] -= 1
                if not left[event.call_id]:
                    whole.append((event.call_id, stories.pop(event.call_id)))
                    if len(whole) == SETTLED_AT_ONCE:
                        await self._settle(whole)
                        whole = []
        await self._settle(whole)
        _log.info("missed-calls-taken", calls=len(extents), events=self._taken - before)

    async def _settle(self, whole: Iterable[tuple[str, list[_NumberedEvent]]]) -> None:
        stories = dict(whole)
        known = await self._stored(stories)
        for call_id, story in stories.items():
            change = self._keeper.see_whole(
                self._keeper.registry.get(call_id) or known.get(call_id),
                story,
                self.asterisk_since,
                self._now(),
            )
            if change is not None:
                self._taken += len(story)
                self._tell((change,))
            await asyncio.sleep(0)

    async def _stored(self, call_ids: Collection[str]) -> Mapping[str, Call]:
        """How they stand in the record; waits until it can say, and has taken what was told before."""
        while True:
            written = self._keeper.writer.status()
            if written.queued < MOST_QUEUED and not written.journal_bytes:
                with suppress(Exception):
                    return await self._known.of(call_ids)
            await asyncio.sleep(0.05 if written.well else RETRY_SECONDS)

    def _cannot(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self._problem:
            _log.error("event-log-unread", reason=reason, remedy="ivr doctor looks into it")
        self._problem = reason


def _born(call_id: str) -> float:
    """The second in which a channel was made, as its Uniqueid has it; 0 where it has none."""
    second = call_id.rpartition("-")[2].partition(".")[0]
    return float(second) if second.isdecimal() else 0.0
