"""What is known while a routing file is read: its problems, its names, and parts that later parts look at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from ivr.routing.problems import Report
from ivr.routing.rules import Agency, Line, RuleMode
from ivr.routing.schedules import Schedule
from ivr.routing.yaml_nodes import Text
from ivr.vocabulary import LAYER_1_QUEUE


@dataclass(slots=True)
class Names:
    """What the file defines and what it refers to, compared when all of it has been read."""

    defined: dict[str, set[str]] = field(default_factory=dict)
    _used: list[tuple[str, Text]] = field(default_factory=list)

    def define(self, kind: str, names: Iterable[str]) -> None:
        self.defined.setdefault(kind, set()).update(names)

    def known(self, kind: str) -> set[str]:
        return self.defined.get(kind, set())

    def use(self, kind: str, typed: Text) -> None:
        self._used.append((kind, typed))

    def resolve(self, report: Report) -> None:
        for kind, typed in self._used:
            if typed.value not in self.known(kind) and not report.full:
                report.unknown(typed, kind, typed.value, self.known(kind))


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds unless a rule says otherwise."""

    mode: RuleMode = RuleMode.VERIFY
    queue: str = LAYER_1_QUEUE
    priority: int = 5


@dataclass(slots=True)
class Reading(Report):
    """The parts are there once they have been read; ``ivr.routing.loader`` reads them in that order."""

    names: Names = field(default_factory=Names)
    area_code: str = "0"
    holidays: dict[date, str] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    agencies: dict[str, Agency] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    """All lines, in the order of the file."""
    lines_alike: dict[str, Text] = field(default_factory=dict)
    """Where each name stands first, hyphens left out: Asterisk takes a-1 and a1 for the same extension."""
    defaults: Defaults = Defaults()
