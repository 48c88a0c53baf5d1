"""The part of routing.yaml about numbers that call: lists of them, and what moves a call in its queue."""

import re

from ivr.intake.caller import international
from ivr.routing.forms import Form, Key, Section
from ivr.routing.problems import shown
from ivr.routing.reading import Reading
from ivr.routing.rules import Callers, Prank, Redial
from ivr.routing.schema import (
    Reader,
    a_text,
    duration,
    identifier,
    integer,
    keys,
    listed,
    reader,
    scalar,
    table,
    word,
)
from ivr.routing.yaml_nodes import Node
from ivr.vocabulary import HIGHEST_PRIORITY

MOST_LISTED = 1000
"""Numbers in one list."""
LONGEST_REDIAL = 24 * 3600
LONGEST_MEMORY = 30 * 24 * 3600
"""Seconds that a prank mark may count: a number changes hands."""


@reader(a_text(r"\+?[0-9]{5,17}"))
def _number(node: Node, report: Reading) -> str | None:
    typed = scalar(node, report, "a telephone number")
    if typed is None:
        return None
    digits = typed.value if re.fullmatch(r"\+?[0-9]+", typed.value) else ""
    number = international(digits, report.area_code)
    if number is None:
        report.error(
            node, f"{shown(typed.value)} is no telephone number; write +62811… or 0911…, digits only"
        )
    return number


_numbers = listed(_number, most=MOST_LISTED)


def _read_lists(node: Node, report: Reading) -> dict[str, tuple[str, ...]] | None:
    report.names.define("list of callers", keys(node))
    first: dict[str, str] = {}

    def read_list(name: str, value: Node, inner: Reading) -> tuple[str, ...] | None:
        numbers = _numbers(value, inner)
        for number in numbers or ():
            if first.setdefault(number, name) != name:
                inner.error(value, f"{number} stands in the list {first[number]} too; keep one of them")
        return numbers

    return table(identifier, read_list, _numbers.describe)(node, report)


def _steps(sign: str) -> Reader[int]:
    """Steps in the queue, up or down only, with the sign: a bare 3 would look like a priority."""
    read_word = word(
        re.compile(rf"\{sign}([1-9]|1[0-9]|{HIGHEST_PRIORITY})"), f"{sign}1 to {sign}{HIGHEST_PRIORITY}"
    )

    def read(node: Node, report: Reading) -> int | None:
        value = read_word(node, report)
        return None if value is None else int(value)

    return Reader(read, read_word.describe)


WITHIN = Key(
    "within",
    duration(10, LONGEST_REDIAL),
    "The number's last call ended without a person not longer ago than this.",
    "10m",
    required=True,
)
UP = Key("priority", _steps("+"), "So many steps up in the queue.", "+3", required=True)
REDIAL = Form("redial", WITHIN, UP)

MARKS = Key("marks", integer(1, 100), "From so many marks by operators on.", "3", required=True)
DOWN = Key("priority", _steps("-"), "So many steps down in the queue.", "-4", required=True)
FORGET_AFTER = Key(
    "forget_after", duration(60, LONGEST_MEMORY), "A mark counts so long.", "24h", required=True
)
PRANK = Form("prank", MARKS, DOWN, FORGET_AFTER)


def _redial(section: Section) -> Redial:
    return Redial(within_seconds=section.need(WITHIN), priority=section.need(UP))


def _prank(section: Section) -> Prank:
    return Prank(
        marks=section.need(MARKS), priority=section.need(DOWN), forget_seconds=section.need(FORGET_AFTER)
    )


LISTS = Key(
    "lists",
    Reader(_read_lists, lambda: table(identifier, lambda *_: None, _numbers.describe).describe()),
    "Lists of numbers, for the condition `listed`. A number stands in one list only.",
    "{hospitals: [0911345678, +62811345678]}",
)
CALLS_AGAIN = Key(
    "redial",
    REDIAL.reader(_redial),
    "Who calls again without having reached a person moves up.",
    "{within: 10m, priority: +3}",
)
MARKED = Key(
    "prank",
    PRANK.reader(_prank),
    "Whose number operators marked as a prank moves down; nobody is refused.",
    "{marks: 3, priority: -4, forget_after: 24h}",
)
CALLERS = Form("callers", LISTS, CALLS_AGAIN, MARKED)


def _callers(section: Section) -> Callers:
    return Callers(
        lists=section.get(LISTS, {}),
        redial=section.get(CALLS_AGAIN, None),
        prank=section.get(MARKED, None),
    )


callers = CALLERS.reader(_callers)
