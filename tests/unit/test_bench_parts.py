"""What the bench measures without Asterisk: events, decisions and the record, in tiny sizes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import decision, events, ledger
from benchmarks.capture import Captured
from benchmarks.event_source import END, OWN_NAME
from benchmarks.fill import fill
from benchmarks.plan import QUICK

from ivr.calls.call import Call
from ivr.calls.endings import Detail, Ending, Reason, Result
from ivr.calls.states import State
from ivr.ledger.read import Written, find_call, list_calls, open_calls, reading
from ivr.routing.decide import decide
from ivr.routing.model import Facts
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
RECORDED = Path(__file__).parents[1] / "fake_asterisk" / "recorded" / "operator_hangs_up.ami"
CALL = Call(
    id="siaga-1.1",
    seen_at=START,
    started_at=START,
    answered_at=START,
    ended_at=START + timedelta(seconds=3),
    state=State.ENDED,
    ending=Ending(Result.ANSWERED, Reason.OPERATOR, Detail.CALLER),
)
CAPTURED = Captured(
    frames=tuple(
        frame.replace(b"edID: ", b"edID: " + OWN_NAME).replace(b"UniqueID: ", b"UniqueID: " + OWN_NAME)
        for frame in RECORDED.read_bytes().removesuffix(END).split(END)
    ),
    call=CALL,
    entries=tuple(
        Written(number, START, START, kind, "asterisk", {"number": number})
        for number, kind in enumerate(("trunk", "menu", "ended"))
    ),
)
TINY = replace(QUICK, events=200, entries=30, recorded_calls=(10,), decisions=5)


async def test_every_event_that_is_sent_arrives_and_is_counted() -> None:
    frames = tuple(frame for frame in CAPTURED.frames if b"Timestamp" in frame)
    section = await events.measure(frames, TINY)
    ours, whole, plain = section.tables[0].rows
    assert ours[1] == plain[1] == -(-TINY.events // len(frames)) * len(frames)
    assert isinstance(whole[1], int)
    assert all(isinstance(row[2], float) and row[2] > 0 for row in (ours, whole, plain))


def test_made_up_rules_are_as_many_as_asked_for_and_the_last_one_decides() -> None:
    rules = decision.rules_of(100)
    assert len(rules.rules) == 100
    made = decide(rules, Facts(category="consultation", operators=3), decision.NOW)
    assert made.rule == "information"


def test_as_many_callers_wait_as_asked_for() -> None:
    assert decision.waiting(7).counts(decision.NOW).layer_1_waiting == 7


async def test_a_filled_record_is_like_one_of_real_calls(tmp_path: Path) -> None:
    file = tmp_path / "record.sqlite3"
    url = f"sqlite+aiosqlite:///{file}"
    await upgrade(url)
    async with ledger.writer_on(url, tmp_path / "journal.jsonl") as writer:
        await ledger.write(writer, CAPTURED, len(CAPTURED.entries))
    fill(file, 50)
    async with reading(url) as connection:
        assert len(await list_calls(connection, limit=100)) == 51
        known, entries = await find_call(connection, "fill-25")
    assert known.call.id == "fill-25"
    assert [entry.kind for entry in entries] == ["caller", "trunk", "menu", "ended"]
    engine = create_engine(url)
    # Nobody has looked at the recording of the call that was copied; of its copies nothing is to be done.
    assert [call.id for call in await open_calls(engine)] == ["bench-1"]
    await close(engine)
