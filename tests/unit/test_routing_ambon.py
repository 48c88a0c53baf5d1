"""The routing.yaml that comes with the software says what Kota Ambon has decided."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.routing.decide import decide, plan
from ivr.routing.loader import load_file
from ivr.routing.model import CallerClass, Decision, Facts, LinesStage, Mode, QueueStage, Role
from ivr.routing.show import decision_as_json

RULES = load_file(Path(__file__).parents[2] / "routing.yaml")
WIT = ZoneInfo("Asia/Jayapura")
WEDNESDAY = datetime(2026, 11, 18, 10, 0, tzinfo=WIT)
FRIDAY_PRAYER = datetime(2026, 11, 20, 12, 0, tzinfo=WIT)
NIGHT = datetime(2026, 11, 18, 2, 0, tzinfo=WIT)


def decided(now: datetime = WEDNESDAY, **facts: object) -> Decision:
    return decide(RULES, Facts(**{"operators": 4, **facts}), now)  # type: ignore[arg-type]


def roles(decision: Decision) -> dict[str, list[str]]:
    """Role → agencies."""
    return {
        role.value: [use.agency for use in decision.agencies if use.role is role]
        for role in Role
        if any(use.role is role for use in decision.agencies)
    }


def test_it_has_the_agencies_and_categories_of_the_city() -> None:
    assert " ".join(RULES.agencies) == (
        "damkar bpbd dlhp polresta kodim satpol-pp dinkes dinsos perkim pdam pln basarnas leaders"
    )
    assert " ".join(RULES.categories) == (
        "fire disaster nonnatural medical accident security brawl missing social hearse consultation unknown"
    )


def test_no_line_rings_a_real_person() -> None:
    assert all(line.number is None and line.phone == line.name for line in RULES.lines.values())
    assert RULES.last_resort == ("piket-112", "pos-satpol")
    assert all(agency.lines for agency in RULES.agencies.values())


@pytest.mark.parametrize(
    ("category", "expected", "priority", "clock"),
    [
        ("fire", {"lead": ["damkar"], "mutual_aid": ["pdam", "pln"]}, 9, 300),
        ("medical", {"lead": ["dinkes"]}, 9, 300),
        ("accident", {"lead": ["dinkes", "polresta"]}, 9, 300),
        ("disaster", {"lead": ["bpbd", "dlhp"], "support": ["basarnas", "dinsos", "leaders"]}, 8, None),
        ("nonnatural", {"lead": ["bpbd"], "support": ["dinkes", "pdam", "pln"]}, 6, None),
        ("security", {"lead": ["polresta"], "else": ["satpol-pp"], "support": ["kodim"]}, 7, None),
        (
            "brawl",
            {"lead": ["polresta"], "support": ["kodim", "damkar", "pln", "basarnas", "satpol-pp"]},
            8,
            None,
        ),
        ("missing", {"lead": ["basarnas", "polresta"]}, 6, None),
        ("social", {"lead": ["dinsos"], "else": ["satpol-pp"]}, 4, None),
        ("hearse", {"lead": ["perkim"]}, 3, None),
        ("consultation", {}, 1, None),
        ("unknown", {}, 6, None),
    ],
)
def test_each_category_goes_to_its_agencies(
    category: str, expected: dict[str, list[str]], priority: int, clock: int | None
) -> None:
    decision = decided(category=category)
    assert roles(decision) == expected
    assert (decision.priority, decision.clock_seconds) == (priority, clock)
    assert decision.mode is Mode.VERIFY


@pytest.mark.parametrize("category", ["fire", "medical", "accident", "disaster", "security"])
@pytest.mark.parametrize(
    ("facts", "mode"),
    [
        ({"operators": 0}, Mode.DIRECT),
        ({"operators": 1}, Mode.VERIFY),
        ({"operators": 4, "longest_wait": 60.0}, Mode.VERIFY),
        ({"operators": 4, "longest_wait": 60.1}, Mode.DIRECT),
        ({"operators": None}, Mode.VERIFY),
    ],
)
def test_agencies_ring_at_once_only_while_operators_are_swamped_or_absent(
    category: str, facts: dict[str, object], mode: Mode
) -> None:
    assert decided(category=category, **facts).mode is mode


@pytest.mark.parametrize("category", ["consultation", "hearse", "social", "unknown"])
def test_what_can_wait_never_rings_an_agency_without_an_operator(category: str) -> None:
    assert decided(category=category, operators=0, longest_wait=600.0).mode is Mode.VERIFY


def test_brawl_tells_all_who_must_know() -> None:
    lists = decided(category="brawl").notify
    assert {who for name in lists for who in RULES.notify[name]} == {
        "polresta",
        "kodim",
        "damkar",
        "pln",
        "basarnas",
    }


def test_who_cannot_speak_comes_before_the_unknown_ones() -> None:
    decision = decided(cannot_speak=True)
    assert (decision.rule, decision.priority) == ("cannot speak", 8)
    assert decided(category="fire", cannot_speak=True).rule == "fire"


def test_the_plan_of_a_fire() -> None:
    decision = decided(category="fire")
    assert plan(RULES, decision, Facts(), WEDNESDAY) == (
        QueueStage("emergency", 45),
        QueueStage("supervisors", 30),
        LinesStage(("damkar-1",), 15),
        LinesStage(("damkar-2",), 20),
        LinesStage(("damkar-radio",), 10),
        LinesStage(("piket-112",), 30),
        LinesStage(("pos-satpol",), 30),
    )


def test_the_plan_of_a_fire_with_nobody_on_duty_begins_at_the_fire_brigade() -> None:
    stages = plan(RULES, decided(category="fire", operators=0), Facts(operators=0), WEDNESDAY)
    assert stages[:5] == (
        LinesStage(("damkar-1",), 15),
        LinesStage(("damkar-2",), 20),
        LinesStage(("damkar-radio",), 10),
        QueueStage("emergency", 45),
        QueueStage("supervisors", 30),
    )


def test_police_phones_ring_together_then_civil_order_in_turn() -> None:
    stages = plan(RULES, decided(category="security"), Facts(), WEDNESDAY)
    assert stages[2:5] == (
        LinesStage(("polresta-1", "polresta-2"), 20),
        LinesStage(("satpol-pp-1",), 20),
        LinesStage(("satpol-pp-2",), 20),
    )


def test_information_never_takes_the_last_operator_and_goes_on_to_layer_1() -> None:
    stages = plan(RULES, decided(category="consultation"), Facts(), WEDNESDAY)
    assert stages[:3] == (
        QueueStage("information", 300, keep_free=1),
        QueueStage("emergency", 45),
        QueueStage("supervisors", 30),
    )


def test_a_thin_shift_calls_for_help_sooner() -> None:
    stages = plan(RULES, decided(FRIDAY_PRAYER, category="fire"), Facts(), FRIDAY_PRAYER)
    assert stages[:2] == (QueueStage("emergency", 20), QueueStage("supervisors", 20))


def test_an_office_phone_is_rung_in_office_hours_only() -> None:
    def lines(now: datetime) -> list[str]:
        return [line.name for line in decided(now, category="social").agencies[0].lines]

    assert lines(WEDNESDAY) == ["dinsos-1", "dinsos-2"]
    assert lines(NIGHT) == lines(FRIDAY_PRAYER) == ["dinsos-2"]
    assert date(2026, 12, 25) in RULES.holidays
    assert lines(datetime(2026, 12, 25, 9, 0, tzinfo=WIT)) == ["dinsos-2"]


def test_what_is_out_of_service_is_not_rung() -> None:
    facts = Facts(category="fire", out_of_service=frozenset({"damkar-1", "piket-112"}))
    stages = plan(RULES, decide(RULES, facts, WEDNESDAY), facts, WEDNESDAY)
    rung = {name for stage in stages if isinstance(stage, LinesStage) for name in stage.lines}
    assert rung == {"damkar-2", "damkar-radio", "pos-satpol"}


def test_an_agency_out_of_service_leaves_its_place_to_the_else_one() -> None:
    facts = Facts(category="security", out_of_service=frozenset({"polresta"}))
    decision = decide(RULES, facts, WEDNESDAY)
    assert decision.agencies[0].agency == "polresta"
    assert decision.agencies[0].lines == ()
    lines = [stage for stage in plan(RULES, decision, facts, WEDNESDAY) if isinstance(stage, LinesStage)]
    assert lines[0] == LinesStage(("satpol-pp-1",), 20)


def test_last_resort_lines_ring_even_when_all_are_marked_out_of_service() -> None:
    facts = Facts(out_of_service=frozenset(RULES.last_resort))
    stages = plan(RULES, decide(RULES, facts, WEDNESDAY), facts, WEDNESDAY)
    assert stages[-2:] == (LinesStage(("piket-112",), 30), LinesStage(("pos-satpol",), 30))


def test_every_rule_says_why() -> None:
    why = decided(category="accident", operators=0).why
    assert [trace.rule for trace in why] == [rule.name for rule in RULES.rules]
    assert [(trace.rule, trace.because) for trace in why[:3]] == [
        ("fire", "category is not fire"),
        ("ambulance", "category is not medical"),
        ("accident", "category is accident; swamped, because operators is none"),
    ]
    assert {(trace.matched, trace.because) for trace in why[3:]} == {(False, "an earlier rule matched")}
    assert [trace.matched for trace in decided().why].count(True) == 1


def test_a_decision_is_shown_with_exactly_these_keys() -> None:
    shown = decision_as_json(decided(category="security", caller=CallerClass.ANONYMOUS))
    assert list(shown) == [
        "rule", "mode", "queue", "priority", "agencies", "notify", "clock_seconds", "why",
    ]  # fmt: skip
    assert shown["agencies"][1] == {  # type: ignore[index]
        "agency": "satpol-pp",
        "role": "else",
        "lines": [
            {"name": "satpol-pp-1", "timeout_seconds": 20},
            {"name": "satpol-pp-2", "timeout_seconds": 20},
        ],
    }
    assert set(shown["why"][0]) == {"rule", "matched", "because"}  # type: ignore[index]


def test_values_stay_what_was_typed() -> None:
    assert RULES.city.area_code == "0911"
    assert set(RULES.numbers) == {"112", "911", "110", "113", "115", "118", "119", "other"}
    assert RULES.numbers["911"].language == "en"
