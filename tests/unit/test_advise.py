"""From the dialplan's question to the engine's advice."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.advise import KEPT_FOR_MENUS, Adviser
from ivr.asterisk.agi_server import Question
from ivr.asterisk.intake_facts import encode_intake
from ivr.calls.events import OperatorChanged
from ivr.calls.registry import Registry
from ivr.errors import AgiError
from ivr.intake.numbers import dialled_forms
from ivr.ledger.keeper import Keeper
from ivr.menu.answer import first_menus
from ivr.prompts import Catalogue
from ivr.queueing.roster import Roster
from ivr.routing.advice import DECLINED, decode_plan
from ivr.routing.loader import load, load_file
from ivr.routing.model import Facts, LinesStage, QueueStage, ServiceState
from ivr.routing.rules import Rules
from ivr.rulebook.by_hand import ByHand, Mark
from ivr.vocabulary import CONTRACT_VERSION, END_MARK, FIELD_SEPARATOR, AgiScript, IntakeField
from tests.record import Record

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = load_file(REPOSITORY / "routing.yaml")
NOON = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""A Tuesday, 12:00 in Ambon."""


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def roster() -> Roster:
    found = Roster()
    found.replace([OperatorChanged("emergency", "op1", False, "free", 0)])
    return found


@pytest.fixture
def adviser(record: Record, roster: Roster) -> Adviser:
    files = {("id", "menu-main"): Path("/prompts/id/menu-main.0a1b.wav")}
    catalogue = Catalogue("id", files, {})
    return an_adviser(record, roster, catalogue)


def an_adviser(record: Record, roster: Roster, catalogue: Catalogue) -> Adviser:
    keeper = Keeper(Registry(), record, lambda *call: adviser.identify(*call))  # type: ignore[arg-type]
    adviser = Adviser(RULES, catalogue, Path("/prompts"), keeper, roster, lambda: NOON)
    return adviser


def intake(**facts: str) -> Question:
    raw = {IntakeField(name): value for name, value in facts.items()}
    return Question(AgiScript.INTAKE, (), "siaga-1.1", encode_intake(raw))


def key(
    pressed: str,
    menu: str = "main",
    language: str = "id",
    wrong: str = "0",
    rules: str = RULES.digest,
    call_id: str = "siaga-1.1",
    **facts: str,
) -> Question:
    raw = {IntakeField.DIALLED: "112"} | {IntakeField(name): value for name, value in facts.items()}
    return Question(AgiScript.KEY, (menu, language, wrong, rules, pressed), call_id, encode_intake(raw))


def fields(advice: str | None) -> list[str]:
    assert advice is not None
    parts = advice.split(FIELD_SEPARATOR)
    assert parts[0] == CONTRACT_VERSION
    assert parts[-1] == END_MARK
    return parts


def test_112_gets_the_main_menu_in_the_first_language(adviser: Adviser) -> None:
    advice = adviser.answer(intake(dialled="0911112", caller_number="08112345678"))
    assert advice == f"2|menu|main|id|0|3|id/menu-main.0a1b|112|number|{RULES.digest}|end"


def test_911_gets_it_in_english_and_a_prompt_that_is_missing_is_named_plainly(adviser: Adviser) -> None:
    adviser.switch(RULES, Catalogue("id", {}, {}))
    assert fields(adviser.answer(intake(dialled="911")))[2:7] == ["main", "en", "0", "3", "en/menu-main"]


def test_a_direct_number_skips_the_menu(adviser: Adviser) -> None:
    parts = fields(adviser.answer(intake(dialled="113")))
    assert parts[1] == "plan"
    assert parts[4] == "fire"
    assert decode_plan(parts[2])[0] == QueueStage("emergency", 45)


def test_with_nobody_on_duty_fire_rings_the_brigade_at_once(adviser: Adviser, roster: Roster) -> None:
    roster.replace([])
    parts = fields(adviser.answer(key("1")))
    assert decode_plan(parts[2])[0] == LinesStage(("damkar-1",), 15)


def test_without_a_link_to_asterisk_nobody_is_taken_for_absent(adviser: Adviser, roster: Roster) -> None:
    roster.replace([])
    roster.known = False
    parts = fields(adviser.answer(key("1")))
    assert decode_plan(parts[2])[0] == QueueStage("emergency", 45)


def test_8_marks_the_caller_who_cannot_speak(adviser: Adviser) -> None:
    parts = fields(adviser.answer(key("8")))
    assert (parts[1], parts[4], parts[7]) == ("plan", "unknown", "cannot-speak")


def test_two_wrong_keys_lead_to_a_person(adviser: Adviser) -> None:
    assert fields(adviser.answer(key("7")))[1:5] == ["menu", "main", "id", "1"]
    assert fields(adviser.answer(key("7", wrong="1")))[1] == "plan"


def test_numbers_and_headers_go_beside_the_ledger_not_into_it(adviser: Adviser, record: Record) -> None:
    adviser.answer(intake(dialled="112", caller_number="08112345678", **{"from": '"Citizen" <sip:x@a>'}))
    assert record.callers[0].number == "+628112345678"
    assert record.callers[0].name == "Citizen"
    assert all("8112345678" not in str(entry.data) for entry in record.entries)
    assert all("Citizen" not in str(entry.data) for entry in record.entries)


def test_who_calls_is_asked_of_the_facts_once(adviser: Adviser, record: Record) -> None:
    """The first menu was not asked for, and its event has not come yet: the facts stand in the question."""
    adviser.answer(key("*", dialled="112", caller_number="08112345678"))
    adviser.answer(key("1", language="en", dialled="911", caller_number="08119999999"))
    told = [(entry.kind, entry.data["entry"], entry.data["caller"]) for entry in record.entries]
    assert told == [(kind, "112", "number") for kind in ("intake", "menu", "decision")]
    assert [caller.number for caller in record.callers] == ["+628112345678"]


def test_facts_that_have_not_come_are_waited_for_where_nobody_knows_who_calls(
    adviser: Adviser, record: Record
) -> None:
    for question in (intake(dialled="112"), key("1")):
        assert adviser.answer(replace(question, raw_facts=None)) is None
    assert record.entries == []
    fields(adviser.answer(key("*")))
    fields(adviser.answer(replace(key("1"), raw_facts=None)))


def test_the_first_menus_are_what_the_engine_would_advise(adviser: Adviser) -> None:
    menus = first_menus(RULES, partial(adviser.catalogue.advised, Path("/prompts")))
    assert set(menus) == set(dialled_forms(RULES.city.area_code))
    for number, (dialled, menu) in enumerate(menus.items()):
        raw = encode_intake({IntakeField.DIALLED: dialled, IntakeField.CALLER_NUMBER: "08112345678"})
        advice = adviser.answer(Question(AgiScript.INTAKE, (), f"siaga-1.{number}", raw))
        assert menu == (advice if fields(advice)[1] == "menu" else "")
    assert menus["112"]
    assert not menus["113"]


def test_what_was_advised_is_recorded_before_it_is_said(adviser: Adviser, record: Record) -> None:
    adviser.answer(intake(dialled="112"))
    adviser.answer(key("1"))
    assert [entry.kind for entry in record.entries] == ["intake", "menu", "decision"]
    assert record.entries[2].data["rule"] == "fire"


def test_a_dialplan_of_another_version_is_told_so(adviser: Adviser) -> None:
    with pytest.raises(AgiError, match="install both again"):
        adviser.answer(Question(AgiScript.KEY, ("main", "id"), "siaga-1.1"))


def test_a_menu_that_is_gone_since_a_reload_leads_to_a_person(adviser: Adviser) -> None:
    assert fields(adviser.answer(key("1", menu="gone")))[1] == "plan"


@given(st.lists(st.text(max_size=40), min_size=5, max_size=5))
def test_whatever_a_channel_variable_holds_the_answer_is_an_advice(arguments: list[str]) -> None:
    adviser = an_adviser(Record(), Roster(), Catalogue("id", {}, {}))
    menu, language, wrong, pressed, facts = arguments
    asked = (menu, language, wrong, RULES.digest, pressed)
    fields(adviser.answer(Question(AgiScript.KEY, asked, "siaga-1.1", facts)))


def test_the_record_holds_the_facts_a_decision_was_made_from(
    adviser: Adviser, roster: Roster, record: Record
) -> None:
    """All of them, so that it can be made again from its entry: what is not under ``facts`` stands beside."""
    adviser.answer(key("8"))
    data = record.entries[-1].data
    assert data["rules"] == RULES.digest
    told = {name for name in Facts.__slots__ if name in data or name in data["facts"]}
    assert set(Facts.__slots__) - told == {"caller_number"}
    assert data["facts"]["operators"] == 1
    assert data["cannot_speak"] is True
    json.dumps(data)


def swapped() -> Rules:
    """Keys 1 and 2 of the main menu have changed places, and so has a line of the fire brigade."""
    text = (REPOSITORY / "routing.yaml").read_text()
    for old, new in (
        ("main: {1: fire, 2: medical,", "main: {1: medical, 2: fire,"),
        ("damkar-1", "damkar-9"),
    ):
        assert old in text
        text = text.replace(old, new)
    return load(text, "routing.yaml")


def with_other_silence() -> Rules:
    text = (REPOSITORY / "routing.yaml").read_text()
    assert "5: other, silence: 3s" in text
    return load(text.replace("5: other, silence: 3s", "5: other, silence: 4s"), "routing.yaml")


def test_who_heard_the_old_menu_goes_on_by_the_old_rules_and_new_callers_by_the_new(
    adviser: Adviser, record: Record
) -> None:
    adviser.switch(swapped(), adviser.catalogue)
    assert fields(adviser.answer(key("1")))[4] == "fire"
    old = record.entries[-1].data
    assert old["rules"] == RULES.digest
    assert "damkar-1" in str(old["plan"])
    assert fields(adviser.answer(key("1", rules=swapped().digest, call_id="siaga-2.2")))[4] == "medical"
    assert record.entries[-1].data["rules"] == adviser.rules.digest


def test_who_hears_the_menu_of_rules_to_come_is_understood(adviser: Adviser) -> None:
    """Asterisk has its part of new rules before the engine decides by them, and offers their menus."""
    adviser.expect(swapped(), adviser.catalogue)
    assert fields(adviser.answer(key("1")))[4] == "fire"
    assert fields(adviser.answer(key("1", rules=swapped().digest)))[4] == "medical"


def test_a_key_of_a_menu_that_is_not_known_is_left_to_the_lifeline(adviser: Adviser, record: Record) -> None:
    """The engine was restarted and the rules changed meanwhile: only the dialplan knows what was heard."""
    adviser.switch(swapped(), adviser.catalogue)
    assert adviser.answer(key("1", rules="0123456789ab")) == DECLINED == "2|lifeline|end"
    assert record.entries == []


def test_replaced_rules_are_not_kept_for_ever(adviser: Adviser) -> None:
    now = [NOON]
    adviser._now = lambda: now[0]
    adviser.switch(swapped(), adviser.catalogue)
    assert fields(adviser.answer(key("1")))[4] == "fire"
    now[0] += KEPT_FOR_MENUS
    assert adviser.answer(key("1")) == DECLINED
    adviser.switch(third := with_other_silence(), adviser.catalogue)
    assert [one.rules for _, one in adviser._replaced] == [swapped()]
    assert fields(adviser.answer(key("1", rules=third.digest)))[4] == "fire"


def test_what_people_set_by_hand_is_a_fact_of_the_next_decision(adviser: Adviser, record: Record) -> None:
    mark = Mark("admin", NOON, "no fuel", until=NOON + timedelta(hours=1))
    adviser.by_hand = ByHand({"damkar": mark}, (ServiceState.PARTIAL, mark))
    adviser.answer(key("1"))
    facts = record.entries[-1].data["facts"]
    assert (facts["out_of_service"], facts["service_state"]) == (["damkar"], "Partial")
    assert "damkar" not in str(record.entries[-1].data["plan"])
    adviser._now = lambda: NOON + timedelta(hours=1)
    adviser.answer(key("1"))
    facts = record.entries[-1].data["facts"]
    assert (facts["out_of_service"], facts["service_state"]) == ([], "Normal")


def test_with_nobody_on_duty_the_record_says_that_the_centre_is_unstaffed(
    adviser: Adviser, roster: Roster, record: Record
) -> None:
    roster.replace([])
    adviser.answer(key("0"))
    assert record.entries[-1].data["facts"]["service_state"] == "Unstaffed"
