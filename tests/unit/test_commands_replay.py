"""``ivr replay`` on a record of either kind."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ivr.ledger.read
from ivr.calls.events import CallAnswered, CallEnded, CallStarted
from ivr.calls.notes import DecisionMade
from ivr.calls.registry import Registry
from ivr.cli import app
from ivr.ledger.entries import Entry, Source
from ivr.ledger.keeper import Keeper
from ivr.ledger.writer import LedgerWriter
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.loader import load
from ivr.routing.model import Facts
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade
from tests.ambon import who_calls_ambon

TEXT = (Path(__file__).resolve().parents[2] / "routing.yaml").read_text(encoding="utf-8")
RULES = load(TEXT, "routing.yaml")
NUMBER = "+628111234567"
CATEGORIES = ("fire", "hearse", "fire", "medical", "hearse")


@pytest.fixture
def new(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which another agency drives the hearse; the record has five calls, an hour old."""
    monkeypatch.setenv("IVR_STATE", str(tmp_path))
    monkeypatch.setenv("IVR_DATABASE_URL", database_url)
    monkeypatch.setenv("IVR_ROUTING", str(tmp_path / "live.yaml"))
    (tmp_path / "live.yaml").write_text(TEXT, encoding="utf-8")
    asyncio.run(_record(database_url, tmp_path / "journal"))
    path = tmp_path / "new.yaml"
    path.write_text(TEXT.replace("lead: perkim\n", "lead: pdam\n"), encoding="utf-8")
    return path


async def _record(url: str, journal: Path) -> None:
    await upgrade(url)
    engine = create_engine(url)
    writer = LedgerWriter(engine, journal)
    writer.start()
    keeper = Keeper(Registry(), writer, who_calls_ambon)
    at = datetime.now(UTC) - timedelta(hours=1)
    for number, category in enumerate(CATEGORIES):
        call = f"1772337600.{number}"
        facts = Facts(category=category)
        decision = decide(RULES, facts, at)
        stages = encode_plan(plan(RULES, decision, facts, at))
        keeper.see(CallStarted(call, at, "PJSIP/trunk-1", "112"))
        keeper.see(CallAnswered(call, at, NUMBER))
        keeper.see(DecisionMade(call, at, facts, decision, stages, RULES.digest))
        keeper.see(CallEnded(call, at + timedelta(seconds=30), 16, True))
        # Advised when the caller had gone: nobody was sent anywhere.
        keeper.see(DecisionMade(call, at + timedelta(seconds=31), facts, decision, stages, RULES.digest))
    keeper.see(CallStarted("1772337600.9", at, "PJSIP/trunk-1", "112"))
    writer.record(Entry("1772337600.8", at, "decision", Source.ENGINE, {"rule": 7}))
    writer.record(Entry("1772337600.7", at - timedelta(days=2), "decision", Source.ENGINE, {"rule": 7}))
    await writer.close()
    await close(engine)


def replayed(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["replay", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_every_decision_is_made_again_once_whatever_the_page(
    new: Path, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivr.ledger.read, "PAGE", page)
    found = replayed(str(new), "--since", "1d")
    assert (found["decisions"], found["changed"], found["unreadable"]) == (5, 2, 1)
    assert found["changed_by"] == {
        "mode": 0,
        "queue": 0,
        "agencies": 2,
        "lines": 2,
        "priority": 0,
        "plan": 0,
    }
    assert found["changed_by_category"] == {"hearse": 2}
    assert (found["already_so"], found["without_decision"]) == (0, 1)
    assert [call["id"] for call in found["calls"]] == ["1772337600.4", "1772337600.1"]
    assert found["calls"][0]["was"]["lines"] == ["perkim-1"]
    assert found["calls"][0]["would_be"]["lines"] == ["pdam-1"]


def test_the_file_in_force_changes_nothing_and_is_not_compared_with_itself(new: Path) -> None:
    found = replayed()
    assert (found["decisions"], found["changed"], found["already_so"]) == (5, 0, None)


def test_since_leaves_out_what_is_older_and_list_shows_no_more(new: Path) -> None:
    assert replayed(str(new), "--since", "10m")["decisions"] == 0
    assert replayed(str(new), "--since", "30d")["unreadable"] == 2
    found = replayed(str(new), "--list", "1")
    assert (found["changed"], len(found["calls"])) == (2, 1)


def test_people_read_it_without_anybody_s_number(new: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(new), "--list", "1"], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    assert "2 akan ke tempat lain / would have gone elsewhere" in result.stdout
    assert "instansi perkim → pdam" in result.stdout
    assert "1 terbaru dari 2" in result.stdout
    assert NUMBER[-7:] not in result.output


def test_a_file_with_mistakes_is_refused_with_its_places(new: Path) -> None:
    new.write_text(TEXT.replace("lead: perkim", "lead: perkm"), encoding="utf-8")
    result = CliRunner().invoke(app, ["replay", str(new)])
    assert result.exit_code == 1
    assert "did you mean perkim?" in result.stderr
