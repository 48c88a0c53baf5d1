"""The proof that every call ends at a human: each combination of facts, not a sample.

A decision and its plan depend on the rule that takes the call, on whether the city is swamped, on the hour
and on what is out of service. :mod:`ivr.routing.partition` gives every such combination that some call has;
each is decided and planned once, by the functions that decide and plan live calls. Of what is out of service
those combinations are left out that answer every question alike that was asked when the same call was decided
with something else out of service (or nothing): they cannot make a difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import prod

from ivr.routing import decide as deciding
from ivr.routing.advice import LONGEST_PLAN, encode_plan
from ivr.routing.model import Decision, LinesStage, Mode, QueueStage, Stage
from ivr.routing.partition import Box, Partition, outcomes, rules_table, swamped_table
from ivr.routing.rules import RuleMode, Rules
from ivr.routing.space import DIMENSIONS, HOURS, OUT, Point, Space, space_of
from ivr.vocabulary import HIGHEST_PRIORITY, LAYER_1_QUEUE

MOST_COUNTEREXAMPLES = 10
"""Of different rules. More say nothing new."""

_ORDER = (OUT, HOURS, *(name for name in DIMENSIONS if name not in (OUT, HOURS)))


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A call that does not surely end at a human."""

    rule: str
    point: Point
    flaw: str


@dataclass(frozen=True, slots=True)
class Proof:
    combinations: int
    """Of everything that the file can tell apart."""
    decided: int
    """So many of them stand for all."""
    counterexamples: tuple[Counterexample, ...]
    """None: proved."""


class _Asked(frozenset[str]):
    """Names that are out of service, and for which of all names somebody asked."""

    names: set[str]

    def __new__(cls, out: frozenset[str]) -> "_Asked":
        asked = super().__new__(cls, out)
        asked.names = set()
        return asked

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


def prove(rules: Rules, now: datetime) -> Proof:
    """From ``now`` (aware) on: what only a day of the past could tell apart does not count."""
    space = space_of([rules], rules.local(now).date())
    decided = 0
    found: dict[str, Counterexample] = {}
    for rule, mode, point in _calls(rules, space):
        decided += 1
        if rule in found or len(found) >= MOST_COUNTEREXAMPLES:
            continue
        flaw = _flaw_of(rules, rule, mode, point)
        if flaw is not None:
            found[rule] = Counterexample(rule, point, flaw)
    combinations = prod(len(dimension.values) for dimension in space.dimensions)
    return Proof(combinations, decided, tuple(found.values()))


def _calls(rules: Rules, space: Space) -> Iterator[tuple[str, Mode, Point]]:
    """A call for each combination that may make a difference, with the rule and mode that it must get."""

    def outcome(places: tuple[int, ...]) -> tuple[int, Mode]:
        rule, swamped = places
        return rule, mode_of(rules, rule, swamped)

    partition = Partition(space, [rules_table(rules), swamped_table(rules)], _ORDER, outcome)
    outs = [value["out_of_service"] for value in space.dimension(OUT).values]
    for out_part, out_values in enumerate(partition.parts[0]):
        for hours_part, hours_values in enumerate(partition.parts[1]):
            here: Box = {0: frozenset({out_part}), 1: frozenset({hours_part})}
            for (rule, mode), way in outcomes(partition.root, here).items():
                values = {_ORDER[level]: partition.parts[level][part][0] for level, part in way.items()}
                name = rules.rules[rule].name
                for hour in hours_values:
                    first = space.point({**values, HOURS: hour, OUT: out_values[0]})
                    yield name, mode, first
                    if len(out_values) == 1:
                        continue
                    asked = _asked(rules, name, mode, first)
                    answers = outs[out_values[0]] & asked
                    for out in out_values[1:]:
                        if outs[out] & asked != answers:
                            yield name, mode, space.point({**values, HOURS: hour, OUT: out})


def mode_of(rules: Rules, rule: int, swamped: int) -> Mode:
    """The mode of a rule when so many of the conditions of ``swamped`` failed before one held."""
    mode = rules.rules[rule].mode
    if mode is RuleMode.DIRECT_IF_SWAMPED:
        return Mode.DIRECT if swamped < len(rules.swamped) else Mode.VERIFY
    return Mode(mode.value)


def _asked(rules: Rules, rule: str, mode: Mode, point: Point) -> set[str]:
    """The names of which it was asked, while this call was decided and judged, if they are out of service."""
    out = _Asked(point.facts.out_of_service)
    _flaw_of(rules, rule, mode, replace(point, facts=replace(point.facts, out_of_service=out)))
    return out.names


def _flaw_of(rules: Rules, rule: str, mode: Mode, point: Point) -> str | None:
    try:
        decision = deciding.decide(rules, point.facts, point.at)
        stages = deciding.plan(rules, decision, point.facts, point.at)
        letters = len(encode_plan(stages))
    except Exception as error:
        return f"deciding fails with {type(error).__name__}: {error}"
    if (decision.rule, decision.mode) != (rule, mode):
        return f"the rule {decision.rule} decides ({decision.mode}), but {rule} ({mode}) comes first"
    return _flaw(rules, decision, stages, letters, point)


def _flaw(
    rules: Rules, decision: Decision, stages: tuple[Stage, ...], letters: int, point: Point
) -> str | None:
    rung = [name for stage in stages if isinstance(stage, LinesStage) for name in stage.lines]
    queues = [stage.queue for stage in stages if isinstance(stage, QueueStage)]
    for name in rung:
        line = rules.lines.get(name)
        if line is None or not (line.phone or line.number):
            return f"the line {name} has no phone and no number"
    if unknown := set(queues) - set(rules.queues):
        return f"there is no queue {min(unknown)}"
    if LAYER_1_QUEUE not in queues:
        return "no operator of layer 1 is asked"
    if not rung:
        return "nobody is rung when no operator answers"
    out = point.facts.out_of_service
    if all(name in out for name in rung) and not all(name in out for name in rules.last_resort):
        return "only lines out of service are rung when no operator answers"
    if letters > LONGEST_PLAN:
        return f"the plan has {letters} letters, more than {LONGEST_PLAN}"
    if not 0 <= decision.priority <= HIGHEST_PRIORITY:
        return f"the priority {decision.priority} is not 0 to {HIGHEST_PRIORITY}"
    return None
