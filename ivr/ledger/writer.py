"""The one writer of the record.

Calls hand over what happened and go on at once; a task stores it in batches. In order of failure:

1. The database refuses, or is too slow: what waits goes to the journal file, in order, and from there into
   the database when it is back. New rows queue behind the journal, so the order within a call is kept. On a
   full disk the journal has room that is reserved for it.
2. The journal cannot be written either: rows stay in memory, up to :attr:`Tuning.bound`.
3. The memory is full: further rows are lost, counted and shouted about. The calls themselves go on.

Storing a row twice changes nothing (:func:`ivr.ledger.storing.store` looks where that may be), so whatever is
in doubt after a crash is stored again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.calls.call import Call
from ivr.ledger.entries import CallerData, Entry
from ivr.ledger.journal import Journal
from ivr.ledger.rows import Row
from ivr.ledger.storing import store
from ivr.ledger.vault import Vault
from ivr.ledger.waiting import Batch, Waiting
from ivr.store.faults import in_short, rows_at_fault

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tuning:
    batch: int = 500
    """Rows of one commit."""
    linger_seconds: float = 0.5
    """A commit waits so long for more rows; so much of the record a killed engine can lose. A commit costs
    about as much as the rows of a whole call."""
    commit_seconds: float = 5.0
    """A commit that takes longer counts as failed."""
    spill_at: int = 10_000
    """So many waiting rows mean that the database is too slow: they go to the journal."""
    bound: int = 50_000
    """Rows and changed calls kept in memory (about 1 kB each) when database and journal both fail."""
    retry_seconds: tuple[float, float] = (0.25, 5.0)
    """First and longest pause before the next try."""
    reserve_seconds: float = 30.0
    """Where the disk has no room for the journal's reserve, so long until the next look."""


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """How the record does, for health and metrics. Counts are since the engine's start."""

    queued: int
    journal_bytes: int
    stored: int
    lost: int
    refused: int
    away_since: datetime | None
    """Since when the database takes nothing; ``None`` when all is well."""
    last_error: str | None
    disk_full: bool = False
    """It was, and the room that the journal had kept for that is in use."""

    @property
    def well(self) -> bool:
        wrong = (self.journal_bytes, self.lost, self.refused, self.disk_full)
        return self.away_since is None and not any(wrong)


class _AwayError(Exception):
    """The database does not take rows now."""


class LedgerWriter:
    """``record``, ``record_caller`` and ``project`` never wait and never raise. ``vault`` seals personal
    data; without it none is kept. ``prepare`` (the migrations) is awaited before the first commit and again
    until it succeeds. ``reserve_bytes`` of the disk are kept for the journal."""

    def __init__(
        self,
        engine: AsyncEngine,
        journal: Path,
        *,
        vault: Vault | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
        reserve_bytes: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tuning: Tuning = Tuning(),
    ) -> None:
        self._engine = engine
        self._journal = Journal(journal, reserve_bytes)
        self._prepare = prepare
        self._now = now
        self._tuning = tuning
        self._waiting = Waiting(tuning.bound, vault)
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._preparing: asyncio.Future[None] | None = None
        self._hanging: set[asyncio.Task[None]] = set()
        self._journal_failed = False
        self._doubtful = False
        """A commit failed: rows that wait may be stored all the same."""
        self._retry_at = self._reserve_at = 0.0
        self._pause = tuning.retry_seconds[0]
        self._away_since: datetime | None = None
        self._last_error: str | None = None
        self._stored = self._lost = self._refused = 0

    def start(self) -> None:
        """Begin to store, first what an earlier run left in the journal."""
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger-writer")

    def record(self, entry: Entry) -> None:
        """Put down what happened."""
        self._put(self._waiting.add(entry, self._now()))

    def record_caller(self, caller: CallerData) -> None:
        """Put down personal data. A second time for the same call adds to the first. With the vault locked,
        nothing is kept."""
        self._put(self._waiting.add_caller(caller, self._now()))

    def project(self, call: Call) -> None:
        """Put down how a call stands now; replaces what was put down before, within
        :data:`ivr.ledger.waiting.CALL_SECONDS` unless it is new or has ended."""
        if not self._waiting.put(call):
            self._lose()
        elif self._closed:
            self._to_journal_at_last()
        elif self._waiting.is_due(call, self._clock()):
            self._wake.set()

    def status(self) -> WriterStatus:
        return WriterStatus(
            queued=len(self._waiting),
            journal_bytes=self._journal.size,
            stored=self._stored,
            lost=self._lost,
            refused=self._refused,
            away_since=self._away_since,
            last_error=self._last_error,
            disk_full=self._journal.reserve.used,
        )

    @property
    def ready(self) -> bool:
        """Whether the database has answered, and has the tables of this release."""
        return self._prepare is None and self._away_since is None

    async def close(self, deadline: float = 5.0) -> None:
        """Store all that waits, or leave it in the journal. Takes little more than ``deadline`` seconds."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=deadline)
            self._task.cancel()
            await asyncio.wait({self._task, *self._hanging}, timeout=1.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._spill(), deadline)
        self._closed = True
        if self._waiting:
            rows = self._waiting.forget()
            self._lost += rows
            _log.critical("ledger-rows-lost", rows=rows, error=self._last_error)

    def _put(self, taken: bool) -> None:
        if not taken:
            self._lose()
            return
        if self._closed:
            self._to_journal_at_last()
        if len(self._waiting) >= self._tuning.spill_at:
            self._full.set()
        self._wake.set()

    def _lose(self) -> None:
        self._lost += 1
        if self._lost.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …: loud, and not itself a flood
            _log.critical("ledger-rows-lost", rows=self._lost, error=self._last_error)

    def _to_journal_at_last(self) -> None:
        _log.error("ledger-row-after-close", remedy="written to the journal, stored at the next start")
        with suppress(OSError):
            batch = self._batch(self._tuning.bound)
            self._journal.append(batch.rows(self._now()))
            self._waiting.stored(batch)

    async def _run(self) -> None:
        while True:
            await self._wait_for_work()
            last = self._closing
            try:
                await self._turn(last=last)
            except Exception as error:  # the record must go on, whatever went wrong with this turn
                _log.exception("ledger-writer-failed")
                self._away(error)
            if last:
                return

    async def _wait_for_work(self) -> None:
        until = self._waiting.next_due() if self._away_since is None else self._retry_at
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wake.wait()
        self._wake.clear()
        if not self._closing:
            await asyncio.sleep(self._tuning.linger_seconds)

    async def _turn(self, *, last: bool) -> None:
        """Bring all that waits to the database, or, while it is away, to the journal."""
        self._full.clear()
        await self._keep_reserve()
        if last or self._clock() >= self._retry_at:
            try:
                await self._to_database()
            except _AwayError as error:
                self._away(error)
            else:
                self._back()
                return
        await self._spill()

    async def _keep_reserve(self) -> None:
        if self._clock() >= self._reserve_at and self._journal.reserve.wanted:
            self._reserve_at = self._clock() + self._tuning.reserve_seconds
            await asyncio.to_thread(self._journal.reserve.keep)

    async def _to_database(self) -> None:
        """The journal first, then the queue. Raises :class:`_AwayError`."""
        await self._be_prepared()
        while self._journal.size:
            await self._from_journal()
        while batch := self._batch(self._tuning.batch):
            await self._store(batch.rows(self._now()), replay=False)
            self._waiting.stored(batch)
            if len(batch) < self._tuning.batch and not self._closing:
                return  # What has come meanwhile waits for more, too.

    async def _from_journal(self) -> None:
        try:
            chunk = await asyncio.to_thread(self._journal.read, self._tuning.batch)
            await self._store(chunk.rows, replay=True)
            if chunk.unreadable:
                _log.error("ledger-journal-torn", lines=len(chunk.unreadable))
                await self._refuse(chunk.unreadable)
            await asyncio.to_thread(self._journal.done, chunk)
        except OSError as error:
            raise _AwayError(f"journal {self._journal.path}: {error}") from error

    async def _spill(self) -> None:
        """What is to be stored now to the journal, behind what is there."""
        while batch := self._batch(self._tuning.spill_at):
            try:
                await asyncio.to_thread(self._journal.append, batch.rows(self._now()))
            except OSError as error:
                self._last_error = f"journal {self._journal.path}: {error}"
                if not self._journal_failed:
                    _log.critical("ledger-journal-failed", error=self._last_error, waiting=len(self._waiting))
                self._journal_failed = True
                return
            self._journal_failed = False
            self._waiting.stored(batch)

    async def _store(self, rows: Sequence[Row], *, replay: bool) -> None:
        """One commit. A row that the database will never take is found by halving and put aside."""
        if not rows:
            return
        looked = replay or self._doubtful
        try:
            await self._commit(rows, replay)
        except Exception as error:
            self._doubtful = True
            if not rows_at_fault(error):
                raise _AwayError(in_short(error)) from error
            if not looked:
                await self._store(rows, replay=replay)
                return
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._store(rows[:middle], replay=replay)
                await self._store(rows[middle:], replay=replay)
                return
            _log.error("ledger-row-refused", table=rows[0].table, error=in_short(error))
            try:
                await self._refuse([rows[0].to_line()])
            except OSError as failure:
                raise _AwayError(f"journal {self._journal.refused_path}: {failure}") from failure
        else:
            self._stored += len(rows)

    async def _commit(self, rows: Sequence[Row], replay: bool) -> None:
        """Give up waiting at the deadline. The try itself is then cancelled on PostgreSQL; on SQLite it is
        left to end by its own busy timeout, because a cancelled one can keep the lock for ever. Either way
        no other begins before it is over, and if it succeeds after all, storing again changes nothing."""
        if self._hanging:
            raise TimeoutError("the last try still hangs")

        async def commit() -> None:
            async with self._engine.begin() as connection:
                await store(connection, rows, replay=replay, doubtful=self._doubtful)

        task = self._spawn(commit())
        try:
            await self._within(task)
        except TimeoutError:
            if self._engine.dialect.name != "sqlite":
                task.cancel()
            raise

    async def _be_prepared(self) -> None:
        if self._prepare is None:
            return
        if self._preparing is None:
            self._preparing = asyncio.ensure_future(self._prepare())
        try:
            await self._within(self._preparing)
        except Exception as error:
            if self._preparing.done():
                self._preparing = None
            raise _AwayError(in_short(error)) from error
        self._prepare = None

    async def _within(self, task: asyncio.Future[None]) -> None:
        """Wait for ``task`` until the deadline, or until too much waits; then :class:`TimeoutError`."""
        full = asyncio.ensure_future(self._full.wait())
        both: set[asyncio.Future[Any]] = {task, full}
        try:
            await asyncio.wait(both, timeout=self._tuning.commit_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            full.cancel()
        if not task.done():
            waited = f"{len(self._waiting)} rows wait" if self._full.is_set() else "the deadline is over"
            raise TimeoutError(f"too slow: {waited}")
        task.result()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._hanging.add(task)
        task.add_done_callback(self._hanging.discard)
        return task

    async def _refuse(self, lines: Sequence[bytes]) -> None:
        await asyncio.to_thread(self._journal.refuse, lines)
        self._refused += len(lines)

    def _batch(self, most: int) -> Batch:
        return self._waiting.batch(most, self._clock(), everything=self._closing)

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()

    def _away(self, error: Exception) -> None:
        self._last_error = str(error)
        self._retry_at = self._clock() + self._pause
        self._pause = min(self._pause * 2, self._tuning.retry_seconds[1])
        if self._away_since is None:
            self._away_since = self._now()
            _log.error("ledger-database-away", error=self._last_error, remedy="rows wait in the journal")

    def _back(self) -> None:
        self._doubtful = False
        self._retry_at, self._pause = 0.0, self._tuning.retry_seconds[0]
        if self._away_since is not None:
            _log.warning("ledger-database-back", since=self._away_since.isoformat())
            self._away_since = None
