"""The conditions of a rule: plain values that say of a call whether they hold, and in words what they ask."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ivr.routing.model import Facts
from ivr.routing.schedules import Schedule

ExactFact = Literal["category", "sub", "entry", "language", "caller", "listed", "district", "service_state"]
"""Facts with few values, compared as they are; each carries the name of its key in the file."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A fact is one of these values. One that nobody knows (``None``) is none of them."""

    fact: ExactFact
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


@dataclass(frozen=True, slots=True)
class OutOfService:
    """One of these agencies or lines cannot be rung, because somebody took it out of service."""

    names: tuple[str, ...]
    ways: tuple[frozenset[str], ...]
    """Marks that are enough, each set on its own: an agency's own or those of all its lines; a line's own or
    that of its agency."""

    def holds(self, facts: Facts, local: datetime) -> bool:  # noqa: ARG002
        return any(way <= facts.out_of_service for way in self.ways)

    @property
    def held(self) -> str:
        return f"{' or '.join(self.names)} is out of service"

    @property
    def failed(self) -> str:
        return f"{' and '.join(self.names)} {'is' if len(self.names) == 1 else 'are'} in service"


Exact = OneOf | CannotSpeak
"""Conditions on what does not change during a call: they need no time (``matches``)."""
Condition = Exact | Compared | DuringSchedule | OutOfService
