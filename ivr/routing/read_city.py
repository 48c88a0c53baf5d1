"""The first half of routing.yaml: the city, its numbers, menus, categories, days and hours."""

import re
from datetime import date
from zoneinfo import ZoneInfo

from ivr.intake.numbers import ENTRY_NUMBERS, OTHER, OURS
from ivr.menu.definition import CHOICE_KEYS, MOST_CHOICES, Menu
from ivr.routing.forms import Form, Key, Section
from ivr.routing.problems import shown
from ivr.routing.reading import Reading
from ivr.routing.rules import UNKNOWN, City, EntryNumber, Keep
from ivr.routing.schedules import Schedule, parse_date, parse_schedule
from ivr.routing.schema import (
    a_text,
    choice,
    days,
    duration,
    each,
    identifier,
    keys,
    listed,
    reader,
    reference,
    scalar,
    table,
    text,
    word,
)
from ivr.routing.yaml_nodes import Node

_AREA_CODE = word(re.compile(r"0[1-9][0-9]{1,3}"), "an area code with its 0, like 0911")
_SIMLESS = word(
    re.compile(r"[0-9?]{1,20}\*?|([1-9]|1[0-9]|20) digits"),
    "a pattern like 000* or 911??????? (? is one digit, * any more of them) or 15 digits",
)


@reader({"type": "string"})
def _zone(node: Node, report: Reading) -> ZoneInfo | None:
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


NAME = Key("name", text, "The city's name.", "Kota Ambon", required=True)
ZONE = Key("zone", _zone, "Its time zone, for all hours of the file.", "Asia/Jayapura", required=True)
AREA_CODE = Key(
    "area_code",
    _AREA_CODE,
    "Its area code with the 0: a carrier may put it before 112.",
    "0911",
    required=True,
)
SIMLESS = Key(
    "simless",
    listed(_SIMLESS),
    "Patterns of numbers that networks make up for phones without SIM: ? is one digit, * any more.",
    "[000*, 15 digits]",
)
DISTRICTS = Key("districts", listed(identifier), "Names for the condition `district`.", "[sirimau, nusaniwe]")
KEEP_RECORDINGS = Key("recordings", days(1, 3650), "Recordings of calls; 90d if left out.", "90d")
KEEP_CALLERS = Key(
    "callers",
    days(1, 3650),
    "Numbers, names and SIP headers of callers, and marks on them; 365d if left out.",
    "365d",
)
KEEP = Form("times of keeping", KEEP_RECORDINGS, KEEP_CALLERS)


def _keep(section: Section) -> Keep:
    return Keep(section.get(KEEP_RECORDINGS, 90), section.get(KEEP_CALLERS, 365))


KEPT = Key(
    "keep",
    KEEP.reader(_keep),
    "How long personal data is kept; then its keys and files are destroyed ([privacy.md](privacy.md)).",
    "{recordings: 90d, callers: 365d}",
)
CITY = Form("city", NAME, ZONE, AREA_CODE, SIMLESS, DISTRICTS, KEPT)


def _city(section: Section) -> City:
    result = City(
        name=section.need(NAME),
        zone=section.need(ZONE),
        area_code=section.need(AREA_CODE),
        simless=section.get(SIMLESS, ()),
        districts=section.get(DISTRICTS, ()),
        keep=section.get(KEPT, Keep()),
    )
    section.report.names.define("district", result.districts or ())
    section.report.area_code = result.area_code or "0"
    return result


city = CITY.reader(_city)

_subs = each(identifier, listed(identifier, least=0))


@reader(_subs.describe())
def categories(node: Node, report: Reading) -> dict[str, tuple[str, ...]] | None:
    result = _subs(node, report)
    report.names.define("category", result or ())
    report.names.define("sub-category", {sub for subs in (result or {}).values() for sub in subs})
    if result is not None and UNKNOWN not in result:
        report.error(
            node, f"the category {UNKNOWN} is missing, for callers who choose none; write {UNKNOWN}: []"
        )
    return result


MENU = Key("menu", reference("menu"), "The menu with which the call begins.", "main")
CATEGORY = Key("category", reference("category"), "Instead of a menu: the category is clear.", "fire")
LANGUAGE = Key("language", reference("language"), "The language; else the first one.", "en")
NUMBER = Form("a number dialled", MENU, CATEGORY, LANGUAGE)


def _number(name: str, node: Node, report: Reading) -> EntryNumber:
    section = Section(NUMBER, node, report, f"the number {name}")
    if section.has(MENU) == section.has(CATEGORY):
        report.error(node, f"the number {name} begins with a menu or with a category; write one of the two")
    return EntryNumber(
        menu=section.get(MENU, None),
        category=section.get(CATEGORY, None),
        language=section.get(LANGUAGE, None),
    )


KNOWN_NUMBERS = (*ENTRY_NUMBERS, OTHER)
_number_table = table(choice(*KNOWN_NUMBERS), _number, NUMBER.describe)


@reader(_number_table.describe())
def numbers(node: Node, report: Reading) -> dict[str, EntryNumber] | None:
    report.names.define("entry number", KNOWN_NUMBERS)
    for entry in (OURS, OTHER):
        if entry not in keys(node):
            report.error(node, f"{entry} is missing; write {entry}: {{menu: main}}")
    return _number_table(node, report)


SILENCE = Key("silence", duration(1, 10), "How long to wait for a key; then a person answers.", "3s")
CHOICES = tuple(
    Key(
        key,
        reference("category or menu"),
        "What this key means: a category, or a further menu.",
        "fire",
    )
    for key in CHOICE_KEYS
)
MENU_FORM = Form("a menu", *CHOICES, SILENCE)


def _no_key(name: str) -> str:
    return (
        f"{shown(name)} is no key of a menu; write {CHOICE_KEYS[0]} to {CHOICE_KEYS[-1]} (0 is always a "
        "person, 8 means I cannot speak, * is the next language), or silence"
    )


def _menu(name: str, node: Node, report: Reading) -> Menu:
    section = Section(MENU_FORM, node, report, f"the menu {name}", unknown=_no_key)
    silence = section.get(SILENCE, 3)
    by_key = {key.name: key for key in CHOICES}
    choices = {key: section.need(by_key[key]) for key in keys(node) if key in by_key}
    if not 1 <= len(choices) <= MOST_CHOICES:
        report.error(node, f"the menu {name} has {len(choices)} choices; write 1 to {MOST_CHOICES}")
    return Menu(name, choices, silence)


_menu_table = table(identifier, _menu, MENU_FORM.describe)


@reader(_menu_table.describe())
def menus(node: Node, report: Reading) -> dict[str, Menu] | None:
    names = report.names
    names.define("menu", keys(node))
    names.define("category or menu", {*keys(node), *names.known("category")})
    for name, key in keys(node).items():
        if name in names.known("category"):
            report.error(key, f"{shown(name)} is a category already; give the menu another name")
    return _menu_table(node, report)


@reader(a_text(r"\d{4}-\d\d-\d\d"))
def _date_key(node: Node, report: Reading) -> str | None:
    typed = scalar(node, report, "a date like 2026-12-25")
    if typed is None:
        return None
    try:
        return parse_date(typed.value).isoformat()
    except ValueError as error:
        report.error(node, str(error))
        return None


_named_days = each(_date_key, text)


@reader(_named_days.describe())
def holidays(node: Node, report: Reading) -> dict[date, str] | None:
    named = _named_days(node, report)
    if named is None:
        return None
    report.holidays = {date.fromisoformat(day): name for day, name in named.items()}
    return report.holidays


def _schedule(name: str, node: Node, report: Reading) -> Schedule | None:
    typed = scalar(node, report, "hours like mon-fri 08:00-16:00, sat 08:00-12:00")
    if typed is None:
        return None
    try:
        return parse_schedule(name, typed.value, report.holidays)
    except ValueError as error:
        report.error(node, str(error))
        return None


_schedule_table = table(identifier, _schedule, a_text)


@reader(_schedule_table.describe())
def schedules(node: Node, report: Reading) -> dict[str, Schedule] | None:
    report.names.define("schedule", keys(node))
    report.schedules = _schedule_table(node, report) or {}
    return report.schedules
