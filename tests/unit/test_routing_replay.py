"""Past decisions, made again: the same rules change nothing, others change what they say."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.notes import DecisionMade
from ivr.calls.reduce import apply
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.loader import load
from ivr.routing.model import CallerClass, Facts, ServiceState
from ivr.routing.replay import Aspect, Past, Replay, course, differences, past
from ivr.routing.rules import Rules

TEXT = (Path(__file__).resolve().parents[2] / "routing.yaml").read_text(encoding="utf-8")
RULES = load(TEXT, "routing.yaml")
NIGHT = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def changed(*changes: tuple[str, str]) -> Rules:
    text = TEXT
    for old, new in changes:
        assert old in text, f"routing.yaml no longer has {old!r}"
        text = text.replace(old, new, 1)
    return load(text, "new.yaml")


def in_ledger(rules: Rules, facts: Facts, now: datetime) -> dict[str, object]:
    """What the ledger has of a decision after its way through a database."""
    decision = decide(rules, facts, now)
    note = DecisionMade("c1", now, facts, decision, encode_plan(plan(rules, decision, facts, now)), "digest")
    _, (finding, *_) = apply(None, note)
    return json.loads(json.dumps(finding.data))  # type: ignore[no-any-return]


def decided(rules: Rules, now: datetime = NIGHT, **facts: object) -> Past:
    return past("c1", now, in_ledger(rules, Facts(**facts), now))  # type: ignore[arg-type]


def moved(past: Past, rules: Rules, live: Rules | None = None) -> Replay:
    found = Replay(rules, live, 10)
    found.add(past)
    return found


NAMES = st.sampled_from([*RULES.agencies, *RULES.lines, "gone"])
FACTS = st.builds(
    Facts,
    entry=st.sampled_from([*RULES.numbers, "110"]),
    category=st.sampled_from([*RULES.categories, "gone"]),
    sub=st.none() | st.sampled_from(sorted({sub for subs in RULES.categories.values() for sub in subs})),
    language=st.sampled_from([*RULES.languages, "xx"]),
    caller=st.sampled_from(CallerClass),
    cannot_speak=st.booleans(),
    operators=st.none() | st.integers(0, 3),
    longest_wait=st.floats(0, 300),
    out_of_service=st.frozensets(NAMES, max_size=4),
    district=st.none() | st.text(max_size=10),
    listed=st.none() | st.text(max_size=10),
    service_state=st.sampled_from(ServiceState),
    prank_marks=st.integers(0, 9),
    redial_seconds=st.none() | st.floats(0, 3600),
)


@given(FACTS, st.integers(0, 365 * 24 * 12))
def test_what_the_ledger_keeps_is_enough_to_decide_the_same_again(facts: Facts, steps: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * steps)
    then = past("c1", now, in_ledger(RULES, facts, now))
    assert then.facts == facts
    assert then.facts_known
    assert course(RULES, facts, now) == then.course
    assert moved(then, RULES).changed == 0


FIRE = "when: {category: fire}\n    mode: direct_if_swamped"


@pytest.mark.parametrize(
    ("old", "new", "category", "aspects"),
    [
        (FIRE, FIRE.replace("direct_if_swamped", "direct"), "fire", (Aspect.MODE,)),
        ("lead: perkim\n", "lead: perkim\n    queue: information\n", "hearse", (Aspect.QUEUE,)),
        ("lead: perkim\n", "lead: pdam\n", "hearse", (Aspect.AGENCIES, Aspect.LINES)),
        ("lead: dinsos\n    else: satpol-pp\n", "lead: dinsos\n", "social", (Aspect.LINES,)),
        ("[dinkes-1 15s, dinkes-2 20s]", "[dinkes-2 20s, dinkes-1 15s]", "medical", (Aspect.LINES,)),
        ("lead: perkim\n    priority: 3", "lead: perkim\n    priority: 4", "hearse", (Aspect.PRIORITY,)),
        ("[damkar-1 15s", "[damkar-1 30s", "fire", (Aspect.PLAN,)),
        ("[45s supervisors", "[40s supervisors", "fire", (Aspect.PLAN,)),
        ("- rule: hearse", "- rule: funerals", "hearse", ()),
    ],
)
def test_each_kind_of_change_is_told(old: str, new: str, category: str, aspects: tuple[Aspect, ...]) -> None:
    found = moved(decided(RULES, category=category), changed((old, new)))
    assert [one.aspects for one in found.moved] == ([aspects] if aspects else [])
    assert found.by_aspect == dict.fromkeys(aspects, 1)
    untouched = moved(decided(RULES, category="consultation"), changed((old, new)))
    assert not set(untouched.by_aspect) - {Aspect.PLAN}  # the emergency queue's overflow is everybody's


def test_the_facts_of_that_moment_decide_not_those_of_now() -> None:
    new = changed((FIRE, FIRE.replace("direct_if_swamped", "direct")))
    alone = decided(RULES, category="fire", operators=0)
    assert alone.course.mode == "direct"
    assert moved(alone, new).changed == 0
    assert moved(decided(RULES, category="fire", operators=2), new).changed == 1


def test_a_line_that_was_out_then_is_out_again() -> None:
    past = decided(RULES, category="fire", out_of_service=frozenset({"damkar-1"}))
    assert past.course.lines == ("damkar-2", "damkar-radio")
    assert moved(past, RULES).changed == 0


def test_what_the_rules_in_force_do_already_is_not_put_down_to_the_new_file() -> None:
    new = changed(("[damkar-1 15s", "[damkar-1 30s"), ("lead: perkim\n", "lead: pdam\n"))
    live = changed(("[damkar-1 15s", "[damkar-1 30s"))
    found = Replay(new, live, 10)
    found.add(decided(RULES, category="fire"))
    found.add(decided(RULES, category="hearse"))
    assert [(one.past.facts.category, one.already) for one in found.moved] == [
        ("fire", True),
        ("hearse", False),
    ]
    assert (found.changed, found.already) == (2, 1)


def test_names_that_the_new_file_lacks_are_counted_and_end_no_replay() -> None:
    gone = decided(
        RULES, category="gone", entry="113", language="xx", out_of_service=frozenset({"damkar", "gone"})
    )
    new = changed(("  113: {category: fire}\n", ""))
    found = moved(gone, new)
    assert dict(found.absent) == {
        ("category", "gone"): 1,
        ("number", "113"): 1,
        ("language", "xx"): 1,
        ("agency or line", "gone"): 1,
    }
    assert found.decisions == 1
    place = moved(decided(RULES, district="gone", listed="gone"), RULES)
    assert dict(place.absent) == {("district", "gone"): 1, ("list of callers", "gone"): 1}
    sub = moved(decided(RULES, category="fire", sub="ship"), RULES)
    assert dict(sub.absent) == {("sub-category", "fire: ship"): 1}


def test_an_entry_of_before_the_facts_were_kept_says_so() -> None:
    data = in_ledger(RULES, Facts(category="medical", cannot_speak=True), NIGHT)
    del data["facts"]
    then = past("c1", NIGHT, data)
    assert not then.facts_known
    assert then.facts == Facts(category="medical", cannot_speak=True)
    found = moved(then, changed(("[dinkes-1 15s", "[dinkes-1 30s")))
    assert (found.facts_unknown, found.changed_facts_unknown) == (1, 1)


@pytest.mark.parametrize(
    "broken", [{"agencies": "damkar"}, {"priority": "high"}, {"caller": "president"}, {"plan": None}]
)
def test_an_entry_that_is_not_understood_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        past("c1", NIGHT, in_ledger(RULES, Facts(), NIGHT) | broken)


def test_only_the_newest_are_kept() -> None:
    found = Replay(changed(("lead: perkim\n", "lead: pdam\n")), None, 2)
    for number in range(5):
        found.add(replace(decided(RULES, category="hearse"), call_id=str(number)))
    assert found.changed == 5
    assert [one.past.call_id for one in found.moved] == ["3", "4"]


@given(FACTS)
def test_a_course_differs_from_itself_in_nothing_and_from_another_in_something(facts: Facts) -> None:
    one = course(RULES, facts, NIGHT)
    assert differences(one, one) == ()
    assert differences(one, replace(one, plan="q:x:1")) == (Aspect.PLAN,)
    assert differences(one, replace(one, queue="x", plan="q:x:1")) == (Aspect.QUEUE,)
