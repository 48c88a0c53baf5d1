"""Which rules a call can match at all, by the facts that conditions name exactly.

Most of a large city's rules are about other categories, entries or languages. For one combination of these
facts the rest is worked out once and kept: a decision then looks only at the rules whose exact conditions
hold, and of those at what changes from moment to moment (operators, waiting, time).
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from ivr.routing.conditions import Condition, Exact, OneOf
from ivr.routing.model import Facts, RuleTrace

if TYPE_CHECKING:
    from ivr.routing.rules import Rule

KEPT = 512
"""Combinations kept. A city uses some dozens; more than that begins anew rather than growing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule whose exact conditions hold, and its other conditions with the trace of each one's failure."""

    index: int
    moving: tuple[tuple[Condition, RuleTrace], ...]


@dataclass(frozen=True, slots=True)
class Shortlist:
    """``traces`` has one for each rule: why it cannot match; a candidate's place holds any trace."""

    candidates: tuple[Candidate, ...]
    traces: tuple[RuleTrace, ...]


class RuleIndex:
    """The shortlists of one set of rules, made when first asked for."""

    def __init__(self, rules: "tuple[Rule, ...]") -> None:
        self._rules = rules
        named = {condition.fact for rule in rules for condition in rule.when if isinstance(condition, OneOf)}
        # Facts that no rule names make no difference; two names at least make attrgetter give a tuple.
        self._key = attrgetter("cannot_speak", "category", *sorted(named - {"category"}))
        self._kept: dict[tuple[object, ...], Shortlist] = {}
        self.passed_over = tuple(rule.passed_over for rule in rules)

    def shortlist(self, facts: Facts) -> Shortlist:
        key = self._key(facts)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            found = self._kept[key] = self._make(facts)
        return found

    def _make(self, facts: Facts) -> Shortlist:
        candidates = []
        traces = []
        for index, rule in enumerate(self._rules):
            moving = []
            for condition, failed in zip(rule.when, rule.failed, strict=True):
                if not isinstance(condition, Exact):
                    moving.append((condition, failed))
                elif not condition.matches(facts):
                    traces.append(failed)
                    break
            else:
                traces.append(rule.passed_over)
                candidates.append(Candidate(index, tuple(moving)))
        return Shortlist(tuple(candidates), tuple(traces))
