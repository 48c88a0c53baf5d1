"""``ivr serve``: every part built once, started in order, stopped in reverse. Nobody else sees everyone."""

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
import uvloop

from ivr.advise import Adviser
from ivr.asterisk.agi_server import AgiServer, Question
from ivr.asterisk.ami_link import AmiLink
from ivr.asterisk.ami_messages import AmiMessage
from ivr.asterisk.event_log import EventLog
from ivr.asterisk.resync import snapshot
from ivr.asterisk.translate import translate
from ivr.bookmarking import Bookmarking
from ivr.callers.memory import CallerMemory
from ivr.callers.watch import CallerWatch
from ivr.calls.call import Call
from ivr.calls.events import OperatorChanged, OperatorLeft
from ivr.calls.findings import Kind
from ivr.calls.notes import EngineNote
from ivr.calls.registry import Change, Registry
from ivr.calls.states import State
from ivr.clock_watch import ClockWatch
from ivr.errors import AmiError, SettingsError
from ivr.health.look import (
    anchor_part,
    event_log_part,
    ledger_part,
    link_part,
    now_facts,
    personal_part,
    prompts_part,
    recordings_part,
    refused_part,
    rules_facts,
    rules_part,
    set_gauges,
)
from ivr.health.metrics import Metrics
from ivr.health.server import HealthServer
from ivr.health.status import Level, Part
from ivr.ledger import reserve
from ivr.ledger.anchoring import Anchoring
from ivr.ledger.keeper import Keeper
from ivr.ledger.known import KnownCalls
from ivr.ledger.writer import LedgerWriter
from ivr.menu.prompts_needed import prompts_needed
from ivr.missed import Missed
from ivr.privacy.erasing import Places
from ivr.privacy.place import vault_of
from ivr.privacy.retention import Retention
from ivr.privacy.watch import ErasureWatch
from ivr.prompts import load_catalogue
from ivr.queueing.pin_copies import copy_pins
from ivr.queueing.roster import Roster
from ivr.queueing.shifts import Shift, Shifts
from ivr.recordings.disk import DiskGuard
from ivr.recordings.watch import RecordingWatch
from ivr.refused_watch import RefusedWatch
from ivr.render.files import secret
from ivr.routing.advice import DECLINED
from ivr.rulebook import open_rulebook, voices
from ivr.rulebook.by_hand import ByHand
from ivr.rulebook.changes import Changes
from ivr.settings import Settings
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade

LOOPBACK = "127.0.0.1"
CHANNELS_AHEAD_SECONDS = 0.1
"""What a channel did may be seen so much earlier than its event is in Asterisk's log."""

_log = structlog.get_logger(__name__)


class Engine:
    """One engine: the AGI server, the link to Asterisk, the live calls and the record of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        book = open_rulebook(settings)
        catalogue = load_catalogue(
            prompts_needed(book.rules), settings.prompts, settings.recorded, voices(book.rules)
        )
        self._database = create_engine(settings.database)
        self._metrics = Metrics()
        self._roster = Roster()
        self._shifts = Shifts()
        self._vault = vault_of(settings, lambda: self._adviser.rules.city, make=True)
        writer = LedgerWriter(
            self._database,
            settings.journal,
            vault=self._vault,
            prepare=lambda: upgrade(settings.database, lambda: self._vault),
            reserve_bytes=reserve.BYTES,
        )
        self._keeper = Keeper(Registry(), writer, lambda *call: self._adviser.identify(*call))
        self._known = KnownCalls(self._database, settings.journal)
        self._missed = Missed(
            EventLog(settings.root / "asterisk" / "log" / "cel-custom"),
            self._keeper,
            self._known,
            self._pass_on_missed,
            lambda reason: self._link.drop(reason),
            _now,
        )
        self._bookmarking = Bookmarking(
            settings.root / "ledger" / "asterisk-log.json", self._missed, self._shifts
        )
        self._anchoring = Anchoring(self._database, settings.ledger_anchor, writer)
        self._callers = CallerMemory(self._vault.index)
        self._adviser = Adviser(
            book.rules, catalogue, settings.prompts, self._keeper, self._roster, _now, self._callers
        )
        self._changes = Changes(
            settings,
            book,
            self._adviser.expect,
            self._adviser.switch,
            self._mark,
            self._call_in_progress,
            _now,
        )
        self._caller_watch = CallerWatch(
            self._database, self._callers, self._vault, lambda: self._adviser.rules, _now
        )
        places = Places.of(settings)
        self._erasures = ErasureWatch(
            self._database, places, self._vault, writer.record, self._callers.forget, _now
        )
        self._retention = Retention(
            self._database,
            places,
            lambda: self._adviser.rules.city.keep,
            lambda data: self._keeper.note(Kind.RETENTION, _now(), data),
            _now,
        )
        self._agi = AgiServer(LOOPBACK, settings.agi_port, self._answer)
        self._link = AmiLink(
            LOOPBACK,
            settings.ami_port,
            "engine",
            secret(settings.secrets, "ami-engine"),
            self._on_event,
            self._on_up,
            self._on_down,
        )
        self._refused = RefusedWatch(
            settings.capture_port, settings.carrier, self._metrics, self._keeper.note, _now
        )
        self._disk = DiskGuard(
            (settings.root, settings.recordings),
            settings.recording_reserve_mb * 1_000_000,
            self._link,
            self._keeper.registry.live,
            self._keeper.note,
            _now,
        )
        self._recordings = RecordingWatch(
            settings.recordings,
            self._keeper.registry,
            self._disk,
            self._note,
            _now,
            quiet_seconds=settings.budget_seconds,
        )
        self._clock = ClockWatch(self._link, self._keeper.registry.live, self._keeper.note)
        self._health = HealthServer(settings.health_port, self._metrics, self._look)
        self._tasks: list[asyncio.Task[None]] = []
        self._draining: datetime | None = None
        """Since when: whose menu began later goes on without the engine."""

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain: new calls go by the plain dialplan, callers in a menu
        may choose to its end. After SIGUSR1 new calls go there already, and the engine goes on recording."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self._drain)
        try:
            await self._start()
            # A full collection of garbage would hold everything up for 80 ms: what has been made until here
            # stays to the end, and is not looked at again.
            gc.freeze()
            _log.info("serving", agi_port=self._settings.agi_port, rules=self._adviser.rules.digest)
            await stop.wait()
        finally:
            await self._stop()

    async def _start(self) -> None:
        await _listen("IVR_HEALTH_PORT", self._settings.health_port, self._health.start())
        self._keeper.writer.start()
        self._anchoring.start()
        await self._restore()
        await self._caller_watch.refresh()
        await self._missed.note_end()
        await self._link.start()
        await self._refused.start()
        self._tasks = [
            asyncio.create_task(self._metrics.watch_loop(), name="loop-lag"),
            asyncio.create_task(self._tick(), name="clocks"),
            asyncio.create_task(self._bookmarking.run(), name="event-log"),
            asyncio.create_task(self._changes.run(), name="rules"),
            asyncio.create_task(self._changes.run_marks(), name="marks"),
            asyncio.create_task(self._caller_watch.run(), name="callers"),
            asyncio.create_task(self._recordings.run(), name="recordings"),
            asyncio.create_task(self._disk.run(), name="disk"),
            asyncio.create_task(self._clock.run(), name="clock"),
            asyncio.create_task(self._erasures.run(), name="erasures"),
            asyncio.create_task(self._retention.run(), name="retention"),
        ]
        # Last: whoever is asked must be able to answer.
        await _listen("IVR_AGI_PORT", self._settings.agi_port, self._agi.start())

    def _drain(self) -> None:
        self._draining = self._draining or _now()
        _log.info("draining", questions=self._agi.in_progress)

    async def _stop(self) -> None:
        self._drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._menus_end(), self._settings.drain_seconds)
        await self._agi.drain(self._settings.step_seconds)
        await self._agi.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()
        self._refused.close()
        await self._missed.stop()
        await self._keeper.writer.close()
        await self._anchoring.close()
        await self._health.close()
        await close(self._database)
        _log.info("stopped")

    async def _menus_end(self) -> None:
        while any(  # noqa: ASYNC110
            call.state is State.MENU and not self._is_new(call) for call in self._keeper.registry.live()
        ):
            await asyncio.sleep(0.1)

    def _is_new(self, call: Call | None) -> bool:
        """Whether it came when the engine was being stopped already."""
        if self._draining is None:
            return False
        return call is None or (call.menu_at or call.answered_at or call.seen_at) > self._draining

    async def _restore(self) -> None:
        """Calls that an earlier run left open: Asterisk may still hold them, their clocks still run, or
        nobody has looked at their recordings. What waits in the journal is newer than the database."""
        await self._bookmarking.restore()
        calls = await self._known.in_journal()
        try:
            waiting = {call.id for call in calls}
            calls += tuple(call for call in await self._known.open() if call.id not in waiting)
        except Exception as error:
            _log.warning("open_calls_not_restored", error=type(error).__name__)
        self._keeper.registry.restore(calls)
        self._recordings.take(calls)

    def _answer(self, question: Question) -> str | None:
        began = time.perf_counter()
        self._link.catch_up()
        if self._is_new(self._keeper.registry.get(question.call_id)):
            return DECLINED
        try:
            advice = self._adviser.answer(question)
        except Exception:
            self._metrics.questions.labels(question.script, "failed").inc()
            raise
        if advice is not None:
            self._metrics.answered(question.script, time.perf_counter() - began)
        return advice

    def _on_event(self, message: AmiMessage) -> None:
        event = translate(message)
        if event is None:
            return
        if isinstance(event, OperatorChanged | OperatorLeft):
            self._roster.apply(event)
            self._note_shifts(self._shifts.apply(event))
        elif not self._missed.seam.was_told(event):
            self._pass_on(self._keeper.see(event))

    def _note_shifts(self, shifts: tuple[Shift, ...]) -> None:
        for shift in shifts:
            self._keeper.note(shift.kind, _now(), shift.data)

    def _note(self, note: EngineNote) -> None:
        self._keeper.see(note)

    def _pass_on_missed(self, changes: tuple[Change, ...]) -> None:
        self._pass_on(changes, live=False)

    def _pass_on(self, changes: tuple[Change, ...], *, live: bool = True) -> None:
        for change in changes:
            self._recordings.changed(change, live=live)
            self._metrics.count(change)
            for finding in change.findings:
                if finding.kind is Kind.ENDED and change.call.ending is not None:
                    self._callers.went(change.call.id, finding.at, answered=change.call.human_at is not None)

    async def _on_up(self) -> None:
        """Nothing is repeated. Who is on duty is asked, for the next decision; what happened meanwhile is
        read from Asterisk's log; then what is true now is compared with what came of that."""
        try:
            found = await snapshot(self._link)
            self._roster.replace(found.operators)
            self._missed.asterisk_since = found.asterisk_since
            self._note_shifts(self._shifts.asked(found.operators))
            await self._missed.take_in()
            mark = self._keeper.registry.mark()
            found = await snapshot(self._link)
        except AmiError as error:
            self._link.drop(f"Asterisk did not say what is true now: {error}")
            return
        await asyncio.sleep(CHANNELS_AHEAD_SECONDS)
        await self._missed.take_tail()
        self._pass_on(self._keeper.reconcile(found, mark, _now()))
        _log.info("in_step_with_asterisk", calls=len(found.calls), operators=len(found.operators))
        await copy_pins(self._settings, self._database)

    async def _on_down(self) -> None:
        self._roster.known = False
        self._missed.lost()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            try:
                self._pass_on(self._keeper.tick(_now()))
                self._refused.tell()
            except Exception as error:
                _log.error("tick_failed", error=type(error).__name__)

    def _mark(self, by_hand: ByHand) -> None:
        self._adviser.by_hand = by_hand

    def _call_in_progress(self, before: datetime) -> bool:
        """Whether a call lives that began before this; True also while Asterisk has not told."""
        return not self._roster.known or any(call.seen_at <= before for call in self._keeper.registry.live())

    def _look(self) -> tuple[tuple[Part, ...], Mapping[str, object]]:
        counts = self._keeper.registry.counts(_now())
        link, ledger = self._link.state, self._keeper.writer.status()
        rules = self._changes.status
        recordings = self._recordings.status
        set_gauges(self._metrics, counts, self._roster, link, ledger, rules, recordings)
        draining = Part("questions", Level.BAD, "draining: new calls go by the plain dialplan")
        answering = Part("questions", Level.OK, f"port {self._settings.agi_port}")
        parts = (
            link_part(link),
            draining if self._draining else answering,
            ledger_part(ledger),
            anchor_part(self._anchoring.status()),
            personal_part(self._vault.problem),
            event_log_part(self._missed.status),
            rules_part(rules),
            prompts_part(self._adviser.catalogue),
            refused_part(self._refused.invites, listens=self._refused.listens, now=_now()),
            recordings_part(recordings),
        )
        out = sorted(self._adviser.by_hand.out_of_service(_now()))
        return parts, {**now_facts(counts, self._roster), "rules": rules_facts(rules), "out_of_service": out}


async def _listen(setting: str, port: int, starting: object) -> None:
    try:
        await starting  # type: ignore[misc]
    except OSError as error:
        raise SettingsError(
            f"{setting}: port {port} on {LOOPBACK} cannot be used ({error.strerror}). Is another engine "
            f"running? Otherwise choose another port."
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)


def serve(settings: Settings) -> None:
    """Run an engine in this process until it is told to stop."""
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(Engine(settings).run())
