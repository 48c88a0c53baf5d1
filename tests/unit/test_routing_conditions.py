"""Rules about place, lists of callers, what is out of service and the centre's state; marks of a number."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.routing.conditions import OutOfService
from ivr.routing.decide import decide
from ivr.routing.loader import load
from ivr.routing.model import CallerClass, Decision, Facts, ServiceState
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
LISTS = ("  # lists: {hospitals: [0911…, +62811…]}", "  lists: {hospitals: [0911345678, +62811345678]}")


def with_rule(rule: str, *replacements: tuple[str, str]) -> Rules:
    text = AMBON.replace("rules:\n", f"rules:\n  - {rule}\n", 1)
    for old, new in (LISTS, *replacements):
        assert old in text
        text = text.replace(old, new, 1)
    return load(text, "routing.yaml")


@pytest.mark.parametrize(
    ("condition", "holding", "failing"),
    [
        ("district: baguala", Facts(district="baguala"), Facts(district="sirimau")),
        ("district: [baguala, nusaniwe]", Facts(district="nusaniwe"), Facts()),
        ("listed: hospitals", Facts(listed="hospitals"), Facts()),
        ("service_state: Overloaded", Facts(service_state=ServiceState.OVERLOADED), Facts()),
        ("out_of_service: damkar", Facts(out_of_service=frozenset({"damkar"})), Facts()),
        (
            "out_of_service: damkar",
            Facts(out_of_service=frozenset({"damkar-1", "damkar-2", "damkar-radio"})),
            Facts(out_of_service=frozenset({"damkar-1", "damkar-2"})),
        ),
        ("out_of_service: damkar-1", Facts(out_of_service=frozenset({"damkar"})), Facts()),
        (
            "out_of_service: [damkar-1, piket-112]",
            Facts(out_of_service=frozenset({"piket-112"})),
            Facts(out_of_service=frozenset({"damkar-2"})),
        ),
    ],
)
def test_a_rule_looks_at(condition: str, holding: Facts, failing: Facts) -> None:
    rules = with_rule(f"{{rule: mine, when: {{{condition}}}}}")
    decision = decide(rules, holding, NOW)
    assert decision.rule == "mine"
    held, failed = decision.why[0].because, decide(rules, failing, NOW).why[0]
    assert not failed.matched
    assert held != failed.because


def test_the_words_of_a_condition_on_service() -> None:
    one, two = OutOfService(("damkar",), ()), OutOfService(("damkar", "bpbd-1"), ())
    assert (one.held, one.failed) == ("damkar is out of service", "damkar is in service")
    assert (two.held, two.failed) == (
        "damkar or bpbd-1 is out of service",
        "damkar and bpbd-1 are in service",
    )


def decided(facts: Facts, *replacements: tuple[str, str]) -> Decision:
    return decide(with_rule("{rule: mine, when: {sub: birth}, priority: 9}", *replacements), facts, NOW)


MOVES = [  # Ambon: redial within 10 minutes +3, three prank marks -4
    (Facts(), 9, ""),
    (Facts(redial_seconds=600.0), 12, "calls again without having reached a person, so priority +3"),
    (Facts(redial_seconds=601.0), 9, ""),
    (Facts(prank_marks=2), 9, ""),
    (Facts(prank_marks=3), 5, "3 prank marks, so priority -4"),
    (Facts(prank_marks=7, redial_seconds=0.0), 8, "7 prank marks, so priority -4"),
]


@pytest.mark.parametrize(("facts", "priority", "said"), MOVES)
def test_what_is_known_of_a_number_moves_its_call_and_nothing_else(
    facts: Facts, priority: int, said: str
) -> None:
    plain, moved = decided(Facts(sub="birth")), decided(replace(facts, sub="birth"))
    assert moved.priority == priority
    assert said in moved.why[0].because
    assert replace(moved, priority=plain.priority, why=()) == replace(plain, why=())
    assert bool(said) == (moved.why[0] != plain.why[0])


@pytest.mark.parametrize("caller", [kind for kind in CallerClass if kind is not CallerClass.NUMBER])
def test_a_number_that_is_nobody_is_never_moved(caller: CallerClass) -> None:
    decision = decided(Facts(sub="birth", caller=caller, prank_marks=50, redial_seconds=1.0))
    assert decision.priority == 9


def test_a_move_ends_at_the_ends_of_the_scale() -> None:
    facts = Facts(sub="birth", prank_marks=3)
    assert decided(facts, ("priority: -4", "priority: -20")).priority == 0
    again = Facts(sub="birth", redial_seconds=1.0)
    assert decided(again, ("priority: +3", "priority: +20")).priority == 20


def test_without_a_word_about_callers_nothing_moves() -> None:
    rules = load(AMBON[: AMBON.index("callers:\n")] + AMBON[AMBON.index("# One of these is") :], "x")
    assert decide(rules, Facts(prank_marks=50, redial_seconds=1.0), NOW).priority == 6


def test_numbers_of_a_list_are_known_however_they_are_written() -> None:
    rules = with_rule("{rule: mine, when: {listed: hospitals}}", ("0911345678", "62911345678"))
    assert rules.callers.lists == {"hospitals": ("+62911345678", "+62811345678")}
    assert rules.list_of("+62911345678") == "hospitals"
    assert rules.list_of("+62911345679") is None
    assert rules.list_of(None) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0911345678", "0911", 'lists: "0911" is no telephone number; write +62811… or 0911…'),
        ("0911345678", "0911-345678", "digits only"),
        ("0911345678", "0811345678", "this stands twice"),
        ("0911345678, +62811345678]", "0911345678], schools: [+62911345678]", "in the list hospitals too"),
        ("{hospitals: [", "{hospital: [", "did you mean hospital?"),
        ("within: 10m", "within: 10", "from 10s to 24h"),
        ("priority: +3", "priority: 3", "write +1 to +20"),
        ("priority: -4", "priority: +4", "write -1 to -20"),
        ("forget_after: 24h", "forget: 24h", "did you mean forget_after?"),
        ("forget_after: 24h", "forget_after: 721h", "from 1m to 720h"),
        ("marks: 3", "marks: none", "from 1 to 100"),
        ("[sirimau, nusaniwe,", "[Sirimau, nusaniwe,", "small letters"),
    ],
)
def test_a_mistake_about_callers_is_explained(old: str, new: str, said: str) -> None:
    with pytest.raises(RoutingError) as caught:
        with_rule("{rule: mine, when: {listed: hospitals}}", (old, new))
    assert said.removeprefix("lists: ") in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("district: 9", "write one of: baguala"),
        ("listed: schools", 'there is no list of callers "schools"; write one of: hospitals'),
        ("service_state: overloaded", "did you mean Overloaded?"),
        ("out_of_service: damkr", "did you mean damkar?"),
        ("out_of_service: damkar-3", "did you mean damkar-"),
    ],
)
def test_an_unknown_name_in_a_condition(condition: str, said: str) -> None:
    with pytest.raises(RoutingError) as caught:
        with_rule(f"{{rule: mine, when: {{{condition}}}}}")
    assert said in str(caught.value)
