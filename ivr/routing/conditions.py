"""The conditions of a rule: plain values that say of a call whether they hold, and in words what they ask."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ivr.routing.model import Facts
from ivr.routing.schedules import Schedule


@dataclass(frozen=True, slots=True)
class OneOf:
    """A fact is one of these values. Facts that can be compared so carry the name of the key in the file."""

    fact: Literal["category", "sub", "entry", "language", "caller"]
    values: tuple[str, ...]

    def matches(self, facts: Facts) -> bool:
        return getattr(facts, self.fact) in self.values

    def holds(self, facts: Facts, local: datetime) -> bool:  # noqa: ARG002
        return self.matches(facts)

    @property
    def held(self) -> str:
        return f"{self.fact} is {' or '.join(self.values)}"

    @property
    def failed(self) -> str:
        return f"{self.fact} is not {' or '.join(self.values)}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A number is over or under a bound. A number that nobody knows is neither."""

    fact: Literal["operators", "longest_wait"]
    over: bool
    bound: int
    text: str
    """As it stands in the file: ``none``, ``under 2``, ``over 60s``."""

    def holds(self, facts: Facts, local: datetime) -> bool:  # noqa: ARG002
        value = facts.operators if self.fact == "operators" else facts.longest_wait
        if value is None:
            return False
        return value > self.bound if self.over else value < self.bound

    @property
    def held(self) -> str:
        return f"{self.fact} is {self.text}"

    @property
    def failed(self) -> str:
        return f"{self.fact} is not {self.text}" + (" or not known" if self.fact == "operators" else "")


@dataclass(frozen=True, slots=True)
class DuringSchedule:
    schedule: Schedule
    outside: bool = False
    """The rule says ``not``: outside of it."""

    def holds(self, facts: Facts, local: datetime) -> bool:  # noqa: ARG002
        return self.schedule.covers(local) != self.outside

    @property
    def held(self) -> str:
        return f"it is {'not ' if self.outside else ''}{self.schedule.name}"

    @property
    def failed(self) -> str:
        return f"it is {'' if self.outside else 'not '}{self.schedule.name}"


@dataclass(frozen=True, slots=True)
class CannotSpeak:
    value: bool

    def matches(self, facts: Facts) -> bool:
        return facts.cannot_speak == self.value

    def holds(self, facts: Facts, local: datetime) -> bool:  # noqa: ARG002
        return self.matches(facts)

    @property
    def held(self) -> str:
        return "the caller cannot speak" if self.value else "the caller can speak"

    @property
    def failed(self) -> str:
        return "the caller can speak" if self.value else "the caller cannot speak"


Exact = OneOf | CannotSpeak
"""Conditions on what does not change during a call: they need no time (``matches``)."""
Condition = Exact | Compared | DuringSchedule
