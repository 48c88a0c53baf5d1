"""Notices that Asterisk's clock was set to another time, and frees the callers whom that holds.

Asterisk measures its waits by the clock on the wall. When it goes back by an hour, whoever waits in a queue
is tried at a free operator's phone an hour later: seen on 22.10.1. Sent to the beginning of their stage or
menu, callers go on as before. When it goes ahead, the dialplan helps itself (queue.conf).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from ivr.calls.call import Call
from ivr.calls.findings import Kind
from ivr.calls.states import WAITING, State
from ivr.errors import AmiError, AmiRefused
from ivr.vocabulary import REPEAT, Context

LOOK_SECONDS = 2.0
JUMP_SECONDS = 2.0
"""A clock that NTP keeps drifts by 1 ms in two seconds at the most."""

_log = structlog.get_logger(__name__)


class Acts(Protocol):
    """What :class:`ivr.asterisk.ami_link.AmiLink` offers and this needs."""

    def action(self, name: str, headers: Mapping[str, str]) -> Awaitable[Mapping[str, str]]: ...


class ClockWatch:
    """``live`` are the calls that are there, ``note`` puts down what concerns no call."""

    def __init__(
        self,
        link: Acts,
        live: Callable[[], Iterable[Call]],
        note: Callable[[Kind, datetime, Mapping[str, object]], None],
    ) -> None:
        self._link = link
        self._live = live
        self._note = note
        self._offset: float | None = None
        """Asterisk's clock less the monotonic one, at the last look."""

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except AmiError:
                continue  # The link says it, and makes itself anew.
            except Exception as error:
                _log.error("clock-watch-failed", error=type(error).__name__)

    async def look(self) -> None:
        """Look once, and do what follows. Raises :class:`AmiError` when Asterisk does not answer."""
        began = time.monotonic()
        clock = float((await self._link.action("Ping", {}))["Timestamp"])
        took = time.monotonic() - began
        was, self._offset = self._offset, clock - began
        jump = 0.0 if was is None else self._offset - was
        now = datetime.fromtimestamp(clock, UTC)
        if abs(jump) >= JUMP_SECONDS + took:
            moved = await self._free(list(self._live())) if jump < 0 else 0
            _log.error(
                "clock-jumped",
                seconds=round(jump, 1),
                moved=moved,
                remedy="let NTP keep the clock: ivr doctor",
            )
            self._note(Kind.CLOCK_JUMPED, now, {"seconds": round(jump, 1), "moved": moved})
        elif was is None:
            # It may have jumped before this engine looked: then somebody waits since a time that is to come.
            await self._free(
                call for call in self._live() if _since(call) > now + timedelta(seconds=JUMP_SECONDS)
            )

    async def _free(self, calls: Iterable[Call]) -> int:
        """Send them to the beginning of their stage or menu; how many went."""
        moved = 0
        for call in calls:
            if call.channel is None or call.state not in WAITING or call.state is State.TRUNK:
                continue
            menu = call.state is State.MENU
            place = {
                "Context": str(Context.MENU if menu else Context.PLAN),
                "Exten": REPEAT,
                "Priority": "1",
            }
            try:
                await self._link.action("Redirect", {"Channel": call.channel, **place})
                moved += 1
            except AmiRefused as error:
                _log.info("caller-not-moved", call=call.id, reason=str(error))  # gone meanwhile
        return moved


def _since(call: Call) -> datetime:
    if call.state is State.MENU:
        return call.menu_at or call.seen_at
    return call.stage.since if call.stage is not None else call.seen_at
