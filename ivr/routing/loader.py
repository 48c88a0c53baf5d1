"""routing.yaml → :class:`ivr.routing.rules.Rules`, or every problem that it has.

``ivr.routing.yaml_nodes`` makes texts with places of it, ``ivr.routing.schema`` reads one value,
``ivr.routing.read_…`` read the parts of the file, ``ivr.routing.checks`` looks at how they fit together.
"""

from collections.abc import Mapping
from pathlib import Path

from ivr.routing import read_agencies, read_callers, read_city, read_languages, read_lines, read_rules
from ivr.routing.checks import check
from ivr.routing.forms import Form, Key, Section
from ivr.routing.include import INCLUDE, bundle, digest_of, patterns, read_nodes
from ivr.routing.problems import Place, RoutingError
from ivr.routing.read_conditions import swamped
from ivr.routing.reading import Reading
from ivr.routing.rules import Callers, Rules
from ivr.routing.yaml_nodes import Block

INCLUDED = Key(
    INCLUDE,
    patterns,
    "Files with more of these sections, for a large city, relative to this file. Sections that are blocks of "
    "keys are joined; no key may stand twice. An included file includes nothing itself.",
    "[agencies/*.yaml]",
)
CITY = Key(
    "city",
    read_city.city,
    "The city itself.",
    "{name: Kota Ambon, zone: Asia/Jayapura, area_code: 0911}",
    required=True,
)
LANGUAGES = Key(
    "languages",
    read_languages.languages,
    "Everything that is spoken, by language (its code of two or three letters). The first is the default; "
    "the key `*` takes the next one. The speech of a menu is made from these words, so words and keys cannot "
    "disagree; a menu longer than 10 s of speech is refused.",
    "{abs: {recorded: yes}}",
    required=True,
)
NUMBERS = Key(
    "numbers",
    read_city.numbers,
    "What each number dialled begins with: a menu, or a category without one. 112 and `other`, whatever "
    "else arrives, are required.",
    "{112: {menu: main}, 113: {category: fire}, other: {menu: main}}",
    required=True,
)
MENUS = Key(
    "menus",
    read_city.menus,
    "What the keys 1 to 7 mean, at most five of them. In every menu 0, silence, and two wrong keys lead to a "
    'person; 8 means "I cannot speak"; `*` is the next language; 9 and `#` are wrong keys.',
    "{main: {1: fire, 2: medical, 5: other, silence: 3s}}",
    required=True,
)
CATEGORIES = Key(
    "categories",
    read_city.categories,
    "What calls are about, each with the sub-categories that an operator may add. `unknown`, for callers who "
    "choose none, is required.",
    "{fire: [house, vehicle], unknown: []}",
    required=True,
)
HOLIDAYS = Key("holidays", read_city.holidays, "Dates with their names.", "{2026-12-25: Natal}")
SCHEDULES = Key(
    "schedules",
    read_city.schedules,
    "Hours with a name: spans with commas between. A span is dates (`2026-12-24`, "
    "`2027-02-08..2027-03-09`), weekdays (`mon`, `fri-mon`, or `holidays`) and hours (`08:00-16:00`), in "
    "this order, each of which may be left out. Hours past midnight belong to the day they begin. "
    "`not holidays` at the end takes the holidays out.",
    '{office: "mon-thu 08:00-16:00, fri 08:00-11:30, not holidays", night: 21:00-07:00}',
)
CALLERS = Key(
    "callers",
    read_callers.callers,
    "What is known of a caller's number. It moves the call in its queue, never changes who comes, and never "
    "counts for numbers of phones without SIM or hidden ones: they are not one person.",
    "{redial: {within: 10m, priority: +3}}",
)
SWAMPED = Key(
    "swamped",
    swamped,
    "What `direct_if_swamped` means: one of these is enough.",
    "{operators: none, longest_wait: over 60s}",
)
DEFAULTS = Key(
    "defaults",
    read_rules.defaults,
    "For rules that do not say. Without it: verify, emergency, 5.",
    "{mode: verify, queue: emergency, priority: 5}",
)
RULES = Key(
    "rules",
    read_rules.rules,
    "The first rule that matches decides; the last one is `when: always`.",
    "[{rule: fire, when: {category: fire}, lead: damkar}, {rule: everything else, when: always}]",
    required=True,
)
QUEUES = Key(
    "queues",
    read_agencies.queues,
    "Where operators answer, and what follows. `emergency` is layer 1 and required; how its phones ring is "
    "set in `asterisk-conf/queues.conf`. A queue in which nobody can answer is passed at once. A queue "
    "without `overflow` can only be a step of another one's. Circles are refused.",
    "{emergency: {overflow: [45s lead, 2m last_resort]}}",
    required=True,
)
AGENCIES = Key(
    "agencies",
    read_agencies.agencies,
    "Who comes.",
    "{damkar: {name: {id: Damkar}, lines: [damkar-1 15s]}}",
    required=True,
)
LAST_RESORT = Key(
    "last_resort",
    read_lines.lines_of(None),
    "Lines that are rung when all else has failed, at any hour; when all are out of service, all the same.",
    "[piket-112 30s accept=answer]",
    required=True,
)
NOTIFY = Key(
    "notify",
    read_agencies.notify,
    "Lists of agencies, or of posts in them, who are told; `centre` is the 112 centre itself.",
    "{fire-heads: [damkar.head], supervisors: [centre.supervisor]}",
)
CLOCK = Key(
    "clock",
    read_agencies.clock,
    "Which lists are told while a rule's clock runs.",
    "{half: supervisors, late: [supervisors, leaders]}",
)
FILE = Form(
    "the file",
    INCLUDED,
    CITY,
    LANGUAGES,
    NUMBERS,
    MENUS,
    CATEGORIES,
    HOLIDAYS,
    SCHEDULES,
    CALLERS,
    SWAMPED,
    DEFAULTS,
    RULES,
    QUEUES,
    AGENCIES,
    LAST_RESORT,
    NOTIFY,
    CLOCK,
)


def load_file(path: Path) -> Rules:
    """The file and those it includes. Raises :class:`RoutingError`, also when one cannot be read."""
    return load_bundle(bundle(path), str(path))


def load(text: str, filename: str) -> Rules:
    """Raises :class:`RoutingError`, and nothing else, for whatever text."""
    return load_bytes(text.encode("utf-8", "surrogatepass"), filename)


def load_bytes(data: bytes, filename: str) -> Rules:
    """Raises :class:`RoutingError`, and nothing else, for whatever bytes."""
    return load_bundle({Path(filename).name: data}, filename)


def load_bundle(files: Mapping[str, bytes], filename: str) -> Rules:
    """What :func:`ivr.routing.include.bundle` found: ``filename`` is the path of the main file as problems
    show it, and its name is one of ``files``. Raises :class:`RoutingError`, and nothing else, for any bytes.
    """
    return load_placed(files, filename)[0]


def load_placed(files: Mapping[str, bytes], filename: str) -> tuple[Rules, Block]:
    """The rules, and the tree that knows where each of them stands. Raises like :func:`load_bundle`."""
    report = Reading(filename)
    root = read_nodes(files, filename, report)
    if root is None and not report.problems:
        report.error(
            Place(1, 1), "the file is empty; start from the routing.yaml that comes with this software"
        )
    if root is not None and not isinstance(root, Block):
        report.error(Place(1, 1), "the file is no block of keys; begin with city: and its keys below")
    if not isinstance(root, Block):
        raise RoutingError(report.problems)

    names = report.names
    file = Section(FILE, root, report)
    file.get(INCLUDED, None)
    # In this order: a part may look at those above it.
    city = file.need(CITY)
    languages = file.need(LANGUAGES) or {}
    categories = file.need(CATEGORIES) or {}
    numbers = file.need(NUMBERS) or {}
    menus = file.need(MENUS) or {}
    holidays = file.get(HOLIDAYS, {}) or {}
    schedules = file.get(SCHEDULES, {}) or {}
    agencies = report.agencies = file.need(AGENCIES) or {}
    last_resort = file.need(LAST_RESORT) or ()
    names.define("agency or line", (*names.known("agency"), *report.lines))
    callers = file.get(CALLERS, None) or Callers()
    queues = file.need(QUEUES) or {}
    notify = file.get(NOTIFY, {}) or {}
    clock = file.get(CLOCK, read_agencies.NO_NOTICES)
    swamped_if = file.get(SWAMPED, ())
    file.get(DEFAULTS, None)
    rules = file.need(RULES) or ()
    names.resolve(report)
    result = Rules(
        city=city,
        languages=languages,
        numbers=numbers,
        menus=menus,
        categories=categories,
        holidays=holidays,
        schedules=schedules,
        swamped=swamped_if,
        rules=rules,
        queues=queues,
        agencies=agencies,
        lines=report.lines,
        last_resort=last_resort,
        notify=notify,
        clock=clock,
        callers=callers,
        digest=digest_of(files, Path(filename).name),
    )
    check(result, root, report)
    report.fail_if_any()
    return result, root
