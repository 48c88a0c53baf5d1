"""From an event to what an admin sees: kept, found again, shown without personal data."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ledger_place import a_vault
from rich.console import Console, RenderableType

from ivr.calls.endings import Reason, Result
from ivr.calls.events import CallAnswered, CallEnded, CallStarted, StepTaken
from ivr.calls.findings import Kind
from ivr.calls.notes import DecisionMade
from ivr.calls.registry import Registry
from ivr.calls.snapshot import LiveCall, Snapshot
from ivr.calls.states import State
from ivr.errors import IvrError
from ivr.ledger.keeper import Keeper
from ivr.ledger.read import Written, as_it_happened, open_calls
from ivr.ledger.show import json_call, json_calls, masked, show_call, show_calls
from ivr.ledger.words import KINDS, REASONS, RESULTS, STATES
from ivr.ledger.writer import LedgerWriter
from ivr.routing.model import Decision, Facts, Mode
from ivr.store.engine import create_engine
from ivr.store.upgrade import upgrade
from ivr.vocabulary import Step
from tests.ambon import who_calls_ambon

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
AMBON = ZoneInfo("Asia/Jayapura")
NUMBER = "+628111234567"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def text(renderable: RenderableType) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(renderable)
    return console.export_text()


def keep_calls(keeper: Keeper) -> None:
    """Three: answered by an operator, left in the queue, one that talks still; and an entry of no call."""
    keeper.note(Kind.UNEXPECTED, at(0), {"what": "nothing that concerns a call"})
    for number, call in enumerate(("1772337600.1", "1772337600.12", "1772337700.2")):
        start = number * 60
        keeper.see(CallStarted(call, at(start), "PJSIP/trunk-1", "112\x1b[2J"))
        keeper.see(CallAnswered(call, at(start), NUMBER))
        decision = Decision("fire", Mode.VERIFY, "emergency", 8, (), (), 300)
        keeper.see(
            DecisionMade(
                call, at(start + 4), Facts(category="fire"), decision, "q:emergency:30", "0123456789ab"
            )
        )
        keeper.see(StepTaken(call, at(start + 4.1), Step.STAGE, ("1", "q", "emergency", "30")))
        if number != 1:
            keeper.see(StepTaken(call, at(start + 9), Step.OPERATOR_ANSWERED, ("op1",)))
        if number != 2:
            keeper.see(CallEnded(call, at(start + 30), 16, True))


@pytest.fixture
async def url(tmp_path: Path, database_url: str) -> str:
    await upgrade(database_url)
    engine = create_engine(database_url)
    writer = LedgerWriter(engine, tmp_path / "journal", vault=a_vault(tmp_path))
    writer.start()
    keep_calls(Keeper(Registry(), writer, who_calls_ambon))
    await writer.close()
    await engine.dispose()
    return database_url


async def test_calls_are_listed_newest_first(url: str) -> None:
    calls = await json_calls(url)
    assert [(call["id"], call["state"], call["result"], call["reason"]) for call in calls] == [
        ("1772337700.2", "talking", None, None),
        ("1772337600.12", "ended", "abandoned", "in-queue"),
        ("1772337600.1", "ended", "answered", "operator"),
    ]
    assert calls[2]["answer_seconds"] == 9.0
    assert calls[2]["started_at"] == "2026-03-01T04:00:00.000000Z"
    json.dumps(calls)


async def test_calls_can_be_chosen_by_time_result_and_number(url: str) -> None:
    assert [call["id"] for call in await json_calls(url, result="abandoned")] == ["1772337600.12"]
    assert [call["id"] for call in await json_calls(url, since=at(60))] == ["1772337700.2", "1772337600.12"]
    assert len(await json_calls(url, limit=1)) == 1
    with pytest.raises(IvrError, match=r"no result 'won'.*answered, abandoned"):
        await json_calls(url, result="won")


async def test_a_call_has_its_steps_in_order(url: str) -> None:
    call = await json_call(url, "1772337600.1")
    entries = call["entries"]
    assert isinstance(entries, list)
    assert [entry["kind"] for entry in entries] == [
        "trunk",
        "trunk-answered",
        "caller",
        "decision",
        "queue",
        "operator-answered",
        "ended",
    ]
    assert [entry["source"] for entry in entries][3] == "engine"
    times = [entry["at"] for entry in entries if entry["kind"] != "caller"]  # kept now, not in that year
    assert times == sorted(times)


async def test_a_part_of_an_id_is_enough_if_it_fits_one(url: str) -> None:
    assert (await json_call(url, "700.2"))["id"] == "1772337700.2"
    assert (await json_call(url, "17723377"))["id"] == "1772337700.2"
    with pytest.raises(IvrError, match="several calls"):
        await json_call(url, "1772337600")
    for none in ("9", "", "%", "_"):
        with pytest.raises(IvrError, match="no call"):
            await json_call(url, none)


async def test_numbers_are_masked_unless_asked_for(url: str, tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    hidden = [
        json.dumps(await json_calls(url, vault=vault)),
        json.dumps(await json_call(url, "700.2", vault=vault)),
        text(await show_calls(url, AMBON, vault=vault)),
        text(await show_call(url, AMBON, "700.2", vault=vault)),
    ]
    for shown in hidden:
        assert NUMBER not in shown
        assert "4567" in shown
    assert NUMBER in text(await show_calls(url, AMBON, numbers=True, vault=vault))
    assert (await json_call(url, "700.2", numbers=True, vault=vault))["caller_number"] == NUMBER
    stranger = a_vault(tmp_path / "another installation")
    for unreadable in (None, stranger):
        assert (await json_call(url, "700.2", numbers=True, vault=unreadable))["caller_number"] == ""


@pytest.mark.parametrize(
    ("number", "shown"), [("", ""), ("112", "…"), ("081123", "…"), ("0811234", "…1234"), (NUMBER, "…4567")]
)
def test_a_short_number_is_hidden_whole(number: str, shown: str) -> None:
    assert masked(number) == shown


async def test_the_screen_has_the_citys_time_and_indonesian_first(url: str) -> None:
    shown = text(await show_calls(url, AMBON))
    assert "01-03-2026 13:00:00" in shown
    assert "Waktu WIT" in shown
    assert shown.index("terjawab: operator") < shown.index("answered: operator")
    assert shown.index("berbicara") < shown.index("talking")
    steps = text(await show_call(url, AMBON, "1772337600.1"))
    assert "operator menjawab · operator answers" in steps
    assert re.search(r"9\.00\s+operator menjawab", steps)


async def test_what_a_caller_sends_cannot_steer_the_terminal(url: str) -> None:
    shown = text(await show_call(url, AMBON, "700.2"))
    assert "\x1b" not in shown
    assert "112\ufffd[2J" in shown


async def test_without_a_record_the_remedy_is_named(tmp_path: Path) -> None:
    missing = f"sqlite+aiosqlite:///{tmp_path / 'none.sqlite3'}"
    with pytest.raises(IvrError, match="ivr serve"):
        await json_calls(missing)
    assert os.listdir(tmp_path) == []
    (tmp_path / "none.sqlite3").touch()
    with pytest.raises(IvrError, match="start ivr serve once"):
        await json_calls(missing)


async def test_calls_that_were_open_are_known_to_the_next_run(url: str) -> None:
    engine = create_engine(url)
    found = await open_calls(engine)
    await engine.dispose()
    # the first has ended, but its clock runs: no agency has accepted; and nobody has looked at the second's
    # recording
    assert [(call.id, call.state) for call in found] == [
        ("1772337600.1", State.ENDED),
        ("1772337600.12", State.ENDED),
        ("1772337700.2", State.TALKING),
    ]
    assert found[2].operator_at == at(129)
    registry = Registry()
    registry.restore(found)
    changes = registry.tick(at(1000))
    assert [finding.kind for change in changes for finding in change.findings] == [
        Kind.CLOCK_HALF,
        Kind.CLOCK_LATE,
    ] * 2


async def test_a_call_found_in_asterisk_is_recorded_with_its_caller(url: str, tmp_path: Path) -> None:
    engine = create_engine(url)
    writer = LedgerWriter(engine, tmp_path / "journal", vault=a_vault(tmp_path))
    writer.start()
    found = LiveCall("new", "PJSIP/trunk-9", START, START, "112", NUMBER, "", "", "", "", None, ())
    keeper = Keeper(Registry(), writer, who_calls_ambon)
    keeper.reconcile(Snapshot((found,), ()), keeper.registry.mark(), at(90))
    keeper.reconcile(Snapshot((), (), asterisk_since=at(95)), keeper.registry.mark(), at(100))
    await writer.close()
    await engine.dispose()
    call = await json_call(url, "new", numbers=True, vault=a_vault(tmp_path))
    assert (call["caller_number"], call["result"], call["reason"]) == (
        NUMBER,
        "interrupted",
        "asterisk-stopped",
    )


def test_every_slug_has_words() -> None:
    assert set(KINDS) == set(Kind)
    assert set(STATES) == set(State)
    assert set(RESULTS) == set(Result)
    assert set(REASONS) == set(Reason)


def test_docs_explain_every_slug() -> None:
    docs = Path(__file__).parents[2] / "docs"
    pages = ((docs / name).read_text() for name in ("ledger.md", "definitions.md"))
    documented = {slug for page in pages for slug in re.findall(r"`([a-z-]+)`", page)}
    assert {str(slug) for slug in (*Kind, *Result, *Reason, *State)} <= documented


def test_what_came_late_by_a_moment_is_shown_where_it_happened() -> None:
    """The engine's advice is noted before Asterisk has told of the call; a clock that is set back by an hour
    turns nothing around."""

    def written(*steps: tuple[str, float]) -> list[Written]:
        return [Written(n, at(when), at(0), kind, "", {}) for n, (kind, when) in enumerate(steps)]

    late = written(
        ("intake", 0.004), ("menu", 0.005), ("trunk", 0.0), ("trunk-answered", 0.002), ("ended", 9)
    )
    kinds = [entry.kind for entry in as_it_happened(late)]
    assert kinds == ["trunk", "trunk-answered", "intake", "menu", "ended"]
    same = written(("operator-answered", 1), ("talk-end", 1))
    set_back = written(("menu", 10), ("queue", 11), ("ringing", 11 - 3600), ("operator-answered", 13 - 3600))
    for as_written in (same, set_back):
        assert list(as_it_happened(as_written)) == as_written
