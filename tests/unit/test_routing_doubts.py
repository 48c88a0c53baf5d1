"""Warnings: what works but is probably not meant, at its place in the file."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.menu import walk
from ivr.menu.walk import MenuState, Step
from ivr.routing import decide as deciding
from ivr.routing import partition
from ivr.routing.examine import examine
from ivr.routing.model import Decision, Facts, LinesStage, Stage
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules
from ivr.vocabulary import SILENCE

TEXT = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def warned(text: str, now: datetime = NOW, unplayable: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
    found = examine({"r.yaml": text.encode()}, "r.yaml", now, lambda rules: unplayable)
    return [str(warning) for warning in found.warnings]


def put(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


def with_rules(*rules: str) -> str:
    return put(
        "rules:\n  - rule: fire\n",
        "rules:\n" + "".join(f"  - {rule}\n" for rule in rules) + "  - rule: fire\n",
    )


def test_ambons_file_has_no_warning() -> None:
    assert warned(TEXT) == []


@pytest.mark.parametrize(
    ("rules", "name", "message"),
    [
        (
            ["{rule: all fires, when: {category: fire}}"],
            "fire",
            '"all fires" takes all of its calls; move it above, or take it away',
        ),
        (
            [
                "{rule: day fires, when: {category: fire, schedule: office}}",
                "{rule: night fires, when: {category: fire, schedule: not office}}",
            ],
            "fire",
            '"day fires" and "night fires" take all of its calls; move it above, or take it away',
        ),
        (
            [
                "{rule: few, when: {category: fire, operators: under 3}}",
                "{rule: many, when: {category: fire, operators: over 1}}",
                "{rule: exactly two, when: {category: fire, sub: house, operators: under 3}}",
            ],
            "exactly two",
            '"few" takes all of its calls; move it above, or take it away',
        ),
        (
            [
                *(
                    f"{{rule: of {entry}, when: {{category: fire, entry: {entry}}}}}"
                    for entry in (112, 911, 110, 113, 115, 118, 119, "other")
                )
            ],
            "fire",
            '"of 112", "of 911", "of 110", "of 113", "of 115" and 3 more take all of its calls; move it '
            "above, or take it away",
        ),
        (
            ["{rule: floods, when: {category: fire, sub: flood}}"],
            "floods",
            "no call is all that its when asks for at once; take a condition away",
        ),
        (
            ["{rule: named twice, when: {caller: simless, listed: hospitals}}"],
            "named twice",
            "no call is all that its when asks for at once; take a condition away",
        ),
    ],
)
def test_a_rule_that_never_matches(rules: list[str], name: str, message: str) -> None:
    text = with_rules(*rules).replace("\ncallers:\n", "\ncallers:\n  lists: {hospitals: [0911345678]}\n")
    (warning,) = warned(text)
    place, _, said = warning.partition(": warning: ")
    assert said == f'the rule "{name}" never matches: {message}'
    line, column = map(int, place.split(":")[1:])
    assert text.splitlines()[line - 1][column - 1 :].lstrip("{").startswith(f"rule: {name}")


@pytest.mark.parametrize(
    "rules",
    [
        # One operator more or less is a difference.
        [
            "{rule: few, when: {category: fire, operators: under 2}}",
            "{rule: many, when: {category: fire, operators: over 2}}",
        ],
        # Nobody may know how many operators there are.
        [
            "{rule: few, when: {category: fire, operators: under 3}}",
            "{rule: many, when: {category: fire, operators: over 1}}",
        ],
        # Each agency may be out of service without the other.
        [
            "{rule: no trucks, when: {category: fire, out_of_service: damkar}}",
            "{rule: no water, when: {category: fire, out_of_service: pdam}}",
        ],
        # The evening after a holiday is no holiday.
        [
            "{rule: office, when: {category: fire, schedule: office}}",
            "{rule: prayer, when: {category: fire, schedule: friday-prayer}}",
        ],
    ],
)
def test_a_rule_that_sometimes_matches_is_no_doubt(rules: list[str]) -> None:
    assert warned(with_rules(*rules)) == []


def test_a_schedule_that_is_over() -> None:
    text = with_rules("{rule: iftar fires, when: {category: fire, schedule: iftar}}")
    assert warned(text) == []
    never, over = sorted(warned(text, datetime(2027, 3, 10, tzinfo=UTC)), reverse=True)
    assert never.endswith(
        '"iftar fires" never matches: iftar (2027-02-08..2027-03-09 18:15-19:30) is over; give it new dates, '
        "or take the rule away"
    )
    assert over.endswith("the schedule iftar is over; give it new dates, or take it away where it is used")
    assert over.startswith(f"r.yaml:{line_of(text, 'iftar: 2027')}:")


def test_a_category_that_only_the_last_rule_decides() -> None:
    text = put("  - rule: hearse\n    when: {category: hearse}\n    lead: perkim\n    priority: 3\n", "")
    (warning,) = warned(text)
    assert warning == (
        f"r.yaml:{line_of(text, 'hearse: []')}:3: warning: no rule asks for the category hearse: "
        '"everything else" decides it like any other call; write a rule with when: {category: hearse}'
    )


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        (
            "[dinsos-1 15s schedule=office]",
            "mon 00:00-08:00, mon 16:00-08:00, tue-thu 16:00-08:00, fri 11:30-24:00, sat-sun 00:00-24:00",
        ),
        ("[dinsos-1 15s schedule=all-but-one]", "mon-sun 12:00-13:00"),
        ("[dinsos-1 15s schedule=all-days]", "hours like 2026-12-25 00:00"),
    ],
)
def test_an_agency_without_a_line_at_some_hour(lines: str, when: str) -> None:
    text = put("[dinsos-1 15s schedule=office, dinsos-2 20s]", lines).replace(
        "\nschedules:\n",
        "\nschedules:\n  all-but-one: 13:00-12:00\n  all-days: mon-sun, not holidays\n",
    )
    (warning,) = warned(text)
    assert warning == (
        f"r.yaml:{line_of(text, lines)}:12: warning: dinsos has no line at {when}; write a line without "
        "schedule=, or one for these hours"
    )


def test_lines_whose_schedules_leave_no_hour_out_are_enough() -> None:
    text = put(
        "[dinsos-1 15s schedule=office, dinsos-2 20s]",
        "[dinsos-1 15s schedule=day, dinsos-2 20s schedule=night]",
    ).replace("\nschedules:\n", "\nschedules:\n  day: 07:00-19:00\n  night: 19:00-07:00\n")
    assert warned(text) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[bpbd-1 20s, bpbd-2 20s]",
            "[bpbd-1 20s, bpbd-2 20s phone=bpbd-1]",
            "bpbd-1 and bpbd-2 of bpbd ring the same phone; keep one of them",
        ),
        (
            "[piket-112 30s accept=answer, pos-satpol 30s accept=answer]",
            "[piket-112 30s, pos-satpol 30s phone=piket-112]",
            "piket-112 and pos-satpol of the last resort ring the same phone; write another phone for one of "
            "them",
        ),
    ],
)
def test_a_line_listed_twice(old: str, new: str, message: str) -> None:
    text = put(old, new)
    (warning,) = warned(text)
    assert re.fullmatch(rf"r\.yaml:{line_of(text, new)}:\d+: warning: {re.escape(message)}", warning)


def test_lines_that_reach_different_people_by_one_number_are_not_twice() -> None:
    assert (
        warned(
            put(
                "[bpbd-1 20s, bpbd-2 20s]",
                "[bpbd-1 20s number=+62811111 dtmf=1, bpbd-2 20s number=+62811111 dtmf=2]",
            )
        )
        == []
    )


def test_holidays_of_the_coming_year_are_missed_in_december() -> None:
    text = re.sub(r"(?m)^  2027-.*\n", "", TEXT.partition("\nschedules:")[0])
    text += "\nschedules:" + TEXT.partition("\nschedules:")[2]
    assert warned(text) == []
    (warning,) = warned(text, datetime(2026, 11, 30, 15, tzinfo=UTC))  # already December in Ambon
    assert warning == (
        f"r.yaml:{line_of(text, 'holidays:')}:1: warning: there is no holiday of 2027; write those of the "
        "government's decree, like 2027-01-01: Tahun Baru"
    )
    assert warned(TEXT, datetime(2026, 12, 31, tzinfo=UTC)) == []


def test_a_menu_without_a_prompt() -> None:
    text = put("  # abs: {recorded: yes}", "  abs: {recorded: yes} #")
    (warning,) = warned(
        text, unplayable=frozenset({("abs", "menu-main"), ("abs", "menu-other"), ("abs", "hold")})
    )
    assert warning == (
        f"r.yaml:{line_of(text, 'abs: ')}:3: warning: abs has no speech and no recording for the menus main, "
        "other: callers hear id; record abs/menu-main.wav, abs/menu-other.wav"
    )
    assert warned(text, unplayable=frozenset({("abs", "hold")})) == []


def test_a_menu_that_keeps_silent_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    right = walk.press

    def press(rules: Rules, state: MenuState, key: str) -> Step:
        return state if (state.menu, key) == ("other", SILENCE) else right(rules, state, key)

    monkeypatch.setattr(walk, "press", press)
    (warning,) = warned(TEXT)
    assert "the menu other: it has no way to a person: silence does not lead to one" in warning
    assert warning.startswith(f"r.yaml:{line_of(TEXT, 'other: {1: accident')}:3:")


def test_a_call_that_reaches_nobody_refuses_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    right = deciding.plan

    def plan(rules: Rules, decision: Decision, facts: Facts, now: datetime) -> Iterator[Stage]:
        stages = right(rules, decision, facts, now)
        return (stage for stage in stages if decision.rule != "hearse" or not isinstance(stage, LinesStage))

    monkeypatch.setattr(deciding, "plan", lambda *given: tuple(plan(*given)))
    with pytest.raises(RoutingError) as refused:
        examine({"r.yaml": TEXT.encode()}, "r.yaml", NOW)
    assert str(refused.value) == (
        f'r.yaml:{line_of(TEXT, "rule: hearse")}:5: error: a call may reach nobody by the rule "hearse": '
        "nobody is rung when no operator answers (hearse, dialled 112, language id, saturday 2026-11-21 "
        "00:00); see ivr route r.yaml --at 2026-11-21T00:00 --category hearse"
    )


def test_rules_that_nobody_could_look_through_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "MOST_STATES", 20)
    with pytest.raises(RoutingError) as refused:
        examine({"r.yaml": TEXT.encode()}, "r.yaml", NOW)
    line = TEXT.splitlines().index("rules:") + 1
    assert str(refused.value) == (
        f"r.yaml:{line}:1: error: the rules divide calls into too many kinds to look at each; use fewer "
        "conditions in a rule, above all several of them without a category"
    )
