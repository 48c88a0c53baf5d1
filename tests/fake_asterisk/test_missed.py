"""Whenever the link to Asterisk was away, whenever the engine was killed: the record is that of an engine
that saw everything."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.app import CHANNELS_AHEAD_SECONDS
from ivr.asterisk.ami_messages import AmiMessage
from ivr.asterisk.event_log import EventLog
from ivr.asterisk.intake_facts import encode_intake
from ivr.asterisk.translate import translate
from ivr.calls.call import Call
from ivr.calls.endings import Reason, Result, interrupted
from ivr.calls.events import CallAnswered, CallEvent
from ivr.calls.registry import Registry
from ivr.calls.snapshot import LiveCall, LiveLeg, Snapshot
from ivr.calls.states import State
from ivr.ledger.entries import CallerData, Entry, Source
from ivr.ledger.keeper import Keeper
from ivr.ledger.rows import entry_row
from ivr.missed import Missed
from ivr.vocabulary import IntakeField
from tests.ambon import who_calls_ambon
from tests.fake_asterisk.event_file import append, line, recorded_events

WITHOUT_DATABASE = "killed, and back before the database"
FATES = ("link down", "link up", "killed", "killed, and back", WITHOUT_DATABASE, "cut for a moment")
NAMES = ("caller_leaves_operator", "operator_hangs_up", "line_accepts")
AHEAD = timedelta(seconds=CHANNELS_AHEAD_SECONDS)
LATER = timedelta(milliseconds=3)
"""So much later an event comes live."""


@dataclass
class Record:
    """Takes what a :class:`LedgerWriter` takes, and keeps it as the database does."""

    entries: dict[str, Entry] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    callers: dict[str, CallerData] = field(default_factory=dict)
    written: list[Entry | Call] = field(default_factory=list)
    away: bool = False

    def record(self, entry: Entry) -> None:
        values = entry_row(entry, entry.at).values
        self.entries.setdefault(str(values["entry_id"]), entry)
        self.written.append(entry)

    def record_caller(self, caller: CallerData) -> None:
        self.callers[caller.call_id] = caller

    def project(self, call: Call) -> None:
        self.calls[call.id] = call
        self.written.append(call)

    def status(self) -> Any:
        return SimpleNamespace(queued=0, journal_bytes=0, well=True)

    async def of(self, call_ids: Collection[str]) -> Mapping[str, Call]:
        if self.away:
            raise OSError("the database is away")
        return {id: self.calls[id] for id in call_ids if id in self.calls}

    def after_a_kill(self, entries_lost: int, calls_lag: int) -> "Record":
        """The last ``entries_lost`` writings are not stored, and no row of a call of ``calls_lag`` before."""
        after = Record(callers=dict(self.callers), away=self.away)
        kept = self.written[: len(self.written) - entries_lost]
        for place, what in enumerate(kept):
            if isinstance(what, Entry):
                after.record(what)
            elif place < len(kept) - calls_lag:
                after.project(what)
        return after

    def told(self) -> dict[str, list[tuple[object, ...]]]:
        """What the entries of each call say, in their order, whoever saw it and when."""
        found: dict[str, list[tuple[object, ...]]] = {}
        for entry in self.entries.values():
            found.setdefault(entry.call_id, []).append((entry.kind, entry.data))
        return found


class House:
    """An Asterisk that writes its file and a link, and an engine that hears it sometimes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = Record()
        self.truth = Keeper(Registry(), Record(), who_calls_ambon)  # type: ignore[arg-type]
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.up = False
        self.mail: list[CallEvent] = []
        self.drops: list[str] = []
        self.make_engine()

    def make_engine(self) -> None:
        self.keeper = Keeper(Registry(), self.record, who_calls_ambon)  # type: ignore[arg-type]
        self.missed = Missed(
            EventLog(self.folder),
            self.keeper,
            self.record,
            lambda _: None,
            self.drops.append,
            lambda: self.now,
        )

    def happens(self, lines: bytes, event: CallEvent | None) -> None:
        """In Asterisk: first the file, then the link."""
        append(self.folder, lines)
        if event is None:
            return
        self.now = event.at
        self.truth.see(event)
        if self.up:
            self.mail.append(replace(event, at=event.at + LATER))

    def hear(self) -> None:
        for event in self.mail:
            if not self.missed.seam.was_told(event):
                self.keeper.see(event)
        self.mail.clear()

    async def restart(self, entries_lost: int = 0, calls_lag: int = 0) -> None:
        await self.missed.stop()
        self.up = False
        self.mail.clear()
        self.record = self.record.after_a_kill(entries_lost, calls_lag)
        self.make_engine()
        open_calls = [call for call in self.record.calls.values() if call.ended_at is None]
        if not self.record.away:
            self.keeper.registry.restore(open_calls)

    async def lose_link(self) -> None:
        self.up = False
        self.mail.clear()
        self.missed.lost()
        await self.missed.note_end()

    async def settle(self) -> None:
        while self.missed.status.catching_up:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def snapshot(self) -> Snapshot:
        return Snapshot(tuple(map(live, self.truth.registry.live())), ())


def live(call: Call) -> LiveCall:
    """What Asterisk would say of this call."""
    in_queue = call.state in {State.QUEUE, State.RINGING}
    return LiveCall(
        call_id=call.id,
        channel=call.channel or "",
        since=call.seen_at,
        answered=call.answered_at,
        dialled=call.dialled or "",
        caller_number="",
        entry="",
        category="",
        language="",
        stage=str(call.stage.number) if call.stage else "",
        queue=call.stage.where if in_queue and call.stage else None,
        legs=tuple(
            LiveLeg(leg.id, leg.phone, leg.answered, leg.answered and call.state is State.TALKING)
            for leg in call.legs
        ),
    )


def first_menu(answer: AmiMessage, seconds: float) -> AmiMessage:
    """What the dialplan tells right after the answer, where it asks nobody which menu to play."""
    facts = {IntakeField.DIALLED: "112", IntakeField.CALLER_NUMBER: answer["CallerIDnum"]}
    advice = "2|menu|main|id|0|3|id/menu-main.0a1b|112|number|0123456789ab|end"
    event = AmiMessage(answer)
    event["EventName"], event["UserDefType"] = "USER_DEFINED", "first-menu"
    event["Timestamp"] = f"{seconds:.6f}"
    event["Extra"] = json.dumps({"extra": f"{advice}|{encode_intake(facts)}"}, separators=(",", ":"))
    return event


def stream(copies: int, begins: float = 1795294816.5) -> list[tuple[bytes, CallEvent | None]]:
    """The events of several calls, mixed, in time."""
    events = []
    for name in NAMES:
        for copy in range(copies):
            found = recorded_events(name, f"{name}{copy}".replace("_", ""))
            first = float(found[0]["Timestamp"])
            for event in found:
                seconds = begins + copy * 0.4 + (float(event["Timestamp"]) - first)
                event["Timestamp"] = f"{seconds:.6f}"
                events.append(event)
                if event["EventName"] == "ANSWER" and event["UniqueID"] == event["LinkedID"]:
                    events.append(first_menu(event, seconds + 0.01))
    events.sort(key=lambda event: event["Timestamp"])
    return [(line(event), translate(event)) for event in events]  # type: ignore[misc]


STREAM = stream(3)
Fate = tuple[int, str, int, int]
"""What befalls the engine: before which event, what, and two numbers."""


@st.composite
def histories(draw: st.DrawFn) -> list[Fate]:
    what = st.tuples(
        st.integers(0, len(STREAM)),
        st.sampled_from(
            ("link down", "link up", "killed", "killed, and back", WITHOUT_DATABASE, "cut for a moment")
        ),
        st.integers(0, 4),
        st.integers(0, 12),
    )
    return sorted(draw(st.lists(what, max_size=12)), key=lambda one: one[0])


async def come_up(house: House, rest: list[tuple[bytes, CallEvent | None]], during: int) -> int:
    """The link comes up; ``during`` events happen meanwhile. How many did."""
    await house.missed.note_end()
    house.up = True
    happened = 0

    def meanwhile(most: int) -> None:
        nonlocal happened
        for lines, event in rest[happened : happened + most]:
            house.happens(lines, event)
            happened += 1

    meanwhile(during // 3)
    await house.missed.take_in()
    meanwhile(during // 3)
    mark = house.keeper.registry.mark()
    found = house.snapshot()
    asked = house.now
    meanwhile(during - 2 * (during // 3))
    while (
        event := next((event for _, event in rest[happened:] if event), None)
    ) and event.at < asked + AHEAD:
        meanwhile(1)
    await house.missed.take_tail()
    house.keeper.reconcile(found, mark, house.now)
    house.hear()
    return happened


def _next_at(rest: list[tuple[bytes, CallEvent | None]]) -> datetime:
    return next((event.at for _, event in rest if event), datetime.max.replace(tzinfo=UTC))


async def live_through(history: list[Fate]) -> House:
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    try:
        house = House(folder)
        place = await come_up(house, STREAM, 0)
        for at, what, one, two in [*history, (len(STREAM), "link up", 0, 0)]:
            while place < at:
                house.happens(*STREAM[place])
                place += 1
                if place % 3:
                    house.hear()
            if what.startswith("killed"):
                house.hear()
                await house.settle()
                house.record.away = what == WITHOUT_DATABASE
                await house.restart(entries_lost=one, calls_lag=two)
            elif what in ("link down", "cut for a moment"):
                await house.lose_link()
            if what != "link down" and what != "killed" and not house.up:
                place += await come_up(house, STREAM[place:], two)
            house.record.away = False
        house.hear()
        await house.settle()
        await house.missed.stop()
        return house
    finally:
        shutil.rmtree(folder)


@given(histories())
@settings(max_examples=200, deadline=None)
def test_the_record_is_that_of_an_engine_that_saw_everything(history: list[Fate]) -> None:
    house = asyncio.run(live_through(history))
    truth: Record = house.truth.writer  # type: ignore[assignment]
    assert house.record.told() == truth.told()
    assert house.record.calls.keys() == truth.calls.keys()
    for call in truth.calls.values():
        other = house.record.calls[call.id]
        assert (other.ending, other.events, other.state) == (call.ending, call.events, call.state)
        assert (other.operator, other.line, other.lifeline) == (call.operator, call.line, call.lifeline)
    assert house.record.callers == truth.callers
    assert not house.drops


def told_by(house: House) -> list[str]:
    return [str(entry.source) for entry in house.record.entries.values()]


async def written(folder: Path, *lines: bytes) -> House:
    """An engine that comes up when all of this is in the file."""
    append(folder, *lines)
    house = House(folder)
    await come_up(house, [], 0)
    await house.settle()
    return house


async def test_what_is_taken_from_the_file_says_so(tmp_path: Path) -> None:
    house = await written(tmp_path, *(lines for lines, _ in STREAM))
    by_the_engine = [entry.kind for entry in house.record.entries.values() if entry.source is Source.ENGINE]
    assert by_the_engine == ["intake"] * 9  # who calls, by the facts that the file has
    assert set(told_by(house)) == {"asterisk-log", "engine"}
    assert len(house.record.callers) == len(house.record.calls) == 9
    assert house.missed.status.taken == sum(event is not None for _, event in STREAM)


async def test_a_call_that_a_crash_of_asterisk_cut_is_interrupted(tmp_path: Path) -> None:
    """And its caller's number is known."""
    place, answered = next((place, e) for place, (_, e) in enumerate(STREAM) if isinstance(e, CallAnswered))
    house = await written(tmp_path, *(lines for lines, _ in STREAM[: place + 1]))
    assert house.record.calls[answered.call_id].ending == interrupted(Reason.END_UNSEEN, human=None)
    assert house.record.callers[answered.call_id].number == answered.caller_number


def ended_by_a_stop(call: str, answered: float, ended: float) -> list[bytes]:
    """A caller in the queue whom an ordered stop of Asterisk hangs up: no cause, no source."""
    event = {"UniqueID": call, "LinkedID": call, "Channel": "PJSIP/trunk-00000001", "CallerIDnum": "+62811"}
    steps = (
        ("CHAN_START", answered, "from-trunk", ""),
        ("ANSWER", answered, "intake", ""),
        ("stage", answered + 1, "plan", '{"extra":"1|q|emergency|45|1"}'),
        ("HANGUP", ended, "queue", '{"hangupcause":0,"hangupsource":"","dialstatus":""}'),
    )
    return [
        line(
            event
            | {"EventName": name, "Timestamp": f"{at:.6f}", "Context": context, "Exten": "s", "Extra": extra}
        )
        for name, at, context, extra in steps
    ]


async def test_a_stop_of_asterisk_long_ago_is_the_reason_of_the_ends_that_it_made(tmp_path: Path) -> None:
    """The engine was away before it and for minutes after it; it is told once, however often it looks."""
    stopped = 1795294800.0
    append(
        tmp_path,
        *ended_by_a_stop("siaga-1795294700.1", stopped - 100, stopped - 90),
        *ended_by_a_stop("siaga-1795294780.2", stopped - 20, stopped),
        *(lines for lines, _ in stream(1, stopped + 300)),
    )
    house = House(tmp_path)
    house.missed.asterisk_since = datetime.fromtimestamp(stopped + 4, UTC)
    for _ in range(2):
        await come_up(house, [], 0)
        await house.settle()
    early, cut = (house.record.calls[call] for call in ("siaga-1795294700.1", "siaga-1795294780.2"))
    assert early.ending is not None
    assert early.ending.result is Result.LOST
    assert cut.ending == interrupted(Reason.ASTERISK_STOPPED, human=None)
    corrected = [
        entry for entry in house.record.written if isinstance(entry, Entry) and "corrected" in entry.kind
    ]
    assert [entry.call_id for entry in corrected] == [cut.id]


async def test_a_bookmark_behind_the_beginning_of_a_call_costs_only_time(tmp_path: Path) -> None:
    house = await written(tmp_path)
    for lines, event in STREAM[:20]:
        house.happens(lines, event)
    house.hear()
    assert any(house.keeper.registry.live())
    await house.restart()
    house.missed.read_to = EventLog(tmp_path).end()
    for lines, event in STREAM[20:]:
        house.happens(lines, event)
    await come_up(house, [], 0)
    await house.settle()
    assert house.missed.read_to is None
    assert house.record.told() == house.truth.writer.told()  # type: ignore[attr-defined]


async def test_the_bookmark_moves_behind_calls_that_are_over(tmp_path: Path) -> None:
    house = await written(tmp_path)
    await come_up(house, [], 0)
    await house.settle()
    for lines, event in STREAM:
        house.happens(lines, event)
        house.hear()
        await house.missed.note_end()
    for _ in range(50):
        house.now += timedelta(seconds=1)
        await house.missed.note_end()
    assert house.missed.read_to is None
    for _ in range(40):
        house.now += timedelta(seconds=1)
        await house.missed.note_end()
    assert house.missed.read_to == EventLog(tmp_path).end()


async def test_a_file_that_cannot_be_read_is_told_and_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.missed.RETRY_SECONDS", 0.01)
    (tmp_path / "master.csv").mkdir()
    house = House(tmp_path)
    await come_up(house, [], 0)
    assert "no file" in house.missed.status.problem or "directory" in house.missed.status.problem
    await asyncio.sleep(0.05)
    assert house.drops == []
    (tmp_path / "master.csv").rmdir()
    append(tmp_path, *(lines for lines, _ in STREAM))
    while not house.drops:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await house.lose_link()
    await come_up(house, [], 0)
    await house.settle()
    assert (house.missed.status.problem, len(house.record.calls)) == ("", 9)


async def test_without_the_file_a_call_is_found_and_its_end_is_known(tmp_path: Path) -> None:
    """And what is told live of it later never takes the place of an entry that is there."""
    house = House(tmp_path)
    await come_up(house, [], 0)
    for lines, event in STREAM[:15]:
        house.happens(lines, event)
    house.hear()
    before = dict(house.record.entries)
    (tmp_path / "master.csv").unlink()
    await house.restart()
    house.record.calls.clear()
    house.keeper.registry.restore([])
    await come_up(house, [], 0)
    (tmp_path / "master.csv").unlink(missing_ok=True)
    assert house.missed.status.problem
    for lines, event in STREAM[15:]:
        house.happens(lines, event)
    house.hear()
    await house.missed.stop()
    live_events = [event for _, event in STREAM if event is not None]
    asterisks = [entry for entry in house.record.entries.values() if entry.source is Source.ASTERISK]
    assert len(asterisks) == len(live_events)
    assert before.items() <= house.record.entries.items()
