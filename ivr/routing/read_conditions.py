"""``when`` of a rule, and ``swamped``: conditions on a call."""

import re
from collections.abc import Iterator
from typing import get_args

from ivr.routing.conditions import (
    CannotSpeak,
    Compared,
    Condition,
    DuringSchedule,
    ExactFact,
    OneOf,
    OutOfService,
)
from ivr.routing.forms import Form, Key, Section
from ivr.routing.model import CallerClass, ServiceState
from ivr.routing.problems import shown
from ivr.routing.reading import Reading
from ivr.routing.schema import Reader, a_text, choice, listed, reader, reference, scalar, seconds_of
from ivr.routing.yaml_nodes import Block, Node, Text

ALWAYS = "always"

_COUNT = re.compile(r"(under|over) ([0-9]{1,4})")
_WAIT = re.compile(r"(under|over) (\S+)")


@reader(a_text(rf"none|{_COUNT.pattern}"))
def _operators(node: Node, report: Reading) -> Compared | None:
    typed = scalar(node, report, "none, under 2 or over 2")
    if typed is None:
        return None
    if typed.value == "none":
        return Compared("operators", over=False, bound=1, text="none")
    match = _COUNT.fullmatch(typed.value)
    if match is None or (match[1] == "under" and int(match[2]) == 0):
        report.error(node, f"{shown(typed.value)} is no number of operators; write none, under 2 or over 2")
        return None
    return Compared("operators", match[1] == "over", int(match[2]), typed.value)


@reader(a_text("(under|over) [0-9]+[smh]"))
def _longest_wait(node: Node, report: Reading) -> Compared | None:
    typed = scalar(node, report, "a wait like over 60s")
    if typed is None:
        return None
    match = _WAIT.fullmatch(typed.value)
    seconds = seconds_of(match[2]) if match else None
    if match is None or seconds is None or seconds == 0:
        report.error(node, f"{shown(typed.value)} is no wait; write over 60s or under 30s")
        return None
    return Compared("longest_wait", match[1] == "over", seconds, typed.value)


@reader(a_text())
def _schedule(node: Node, report: Reading) -> DuringSchedule | None:
    typed = scalar(node, report, "a schedule's name, perhaps with not before it")
    if typed is None:
        return None
    name = typed.value.removeprefix("not ").strip()
    start = typed.value.rfind(name) if name else 0
    report.names.use("schedule", typed.part(start, len(typed.value)) if start else typed)
    schedule = report.schedules.get(name)
    # An unknown one is reported with all unknown names.
    return None if schedule is None else DuringSchedule(schedule, typed.value.startswith("not "))


_yes_or_no = choice("yes", "no")


@reader(_yes_or_no.describe())
def _cannot_speak(node: Node, report: Reading) -> CannotSpeak | None:
    value = _yes_or_no(node, report)
    return None if value is None else CannotSpeak(value == "yes")


_agencies_or_lines = listed(reference("agency or line"))


@reader(_agencies_or_lines.describe())
def _out_of_service(node: Node, report: Reading) -> OutOfService | None:
    names = _agencies_or_lines(node, report)
    if names is None:
        return None
    return OutOfService(names, tuple(way for name in names for way in _ways(name, report)))


def _ways(name: str, report: Reading) -> Iterator[frozenset[str]]:
    """The marks that put an agency or a line out of service, each set enough on its own."""
    yield frozenset({name})
    if name in report.agencies:
        yield frozenset(report.agencies[name].lines)
    elif name in report.lines and (agency := report.lines[name].agency):
        yield frozenset({agency})


def _one_of(fact: ExactFact, read: Reader[str], meaning: str, example: str) -> Key[OneOf]:
    values = listed(read)

    def read_all(node: Node, report: Reading) -> OneOf | None:
        found = values(node, report)
        return None if found is None else OneOf(fact, found)

    return Key(fact, Reader(read_all, values.describe), meaning, example)


EXACT = (
    _one_of("category", reference("category"), "What the call is about.", "[fire, medical]"),
    _one_of("sub", reference("sub-category"), "What exactly, once an operator has said so.", "house"),
    _one_of("entry", reference("entry number"), "The number dialled.", "[112, 911]"),
    _one_of("language", reference("language"), "The caller's language.", "en"),
    _one_of(
        "caller",
        choice(*CallerClass),
        "What the caller's number is worth: a real one, made up for a phone without SIM, hidden, or none.",
        "[simless, anonymous]",
    ),
    _one_of("listed", reference("list of callers"), "The list in which the number stands.", "hospitals"),
    _one_of("district", reference("district"), "Where it happens, once somebody has said so.", "sirimau"),
    _one_of(
        "service_state",
        choice(*ServiceState),
        "How the 112 centre is, in the words of NENA-STA-010.3.",
        "[Overloaded, MajorIncidentInProgress]",
    ),
)
if {key.name for key in EXACT} != set(get_args(ExactFact)):
    raise AssertionError("each fact that can be compared has a key")
OUT_OF_SERVICE = Key(
    "out_of_service",
    _out_of_service,
    "An agency or line that somebody took out of service; an agency also when all of its lines are.",
    "damkar",
)
OPERATORS = Key(
    "operators",
    _operators,
    "How many operators of layer 1 are ready: `none`, `under 2`, `over 2`. When nobody knows, none of these "
    "holds.",
    "under 2",
)
LONGEST_WAIT = Key(
    "longest_wait", _longest_wait, "How long the caller has waited who waits longest in layer 1.", "over 60s"
)
SCHEDULE = Key("schedule", _schedule, "It is, or is not, within these hours.", "not office")
CANNOT_SPEAK = Key("cannot_speak", _cannot_speak, "The caller pressed 8.", "yes")

WHEN = Form("when", *EXACT, OUT_OF_SERVICE, OPERATORS, LONGEST_WAIT, SCHEDULE, CANNOT_SPEAK)
SWAMPED = Form("swamped", OPERATORS, LONGEST_WAIT)


def _conditions(section: Section) -> tuple[Condition, ...]:
    found: list[Condition | None] = [section.get(key, None) for key in WHEN.keys.values()]
    return tuple(condition for condition in found if condition is not None)


def _when(node: Node, report: Reading) -> tuple[Condition, ...] | None:
    if isinstance(node, Text):
        return () if choice(ALWAYS)(node, report) else None
    known = len(report.problems)
    conditions = _conditions(Section(WHEN, node, report))
    if isinstance(node, Block) and not node.items:
        report.error(node, f"no condition; write one, or when: {ALWAYS}")
    # A schedule that nobody knows is reported later: what is left would be another condition.
    complete = not isinstance(node, Block) or len(conditions) == len(node.items)
    return conditions if len(report.problems) == known and complete else None


when: Reader[tuple[Condition, ...]] = Reader(
    _when, lambda: {"anyOf": [{"const": ALWAYS}, WHEN.describe() | {"minProperties": 1}]}
)


def _swamped(section: Section) -> tuple[Condition, ...]:
    found: list[Condition | None] = [section.get(key, None) for key in (OPERATORS, LONGEST_WAIT)]
    return tuple(condition for condition in found if condition is not None)


swamped: Reader[tuple[Condition, ...]] = SWAMPED.reader(_swamped)
