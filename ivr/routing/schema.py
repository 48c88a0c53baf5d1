"""How a text of the file becomes a value: readers.

A reader takes a node and a report and returns the value, or reports what is wrong and returns ``None``.
Nothing raises, so that all problems of a file are found in one reading. It also says what it takes as a JSON
Schema, for editors and for the reference: YAML's own types (112 is a number there) are allowed for.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from ivr.routing.problems import shown
from ivr.routing.reading import Reading
from ivr.routing.yaml_nodes import Block, Items, Node, Text

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound=StrEnum)
Schema = dict[str, Any]

LONGEST_TEXT = 500
ID = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,5})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SCALAR = ["string", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Reader(Generic[T_co]):
    read: Callable[[Node, Reading], T_co | None]
    describe: Callable[[], Schema]
    """What is taken, as a JSON Schema (2020-12). It may take more than ``read``, never less."""

    def __call__(self, node: Node, report: Reading) -> T_co | None:
        return self.read(node, report)


def reader(schema: Schema) -> Callable[[Callable[[Node, Reading], T | None]], Reader[T]]:
    """Makes a reader of a function."""
    return lambda read: Reader(read, lambda: schema)


def a_text(pattern: str | None = None) -> Schema:
    """A single value; one that YAML takes for a number need not fit the pattern."""
    return {"type": _SCALAR} | ({"pattern": f"^(?:{pattern})$"} if pattern else {})


@reader(a_text(r'[^|"]+') | {"maxLength": LONGEST_TEXT})
def text(node: Node, report: Reading) -> str | None:
    """Words for people: not empty, on one line."""
    typed = scalar(node, report, "a text, in quotes if it begins with #")
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


def scalar(node: Node, report: Reading, what: str) -> Text | None:
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

    @reader(a_text(pattern.pattern))
    def read(node: Node, report: Reading) -> str | None:
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
    numbers = [int(word) for word in words if word.isdecimal()]

    @reader({"enum": [*map(str, words), *numbers]})
    def read(node: Node, report: Reading) -> str | None:
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

    def read(node: Node, report: Reading) -> E | None:
        value = read_word(node, report)
        return None if value is None else kind(value)

    return Reader(read, read_word.describe)


def integer(least: int, most: int) -> Reader[int]:
    what = f"a whole number from {least} to {most}"

    @reader({"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": "^[0-9]+$"})
    def read(node: Node, report: Reading) -> int | None:
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

    @reader({"type": "string", "pattern": f"^{_DURATION.pattern}$"})
    def read(node: Node, report: Reading) -> int | None:
        typed = scalar(node, report, what)
        if typed is None:
            return None
        seconds = seconds_of(typed.value)
        if seconds is not None and least <= seconds <= most:
            return seconds
        report.error(node, f"{shown(typed.value)} cannot stand here; write {what}")
        return None

    return read


def days(least: int, most: int) -> Reader[int]:
    """In days."""
    what = f"a number of days like 90d, from {least}d to {most}d"

    @reader({"type": "string", "pattern": "^[0-9]{1,5}d$"})
    def read(node: Node, report: Reading) -> int | None:
        typed = scalar(node, report, what)
        if typed is None:
            return None
        if re.fullmatch(r"[0-9]{1,5}d", typed.value, re.ASCII) and least <= int(typed.value[:-1]) <= most:
            return int(typed.value[:-1])
        report.error(node, f"{shown(typed.value)} cannot stand here; write {what}")
        return None

    return read


def listed(read: Reader[T], *, least: int = 1, most: int = 50) -> Reader[tuple[T, ...]]:
    """A list, or one value alone in its place. Nothing twice."""

    def read_all(node: Node, report: Reading) -> tuple[T, ...] | None:
        items = node.items if isinstance(node, Items) else (node,)
        if not least <= len(items) <= most:
            report.error(node, f"{len(items)} values; write {least} to {most}")
            return None
        values: dict[T, None] = {}
        for item in items:
            value = read(item, report)
            if value is None:
                continue
            if value in values:
                report.error(item, "this stands twice in the list; keep one")
            values[value] = None
        return tuple(values) if len(values) == len(items) else None

    def describe() -> Schema:
        one = read.describe()
        several = {"type": "array", "items": one, "minItems": least, "maxItems": most}
        return several if least > 1 else {"anyOf": [one, several]}

    return Reader(read_all, describe)


def table(
    read_key: Reader[str],
    read_value: Callable[[str, Node, Reading], T | None],
    describe_value: Callable[[], Schema],
    *,
    most: int = 500,
) -> Reader[dict[str, T]]:
    """A block with the admin's own keys. An entry that has a problem is left out."""

    def read(node: Node, report: Reading) -> dict[str, T] | None:
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

    return Reader(
        read,
        lambda: {
            "type": "object",
            "propertyNames": read_key.describe(),
            "additionalProperties": describe_value(),
            "maxProperties": most,
        },
    )


def each(read_key: Reader[str], read_value: Reader[T]) -> Reader[dict[str, T]]:
    """A table whose values do not depend on their keys."""
    return table(read_key, lambda _, node, report: read_value(node, report), read_value.describe)


def reference(kind: str) -> Reader[str]:
    """The name of something that is defined elsewhere in the file, above or below."""
    what = f"the name of {'an' if kind[0] in 'aeiou' else 'a'} {kind}"

    @reader(a_text())
    def read(node: Node, report: Reading) -> str | None:
        typed = scalar(node, report, what)
        if typed is None:
            return None
        report.names.use(kind, typed)
        return typed.value

    return read


def keys(node: Node | None) -> Mapping[str, Text]:
    """The keys of a block; none if it is something else."""
    return {key.value: key for key, _ in node.items} if isinstance(node, Block) else {}
