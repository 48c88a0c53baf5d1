"""The space of calls: for each thing a decision may look at, the values that files can tell apart.

Every condition looks at one dimension. So a rule is a box, and whatever holds for one call of a part of the
space holds for all calls of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from ivr.routing.conditions import Compared, Condition
from ivr.routing.hours import Hours, hours_of
from ivr.routing.model import CallerClass, Facts, ServiceState
from ivr.routing.rules import Rules

CALL, ENTRY, LANGUAGE, CALLER, DISTRICT, CANNOT_SPEAK, SERVICE, OPERATORS, WAIT, HOURS, OUT = DIMENSIONS = (
    "call",
    "entry",
    "language",
    "caller",
    "district",
    "cannot_speak",
    "service_state",
    "operators",
    "longest_wait",
    "hours",
    "out_of_service",
)
"""A call is a category with its sub-category; a caller, a class with the list in which the number stands."""

_AT = "at"

Value = Mapping[str, Any]
"""What a value sets: fields of :class:`Facts`, or the instant."""


@dataclass(frozen=True, slots=True)
class Point:
    """One call: its facts and the instant, on the city's clocks."""

    facts: Facts
    at: datetime


@dataclass(frozen=True, slots=True)
class Dimension:
    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Space:
    """All calls that some files can tell apart, from a day on."""

    dimensions: tuple[Dimension, ...]
    hours: Hours

    def dimension(self, name: str) -> Dimension:
        return self.dimensions[DIMENSIONS.index(name)]

    def point(self, values: Mapping[str, int]) -> Point:
        """The call with these values (by their places); the first of every dimension that is not named."""
        changes: dict[str, Any] = {}
        for dimension in self.dimensions:
            changes |= dimension.values[values.get(dimension.name, 0)]
        at = changes.pop(_AT)
        return Point(Facts(**changes), at)

    def holding(self, condition: Condition) -> tuple[int, frozenset[int]]:
        """The place of the dimension at which a condition looks, and the values at which it holds."""
        looks = []
        for place, points in enumerate(self._along):
            held = frozenset(
                number for number, point in enumerate(points) if condition.holds(point.facts, point.at)
            )
            if 0 < len(held) < len(points):
                looks.append((place, held))
        if len(looks) > 1:
            raise AssertionError(f"{condition} looks at more than one dimension")
        if looks:
            return looks[0]
        usual = self._along[0][0]
        always = condition.holds(usual.facts, usual.at)
        return 0, frozenset(range(len(self._along[0])) if always else ())

    @cached_property
    def _along(self) -> tuple[tuple[Point, ...], ...]:
        """Of each dimension the calls that differ from the usual one in it only."""
        return tuple(
            tuple(self.point({dimension.name: number}) for number in range(len(dimension.values)))
            for dimension in self.dimensions
        )


def space_of(files: Sequence[Rules], since: date) -> Space:
    """The space that all of the files divide, on the clocks of the last one's city."""
    hours = hours_of(
        (schedule for rules in files for schedule in rules.schedules.values()), files[-1].city.zone, since
    )
    conditions = [
        condition
        for rules in files
        for condition in (*rules.swamped, *(one for rule in rules.rules for one in rule.when))
    ]
    lists = _all(rules.callers.lists for rules in files)
    values: dict[str, Iterable[Value]] = {
        CALL: _calls(files),
        ENTRY: ({"entry": name} for name in _all(rules.numbers for rules in files)),
        LANGUAGE: ({"language": name} for name in _all(rules.languages for rules in files)),
        CALLER: (
            *({"caller": kind, "listed": None} for kind in CallerClass),
            *({"caller": CallerClass.NUMBER, "listed": name} for name in lists),
        ),
        DISTRICT: ({"district": name} for name in (None, *_all(rules.city.districts for rules in files))),
        CANNOT_SPEAK: ({"cannot_speak": value} for value in (False, True)),
        SERVICE: ({"service_state": state} for state in ServiceState),
        OPERATORS: ({"operators": number} for number in (None, *_around(conditions, OPERATORS))),
        WAIT: ({"longest_wait": float(number)} for number in _around(conditions, WAIT)),
        HOURS: ({_AT: at} for at in hours.kinds.values()),
        OUT: ({"out_of_service": names} for names in _out_of_service(files)),
    }
    return Space(tuple(Dimension(name, tuple(values[name])) for name in DIMENSIONS), hours)


def _calls(files: Sequence[Rules]) -> Iterator[Value]:
    """Of the categories that all of the files know: another one's calls are not all of theirs to decide."""
    common = [name for name in files[-1].categories if all(name in rules.categories for rules in files)]
    for category in common:
        subs = _all(rules.categories.get(category, ()) for rules in files)
        yield from ({"category": category, "sub": sub} for sub in (None, *subs))


def _around(conditions: Iterable[Condition], fact: str) -> Sequence[int]:
    """0, and the numbers at which a comparison with one of the bounds changes."""
    bounds = {one.bound for one in conditions if isinstance(one, Compared) and one.fact == fact}
    return sorted({0, *(max(bound + step, 0) for bound in bounds for step in (-1, 0, 1))})


def _out_of_service(files: Sequence[Rules]) -> Iterator[frozenset[str]]:
    """Nothing, each agency, each line, everything."""
    names = _all((*rules.agencies, *rules.lines) for rules in files)
    yield frozenset()
    yield from (frozenset({name}) for name in names)
    yield frozenset(names)


def _all(several: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in several for name in names))
