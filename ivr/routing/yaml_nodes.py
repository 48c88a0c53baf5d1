"""YAML as a tree of texts with their places: nothing is guessed about types.

PyYAML's usual loading turns ``+62811`` into a number, ``0711`` into an octal one, ``14:00`` into 840 and
``off`` into false. Here every scalar stays the text that was typed; ``ivr.routing.schema`` types it. The tree
is built from libyaml's events, not recursively, so that no depth of nesting can exhaust the stack.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import category

import yaml

from ivr.routing.problems import Place, Placed, Report, shown, where
from ivr.routing.yaml_slips import CURLY_QUOTES, conflict_in, explain, place_of

LARGEST_FILE = 1_000_000
"""Bytes. A routing file of 2,000 lines has about a tenth of it."""
DEEPEST = 12
"""Levels of nesting; the schema itself needs five."""
MOST_NODES = 100_000
"""Texts, lists and blocks, those that an alias repeats counted again (a "billion laughs" file stops here)."""


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    line: int
    column: int
    plain: bool = True
    """Typed without quotes."""
    file: str = ""

    def part(self, start: int, end: int) -> "Text":
        """A piece of this text, at its own place as far as that is known."""
        column = self.column + start + (not self.plain)
        return Text(self.value[start:end], self.line, column, self.plain, self.file)


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple["Node", ...]
    line: int
    column: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Keys with their values, in the order of the file, no key twice."""

    items: tuple[tuple[Text, "Node"], ...]
    line: int
    column: int
    file: str = ""


Node = Text | Items | Block

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_MERGE = "<<"
_UNSEEN = {"Cf", "Cc", "Zs", "Zl", "Zp"}
"""Unicode's categories of blanks and signs that take no place."""


def decode(data: bytes, report: Report) -> str | None:
    """The text of a file, or ``None`` after a report: too large, or not UTF-8."""
    if len(data) > LARGEST_FILE:
        report.error(
            Place(1, 1),
            f"the file has more than {LARGEST_FILE:,} bytes; this is not a routing file, or something was "
            "pasted into it",
        )
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        report.error(Place(1, 1), "the file is UTF-16; save it as UTF-8")
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        report.error(
            _place(before, len(before)),
            f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8",
        )
        return None
    return text


def parse(text: str, report: Report) -> Node | None:
    """The tree of a text, or ``None`` after a report of everything that is no YAML or no YAML of ours."""
    if not _characters_fit(text, report):
        return None
    try:
        return _Builder(report).build(text)
    except yaml.MarkedYAMLError as error:
        report.error(*explain(text, error))
    except yaml.YAMLError as error:
        report.error(Place(1, 1), f"this is no YAML ({shown(str(error))}); save the file as plain UTF-8 text")
    except _Stop:
        pass
    return None


def _characters_fit(text: str, report: Report) -> bool:
    if text.startswith("\ufeff"):
        report.error(Place(1, 1), "the file begins with a byte-order mark; save it as UTF-8 without BOM")
        return False
    known = len(report.problems)
    for match in _FORBIDDEN.finditer(text):
        report.error(
            _place(text, match.start()),
            f"the character U+{ord(match[0]):04X} does not belong in a text; delete it and type it again",
        )
    if (conflict := conflict_in(text)) is not None:
        report.error(
            _place(text, conflict), "two versions of a part stand here; keep one, and no <<< === >>>"
        )
    for match in re.finditer(r"^ *\t", text, re.MULTILINE):
        report.error(_place(text, match.end() - 1), "a tab in the indentation; write blanks")
    return len(report.problems) == known


def _place(text: str, index: int) -> Place:
    return Place(text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1)


def _unseen(value: str) -> str | None:
    return next((sign for sign in value if sign not in " \n\t" and category(sign) in _UNSEEN), None)


class _Stop(Exception):  # noqa: N818 - not an error but the end of reading
    """Reported already; reading on would only repeat it."""


@dataclass(slots=True)
class _Open:
    """A list or block whose end has not been read yet."""

    event: yaml.CollectionStartEvent
    children: list[Node]
    weight: int = 1


class _Builder:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._misread = False
        """Something is wrong with texts themselves: what they mean would be a wrong trail."""

    def build(self, text: str) -> Node | None:
        documents = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise self._stop(_at(event), "a second document begins; take the line --- away")
                case yaml.ScalarEvent():
                    self._refuse_tag(event)
                    self._add(self._text(event), 1, event.anchor)
                case yaml.AliasEvent():
                    self._add(*self._aliased(event), None)
                case yaml.CollectionStartEvent():
                    self._refuse_tag(event)
                    if len(self._stack) >= DEEPEST:
                        raise self._stop(
                            _at(event), f"nested more than {DEEPEST} levels deep; a bracket is not closed?"
                        )
                    self._stack.append(_Open(event, []))
                case yaml.CollectionEndEvent():
                    done = self._stack.pop()
                    self._add(self._closed(done), done.weight, done.event.anchor)
        return None if self._misread else self._root

    def _add(self, node: Node, weight: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node, weight
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.children.append(node)
        parent.weight += weight
        if parent.weight > MOST_NODES:
            raise self._stop(
                node, f"more than {MOST_NODES:,} values, aliases counted; write them without aliases"
            )

    def _text(self, event: yaml.ScalarEvent) -> Text:
        at, plain = _at(event), event.style is None or event.style == ""
        value: str = event.value
        if plain and value and (value[0] in CURLY_QUOTES or value[-1] in CURLY_QUOTES):
            self._report.error(at, f'curly quotes around {shown(value)}; write straight ones ("…")')
            self._misread = True
        if not value.isprintable() and (odd := _unseen(value)):
            self._report.error(
                at, f"{shown(value)} holds the unseen character U+{ord(odd):04X}; delete it and type it again"
            )
            self._misread = True
        return Text(value, at.line, at.column, plain, self._report.file)

    def _aliased(self, event: yaml.AliasEvent) -> tuple[Node, int]:
        if event.anchor not in self._anchors:
            open_ones = {opened.event.anchor for opened in self._stack}
            raise self._stop(
                _at(event),
                f"*{event.anchor} stands inside its own anchor; write the value out"
                if event.anchor in open_ones
                else f"*{event.anchor} has no anchor above; put a text that begins with * in straight quotes",
            )
        return self._anchors[event.anchor]

    def _closed(self, done: _Open) -> Node:
        at = _at(done.event)
        if isinstance(done.event, yaml.SequenceStartEvent):
            return Items(tuple(done.children), at.line, at.column, self._report.file)
        pairs: dict[str, tuple[Text, Node]] = {}
        merged: Node | None = None
        for key, value in zip(done.children[::2], done.children[1::2], strict=True):
            if not isinstance(key, Text):
                self._report.error(key, "a key must be a word; a text with braces or brackets needs quotes")
            elif not key.value and key.plain:
                self._report.error(key, "an empty key; take the spare comma or colon away")
            elif key.value in pairs:
                first = where(pairs[key.value][0], key)
                self._report.error(
                    key, f"{shown(key.value)} stands twice, first in {first}; keep one of them"
                )
            elif key.value == _MERGE and key.plain:
                merged = value
            else:
                pairs[key.value] = key, value
        for key, value in self._merged(merged):
            pairs.setdefault(key.value, (key, value))
        return Block(tuple(pairs.values()), at.line, at.column, self._report.file)

    def _merged(self, node: Node | None) -> Iterator[tuple[Text, Node]]:
        """What ``<<: *block`` or ``<<: [*one, *other]`` brings in, where the block has no such key itself."""
        for block in node.items if isinstance(node, Items) else [node] if node else []:
            if isinstance(block, Block):
                yield from block.items
            else:
                self._report.error(
                    block, "<< brings in the keys of a block; write <<: *name, its anchor above"
                )

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._report.error(
                _at(event), f"the tag {shown(event.tag)} means nothing here; write the value alone"
            )

    def _stop(self, at: Placed, message: str) -> _Stop:
        self._report.error(at, message)
        return _Stop()


def _at(event: yaml.Event) -> Place:
    return place_of(event.start_mark)
