"""The lifeline sends every call where the engine would, if it knew what the lifeline knows."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from cities import cities
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialplan import Dialplan, Run
from ivr.intake.numbers import OTHER, entry_of
from ivr.lifeline import compile_lifeline
from ivr.lifeline.compile import KEYS
from ivr.lifeline.conditions import NOT_KNOWN
from ivr.lifeline.dialplan import LONGEST_STEP
from ivr.menu.answer import menu_advice, plan_advice
from ivr.menu.walk import MenuState, Step, press, start
from ivr.routing.decide import decide, plan
from ivr.routing.hours import hours_of
from ivr.routing.loader import load, load_file
from ivr.routing.model import Facts
from ivr.routing.rules import Rules
from ivr.routing.service_state import service_state
from ivr.vocabulary import IntakeField

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "routing.yaml").read_text()
RULES = load_file(REPOSITORY / "routing.yaml")


def prompt(language: str, name: str) -> str:
    return f"{language}/{name}.0123456789ab"


def engine(rules: Rules, step: Step, entry: str, operators: int, at: datetime) -> str:
    """The engine's advice when it knows what the lifeline knows."""
    if isinstance(step, MenuState):
        return menu_advice(rules, step, prompt, entry, "number")
    facts = Facts(
        entry=entry,
        category=step.category,
        language=step.language,
        cannot_speak=step.cannot_speak,
        operators=operators,
    )
    facts = Facts(
        **{one.name: getattr(facts, one.name) for one in fields(Facts)}
        | {"service_state": service_state(rules, facts, at)}
    )
    decision = decide(rules, facts, at)
    return plan_advice(rules, facts, decision, plan(rules, decision, facts, at), prompt)


class Asked:
    """The lifeline of one city."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.name = f"lifeline-{rules.digest}"
        self.text = compile_lifeline(rules, prompt)
        self.plan = Dialplan.read(self.text)
        assert self.plan.broken_jumps() == []

    def intake(self, operators: int, at: datetime, dialled: str, headers: str = "") -> str:
        given = {"LIFE_DIALLED": dialled, "LIFE_HEADERS": headers}
        return self._ask("intake", operators, at, given)

    def key(
        self, operators: int, at: datetime, menu: str, language: str, wrong: int, entry: str, key: str
    ) -> str:
        given = {
            "IVR_MENU": menu,
            "IVR_LANGUAGE": language,
            "IVR_WRONG": str(wrong),
            "IVR_ENTRY": entry,
            "IVR_CALLER": "number",
            "IVR_KEY": key,
        }
        return self._ask("key", operators, at, given)

    def _ask(self, question: str, operators: int, at: datetime, given: dict[str, str]) -> str:
        now = str(int(at.timestamp()))
        self.run = Run(self.plan, {"IVR_AT": now, **given}, operators)
        return self.run.gosub(self.name, question)


def times(rules: Rules) -> list[datetime]:
    """An instant of each kind of hour, the instants around each change of a day, and a few odd ones."""
    zone = rules.city.zone
    kinds = hours_of(rules.schedules.values(), zone, date(2026, 11, 1)).kinds.values()
    odd = [
        datetime(2026, 12, 25, 0, 0, tzinfo=zone) + timedelta(minutes=step) for step in (-1, 0, 1439, 1440)
    ]
    return [*kinds, *odd]


def every_step(rules: Rules) -> Iterator[tuple[str, str, int, str]]:
    yield from product(rules.menus, rules.languages, (0, 1), KEYS)


def test_ambons_lifeline_gives_the_engines_advice_to_every_question() -> None:
    asked = Asked(RULES)
    for at, operators in product(times(RULES), (0, 1)):
        for menu, language, wrong, key in every_step(RULES):
            step = press(RULES, MenuState(menu, language, wrong), key)
            wanted = engine(RULES, step, "112", operators, at)
            assert asked.key(operators, at, menu, language, wrong, "112", key) == wanted
        for entry in RULES.numbers:
            wanted = engine(RULES, start(RULES, entry), entry, operators, at)
            assert asked.intake(operators, at, entry) == wanted


@given(
    cities(),
    st.datetimes(datetime(2026, 12, 18), datetime(2027, 1, 5), timezones=st.just(UTC)),
    st.integers(0, 4),
)
@settings(max_examples=settings().max_examples // 2, suppress_health_check=list(HealthCheck))
def test_any_citys_lifeline_gives_the_engines_advice(text: str, at: datetime, operators: int) -> None:
    rules = load(text, "routing.yaml")
    asked = Asked(rules)
    at = at.replace(microsecond=0)
    for menu, language, wrong, key in every_step(rules):
        step = press(rules, MenuState(menu, language, wrong), key)
        entry = ("112", "113", OTHER)[(wrong + len(key)) % 3]
        wanted = engine(rules, step, entry, operators, at)
        assert asked.key(operators, at, menu, language, wrong, entry, key) == wanted
    for entry in ("112", "113", "118", OTHER):
        wanted = engine(rules, start(rules, entry), entry, operators, at)
        assert asked.intake(operators, at, entry) == wanted


@pytest.mark.parametrize(
    ("dialled", "diversion", "history"),
    [
        ("112", "", ""),
        ("+62911112", "", ""),
        ("0911113", "", ""),
        ("911", "", ""),
        ("911911", "", ""),
        ("5", "", ""),
        ("", "", ""),
        ("112", "<sip:110@carrier.example>;reason=unconditional", ""),
        ("112", "<sip:+62811234567@x>, <tel:0911113>", ""),
        ("anything", "", "<sip:112@x>;index=1, <sips:+62911118@x>;index=1.1"),
        ("113", "<sip:110@carrier.example>", ""),
        ("112", "<sip:1100@carrier.example>", "<sip:9113@x>"),
    ],
)
def test_the_entry_is_the_engines(dialled: str, diversion: str, history: str) -> None:
    raw = {
        IntakeField.DIALLED: dialled,
        IntakeField.DIVERSION: diversion,
        IntakeField.HISTORY_INFO: history,
    }
    entry = entry_of(raw, RULES.city.area_code)
    asked = Asked(RULES)
    asked.intake(1, datetime(2026, 11, 2, 4, tzinfo=UTC), dialled, f"{diversion}>{history}")
    assert asked.run.variables["IVR_ENTRY"] == entry


@pytest.mark.parametrize(
    ("menu", "language", "key", "wanted"),
    [("gone", "en", "1", "en"), ("main", "xx", "1", "id"), ("main", "en", "", "en"), ("", "", "1", "id")],
)
def test_what_the_rules_do_not_know_leads_to_a_person(
    menu: str, language: str, key: str, wanted: str
) -> None:
    """Only a broken engine, or rules that were taken away, can bring a call here."""
    advice = Asked(RULES).key(1, datetime(2026, 11, 2, 4, tzinfo=UTC), menu, language, 0, "x", key)
    fields = advice.split("|")
    assert (fields[1], *fields[4:6], fields[10]) == ("plan", "unknown", wanted, OTHER)


def test_every_fact_is_either_the_engines_or_on_the_page_of_differences() -> None:
    """The tests above hold that the lifeline has the facts that are not on the list right."""
    same = {"entry", "category", "language", "cannot_speak", "operators"}
    nobody_knows_before_an_operator = {"sub", "district"}
    assert {one.name for one in fields(Facts)} == same | nobody_knows_before_an_operator | set(NOT_KNOWN)
    page = (REPOSITORY / "docs" / "lifeline.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| .* \|$", page, re.MULTILINE)
    assert dict(rows) == dict(NOT_KNOWN)


def test_a_schedule_of_a_hundred_spans_keeps_within_asterisks_limits() -> None:
    begins = product(range(24), range(0, 50, 12))
    spans = (f"2027-01-01..2027-12-31 mon {h:02}:{m:02}-{h:02}:{m + 5:02}" for h, m in begins)
    iftar = "2027-02-08..2027-03-09 18:15-19:30"
    rules = load(TEXT.replace(iftar, ", ".join(spans)), "routing.yaml")
    asked = Asked(rules)
    assert max(map(len, asked.text.splitlines())) < LONGEST_STEP + 100
    zone = rules.city.zone
    for minute in range(0, 1440, 3):
        at = datetime(2027, 6, 7, minute // 60, minute % 60, tzinfo=zone)
        wanted = engine(rules, start(rules, "113"), "113", 1, at)
        assert asked.intake(1, at, "113") == wanted
