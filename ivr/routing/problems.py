"""What is wrong with a routing file: where, what, and what to write instead."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ivr.errors import IvrError

MOST_PROBLEMS = 100
"""More are not collected: nobody reads them, and the first ones usually cause the rest."""


class Placed(Protocol):
    """Anything that stands somewhere in a file. Line and column count from 1."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def file(self) -> str:
        """Empty: the file that a report is about."""


@dataclass(frozen=True, slots=True)
class Place:
    line: int
    column: int
    file: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    file: str
    line: int
    column: int
    message: str
    """What is wrong; what to write instead."""
    warning: bool = False
    """The file works, but probably not as meant."""

    def __str__(self) -> str:
        kind = "warning" if self.warning else "error"
        return f"{self.file}:{self.line}:{self.column}: {kind}: {self.message}"


class RoutingError(IvrError):
    """A routing file is not accepted. The rules that were live stay live."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(slots=True)
class Report:
    """Collects the problems of a file and those it includes, so that an admin sees all of them at once."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def error(self, at: Placed, message: str, *, warning: bool = False) -> None:
        if not self.full:
            self.problems.append(Problem(at.file or self.file, at.line, at.column, message, warning))

    @property
    def full(self) -> bool:
        """Whether another problem would not be kept."""
        return len(self.problems) >= MOST_PROBLEMS

    def warn(self, at: Placed, message: str) -> None:
        """Only in a report of its own: any problem of a file that is being read refuses it."""
        self.error(at, message, warning=True)

    def unknown(self, at: Placed, what: str, name: str, known: Iterable[str]) -> None:
        """``name`` is no ``what``: suggest the nearest one, or list them all."""
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(known) or '(none)'}"
        self.error(at, f"there is no {what} {shown(name)}; {remedy}")

    def fail_if_any(self) -> None:
        if self.problems:
            raise RoutingError(self.problems)


def where(other: Placed, here: Placed) -> str:
    """The place of ``other`` as a message says it that stands at ``here``."""
    return f"line {other.line}" if other.file == here.file else f"{other.file}:{other.line}"


def shown(text: str) -> str:
    """A value of the file as it may stand in a message: quoted, on one line, not long."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f'"{printable}"' if len(printable) <= 60 else f'"{printable[:57]}..."'
