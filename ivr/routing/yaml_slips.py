"""What somebody who is not a programmer most likely did when a text is no YAML, and what to do about it."""

import re
from typing import Protocol

import yaml

from ivr.routing.problems import Place

CURLY_QUOTES = "“”„‟‘’‚«»"

_REMEDIES = {  # libyaml's words: ours
    "mapping values are not allowed": "a colon and a blank inside a text, or a line indented too far; put "
    'the text in straight quotes ("…") or indent the line like its neighbours',
    "expected alphabetic or numeric character": "a bare * or & begins a YAML alias or anchor; put it in "
    'straight quotes ("*")',
    "cannot start any token": 'this character cannot begin a text; put the text in straight quotes ("…")',
    "expected key": "the line does not fit its block; indent it exactly like the lines above it, with "
    "blanks, and put a text that begins with { or [ in straight quotes",
    "expected '-' indicator": "the line does not fit its list; begin it with - below the other ones",
    "expected ',' or '}'": "braces are not closed or a comma is missing; write {key: value, key: value}",
    "expected ',' or ']'": "brackets are not closed or a comma is missing; write [one, two]",
    "expected node content": "nothing stands where a value should; take the spare comma away or write it",
    "expected ':'": "a key without a colon; write key: value",
    "entries are not allowed": "a list begins in the middle of a line; begin it below, or write [one]",
    "unexpected end of stream": "a quote is opened here and not closed; close it on the same line",
    "unexpected document indicator": "a quote is opened here and not closed; close it on the same line",
    "expected <document start>": "something stands before or after the rules; indent every line like its "
    "neighbours, and take lines that begin with % or --- away",
}

_SLIPS = (  # looked for in the line of the error and the one before it, where the cause often is
    (re.compile(r"^ *(-)[^\s-]"), "a - without a blank after it; write - and a blank"),
    (re.compile(r"^ *([–—−])"), "a dash that is no hyphen begins the line; write - and a blank"),
    (re.compile(r"^ *[\w-]+ *(：)"), "a colon that is not the usual one; write : and a blank"),
    (
        re.compile(r"^ *(?:- +)?[A-Za-z_][\w-]*(:)[^\s:]"),
        "a colon without a blank; write key: value",
    ),
    (
        re.compile(r"^ *(?:- +)?[\w-]+: +('[^']*')[^\s,}\]#']"),
        'an apostrophe ends the text; use "',
    ),
)
_BLANKS = re.compile("[\u00a0\u2000-\u200b\u202f\u3000]")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)


class Mark(Protocol):
    """A place as libyaml counts it: from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def place_of(mark: Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def conflict_in(text: str) -> int | None:
    """The index at which a tool for versions left two versions in the text."""
    first = next(_CONFLICT.finditer(text), None)
    return first.start() if first and first[1].startswith("<") else None


def explain(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str]:
    """Where the slip is, and what is wrong; what to write instead."""
    problem = error.problem or error.context or "this is no YAML"
    mark = error.problem_mark or error.context_mark
    if mark is not None and (slip := _slip(text.splitlines(), mark.line)):
        return slip
    remedy = next((ours for theirs, ours in _REMEDIES.items() if theirs in problem), None)
    if remedy is None:
        return _within(text, mark), f"{problem}; put texts in straight quotes and indent with blanks"
    if "opened here" in remedy:
        mark = error.context_mark or mark
    elif "not closed" in remedy and error.context_mark and mark and error.context_mark.line != mark.line:
        remedy = remedy.replace("are not closed", f"of line {error.context_mark.line + 1} are not closed")
    return _within(text, mark), remedy


def _within(text: str, mark: Mark | None) -> Place:
    """libyaml finds what is missing at the end in a line behind the last one, if that has no line break."""
    place = place_of(mark)
    last = text.rpartition("\n")[2]
    ends = Place(text.count("\n") + 1, len(last) + 1)
    return place if place.line <= ends.line else ends


def _slip(lines: list[str], number: int) -> tuple[Place, str] | None:
    for at in (number, number - 1):
        line = lines[at] if 0 <= at < len(lines) else ""
        for pattern, said in _SLIPS:
            if match := pattern.search(line):
                return Place(at + 1, match.start(1) + 1), said
        if blank := _BLANKS.search(line.partition("#")[0]):
            code = f"U+{ord(blank[0]):04X}"
            return Place(
                at + 1, blank.start() + 1
            ), f"a blank that is not the usual one ({code}); type it again"
    return None
