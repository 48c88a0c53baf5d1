"""The parts of routing.yaml about who answers: agencies and their lines, queues, and who is told."""

import re

from ivr.routing.model import ACCEPT_BY_ANSWER, ACCEPT_BY_KEY
from ivr.routing.problems import Report, shown, where
from ivr.routing.rules import (
    LAST_RESORT,
    LEAD,
    Agency,
    ClockNotices,
    Line,
    OverflowStep,
    Queue,
    Ring,
)
from ivr.routing.schema import (
    ID,
    Names,
    Reader,
    Section,
    duration,
    identifier,
    integer,
    keys,
    listed,
    member,
    scalar,
    seconds_of,
    table,
    text,
)
from ivr.routing.yaml_nodes import Block, Node, Text
from ivr.vocabulary import LAYER_1_QUEUE, PHONE_NAME, TAKEN_QUEUE_NAMES

MOST_LINES = 10
"""Of one agency. All of them ringing together is what Asterisk is asked to do at most."""
LONGEST_RING = 120
"""Seconds."""
CENTRE = "centre"
"""In notify lists, beside the agencies: the 112 centre itself."""
NO_NOTICES = ClockNotices((), ())

_LINE_OPTIONS = ("phone", "number", "accept", "dtmf", "schedule")
_NUMBER = re.compile(r"\+?[0-9*#]{2,20}")
_DTMF = re.compile(r"[0-9*#w]{1,20}")
_LINE_FORM = "write the line's name and its ring time, like damkar-1 15s"


class Lines:
    """Reads lines and keeps all of them. Each is named once, in one agency or in the last resort."""

    def __init__(self, names: Names) -> None:
        self.all: dict[str, Line] = {}
        self._names = names
        self._first: dict[str, Text] = {}

    def of(self, agency: str | None) -> Reader[tuple[str, ...]]:
        def read_one(node: Node, report: Report) -> str | None:
            return self._read(agency, node, report)

        return listed(read_one, most=MOST_LINES)

    def last_resort(self, node: Node, report: Report) -> tuple[str, ...] | None:
        return self.of(None)(node, report)

    def _read(self, agency: str | None, node: Node, report: Report) -> str | None:
        typed = scalar(node, report, "a line like damkar-1 15s")
        if typed is None:
            return None
        words = [typed.part(*match.span()) for match in re.finditer(r"\S+", typed.value)]
        if not words or not PHONE_NAME.fullmatch(words[0].value):
            report.error(
                node,
                f"{shown(typed.value)} begins with no name of a-z, 0-9 and - (2 to 32 signs, and no word of "
                f"Asterisk's configuration such as trunk); {_LINE_FORM}",
            )
            return None
        name = words[0].value
        # Asterisk takes a-1 and a1 for the same extension.
        alike = name.replace("-", "")
        if alike in self._first:
            first = self._first[alike]
            report.error(
                node,
                f"the line {name} stands twice, first in {where(first, node)} as {first.value} (hyphens do "
                f"not count); keep one, or give this one another name and phone={name}",
            )
            return None
        self._first[alike] = words[0]
        seconds = seconds_of(words[1].value) if len(words) > 1 else None
        if seconds is None or not 1 <= seconds <= LONGEST_RING:
            report.error(
                words[1] if len(words) > 1 else node,
                f"{name} needs its ring time from 1s to {LONGEST_RING}s; {_LINE_FORM}",
            )
        options = self._options(words[2:], report)
        if "phone" in options and "number" in options:
            report.error(node, f"{name} has a phone and a number; write one of the two")
        if agency is None and "schedule" in options:
            report.error(node, "a last-resort line is there at any hour; take schedule= away")
        self.all[name] = Line(
            name=name,
            agency=agency,
            timeout_seconds=seconds or 0,
            phone=None if "number" in options else options.get("phone", name),
            number=options.get("number"),
            accept=options.get("accept", ACCEPT_BY_KEY),
            dtmf_digits=options.get("dtmf", ""),
            schedule=options.get("schedule"),
        )
        return name

    def _options(self, words: list[Text], report: Report) -> dict[str, str]:
        options: dict[str, str] = {}
        for option in words:
            key, equals, value = option.value.partition("=")
            if key not in _LINE_OPTIONS or not equals:
                report.unknown(option, "option of a line", key, [f"{known}=…" for known in _LINE_OPTIONS])
            elif key in options:
                report.error(option, f"{key}= stands twice; keep one")
            else:
                options[key] = value
                self._check(key, option.part(len(key) + 1, len(option.value)), report)
        return options

    def _check(self, key: str, value: Text, report: Report) -> None:
        match key:
            case "schedule":
                self._names.use("schedule", value)
            case "accept" if value.value not in (ACCEPT_BY_KEY, ACCEPT_BY_ANSWER):
                report.error(value, f"accept={value.value} is unknown; write accept=press or accept=answer")
            case "dtmf" if not _DTMF.fullmatch(value.value):
                report.error(value, "dtmf= takes the keys to send, 0-9 * #, and w for half a second's wait")
            case "number" if not _NUMBER.fullmatch(value.value):
                report.error(value, "number= takes 2 to 20 digits, perhaps with + before, like +629113112")
            case "phone" if not PHONE_NAME.fullmatch(value.value):
                report.error(value, "phone= takes a phone of this PBX, a-z, 0-9 and -; digits go by number=")


def agencies(names: Names, lines: Lines) -> Reader[dict[str, Agency]]:
    def read_one(name: str, node: Node, report: Report) -> Agency | None:
        section = Section(node, report, f"the agency {name}")
        result = Agency(
            id=name,
            name=section.need("name", _agency_name(names)),
            lines=section.need("lines", lines.of(name)),
            together=section.get("ring", member(Ring), Ring.IN_TURN) == Ring.TOGETHER,
        )
        section.done()
        return result

    def read(node: Node, report: Report) -> dict[str, Agency] | None:
        names.define("agency", keys(node))
        if CENTRE in keys(node):
            report.error(
                keys(node)[CENTRE], f"{CENTRE} means the 112 centre itself; give the agency another name"
            )
        return table(identifier, read_one)(node, report)

    return read


def _agency_name(names: Names) -> Reader[dict[str, str]]:
    def read(node: Node, report: Report) -> dict[str, str] | None:
        for key in keys(node).values():
            names.use("language", key)
        return table(identifier, lambda _, value, inner: text(value, inner))(node, report)

    return read


def queues(names: Names) -> Reader[dict[str, Queue]]:
    def read(node: Node, report: Report) -> dict[str, Queue] | None:
        names.define("queue", keys(node))
        names.define("queue", [LAYER_1_QUEUE])
        for name in {LEAD, LAST_RESORT, *TAKEN_QUEUE_NAMES} & set(keys(node)):
            report.error(keys(node)[name], f"{name} has a meaning of its own; give the queue another name")
        if isinstance(node, Block) and LAYER_1_QUEUE not in keys(node):
            report.error(
                node, f"the queue {LAYER_1_QUEUE} is missing; write {LAYER_1_QUEUE}: {{overflow: […]}}"
            )
        return table(identifier, lambda name, value, inner: _queue(names, name, value, inner))(node, report)

    return read


def _queue(names: Names, name: str, node: Node, report: Report) -> Queue | None:
    section = Section(node, report, f"the queue {name}")
    overflow = section.get("overflow", listed(_overflow_step(names)), ())
    during = section.get(
        "during",
        table(
            names.reference("schedule"), lambda _, value, inner: listed(_overflow_step(names))(value, inner)
        ),
        {},
    )
    if name == LAYER_1_QUEUE:
        for key in ("ring", "ring_for", "keep_free"):
            if section.has(key):
                report.error(
                    section.at(key),
                    f"{key} has no effect on {name}, which is set in asterisk-conf/queues.conf; take it away",
                )
    result = Queue(
        name=name,
        overflow=overflow,
        during=during,
        ring=section.get("ring", member(Ring), Ring.IN_TURN),
        ring_seconds=section.get("ring_for", duration(5, LONGEST_RING), 15),
        keep_free=section.get("keep_free", integer(1, 50), 0),
    )
    section.done()
    return result


def _overflow_step(names: Names) -> Reader[OverflowStep]:
    form = f"write the time and what begins then, like 45s supervisors, 75s {LEAD} or 2m {LAST_RESORT}"

    def read(node: Node, report: Report) -> OverflowStep | None:
        typed = scalar(node, report, "a step like 45s supervisors")
        if typed is None:
            return None
        words = [typed.part(*match.span()) for match in re.finditer(r"\S+", typed.value)]
        seconds = seconds_of(words[0].value) if words else None
        if len(words) != 2 or seconds is None or seconds < 1:
            report.error(node, f"{shown(typed.value)} is no step of an overflow; {form}")
            return None
        if words[1].value not in (LEAD, LAST_RESORT):
            names.use("queue", words[1])
        return OverflowStep(seconds, words[1].value)

    return read


def notify(names: Names) -> Reader[dict[str, tuple[str, ...]]]:
    def who(node: Node, report: Report) -> str | None:
        typed = scalar(node, report, "an agency or a post like damkar.head")
        if typed is None:
            return None
        agency, dot, post = typed.value.partition(".")
        if dot and not ID.fullmatch(post):
            report.error(
                node, f"{shown(typed.value)} names no post; write an agency, a dot and a-z, 0-9 and -"
            )
            return None
        if agency != CENTRE:
            names.use("agency", typed.part(0, len(agency)))
        return typed.value

    def read(node: Node, report: Report) -> dict[str, tuple[str, ...]] | None:
        names.define("notify list", keys(node))
        return table(identifier, lambda _, value, inner: listed(who)(value, inner))(node, report)

    return read


def clock(names: Names) -> Reader[ClockNotices]:
    def read(node: Node, report: Report) -> ClockNotices | None:
        section = Section(node, report, "clock")
        result = ClockNotices(
            half=section.need("half", listed(names.reference("notify list"))),
            late=section.need("late", listed(names.reference("notify list"))),
        )
        section.done()
        return result

    return read
