"""The first half of routing.yaml: the city, its languages, numbers, menus, categories, days and hours."""

import re
from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

from ivr.intake.numbers import ENTRY_NUMBERS, OTHER, OURS
from ivr.menu.definition import CHOICE_KEYS, MOST_CHOICES, Menu
from ivr.routing.problems import Report, shown
from ivr.routing.rules import CALLER_TEXTS, STAFF_TEXTS, UNKNOWN, City, EntryNumber, Language
from ivr.routing.schedules import Schedule, parse_date, parse_schedule
from ivr.routing.schema import (
    Names,
    Reader,
    Section,
    choice,
    duration,
    identifier,
    keys,
    listed,
    scalar,
    table,
    text,
    word,
)
from ivr.routing.yaml_nodes import Items, Node

_AREA_CODE = word(re.compile(r"0[1-9][0-9]{1,3}"), "an area code with its 0, like 0911")
_SIMLESS = word(
    re.compile(r"[0-9?]{1,20}\*?|([1-9]|1[0-9]|20) digits"),
    "a pattern like 000* or 911??????? (? is one digit, * any more of them) or 15 digits",
)
_PENALTY = re.compile(r"([0-9]{1,3})-([0-9]{1,3})")


def city(names: Names) -> Reader[City]:
    def read(node: Node, report: Report) -> City | None:
        section = Section(node, report, "city")
        result = City(
            name=section.need("name", text),
            zone=section.need("zone", _zone),
            area_code=section.need("area_code", _AREA_CODE),
            simless=section.get("simless", listed(_SIMLESS), ()),
            districts=section.get("districts", listed(identifier), ()),
        )
        section.done()
        names.define("district", result.districts or ())
        return result

    return read


def _zone(node: Node, report: Report) -> ZoneInfo | None:
    typed = scalar(node, report, "a time zone")
    if typed is None:
        return None
    try:
        return ZoneInfo(typed.value)
    except (ValueError, OSError, KeyError):  # also what ZoneInfo raises for directories and odd paths
        report.error(
            node,
            f"there is no time zone {shown(typed.value)}; write Asia/Jakarta, Asia/Makassar or Asia/Jayapura",
        )
        return None


def categories(names: Names) -> Reader[dict[str, tuple[str, ...]]]:
    def read(node: Node, report: Report) -> dict[str, tuple[str, ...]] | None:
        result = table(identifier, lambda _, value, inner: listed(identifier, least=0)(value, inner))(
            node, report
        )
        names.define("category", result or ())
        names.define("sub-category", {sub for subs in (result or {}).values() for sub in subs})
        if result is not None and UNKNOWN not in result:
            report.error(
                node, f"the category {UNKNOWN} is missing, for callers who choose none; write {UNKNOWN}: []"
            )
        return result

    return read


def languages(names: Names) -> Reader[dict[str, Language]]:
    def read(node: Node, report: Report) -> dict[str, Language] | None:
        names.define("language", keys(node))
        first = next(iter(keys(node)), None)
        result = table(
            word(re.compile(r"[a-z]{2,3}"), "a language's code like id, en or abs"),
            lambda name, value, inner: _language(names, name, name == first, value, inner),
        )(node, report)
        if first is None:
            report.error(node, "there is no language; write id: and its texts below")
        return result

    return read


def _language(names: Names, name: str, first: bool, node: Node, report: Report) -> Language | None:
    section = Section(node, report, f"the language {name}")
    penalty = section.get("penalty", _penalty, None)
    if not first and section.has("recorded"):
        section.need("recorded", choice("yes"))
        section.done()
        return Language(name, recorded=True, penalty=penalty)
    every_text = CALLER_TEXTS + STAFF_TEXTS if first else CALLER_TEXTS
    result = Language(
        name,
        first_menu=section.need("first_menu", _template("{choices}")),
        further_menu=section.need("further_menu", _template("{choices}")),
        choice=section.need("choice", _template("{what}", "{key}")),
        accept=section.need("accept", _template("{what}")) if first else "",
        keys=section.need("keys", _key_words),
        words=section.need(
            "words", table(names.reference("category or menu"), lambda _, value, inner: text(value, inner))
        ),
        texts=section.need("texts", _texts(every_text)),
        penalty=penalty,
    )
    section.done()
    return result


def _template(*places: str) -> Reader[str]:
    """A text with each of these places, once, and no other braces."""

    def read(node: Node, report: Report) -> str | None:
        value = text(node, report)
        if value is None:
            return None
        rest = value
        for place in places:
            rest = rest.replace(place, "", 1)
        if "{" not in rest and "}" not in rest and all(place in value for place in places):
            return value
        report.error(node, f"the text needs {' and '.join(places)}, each once, and no other braces")
        return None

    return read


def _key_words(node: Node, report: Report) -> tuple[str, ...] | None:
    count = len(CHOICE_KEYS)
    if isinstance(node, Items) and len(node.items) == count:
        return listed(text, least=count, most=count)(node, report)
    report.error(node, f"write how the keys 1 to {count} are called, [one, two, …], {count} words")
    return None


def _texts(required: tuple[str, ...]) -> Reader[dict[str, str]]:
    def read(node: Node, report: Report) -> dict[str, str] | None:
        section = Section(node, report, "texts")
        result = {name: section.need(name, text) for name in required}
        section.done()
        return result

    return read


def _penalty(node: Node, report: Report) -> tuple[int, int] | None:
    typed = scalar(node, report, "penalties like 0-10")
    if typed is None:
        return None
    match = _PENALTY.fullmatch(typed.value)
    if match and int(match[1]) <= int(match[2]):
        return int(match[1]), int(match[2])
    report.error(node, f"{shown(typed.value)} cannot stand here; write penalties like 0-10")
    return None


def numbers(names: Names) -> Reader[dict[str, EntryNumber]]:
    known = (*ENTRY_NUMBERS, OTHER)

    def read(node: Node, report: Report) -> dict[str, EntryNumber] | None:
        result = table(choice(*known), lambda name, value, inner: _number(names, name, value, inner))(
            node, report
        )
        for entry in (OURS, OTHER):
            if entry not in keys(node):
                report.error(node, f"{entry} is missing; write {entry}: {{menu: main}}")
        return result

    names.define("entry number", known)
    return read


def _number(names: Names, name: str, node: Node, report: Report) -> EntryNumber | None:
    section = Section(node, report, f"the number {name}")
    result = EntryNumber(
        menu=section.get("menu", names.reference("menu"), None),
        category=section.get("category", names.reference("category"), None),
        language=section.get("language", names.reference("language"), None),
    )
    section.done()
    if section.has("menu") == section.has("category"):
        report.error(node, f"the number {name} begins with a menu or with a category; write one of the two")
    return result


def menus(names: Names) -> Reader[dict[str, Menu]]:
    def read(node: Node, report: Report) -> dict[str, Menu] | None:
        names.define("menu", keys(node))
        names.define("category or menu", {*keys(node), *names.known("category")})
        for name, key in keys(node).items():
            if name in names.known("category"):
                report.error(key, f"{shown(name)} is a category already; give the menu another name")
        return table(identifier, lambda name, value, inner: _menu(names, name, value, inner))(node, report)

    return read


def _menu(names: Names, name: str, node: Node, report: Report) -> Menu | None:
    section = Section(node, report, f"the menu {name}")
    silence = section.get("silence", duration(1, 10), 3)
    choices = {
        key: section.need(key, names.reference("category or menu"))
        for key in keys(node)
        if key in CHOICE_KEYS
    }
    for key, typed in keys(node).items():
        if key not in CHOICE_KEYS and key != "silence":
            report.error(
                typed,
                f"{shown(key)} is no key of a menu; write {CHOICE_KEYS[0]} to {CHOICE_KEYS[-1]} (0 is always "
                "a person, 8 means I cannot speak, * is the next language), or silence",
            )
    if not 1 <= len(choices) <= MOST_CHOICES:
        report.error(node, f"the menu {name} has {len(choices)} choices; write 1 to {MOST_CHOICES}")
    return Menu(name, choices, silence)


def holidays(node: Node, report: Report) -> dict[date, str] | None:
    named = table(_date_key, lambda _, value, inner: text(value, inner))(node, report)
    return None if named is None else {date.fromisoformat(day): name for day, name in named.items()}


def _date_key(node: Node, report: Report) -> str | None:
    typed = scalar(node, report, "a date like 2026-12-25")
    if typed is None:
        return None
    try:
        return parse_date(typed.value).isoformat()
    except ValueError as error:
        report.error(node, str(error))
        return None


def schedules(names: Names, days: Mapping[date, str]) -> Reader[dict[str, Schedule]]:
    def read_one(name: str, node: Node, report: Report) -> Schedule | None:
        typed = scalar(node, report, "hours like mon-fri 08:00-16:00, sat 08:00-12:00")
        if typed is None:
            return None
        try:
            return parse_schedule(name, typed.value, days)
        except ValueError as error:
            report.error(node, str(error))
            return None

    def read(node: Node, report: Report) -> dict[str, Schedule] | None:
        names.define("schedule", keys(node))
        return table(identifier, read_one)(node, report)

    return read
