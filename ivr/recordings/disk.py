"""Gives recordings up before the disk is full: the record of calls needs the last of it more.

Asterisk itself says nothing of a full disk. So the free space is looked at, and while there is too little,
Asterisk is told again and again not to begin recordings, for a minute each time: should the engine die, or
forget, recordings begin again by themselves.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Protocol

import structlog

from ivr.calls.call import Call
from ivr.calls.findings import Kind
from ivr.errors import AmiError, AmiRefused
from ivr.recordings.files import free_bytes
from ivr.vocabulary import GlobalVariable

LOOK_SECONDS = 5.0
STATVFS_SECONDS = 4.0
"""A disk that does not answer for so long counts as it was."""
HOLD_SECONDS = 60
"""For so long Asterisk begins no recording after it was told; dialplan/intake.conf knows the same number."""
RUNNING_SHARE = 0.25
"""Below this share of the reserve recordings that run are ended, too."""
RESUME_SHARE = 1.25
"""Recordings begin again when there is so much more than the reserve: not to and fro at its border."""

_REMEDY = (
    "beri ruang di disk IVR_STATE (rekaman lama, log), atau IVR_STATE di disk lain / make room on the disk "
    "of IVR_STATE (old recordings, logs), or put IVR_STATE on another disk; calls go on, unrecorded"
)
_log = structlog.get_logger(__name__)


class Room(IntEnum):
    """How much room there is for recordings."""

    FULL = 0
    """For none: those that run are ended."""
    TIGHT = 1
    """For those that run."""
    ENOUGH = 2


def room(free: int, reserve: int, was: Room) -> Room:
    """What ``free`` bytes are enough for; ``was`` is what they were enough for before."""
    if free < reserve * RUNNING_SHARE:
        return Room.FULL
    if free < reserve:
        return Room.TIGHT
    if was is not Room.ENOUGH and free < reserve * RESUME_SHARE:
        return Room.TIGHT
    return Room.ENOUGH


class Acts(Protocol):
    """What :class:`ivr.asterisk.ami_link.AmiLink` offers and this needs."""

    def action(self, name: str, headers: Mapping[str, str]) -> Awaitable[object]: ...


class DiskGuard:
    """``places`` are the directories whose disks count, ``reserve`` the bytes below which no recording
    begins, ``live`` the calls that are there, ``note`` puts down what concerns no call."""

    def __init__(
        self,
        places: tuple[Path, ...],
        reserve: int,
        link: Acts,
        live: Callable[[], Iterable[Call]],
        note: Callable[[Kind, datetime, Mapping[str, object]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._places = places
        self._reserve = reserve
        self._link = link
        self._live = live
        self._note = note
        self._now = now
        self._room = Room.ENOUGH
        self._ended: set[str] = set()
        """Live calls whose recordings were ended."""
        self._stopped_until: datetime | None = None
        self._looking: asyncio.Future[int] | None = None
        self.free: int | None = None
        """Bytes, at the last look; ``None`` before the first."""

    @property
    def stopped(self) -> bool:
        return self._room is not Room.ENOUGH

    @property
    def reserve(self) -> int:
        return self._reserve

    def stopped_since(self, at: datetime | None) -> bool:
        """Whether recordings were stopped now or at any time after ``at``."""
        return self.stopped or (
            self._stopped_until is not None and at is not None and self._stopped_until >= at
        )

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            try:
                await self.look()
            except Exception as error:
                _log.error("recording-disk-watch-failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once, and do what follows."""
        free = await self._ask_disk()
        if free is None:
            return
        self.free = free
        was, self._room = self._room, room(free, self._reserve, self._room)
        self._tell(was, free)
        if not self.stopped:
            if was is not Room.ENOUGH:
                await self._hold(0)
            return
        await self._hold(int(time.time()) + HOLD_SECONDS)
        if self._room is Room.FULL:
            await self._end_running()

    async def _ask_disk(self) -> int | None:
        """One thread at a time, also when the file system hangs."""
        if self._looking is None:
            self._looking = asyncio.ensure_future(asyncio.to_thread(free_bytes, *self._places))
        await asyncio.wait({self._looking}, timeout=STATVFS_SECONDS)
        if not self._looking.done():
            _log.error("recording-disk-hangs", places=[str(place) for place in self._places])
            return None
        looking, self._looking = self._looking, None
        return looking.result()

    def _tell(self, was: Room, free: int) -> None:
        now = self._now()
        if self.stopped:
            self._stopped_until = now
        if self._room is was:
            return
        data = {"free_bytes": free, "reserve_bytes": self._reserve, "running": self._room is not Room.FULL}
        if not self.stopped:
            _log.warning("recording-resumed", free_bytes=free)
            self._note(Kind.RECORDING_RESUMED, now, {"free_bytes": free, "reserve_bytes": self._reserve})
            self._ended.clear()
        elif self._room < was:
            _log.critical("recording-stopped", **data, remedy=_REMEDY)
            self._note(Kind.RECORDING_STOPPED, now, data)

    async def _hold(self, until: int) -> None:
        try:
            await self._link.action(
                "Setvar", {"Variable": GlobalVariable.NO_RECORDING_UNTIL.value, "Value": str(until)}
            )
        except AmiError as error:
            _log.error("recording-hold-failed", reason=str(error), remedy="tried again in 5 s")

    async def _end_running(self) -> None:
        live = {call.id: call.channel for call in self._live() if call.channel}
        self._ended &= live.keys()
        for call_id, channel in live.items():
            if call_id in self._ended:
                continue
            try:
                await self._link.action("StopMixMonitor", {"Channel": channel})
            except AmiRefused as error:
                _log.info("recording-not-ended", call=call_id, reason=str(error))
            except AmiError as error:
                _log.error("recording-not-ended", call=call_id, reason=str(error))
                return
            self._ended.add(call_id)
