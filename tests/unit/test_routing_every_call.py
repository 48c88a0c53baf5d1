"""Whatever rules a city writes, as long as they are accepted: every call is decided, and ends at humans."""

from datetime import datetime
from itertools import product
from zoneinfo import ZoneInfo

from cities import AGENCIES, CATEGORIES, DISTRICTS, cities
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.menu.prompts_needed import prompts_needed
from ivr.menu.walk import Chosen, press, start
from ivr.routing.advice import LONGEST_PLAN, decode_plan, encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.loader import load
from ivr.routing.model import CallerClass, Facts, LinesStage, QueueStage, ServiceState
from ivr.routing.rules import Rules
from ivr.vocabulary import HIGHEST_PRIORITY, LAYER_1_QUEUE, SILENCE

HOURS = [
    datetime(2026, 12, day, hour, tzinfo=ZoneInfo("Asia/Makassar"))
    for day, hour in ((21, 12), (21, 23), (25, 3), (26, 12), (31, 12))
]


def every_call(rules: Rules) -> list[Facts]:
    agencies_out = [frozenset(), *(frozenset({name}) for name in AGENCIES)]
    agencies_out.append(frozenset({*rules.agencies, *rules.lines}))
    return [
        Facts(
            entry=entry,
            category=category,
            language=language,
            caller=caller,
            cannot_speak=category == "unknown",
            operators=operators,
            longest_wait=longest_wait,
            out_of_service=out,
            district=(None, *DISTRICTS)[number % 3],
            listed=(None, "hospitals")[number % 2],
            service_state=(ServiceState.NORMAL, ServiceState.OVERLOADED)[number // 3 % 2],
            prank_marks=number % 5,
            redial_seconds=(None, 30.0)[number // 2 % 2],
        )
        for number, (entry, category, language, caller, (operators, longest_wait), out) in enumerate(
            product(
                ("112", "other"),
                CATEGORIES,
                ("id", "en"),
                (CallerClass.NUMBER, CallerClass.SIMLESS),
                ((None, 0.0), (0, 0.0), (4, 90.0)),
                agencies_out,
            )
        )
    ]


@given(cities())
@settings(max_examples=settings().max_examples // 2, suppress_health_check=list(HealthCheck))
def test_every_call_is_decided_and_its_plan_ends_at_humans(text: str) -> None:
    rules = load(text, "routing.yaml")
    for index, facts in enumerate(every_call(rules)):
        now = HOURS[index % len(HOURS)]
        decision = decide(rules, facts, now)
        assert [trace.matched for trace in decision.why].count(True) == 1
        assert len(decision.why) == len(rules.rules)
        assert 0 <= decision.priority <= HIGHEST_PRIORITY

        stages = plan(rules, decision, facts, now)
        text = encode_plan(stages)
        assert decode_plan(text) == stages
        assert len(text) <= LONGEST_PLAN
        assert LAYER_1_QUEUE in {stage.queue for stage in stages if isinstance(stage, QueueStage)}
        rung = [name for stage in stages if isinstance(stage, LinesStage) for name in stage.lines]
        last = len(rules.last_resort)
        assert set(rung[-last:]) <= set(rules.last_resort)
        assert set(rung) & set(rules.last_resort)
        if not facts.out_of_service.issuperset(rules.last_resort):
            assert not set(rung) & facts.out_of_service
        assert all(
            rules.lines[name].agency not in facts.out_of_service or name in rules.last_resort for name in rung
        )


@given(cities(), st.lists(st.sampled_from([*"0123456789*#", SILENCE]), min_size=9, max_size=9))
@settings(max_examples=settings().max_examples // 2, suppress_health_check=list(HealthCheck))
def test_every_walk_ends_at_a_category_of_the_city(text: str, keys: list[str]) -> None:
    rules = load(text, "routing.yaml")
    assert all(spoken.strip() for spoken in prompts_needed(rules).values())
    for entry in rules.numbers:
        step = start(rules, entry)
        for key in keys:
            if isinstance(step, Chosen):
                break
            step = press(rules, step, key)
        assert isinstance(step, Chosen)
        assert step.category in rules.categories
