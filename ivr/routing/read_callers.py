"""The part of routing.yaml about numbers that call: lists of them, and what moves a call in its queue."""

import re

from ivr.intake.caller import international
from ivr.routing.problems import Report, shown
from ivr.routing.rules import Callers, City, Prank, Redial
from ivr.routing.schema import (
    Names,
    Reader,
    Section,
    duration,
    identifier,
    integer,
    keys,
    listed,
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


def callers(names: Names, city: City | None) -> Reader[Callers]:
    def read(node: Node, report: Report) -> Callers | None:
        section = Section(node, report, "callers")
        result = Callers(
            lists=section.get("lists", _lists(names, city), {}),
            redial=section.get("redial", _redial, None),
            prank=section.get("prank", _prank, None),
        )
        section.done()
        return result

    return read


def _lists(names: Names, city: City | None) -> Reader[dict[str, tuple[str, ...]]]:
    def read(node: Node, report: Report) -> dict[str, tuple[str, ...]] | None:
        names.define("list of callers", keys(node))
        first: dict[str, str] = {}

        def read_one(name: str, value: Node, inner: Report) -> tuple[str, ...] | None:
            def read_number(number: Node, innermost: Report) -> str | None:
                found = _number(city, number, innermost)
                if found is not None and first.setdefault(found, name) != name:
                    innermost.error(
                        number, f"{found} stands in the list {first[found]} too; keep one of them"
                    )
                return found

            return listed(read_number, most=MOST_LISTED)(value, inner)

        return table(identifier, read_one)(node, report)

    return read


def _number(city: City | None, node: Node, report: Report) -> str | None:
    typed = scalar(node, report, "a telephone number")
    if typed is None:
        return None
    area_code = (city.area_code if city else None) or "0"
    number = international(typed.value, area_code) if re.fullmatch(r"\+?[0-9]+", typed.value) else None
    if number is None:
        report.error(
            node, f"{shown(typed.value)} is no telephone number; write +62811… or 0911…, digits only"
        )
    return number


def _redial(node: Node, report: Report) -> Redial | None:
    section = Section(node, report, "redial")
    result = Redial(
        within_seconds=section.need("within", duration(10, LONGEST_REDIAL)),
        priority=section.need("priority", _steps("+")),
    )
    section.done()
    return result


def _prank(node: Node, report: Report) -> Prank | None:
    section = Section(node, report, "prank")
    result = Prank(
        marks=section.need("marks", integer(1, 100)),
        priority=section.need("priority", _steps("-")),
        forget_seconds=section.need("forget_after", duration(60, LONGEST_MEMORY)),
    )
    section.done()
    return result


def _steps(sign: str) -> Reader[int]:
    """Steps in the queue, up or down only, with the sign: a bare 3 would look like a priority."""
    read_word = word(
        re.compile(rf"\{sign}([1-9]|1[0-9]|{HIGHEST_PRIORITY})"), f"{sign}1 to {sign}{HIGHEST_PRIORITY}"
    )

    def read(node: Node, report: Report) -> int | None:
        value = read_word(node, report)
        return None if value is None else int(value)

    return read
