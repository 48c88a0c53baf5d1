"""Keeps the bookmark (:mod:`ivr.ledger.bookmark`) where the record is, for the engine's next start."""

import asyncio
from pathlib import Path

import structlog

from ivr.ledger import bookmark
from ivr.missed import Missed
from ivr.queueing.shifts import Shifts

LOOK_SECONDS = 1.0
"""How often Asterisk's log is followed (:meth:`Missed.note_end`)."""

_log = structlog.get_logger(__name__)


class Bookmarking:
    """``path`` is the bookmark's file. ``missed`` knows how far Asterisk's event log was read, ``shifts`` who
    is believed to be on duty."""

    def __init__(self, path: Path, missed: Missed, shifts: Shifts) -> None:
        self._path = path
        self._missed = missed
        self._shifts = shifts
        self._kept = bookmark.Bookmark()

    async def restore(self) -> None:
        """Let both go on where an earlier run was."""
        self._kept = await asyncio.to_thread(bookmark.load, self._path)
        self._missed.read_to = self._kept.read_to
        self._shifts.believed = self._kept.duties

    async def run(self) -> None:
        """Follow the log and move the bookmark, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._missed.note_end()
            mark = bookmark.Bookmark(self._missed.read_to, self._shifts.believed)
            if mark != self._kept:
                try:
                    await asyncio.to_thread(bookmark.save, self._path, mark)
                    self._kept = mark
                except OSError as error:
                    _log.warning("bookmark_not_written", reason=error.strerror)
