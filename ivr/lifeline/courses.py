"""Where a rule sends its calls, at every hour: the plans of the engine, one for each kind of hour.

A plan depends on the hour by the hours of lines and by the overflow of queues, and by nothing else. So a rule
has as many plans as these schedules hold together in different ways.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.lifeline.conditions import facts_of
from ivr.lifeline.dialplan import Context
from ivr.lifeline.hours import flag
from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide_by, plan
from ivr.routing.hours import Hours
from ivr.routing.model import Facts, Role
from ivr.routing.rules import LAST_RESORT, LEAD, UNKNOWN, OverflowStep, Rule, RuleMode, Rules
from ivr.routing.schedules import Schedule
from ivr.vocabulary import LAYER_1_QUEUE

PLAN = "LIFE_PLAN"
RUNG = (Role.LEAD, Role.ELSE)
"""Agencies whose lines stand in a plan."""


@dataclass(frozen=True)
class Courses:
    """``schedules`` have a flag each, in their order; ``hours`` are all kinds of them. ``operators`` are
    numbers of them with which the city is not swamped, and is; ``None``: it cannot be."""

    rules: Rules
    schedules: tuple[Schedule, ...]
    hours: Hours
    operators: tuple[int | None, int | None]

    def add(self, context: Context, name: str, rule: Rule, then: str) -> str:
        """Write the rule's plans into ``context``, each followed by the step ``then``. Returns the extension
        to go to, with variables in it."""
        places = tuple(self._places(rule))
        flags = "".join(f"${{{flag(place)}}}" for place in places)
        kinds = self._kinds(places)
        if rule.mode is RuleMode.DIRECT_IF_SWAMPED:
            for swamped, operators in enumerate(self.operators):
                if operators is not None:
                    facts = facts_of(UNKNOWN, operators=operators)
                    self._write(context, f"{name}.{swamped}.", rule, facts, kinds, then)
            return f"{name}.${{LIFE_SWAMPED}}.{flags}"
        self._write(context, f"{name}.", rule, facts_of(UNKNOWN), kinds, then)
        return f"{name}.{flags}"

    def _write(
        self,
        context: Context,
        name: str,
        rule: Rule,
        facts: Facts,
        kinds: Sequence[tuple[str, datetime]],
        then: str,
    ) -> None:
        for bits, at in kinds:
            stages = plan(self.rules, decide_by(self.rules, rule, facts, at), facts, at)
            context.add(name + bits, f"Set({PLAN}={encode_plan(stages)})", then)

    def _kinds(self, places: Sequence[int]) -> list[tuple[str, datetime]]:
        """How the schedules of these places hold together, as the flags say it, each with an instant."""
        found: dict[str, datetime] = {}
        for kind, at in self.hours.kinds.items():
            found.setdefault("".join(str(kind >> place & 1) for place in places), at)
        return list(found.items())

    def _places(self, rule: Rule) -> Iterator[int]:
        wanted = set(schedules_of(self.rules, rule))
        return (place for place, schedule in enumerate(self.schedules) if schedule.name in wanted)


def course_of(rule: Rule) -> tuple[object, ...]:
    """Two rules with the same have the same plans."""
    rung = tuple((agency, role) for agency, role in rule.agencies if role in RUNG)
    return rule.mode, rule.queue, rung


def schedules_of(rules: Rules, rule: Rule) -> Iterator[str]:
    """Names of the schedules that the rule's plans may depend on."""
    for agency, role in rule.agencies:
        if role in RUNG:
            for line in rules.agencies[agency].lines:
                yield from filter(None, [rules.lines[line].schedule])
    for queue in _queues(rules, (rule.queue, LAYER_1_QUEUE)):
        yield from rules.queues[queue].during


def _queues(rules: Rules, begin: Iterable[str]) -> set[str]:
    """Those that a call may come through."""
    found: set[str] = set()
    todo = set(begin)
    while todo:
        queue = rules.queues[todo.pop()]
        found.add(queue.name)
        todo |= {step.to for step in _steps(rules, queue.name)} - {LEAD, LAST_RESORT} - found
    return found


def _steps(rules: Rules, queue: str) -> Iterator[OverflowStep]:
    yield from rules.queues[queue].overflow
    for overflow in rules.queues[queue].during.values():
        yield from overflow
