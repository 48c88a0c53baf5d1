"""The index may make a decision faster, never different."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ivr.routing import index
from ivr.routing.decide import decide
from ivr.routing.loader import load
from ivr.routing.model import CallerClass, Facts, ServiceState
from ivr.routing.rules import Rules

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
RULES = load(
    AMBON.replace("  # lists: {hospitals: [0911…, +62811…]}", "  lists: {hospitals: [0911345678]}").replace(
        "rules:\n",
        """rules:
  - {rule: island, when: {category: [fire, medical], district: [baguala, sirimau]}, priority: 7}
  - {rule: hospital, when: {listed: hospitals, sub: [birth, sick]}, priority: 6}
  - {rule: flooded, when: {service_state: [Overloaded, MajorIncidentInProgress], category: social}}
  - {rule: no fire brigade, when: {out_of_service: [damkar, bpbd-1], category: fire}, lead: bpbd}
""",
        1,
    ),
    "routing.yaml",
)
START = datetime(2026, 11, 20, tzinfo=UTC)

facts = st.builds(
    Facts,
    entry=st.sampled_from(sorted(RULES.numbers)),
    category=st.sampled_from(sorted(RULES.categories)),
    sub=st.sampled_from([None, "birth", "house"]),
    listed=st.sampled_from([None, "hospitals"]),
    district=st.sampled_from([None, *RULES.city.districts]),
    service_state=st.sampled_from(ServiceState),
    out_of_service=st.sets(st.sampled_from(["damkar", "bpbd", "bpbd-1", "damkar-1"])).map(frozenset),
    language=st.sampled_from(sorted(RULES.languages)),
    caller=st.sampled_from(CallerClass),
    cannot_speak=st.booleans(),
    operators=st.none() | st.integers(0, 3),
    longest_wait=st.floats(0, 120),
)
times = st.integers(0, 14 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


def plainly(rules: Rules, now: datetime, of: Facts) -> tuple[str, list[bool]]:
    """The first rule all of whose conditions hold, found by looking at every one."""
    local = rules.local(now)
    for place, rule in enumerate(rules.rules):
        if all(condition.holds(of, local) for condition in rule.when):
            return rule.name, [False] * place + [True] + [False] * (len(rules.rules) - place - 1)
    raise AssertionError


@given(facts, times)
def test_the_index_finds_the_rule_that_a_plain_look_finds(of: Facts, now: datetime) -> None:
    decision = decide(RULES, of, now)
    name, matched = plainly(RULES, now, of)
    assert decision.rule == name
    assert [trace.matched for trace in decision.why] == matched
    assert [trace.rule for trace in decision.why] == [rule.name for rule in RULES.rules]


@given(facts, times)
def test_every_trace_tells_a_condition_that_really_failed(of: Facts, now: datetime) -> None:
    local = RULES.local(now)
    for rule, trace in zip(RULES.rules, decide(RULES, of, now).why, strict=True):
        if trace.matched or trace is rule.passed_over:
            continue
        condition = rule.when[rule.failed.index(trace)]
        assert not condition.holds(of, local)


def test_more_combinations_than_are_kept_change_nothing() -> None:
    for number in range(index.KEPT + 2):
        of = replace(Facts(category="fire"), district=f"district-{number}")
        assert decide(RULES, of, START).rule == "fire"


def test_facts_that_no_rule_names_take_no_place() -> None:
    one, other = Facts(category="hearse", entry="110"), Facts(category="hearse", entry="911", language="en")
    assert RULES.index.shortlist(one) is RULES.index.shortlist(other)
