"""The proof that every call ends at a human: it covers every call, and it can fail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cities import cities
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.menu import walk
from ivr.menu.walk import Chosen, ChosenBy, MenuState, Step
from ivr.routing import decide as deciding
from ivr.routing.advice import encode_plan
from ivr.routing.conditions import CannotSpeak, OutOfService
from ivr.routing.decide import decide
from ivr.routing.in_words import facts_in_words, route_command
from ivr.routing.index import RuleIndex, Shortlist
from ivr.routing.loader import load, load_file
from ivr.routing.menu_proof import menu_flaws
from ivr.routing.model import CallerClass, Decision, Facts, LinesStage, Mode, QueueStage, ServiceState, Stage
from ivr.routing.partition import Partition, outcomes, rules_table, swamped_table
from ivr.routing.proof import _calls, prove
from ivr.routing.rules import Queue, Rules
from ivr.routing.space import DIMENSIONS, OUT, Point, Space, space_of

FILE = Path(__file__).parents[2] / "routing.yaml"
RULES = load_file(FILE)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def points(space: Space) -> st.SearchStrategy[dict[str, int]]:
    """Calls of the space, as the places of their values."""
    return st.fixed_dictionaries(
        {dimension.name: st.integers(0, len(dimension.values) - 1) for dimension in space.dimensions}
    )


def plainly(rules: Rules, point: Point) -> tuple[int, int]:
    """The first rule all of whose conditions hold, and the first condition of ``swamped`` that does."""
    rule = next(
        place
        for place, rule in enumerate(rules.rules)
        if all(condition.holds(point.facts, point.at) for condition in rule.when)
    )
    held = [condition.holds(point.facts, point.at) for condition in rules.swamped]
    return rule, held.index(True) if any(held) else len(held)


@given(cities(), st.data(), st.permutations(DIMENSIONS))
@settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
def test_the_partition_gives_each_call_to_the_rule_that_takes_it(
    text: str, data: st.DataObject, order: list[str]
) -> None:
    rules = load(text, "routing.yaml")
    space = space_of([rules], NOW.date())
    partition = Partition(space, [rules_table(rules), swamped_table(rules)], order, lambda places: places)
    for _ in range(10):
        values = data.draw(points(space))
        here = {
            level: frozenset(part for part, some in enumerate(partition.parts[level]) if values[name] in some)
            for level, name in enumerate(order)
        }
        assert list(outcomes(partition.root, here)) == [plainly(rules, space.point(values))]


@given(cities(), st.data())
@settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
def test_every_call_has_the_plan_of_a_combination_that_was_decided(text: str, data: st.DataObject) -> None:
    rules = load(text, "routing.yaml")
    space = space_of([rules], NOW.date())
    schedules = space.hours.schedules
    outs = [value["out_of_service"] for value in space.dimension(OUT).values]

    def held(at: datetime) -> tuple[bool, ...]:
        return tuple(schedule.covers(rules.local(at)) for schedule in schedules)

    def planned(facts: Facts, at: datetime) -> tuple[Decision, str]:
        decision = decide(rules, facts, at)
        return decision, encode_plan(deciding.plan(rules, decision, facts, at))

    def marks(out: frozenset[str]) -> tuple[bool, ...]:
        """Which conditions hold because this is out of service."""
        conditions = (one for rule in rules.rules for one in rule.when if isinstance(one, OutOfService))
        return tuple(one.holds(Facts(out_of_service=out), NOW) for one in conditions)

    decided = {
        (rule, mode, held(point.at), point.facts.out_of_service): planned(point.facts, point.at)[1]
        for rule, mode, point in _calls(rules, space)
    }
    for _ in range(10):
        at = NOW + timedelta(minutes=data.draw(st.integers(0, 60 * 24 * 60)))
        facts = Facts(
            entry=data.draw(st.sampled_from(sorted(rules.numbers))),
            category=data.draw(st.sampled_from(sorted(rules.categories))),
            language=data.draw(st.sampled_from(sorted(rules.languages))),
            caller=data.draw(st.sampled_from(CallerClass)),
            cannot_speak=data.draw(st.booleans()),
            operators=data.draw(st.none() | st.integers(0, 9)),
            longest_wait=data.draw(st.floats(0, 500)),
            out_of_service=data.draw(st.sampled_from(outs)),
            service_state=data.draw(st.sampled_from(ServiceState)),
        )
        decision, plan = planned(facts, at)
        key = decision.rule, decision.mode, held(at)
        # What was not decided with this out of service is not touched by it.
        out = facts.out_of_service
        if (*key, out) not in decided:
            out = next(other for other in outs if marks(other) == marks(out))
        assert decided[*key, out] == plan


def test_ambons_calls_all_end_at_humans() -> None:
    proof = prove(RULES, NOW)
    assert proof.counterexamples == ()
    assert proof.combinations > 900_000_000
    # Every rule in both kinds of hours, and each agency that it rings out of service.
    assert proof.decided > 500


def broken(
    monkeypatch: pytest.MonkeyPatch,
    what: Callable[[Decision, Facts, datetime, tuple[Stage, ...]], tuple[Stage, ...]],
) -> None:
    right = deciding.plan

    def plan(rules: Rules, decision: Decision, facts: Facts, now: datetime) -> tuple[Stage, ...]:
        return what(decision, facts, now, right(rules, decision, facts, now))

    monkeypatch.setattr(deciding, "plan", plan)


def only_lines(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    return tuple(stage for stage in stages if isinstance(stage, LinesStage))


def only_queues(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    return tuple(stage for stage in stages if isinstance(stage, QueueStage))


@pytest.mark.parametrize(
    ("what", "rule", "flaw"),
    [
        (lambda decision, facts, now, stages: only_lines(stages), "fire", "no operator of layer 1 is asked"),
        (
            lambda decision, facts, now, stages: stages if decision.rule != "hearse" else only_queues(stages),
            "hearse",
            "nobody is rung when no operator answers",
        ),
        (
            lambda decision, facts, now, stages: (
                stages if "perkim-1" not in facts.out_of_service else (*stages, LinesStage(("perkim-9",), 9))
            ),
            "hearse",
            "the line perkim-9 has no phone and no number",
        ),
        (
            # Without asking whether that line is in service.
            lambda decision, facts, now, stages: (
                stages if decision.rule != "hearse" else (*only_queues(stages), LinesStage(("dinsos-1",), 9))
            ),
            "hearse",
            "only lines out of service are rung",
        ),
        (
            lambda decision, facts, now, stages: stages * (9 if now.hour == 18 else 1),
            "fire",
            "the plan has ",
        ),
        (
            lambda decision, facts, now, stages: 1 / (facts.out_of_service != {"dinsos"}) and stages,
            "social",
            "deciding fails with ZeroDivisionError",
        ),
    ],
)
def test_a_planner_that_loses_callers_is_found(
    monkeypatch: pytest.MonkeyPatch, what: Any, rule: str, flaw: str
) -> None:
    broken(monkeypatch, what)
    found = {example.rule: example for example in prove(RULES, NOW).counterexamples}
    assert found[rule].flaw.startswith(flaw)
    # The call that is named is one that the rule takes.
    assert decide(RULES, found[rule].point.facts, found[rule].point.at).rule == rule


def test_of_agencies_that_one_condition_names_each_is_decided_out_of_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = "  - rule: pair\n    when: {out_of_service: [damkar, perkim]}\n    lead: damkar\n"
    rules = load(FILE.read_text("utf-8").replace("\nrules:\n", f"\nrules:\n{pair}"), "routing.yaml")
    broken(
        monkeypatch,
        lambda decision, facts, now, stages: (
            stages if decision.rule != "pair" or "damkar" in facts.out_of_service else only_queues(stages)
        ),
    )
    (found,) = prove(rules, NOW).counterexamples
    assert (found.rule, found.flaw) == ("pair", "nobody is rung when no operator answers")
    assert found.point.facts.out_of_service == {"perkim"}


def without_numbers(rules: Rules) -> Rules:
    line = replace(rules.lines["piket-112"], phone=None)
    return replace(rules, lines={**rules.lines, "piket-112": line})


@pytest.mark.parametrize(
    ("rules", "flaw"),
    [
        (
            replace(RULES, rules=RULES.rules[:-1], swamped=()),
            "deciding fails with AssertionError: the last rule always matches",
        ),
        (without_numbers(RULES), "the line piket-112 has no phone and no number"),
        (
            replace(RULES, queues={**RULES.queues, "emergency": Queue("emergency", ())}),
            "deciding fails with RecursionError",
        ),
        (
            replace(RULES, rules=(replace(RULES.rules[-1], queue="nowhere"),)),
            "deciding fails with KeyError",
        ),
        (replace(RULES, last_resort=()), "nobody is rung when no operator answers"),
    ],
)
def test_rules_that_no_loader_would_accept_are_disproved(rules: Rules, flaw: str) -> None:
    examples = prove(rules, NOW).counterexamples
    assert any(example.flaw.startswith(flaw) for example in examples)


def test_a_rule_that_the_index_would_pass_over_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RuleIndex.shortlist
    hearse = next(place for place, rule in enumerate(RULES.rules) if rule.name == "hearse")

    def shortlist(self: RuleIndex, facts: Facts) -> Shortlist:
        whole = right(self, facts)
        return replace(whole, candidates=tuple(one for one in whole.candidates if one.index != hearse))

    monkeypatch.setattr(RuleIndex, "shortlist", shortlist)
    (found,) = prove(RULES, NOW).counterexamples
    assert found.flaw == "the rule everything else decides (verify), but hearse (verify) comes first"


def test_a_counterexample_is_told_in_words_and_as_a_command() -> None:
    facts = Facts(
        entry="113",
        category="fire",
        sub="house",
        language="en",
        caller=CallerClass.SIMLESS,
        district="baguala",
        cannot_speak=True,
        operators=0,
        longest_wait=61.0,
        out_of_service=frozenset({"damkar", "bpbd-1"}),
        service_state=ServiceState.OVERLOADED,
    )
    point = Point(facts, datetime(2026, 11, 27, 11, 30, tzinfo=RULES.city.zone))
    assert facts_in_words(RULES, point) == (
        "fire (house), dialled 113, language en, a caller whose number is simless, in baguala, a caller who "
        "cannot speak, friday 2026-11-27 11:30, no operators on duty, somebody waits for 61 s, the centre is "
        "Overloaded, out of service: bpbd-1, damkar"
    )
    assert route_command(RULES, point, "my rules.yaml") == (
        "ivr route 'my rules.yaml' --at 2026-11-27T11:30 --entry 113 --category fire --sub house --district "
        "baguala --service-state Overloaded --operators 0 --language en --caller simless --cannot-speak "
        "--longest-wait 61 --out bpbd-1 --out damkar"
    )


def test_every_way_through_ambons_menus_ends_and_none_is_without_a_person() -> None:
    assert menu_flaws(RULES) == {}


@pytest.mark.parametrize(
    ("key", "step", "flaw"),
    [
        ("0", MenuState("main", "id"), "it has no way to a person: 0 does not lead to one"),
        ("silence", MenuState("main", "en"), "it has no way to a person: silence does not lead to one"),
        ("7", MenuState("other", "id"), "a caller can go round in it for ever"),
        ("7", Chosen("nothing", "id", ChosenBy.KEY), "it leads to nothing, which is no category"),
    ],
)
def test_a_menu_that_holds_a_caller_is_found(
    monkeypatch: pytest.MonkeyPatch, key: str, step: Step, flaw: str
) -> None:
    right = walk.press

    def press(rules: Rules, state: MenuState, pressed: str) -> Step:
        return step if (state.menu, pressed) == ("other", key) else right(rules, state, pressed)

    monkeypatch.setattr(walk, "press", press)
    assert menu_flaws(RULES)["other"] == flaw


def test_conditions_on_two_things_at_once_are_refused_loudly() -> None:
    class Both(CannotSpeak):
        def holds(self, facts: Facts, local: datetime) -> bool:
            return facts.cannot_speak or facts.operators == 0

    with pytest.raises(AssertionError, match="more than one"):
        space_of([RULES], NOW.date()).holding(Both(True))


def test_the_modes_of_a_rule_that_rings_at_once_while_swamped_are_both_decided() -> None:
    modes = {mode for rule, mode, _ in _calls(RULES, space_of([RULES], NOW.date())) if rule == "fire"}
    assert modes == {Mode.VERIFY, Mode.DIRECT}
