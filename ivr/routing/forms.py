"""Blocks of the file whose keys we define: each key with what it takes, what it means, and an example."""

import difflib
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from ivr.routing.problems import Placed, Report, shown
from ivr.routing.reading import Reading
from ivr.routing.schema import Reader, Schema
from ivr.routing.yaml_nodes import Block, Items, Node, Text, parse

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")


class Key(Generic[T_co]):
    def __init__(self, name: str, read: Reader[T_co], meaning: str, example: str, *, required: bool = False):
        self.name = name
        self.read = read
        self.meaning = meaning
        self.example = example
        """The value as an admin types it."""
        self.required = required

    def describe(self) -> Schema:
        return {"description": self.meaning, "examples": [_as_json(self.example)], **self.read.describe()}


class Form:
    """A block with these keys and no others; ``title`` is how the reference calls it."""

    def __init__(self, title: str, *keys: Key[Any]) -> None:
        self.title = title
        self.keys = {key.name: key for key in keys}

    def describe(self) -> Schema:
        schema: Schema = {
            "title": self.title,
            "type": "object",
            "properties": {name: key.describe() for name, key in self.keys.items()},
            "additionalProperties": False,
        }
        required = [name for name, key in self.keys.items() if key.required]
        return schema | ({"required": required} if required else {})

    def reader(self, build: "Callable[[Section], T | None]") -> Reader[T]:
        """Reads a block that is always called by the form's title."""
        return Reader(lambda node, report: build(Section(self, node, report)), self.describe)


class Section:
    """A block of the file, read by its form. Keys that the form does not have are reported at once.

    What :meth:`need` and :meth:`get` return for a key with a problem is ``None`` in disguise: reading goes on
    to find further problems, and nobody sees the result, because a report with problems ends in an error.
    """

    def __init__(
        self,
        form: Form,
        node: Node,
        report: Reading,
        what: str | None = None,
        *,
        unknown: Callable[[str], str] | None = None,
    ) -> None:
        """``what`` is how problems call the block; ``unknown`` says what to write instead of a key that the
        form does not have."""
        self.node = node
        self.report = report
        self._form = form
        self._what = what or form.title
        self._items: dict[str, tuple[Text, Node]] = {}
        if not isinstance(node, Block):
            report.error(node, f"{self._what} should be a block of keys; write key: value, one a line")
            return
        for key, value in node.items:
            if key.value in form.keys:
                self._items[key.value] = key, value
            elif not report.full:
                remedy = unknown(key.value) if unknown else self._unknown(key.value)
                report.error(key, remedy)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._form.keys, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"it knows {', '.join(self._form.keys)}"
        return f"{self._what} has no key {shown(name)}; {remedy}"

    def need(self, key: Key[T]) -> T:
        if key.name not in self._items and isinstance(self.node, Block):
            self.report.error(self.node, f"{self._what} has no {key.name}; write {key.name}: {key.example}")
        return cast(T, self.get(key, None))

    def get(self, key: Key[T], default: D) -> T | D:
        if key.name not in self._items:
            return default
        return cast(T, key.read(self._items[key.name][1], self.report))

    def has(self, key: Key[Any]) -> bool:
        return key.name in self._items

    def at(self, key: Key[Any]) -> Placed:
        """Where the key's value stands, or the section if it has none."""
        return self._items[key.name][1] if key.name in self._items else self.node


def _as_json(example: str) -> Any:
    """Texts as they are typed, except numbers that are written as JSON writes them."""
    node = parse(example, Report("example"))
    return _json(node)


def _json(node: Node | None) -> Any:
    match node:
        case Block():
            return {key.value: _json(value) for key, value in node.items}
        case Items():
            return [_json(item) for item in node.items]
        case Text():
            return int(node.value) if re.fullmatch("0|[1-9][0-9]*", node.value) else node.value
    raise ValueError("an example cannot be read")
