"""How the rules of a running engine change: watched, made ready beside the calls, switched in one moment.

What Asterisk needs for new rules is there before the first call is decided by them, and stays there until the
last call that was decided by older ones has ended.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from ivr.asterisk.failures import place
from ivr.asterisk.reload_session import reload_session
from ivr.errors import AmiError, IvrError
from ivr.prompts import Catalogue
from ivr.render.files import secret
from ivr.routing.rules import Rules
from ivr.rulebook.by_hand import ByHand, path_of, read_by_hand
from ivr.rulebook.opening import Rulebook
from ivr.rulebook.taking import Answer, Failed, Job, Refused, Same, Taken, went_live
from ivr.rulebook.watch import LOOK_SECONDS, Watch
from ivr.rulebook.worker import Worker
from ivr.settings import Settings

RETRY_SECONDS = 1.0
"""When Asterisk is away or the disk is full."""
LONGEST_RETRY_SECONDS = 30.0
"""Making rules ready again and again costs CPU that calls need; a change of the file is taken at once."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RulesStatus:
    """``number`` and ``digest`` are of the rules in force. ``refused``: the problems of a newer IVR_ROUTING,
    whose digest is ``refused_digest``. ``waiting``: why right rules are not live yet. ``by_hand``: what is
    wrong with the file of marks. ``in_asterisk``: whether this engine has seen to it that Asterisk has its
    part of them; until then it may go by files of an earlier start."""

    number: int | None
    digest: str
    refused: tuple[str, ...] = ()
    refused_digest: str = ""
    waiting: str = ""
    by_hand: str = ""
    in_asterisk: bool = False


class Changes:
    """``switch`` takes new rules and prompts; ``expect`` gets them before Asterisk does. ``marks`` takes new
    marks of people. ``in_progress`` tells whether a call lives that began before a time; True also while
    nobody knows."""

    def __init__(
        self,
        settings: Settings,
        book: Rulebook,
        expect: Callable[[Rules, Catalogue], None],
        switch: Callable[[Rules, Catalogue], None],
        marks: Callable[[ByHand], None],
        in_progress: Callable[[datetime], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._expect = expect
        self._switch = switch
        self._marks = marks
        self._in_progress = in_progress
        self._now = now
        self._worker = Worker()
        self._watch = Watch(settings.routing)
        self._live = (book.number, book.rules.digest)
        self._refused = Refused(book.refused_digest, book.refused, ())
        self._have = ""
        """Digest of what was made ready last."""
        self._ready: Taken | None = None
        """Made ready, and not yet in force."""
        self._again: Job | None = Job(settings, book.number, number=book.number if book.refused else None)
        """What is still to be made ready. At first that is what is in force: perhaps this engine was started
        by itself, and Asterisk goes by older files."""
        self._not_before = 0.0
        self._failures = 0
        self._waiting = self._by_hand = ""
        self._in_asterisk = False
        self._kept: dict[int, datetime] = {}
        """Version that calls may still go by → when it was replaced."""

    @property
    def status(self) -> RulesStatus:
        return RulesStatus(
            *self._live,
            refused=self._refused.problems,
            refused_digest=self._refused.digest,
            waiting=self._waiting,
            by_hand=self._by_hand,
            in_asterisk=self._in_asterisk,
        )

    async def run(self) -> None:
        """Watch the rules for ever."""
        try:
            while True:
                try:
                    await self._round()
                except Exception as error:
                    self._wait_for(f"a fault of ours, see the log: {type(error).__name__}")
                    _log.error("rules_round_failed", **place(error))
                await asyncio.sleep(RETRY_SECONDS if self._waiting else LOOK_SECONDS)
        finally:
            await self._worker.close()

    async def run_marks(self) -> None:
        """Watch the marks of people for ever. By itself: speaking new prompts must not delay them."""
        watch = Watch(path_of(self._settings), rest=0)
        while True:
            try:
                if await asyncio.to_thread(watch.changed):
                    self._marks(await asyncio.to_thread(read_by_hand, self._settings))
                    self._by_hand = ""
            except IvrError as error:
                self._by_hand = str(error)
                _log.error("marks_not_readable", reason=self._by_hand)
            await asyncio.sleep(LOOK_SECONDS)

    async def _round(self) -> None:
        if await asyncio.to_thread(self._watch.changed):
            self._again, self._failures, self._not_before = (
                Job(self._settings, self._live[0], self._have),
                0,
                0.0,
            )
        job = self._again or self._tidying()
        if job is not None and time.monotonic() >= self._not_before:
            try:
                self._note(job, await self._worker.take(job))
            except IvrError as error:
                self._note(job, Failed(str(error)))
        if self._ready is not None:
            await self._go_live(self._ready)

    def _tidying(self) -> Job | None:
        """Make ready anew without the versions by which no call goes any more."""
        over = tuple(number for number, at in self._kept.items() if not self._in_progress(at))
        if not over or self._ready is not None:
            return None
        return Job(self._settings, self._live[0], number=self._live[0], drop=over)

    def _note(self, job: Job, answer: Answer) -> None:
        if isinstance(answer, Failed):
            self._again = job
            pause = min(RETRY_SECONDS * 2**self._failures, LONGEST_RETRY_SECONDS)
            self._failures, self._not_before = self._failures + 1, time.monotonic() + pause
            self._wait_for(answer.reason)
            return
        self._again, self._failures, self._waiting = None, 0, ""
        if job.number is None:
            self._watch.follow(answer.watch)
        match answer:
            case Refused():
                if answer.digest != self._refused.digest or not self._refused.problems:
                    _log.error("routing_refused", problems=len(answer.problems), first=answer.problems[0])
                self._refused = answer
            case Same():
                self._refused = Refused("", (), ())
            case Taken():
                self._ready, self._have = answer, answer.rules.digest
                if job.number is None:
                    self._refused = Refused("", (), ())
                self._kept = {number: self._kept.get(number, self._now()) for number in answer.kept}

    async def _go_live(self, ready: Taken) -> None:
        """Asterisk first, then the decisions. Until Asterisk has done its part nothing changes for a call."""
        self._expect(ready.rules, ready.catalogue)
        try:
            await self._reload(ready.modules)
        except AmiError as error:
            self._wait_for(str(error))
            return
        before, self._live = self._live, (ready.number, ready.rules.digest)
        self._switch(ready.rules, ready.catalogue)
        now = self._now()
        # At the start, Asterisk may have offered menus of any of them until this moment.
        self._kept = {
            number: now if number == before[0] or not self._in_asterisk else at
            for number, at in self._kept.items()
        }
        self._ready, self._waiting, self._in_asterisk = None, "", True
        if before != self._live:
            _log.info("rules_live", version=ready.number, rules=ready.rules.digest)
        with suppress(OSError, IvrError):  # then a successor reloads once more, which harms nobody
            await asyncio.to_thread(went_live, self._settings, ready.number)

    async def _reload(self, modules: tuple[str, ...]) -> None:
        if not modules:
            return
        password = await asyncio.to_thread(secret, self._settings.secrets, "ami-reload")
        async with reload_session(self._settings.ami_port, password) as session:
            for module in modules:
                await session.reload(module)

    def _wait_for(self, reason: str) -> None:
        if reason != self._waiting:
            _log.warning("rules_wait", reason=reason)
        self._waiting = reason
