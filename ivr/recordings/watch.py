"""Looks at recordings while people talk, and once more after each call. Nothing waits for it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from ivr.calls.call import Call
from ivr.calls.findings import Kind
from ivr.calls.notes import EngineNote, RecordingJudged, RecordingSilent
from ivr.calls.registry import Change, Registry
from ivr.calls.states import State
from ivr.recordings.disk import DiskGuard
from ivr.recordings.files import Found, find, sizes
from ivr.recordings.rules import Growth, Why, look, seconds_of, why_failed

LOOK_SECONDS = 1.0
CLOSE_SECONDS = 5.0
"""After a call's end Asterisk takes so long at the most to close its recording (a blink, but for a disk that
hangs); then it is judged as it is."""
MOST_WAITING = 50_000
"""Calls that wait to be looked at. What is beyond it stays open in the record and is looked at after the next
start."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """``stopped``: no new call is recorded, for want of disk (``free_bytes`` at the last look). ``silent``:
    talks that are not recorded now. Counted since the engine's start: whole and failed ones."""

    stopped: bool
    free_bytes: int | None
    reserve_bytes: int
    silent: int
    saved: int
    failed: int


@dataclass(frozen=True, slots=True)
class _Ended:
    call: Call
    of_seconds: float
    until: float
    """When it is judged, closed or not: of the monotonic clock."""


class RecordingWatch:
    """``root`` is the directory of recordings, ``note`` puts down what is found, ``quiet_seconds`` is the
    longest that a call may wait for the engine (in which nothing is recorded)."""

    def __init__(
        self,
        root: Path,
        registry: Registry,
        disk: DiskGuard,
        note: Callable[[EngineNote], None],
        now: Callable[[], datetime],
        quiet_seconds: float,
    ) -> None:
        self._root = root
        self._registry = registry
        self._disk = disk
        self._note = note
        self._now = now
        self._quiet_seconds = quiet_seconds
        self._answered: dict[str, float] = {}
        """When live calls were answered, by the monotonic clock: a clock that jumps makes no call longer."""
        self._growth: dict[str, Growth] = {}
        """Of the talks that go on now."""
        self._ended: deque[_Ended] = deque()
        self._saved = self._failed = 0

    @property
    def status(self) -> RecordingStatus:
        silent = sum(growth.told for growth in self._growth.values())
        return RecordingStatus(
            stopped=self._disk.stopped,
            free_bytes=self._disk.free,
            reserve_bytes=self._disk.reserve,
            silent=silent,
            saved=self._saved,
            failed=self._failed,
        )

    def changed(self, change: Change, *, live: bool = True) -> None:
        """Something happened to a call; not ``live``: some time ago."""
        for finding in change.findings:
            if finding.kind is Kind.TRUNK_ANSWERED and live:
                self._answered[change.call.id] = time.monotonic()
            elif finding.kind is Kind.ENDED:
                answered = self._answered.pop(change.call.id, None)
                seconds = None if answered is None or not live else time.monotonic() - answered
                self._wait_for(change.call, seconds)

    def take(self, calls: Iterable[Call]) -> None:
        """Look at the recordings of calls that ended in an earlier run of the engine."""
        for call in calls:
            if call.recording_due:
                self._wait_for(call, None)

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look_at_talks()
                await self._judge_ended()
            except Exception as error:
                _log.error("recording-watch-failed", error=type(error).__name__)

    def _wait_for(self, call: Call, seconds: float | None) -> None:
        if call.answered_at is None or call.ended_at is None or call.recording is not None:
            return
        if len(self._ended) >= MOST_WAITING:
            _log.error("recording-not-looked-at", call=call.id, remedy="looked at after the next start")
            return
        if seconds is None:
            seconds = (call.ended_at - call.answered_at).total_seconds()
        self._ended.append(_Ended(call, max(0.0, seconds), time.monotonic() + CLOSE_SECONDS))

    async def _look_at_talks(self) -> None:
        talks = [call for call in self._registry.live() if call.state is State.TALKING]
        found = await asyncio.to_thread(sizes, self._root, talks) if talks else []
        at = time.monotonic()
        before, self._growth = self._growth, {}
        for call, size in zip(talks, found, strict=True):
            self._growth[call.id], lacks = look(before.get(call.id), at, size or 0)
            if lacks is not None:
                self._alarm(call, size, lacks)

    def _alarm(self, call: Call, size: int | None, seconds: float) -> None:
        known = self._registry.get(call.id)
        if known is None or known.state is not State.TALKING:  # It ended while the disk was asked.
            return
        why = Why.DISK if self._disk.stopped else Why.INCOMPLETE if size else Why.MISSING
        _log.error(
            "recording-alarm",
            call=call.id,
            why=str(why),
            seconds=round(seconds, 1),
            remedy="look at the disk of IVR_STATE and at Asterisk's log/messages; the talk goes on",
        )
        now = self._now()
        since = now - timedelta(seconds=seconds)
        self._note(RecordingSilent(call.id, now, since, str(why), self._disk.free))

    async def _judge_ended(self) -> None:
        waiting, self._ended = self._ended, deque()
        if not waiting:
            return
        found = await asyncio.to_thread(lambda: [find(self._root, ended.call) for ended in waiting])
        at = time.monotonic()
        for ended, file in zip(waiting, found, strict=True):
            if (file is not None and file.closed) or at >= ended.until:
                self._judge(ended, file)
            else:
                self._ended.append(ended)

    def _judge(self, ended: _Ended, file: Found | None) -> None:
        # As it is now: a gap may have been told after the end was seen.
        call = self._registry.get(ended.call.id) or ended.call
        if file is None and not call.recording_due:
            return
        why = why_failed(
            None if file is None else file.size,
            ended.of_seconds,
            gaps=call.recording_gaps,
            disk=self._disk.stopped_since(call.answered_at),
            quiet_seconds=self._quiet_seconds,
        )
        seconds = 0.0 if file is None else seconds_of(file.size)
        if why is None:
            self._saved += 1
        else:
            self._failed += 1
            _log.error("recording-failed", call=call.id, why=str(why), seconds=seconds, of=ended.of_seconds)
        self._note(
            RecordingJudged(
                call_id=call.id,
                at=self._now(),
                file=None if file is None else file.file,
                size=0 if file is None else file.size,
                seconds=seconds,
                of_seconds=ended.of_seconds,
                why=None if why is None else str(why),
            )
        )
