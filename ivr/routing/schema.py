"""How a text of the file becomes a value: readers, and sections with their keys.

A reader takes a node and a report and returns the value, or reports what is wrong and returns ``None``.
Nothing raises, so that all problems of a file are found in one reading.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar, cast

from ivr.routing.problems import Placed, Report, shown
from ivr.routing.yaml_nodes import Block, Items, Node, Text

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[Node, Report], T | None]

LONGEST_TEXT = 500
ID = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,5})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def text(node: Node, report: Report) -> str | None:
    """Words for people: not empty, on one line."""
    typed = scalar(node, report, "a text")
    if typed is None:
        return None
    value = " ".join(typed.value.split())
    if not value:
        report.error(node, "the text is empty; write one or take the key away")
    elif len(value) > LONGEST_TEXT:
        report.error(node, f"the text has {len(value)} letters; write at most {LONGEST_TEXT}")
    elif "|" in value or '"' in value:
        report.error(node, 'the text holds | or "; leave them out')
    else:
        return value
    return None


def scalar(node: Node, report: Report, what: str) -> Text | None:
    """The node if it is a text at all."""
    if isinstance(node, Block):
        report.error(
            node, f"a block of keys stands where {what} should; write {what} (in quotes if it has {{ }})"
        )
    elif isinstance(node, Items):
        report.error(node, f"a list stands where {what} should; write one, without [ ] or -")
    elif node.plain and not node.value:
        report.error(node, f"nothing stands here; write {what}")
    else:
        return node
    return None


def word(pattern: re.Pattern[str], what: str) -> Reader[str]:
    """A text that matches the whole pattern; ``what`` says in words what may be written."""

    def read(node: Node, report: Report) -> str | None:
        typed = scalar(node, report, what)
        if typed is None:
            return None
        if pattern.fullmatch(typed.value):
            return typed.value
        report.error(node, f"{shown(typed.value)} cannot stand here; write {what}")
        return None

    return read


identifier = word(ID, "a name of small letters a-z, digits and -, at most 32")


def choice(*words: str) -> Reader[str]:
    def read(node: Node, report: Report) -> str | None:
        typed = scalar(node, report, " or ".join(words))
        if typed is None:
            return None
        if typed.value in words:
            return typed.value
        near = difflib.get_close_matches(typed.value, words, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"write {' or '.join(words)}"
        report.error(node, f"{shown(typed.value)} cannot stand here; {remedy}")
        return None

    return read


def member(kind: type[E]) -> Reader[E]:
    read_word = choice(*kind)

    def read(node: Node, report: Report) -> E | None:
        value = read_word(node, report)
        return None if value is None else kind(value)

    return read


def integer(least: int, most: int) -> Reader[int]:
    what = f"a whole number from {least} to {most}"

    def read(node: Node, report: Report) -> int | None:
        typed = scalar(node, report, what)
        if typed is None:
            return None
        if re.fullmatch(r"[0-9]{1,9}", typed.value) and least <= int(typed.value) <= most:
            return int(typed.value)
        report.error(node, f"{shown(typed.value)} cannot stand here; write {what}")
        return None

    return read


def seconds_of(value: str) -> int | None:
    """``15s``, ``5m`` or ``1h`` in seconds; ``None`` for anything else."""
    match = _DURATION.fullmatch(value)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def in_words(seconds: int) -> str:
    """The shortest way to write a duration: ``90s``, ``5m``, ``24h``."""
    unit, length = next(
        (unit, length) for unit, length in reversed(_SECONDS.items()) if seconds % length == 0
    )
    return f"{seconds // length}{unit}"


def duration(least: int, most: int) -> Reader[int]:
    """In seconds."""
    what = f"a time like 15s or 5m, from {in_words(least)} to {in_words(most)}"

    def read(node: Node, report: Report) -> int | None:
        typed = scalar(node, report, what)
        if typed is None:
            return None
        seconds = seconds_of(typed.value)
        if seconds is not None and least <= seconds <= most:
            return seconds
        report.error(node, f"{shown(typed.value)} cannot stand here; write {what}")
        return None

    return read


def listed(read: Reader[T], *, least: int = 1, most: int = 50) -> Reader[tuple[T, ...]]:
    """A list, or one value alone in its place. Nothing twice."""

    def read_all(node: Node, report: Report) -> tuple[T, ...] | None:
        items = node.items if isinstance(node, Items) else (node,)
        if not least <= len(items) <= most:
            report.error(node, f"{len(items)} values; write {least} to {most}")
            return None
        values: list[T] = []
        for item in items:
            value = read(item, report)
            if value is None:
                continue
            if value in values:
                report.error(item, "this stands twice in the list; keep one")
            values.append(value)
        return tuple(values) if len(values) == len(items) else None

    return read_all


def table(
    read_key: Reader[str], read_value: Callable[[str, Node, Report], T | None], *, most: int = 500
) -> Reader[dict[str, T]]:
    """A block with the admin's own keys. An entry that has a problem is left out."""

    def read(node: Node, report: Report) -> dict[str, T] | None:
        if not isinstance(node, Block):
            report.error(node, "a block of keys and values should stand here; write key: value, one a line")
            return None
        if len(node.items) > most:
            report.error(node, f"{len(node.items)} entries; write at most {most}")
            return None
        values: dict[str, T] = {}
        for key, value_node in node.items:
            known = len(report.problems)
            name = read_key(key, report)
            value = read_value(key.value if name is None else name, value_node, report)
            if name is not None and value is not None and len(report.problems) == known:
                values[name] = value
        return values

    return read


class Section:
    """A block whose keys we define. Ask for each key once, then call :meth:`done`.

    What :meth:`need` and :meth:`get` return for a key with a problem is ``None`` in disguise: reading goes on
    to find further problems, and nobody sees the result, because a report with problems ends in an error.
    """

    def __init__(self, node: Node, report: Report, what: str) -> None:
        self.node = node
        self.report = report
        self._what = what
        self._known: list[str] = []
        self._items: dict[str, tuple[Text, Node]] = {}
        if isinstance(node, Block):
            self._items = {key.value: (key, value) for key, value in node.items}
        else:
            report.error(node, f"{what} should be a block of keys; write key: value, one a line")

    def need(self, key: str, read: Reader[T]) -> T:
        if key not in self._items and isinstance(self.node, Block):
            self.report.error(self.node, f"{self._what} has no {key}; write {key}: …")
        return cast(T, self.get(key, read, None))

    def get(self, key: str, read: Reader[T], default: D) -> T | D:
        self._known.append(key)
        return cast(T, read(self._items[key][1], self.report)) if key in self._items else default

    def has(self, key: str) -> bool:
        return key in self._items

    def at(self, key: str) -> Placed:
        """Where the key's value stands, or the section if it has none."""
        return self._items[key][1] if key in self._items else self.node

    def done(self) -> None:
        """Report every key that nobody asked for."""
        for key, _ in self._items.values():
            if key.value not in self._known:
                near = difflib.get_close_matches(key.value, self._known, n=1)
                remedy = f"did you mean {near[0]}?" if near else f"it knows {', '.join(self._known)}"
                self.report.error(key, f"{self._what} has no key {shown(key.value)}; {remedy}")


@dataclass(slots=True)
class Names:
    """What the file defines and what it refers to, compared when all of it has been read."""

    defined: dict[str, set[str]] = field(default_factory=dict)
    _used: list[tuple[str, Text]] = field(default_factory=list)

    def define(self, kind: str, names: Iterable[str]) -> None:
        self.defined.setdefault(kind, set()).update(names)

    def known(self, kind: str) -> set[str]:
        return self.defined.get(kind, set())

    def reference(self, kind: str) -> Reader[str]:
        """Reads the name of something that is defined elsewhere in the file, above or below."""

        def read(node: Node, report: Report) -> str | None:
            typed = scalar(node, report, f"the name of {_article(kind)}")
            if typed is None:
                return None
            self._used.append((kind, typed))
            return typed.value

        return read

    def use(self, kind: str, typed: Text) -> None:
        self._used.append((kind, typed))

    def resolve(self, report: Report) -> None:
        for kind, typed in self._used:
            if typed.value not in self.known(kind):
                report.unknown(typed, kind, typed.value, self.known(kind))


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def keys(node: Node | None) -> Mapping[str, Text]:
    """The keys of a block; none if it is something else."""
    return {key.value: key for key, _ in node.items} if isinstance(node, Block) else {}
