"""Keeps the head of the ledger's chain in a file outside the database, and sees when a tail was cut off.

About once a second while entries come: is what was anchored last still in the database? Then the head of now
is anchored. What is missing is shouted about, stays in the file, and is itself an entry; calls go on.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.calls.findings import Kind
from ivr.ledger import anchor
from ivr.ledger.anchor import Anchored, Cut, Line
from ivr.ledger.chain import Head
from ivr.ledger.entries import of_no_call
from ivr.ledger.writer import LedgerWriter
from ivr.store.faults import in_short
from ivr.store.tables import ledger

EVERY_SECONDS = 1.0
"""So much of the newest entries could be cut off without a trace in the file."""
LINES = 4_000
"""After so many lines (0.6 MB) the file is thinned to one an hour: 9,000 lines (1.3 MB) a year."""
CLOSE_SECONDS = 3.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AnchorStatus:
    """``error``: why the head cannot be anchored now."""

    newest: Anchored | None = None
    cut: Cut | None = None
    error: str | None = None


class Anchoring:
    def __init__(
        self,
        engine: AsyncEngine,
        path: Path,
        writer: LedgerWriter,
        *,
        every_seconds: float = EVERY_SECONDS,
        lines: int = LINES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._path = path
        self._writer = writer
        self._every = every_seconds
        self._most_lines = lines
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._known = False
        """Whether the file was read."""
        self._newest: Anchored | None = None
        self._cut: Cut | None = None
        self._error: str | None = None
        self._stored = -1
        """What the writer had stored when the head was anchored last."""
        self._lines = 0
        self._size = 0
        """Of the file as this process left it."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="anchor")

    async def close(self) -> None:
        """Anchor the head a last time. The writer must be closed, the database not."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._turn()

    def status(self) -> AnchorStatus:
        return AnchorStatus(self._newest, self._cut, self._error)

    async def _run(self) -> None:
        while True:
            await self._turn()
            await asyncio.sleep(self._every)

    async def _turn(self) -> None:
        try:
            if self._known and self._cut is not None:
                await self._look_for_acceptance()
            if self._writer.ready and self._writer.status().stored != self._stored:
                await self._anchor()
            self._error = None
        except Exception as error:  # whatever it is: the calls and their record go on
            if self._error is None:
                _log.error("ledger-not-anchored", error=in_short(error))
            self._error = in_short(error)

    async def _anchor(self) -> None:
        stored = self._writer.status().stored
        if not self._known:
            await self._read()
        before = self._newest
        last, whole = await self._compare(before)
        now = self._now()
        lines: list[Line] = []
        if before is not None and not whole:
            cut = Cut(before, last, now)
            self._cut = self._cut or cut
            lines.append(cut)
        newest = None if last is None else Anchored(last.seq, last.hash, now)
        if newest is not None and (before is None or lines or newest.seq != before.seq):
            lines.append(newest)
        if lines:
            await asyncio.to_thread(self._write, lines)
            self._tell(before, lines, last)
            self._newest = newest
        self._stored = stored

    async def _compare(self, before: Anchored | None) -> tuple[Head | None, bool]:
        """The head, and whether ``before`` is in the ledger; both of one moment."""
        anchored = (
            select(ledger.c.hash).where(ledger.c.seq == (before.seq if before else 0)).scalar_subquery()
        )
        both = select(ledger.c.seq, ledger.c.hash, anchored).order_by(ledger.c.seq.desc()).limit(1)
        async with self._engine.connect() as connection:
            row = (await connection.execute(both)).one_or_none()
        if row is None:
            return None, before is None
        return Head(row[0], row[1]), before is None or row[2] == before.hash

    def _tell(self, before: Anchored | None, lines: list[Line], last: Head | None) -> None:
        """Entries of the record: the next head covers them."""
        now = self._now()
        for line in lines:
            if isinstance(line, Cut):
                _log.critical(
                    "ledger-cut",
                    anchored=line.anchored.seq,
                    found=None if last is None else last.seq,
                    remedy="ivr ledger verify",
                )
                self._writer.record(of_no_call(str(Kind.LEDGER_CUT), now, line.to_json()))
        if before is None and last is not None:
            _log.info("ledger-anchor-begun", seq=last.seq)
            self._writer.record(of_no_call(str(Kind.LEDGER_ANCHORED), now, {"seq": last.seq}))

    async def _read(self) -> None:
        anchors = await asyncio.to_thread(anchor.read, self._path)
        self._newest, self._cut, self._lines = anchors.newest, anchors.cut, len(anchors.lines)
        if anchors.unreadable:
            _log.error("ledger-anchor-unreadable", lines=anchors.unreadable)
        self._known = True

    async def _look_for_acceptance(self) -> None:
        if self._path.stat().st_size != self._size:
            self._cut = (await asyncio.to_thread(anchor.read, self._path)).cut
            self._size = self._path.stat().st_size

    def _write(self, lines: list[Line]) -> None:
        anchor.append(self._path, lines)
        self._lines += len(lines)
        if self._lines >= self._most_lines:
            anchor.thin(self._path)
            self._lines = 0
        self._size = self._path.stat().st_size
