"""Past decisions, made again with other rules: where would those calls have gone? Pure.

The category is what the caller chose then: another menu is not played again.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from ivr.routing.advice import encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.model import Facts, Role
from ivr.routing.rules import Rules


class Aspect(StrEnum):
    """In what two courses of a call differ."""

    MODE = "mode"
    QUEUE = "queue"
    AGENCIES = "agencies"
    """Those that lead."""
    LINES = "lines"
    """Which are rung, or in which order."""
    PRIORITY = "priority"
    PLAN = "plan"
    """None of these, but the times or the overflow."""


@dataclass(frozen=True, slots=True)
class Course:
    """Where a decision sends a call, as far as its caller and the agencies notice."""

    rule: str
    mode: str
    queue: str
    priority: int
    agencies: tuple[str, ...]
    lines: tuple[str, ...]
    """Of the leading agencies, then of those rung if none of them accepts."""
    plan: str


@dataclass(frozen=True, slots=True)
class Past:
    """A decision as the ledger has it. Without ``facts_known`` (the ledger did not keep them yet) what is not
    written counts as usual: nobody waits, nothing is out of service."""

    call_id: str
    at: datetime
    facts: Facts
    facts_known: bool
    course: Course


@dataclass(frozen=True, slots=True)
class Moved:
    """A call that would have gone elsewhere. ``already``: the rules in force send it there, too, so it is not
    the new file that moves it; ``None``: not compared."""

    past: Past
    course: Course
    aspects: tuple[Aspect, ...]
    already: bool | None


@dataclass(frozen=True, slots=True)
class _Use:
    agency: str
    role: Role
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    """What is read of the data of a ledger's ``decision``, beside the facts."""

    rule: str
    mode: str
    queue: str
    priority: int
    agencies: tuple[_Use, ...]
    plan: str


_FACTS = TypeAdapter(Facts)
_WRITTEN = TypeAdapter(_Written)


def past(call_id: str, at: datetime, data: Mapping[str, object]) -> Past:
    """From an entry of kind ``decision``. Raises :class:`ValueError` for one that is not understood."""
    written = _WRITTEN.validate_python(data)
    known = data.get("facts")
    facts = _FACTS.validate_python({**data, **known} if isinstance(known, dict) else data)
    course = Course(
        rule=written.rule,
        mode=written.mode,
        queue=written.queue,
        priority=written.priority,
        agencies=_lead((use.agency, use.role) for use in written.agencies),
        lines=_in_order((use.role, use.lines) for use in written.agencies),
        plan=written.plan,
    )
    return Past(call_id, at, facts, isinstance(known, dict), course)


def course(rules: Rules, facts: Facts, now: datetime) -> Course:
    decision = decide(rules, facts, now)
    return Course(
        rule=decision.rule,
        mode=str(decision.mode),
        queue=decision.queue,
        priority=decision.priority,
        agencies=_lead((use.agency, use.role) for use in decision.agencies),
        lines=_in_order((use.role, tuple(line.name for line in use.lines)) for use in decision.agencies),
        plan=encode_plan(plan(rules, decision, facts, now)),
    )


def differences(one: Course, other: Course) -> tuple[Aspect, ...]:
    """In what they differ; another rule that does the same is no difference."""
    found = tuple(
        aspect
        for aspect in Aspect
        if aspect is not Aspect.PLAN and getattr(one, aspect) != getattr(other, aspect)
    )
    return found or ((Aspect.PLAN,) if one.plan != other.plan else ())


def absent(rules: Rules, facts: Facts) -> Iterator[tuple[str, str]]:
    """Pairs (what, name): what was known of the call, and ``rules`` do not have."""
    if facts.entry not in rules.numbers:
        yield "number", facts.entry
    if facts.category not in rules.categories:
        yield "category", facts.category
    elif facts.sub is not None and facts.sub not in rules.categories[facts.category]:
        yield "sub-category", f"{facts.category}: {facts.sub}"
    if facts.language not in rules.languages:
        yield "language", facts.language
    if facts.district is not None and facts.district not in rules.city.districts:
        yield "district", facts.district
    if facts.listed is not None and facts.listed not in rules.callers.lists:
        yield "list of callers", facts.listed
    for name in facts.out_of_service:
        if name not in rules.agencies and name not in rules.lines:
            yield "agency or line", name


class Replay:
    """Decides again what is given to :meth:`add`, and counts. Keeps the newest ``keep`` that moved.

    ``live``: the rules in force, if these are others than ``rules``.
    """

    def __init__(self, rules: Rules, live: Rules | None, keep: int) -> None:
        self._rules = rules
        self._live = live
        self.decisions = 0
        self.changed = 0
        self.already = 0
        """Of those changed: the rules in force do the same."""
        self.facts_unknown = 0
        self.changed_facts_unknown = 0
        self.by_aspect: Counter[Aspect] = Counter()
        self.by_category: Counter[str] = Counter()
        """Of those changed."""
        self.absent: Counter[tuple[str, str]] = Counter()
        self.moved: deque[Moved] = deque(maxlen=keep)

    @property
    def compared(self) -> bool:
        """Whether with the rules in force."""
        return self._live is not None

    def add(self, past: Past) -> None:
        self.decisions += 1
        self.facts_unknown += not past.facts_known
        self.absent.update(absent(self._rules, past.facts))
        new = course(self._rules, past.facts, past.at)
        aspects = differences(past.course, new)
        if not aspects:
            return
        already = None
        if self._live is not None:
            already = not differences(course(self._live, past.facts, past.at), new)
        self.changed += 1
        self.already += already is True
        self.changed_facts_unknown += not past.facts_known
        self.by_aspect.update(aspects)
        self.by_category[past.facts.category] += 1
        self.moved.append(Moved(past, new, aspects, already))


def _lead(agencies: Iterator[tuple[str, Role]]) -> tuple[str, ...]:
    return tuple(agency for agency, role in agencies if role is Role.LEAD)


def _in_order(lines: Iterator[tuple[Role, tuple[str, ...]]]) -> tuple[str, ...]:
    of = list(lines)
    return tuple(
        name for rung in (Role.LEAD, Role.ELSE) for role, names in of if role is rung for name in names
    )
