"""The parts of routing.yaml about who answers: agencies, queues, and who is told."""

import re

from ivr.routing.forms import Form, Key, Section
from ivr.routing.problems import shown
from ivr.routing.read_lines import LONGEST_RING, OPTIONS, lines_of
from ivr.routing.reading import Reading
from ivr.routing.rules import LAST_RESORT, LEAD, Agency, ClockNotices, OverflowStep, Queue, Ring
from ivr.routing.schema import (
    ID,
    Reader,
    a_text,
    duration,
    each,
    identifier,
    integer,
    keys,
    listed,
    member,
    reader,
    reference,
    scalar,
    seconds_of,
    table,
    text,
)
from ivr.routing.yaml_nodes import Block, Node
from ivr.vocabulary import LAYER_1_QUEUE, TAKEN_QUEUE_NAMES

CENTRE = "centre"
"""In notify lists, beside the agencies: the 112 centre itself."""
NO_NOTICES = ClockNotices((), ())

_names = each(identifier, text)


@reader(_names.describe())
def _agency_name(node: Node, report: Reading) -> dict[str, str] | None:
    for key in keys(node).values():
        report.names.use("language", key)
    return _names(node, report)


NAME = Key(
    "name",
    _agency_name,
    "What people call it, by language; the first language always.",
    "{id: Pemadam Kebakaran, en: Fire Brigade}",
    required=True,
)
LINES = Key(
    "lines",
    lines_of("agency"),
    "Its phones in the order in which they are rung, each with its ring time. More may follow: "
    + "; ".join(f"`{example}` {meaning}" for meaning, example in OPTIONS.values())
    + ". A line that is out of service or outside its hours is skipped.",
    "[damkar-1 15s, damkar-2 20s number=+62911345678]",
    required=True,
)
RING = Key("ring", member(Ring), "`together`: all of its lines at once.", "together")
AGENCY = Form("an agency", NAME, LINES, RING)


def _agency(name: str, node: Node, report: Reading) -> Agency:
    section = Section(AGENCY, node, report, f"the agency {name}")
    lines = Key(LINES.name, lines_of(name), LINES.meaning, LINES.example)
    return Agency(
        id=name,
        name=section.need(NAME),
        lines=section.need(lines),
        together=section.get(RING, Ring.IN_TURN) == Ring.TOGETHER,
    )


_agency_table = table(identifier, _agency, AGENCY.describe)


@reader(_agency_table.describe())
def agencies(node: Node, report: Reading) -> dict[str, Agency] | None:
    report.names.define("agency", keys(node))
    if CENTRE in keys(node):
        report.error(
            keys(node)[CENTRE], f"{CENTRE} means the 112 centre itself; give the agency another name"
        )
    return _agency_table(node, report)


_STEP = f"write the time and what begins then, like 45s supervisors, 75s {LEAD} or 2m {LAST_RESORT}"


@reader(a_text(r"\s*[0-9]+[smh]\s+\S+\s*"))
def _step(node: Node, report: Reading) -> OverflowStep | None:
    typed = scalar(node, report, "a step like 45s supervisors")
    if typed is None:
        return None
    words = [typed.part(*match.span()) for match in re.finditer(r"\S+", typed.value)]
    seconds = seconds_of(words[0].value) if words else None
    if len(words) != 2 or seconds is None or seconds < 1:
        report.error(node, f"{shown(typed.value)} is no step of an overflow; {_STEP}")
        return None
    if words[1].value not in (LEAD, LAST_RESORT):
        report.names.use("queue", words[1])
    return OverflowStep(seconds, words[1].value)


OVERFLOW = Key(
    "overflow",
    listed(_step),
    "What comes after, each with its time since the caller entered this queue: another queue, `lead` (the "
    "lines of the lead agencies, then of the `else` ones), `last_resort`. The queue keeps the caller until "
    "the time of its first step. It ends with `last_resort`, or with a queue that has an overflow.",
    "[45s supervisors, 75s lead, 2m last_resort]",
)
DURING = Key(
    "during",
    each(reference("schedule"), listed(_step)),
    "The overflow that holds instead while a schedule covers the time.",
    "{friday-prayer: [20s supervisors, 40s lead, 80s last_resort]}",
)
QUEUE_RING = Key("ring", member(Ring), "One phone after the other, or all at once.", "together")
RING_FOR = Key("ring_for", duration(5, LONGEST_RING), "How long a phone is rung.", "20s")
KEEP_FREE = Key(
    "keep_free", integer(1, 50), "Entered only while more operators of layer 1 than this are ready.", "1"
)
QUEUE = Form("a queue", OVERFLOW, DURING, QUEUE_RING, RING_FOR, KEEP_FREE)


def _queue(name: str, node: Node, report: Reading) -> Queue:
    section = Section(QUEUE, node, report, f"the queue {name}")
    if name == LAYER_1_QUEUE:
        for key in (QUEUE_RING, RING_FOR, KEEP_FREE):
            if section.has(key):
                report.error(
                    section.at(key),
                    f"{key.name} has no effect on {name}, which is set in asterisk-conf/queues.conf; take it "
                    "away",
                )
    return Queue(
        name=name,
        overflow=section.get(OVERFLOW, ()),
        during=section.get(DURING, {}),
        ring=section.get(QUEUE_RING, Ring.IN_TURN),
        ring_seconds=section.get(RING_FOR, 15),
        keep_free=section.get(KEEP_FREE, 0),
    )


_queue_table = table(identifier, _queue, QUEUE.describe)


@reader(_queue_table.describe())
def queues(node: Node, report: Reading) -> dict[str, Queue] | None:
    report.names.define("queue", keys(node))
    report.names.define("queue", [LAYER_1_QUEUE])
    for name in {LEAD, LAST_RESORT, *TAKEN_QUEUE_NAMES} & set(keys(node)):
        report.error(keys(node)[name], f"{name} has a meaning of its own; give the queue another name")
    if isinstance(node, Block) and LAYER_1_QUEUE not in keys(node):
        report.error(node, f"the queue {LAYER_1_QUEUE} is missing; write {LAYER_1_QUEUE}: {{overflow: […]}}")
    return _queue_table(node, report)


@reader(a_text())
def _who(node: Node, report: Reading) -> str | None:
    typed = scalar(node, report, "an agency or a post like damkar.head")
    if typed is None:
        return None
    agency, dot, post = typed.value.partition(".")
    if dot and not ID.fullmatch(post):
        report.error(node, f"{shown(typed.value)} names no post; write an agency, a dot and a-z, 0-9 and -")
        return None
    if agency != CENTRE:
        report.names.use("agency", typed.part(0, len(agency)))
    return typed.value


_notify_table = each(identifier, listed(_who))


@reader(_notify_table.describe())
def notify(node: Node, report: Reading) -> dict[str, tuple[str, ...]] | None:
    report.names.define("notify list", keys(node))
    return _notify_table(node, report)


HALF = Key(
    "half",
    listed(reference("notify list")),
    "Told when half of a rule's clock is over and no agency has accepted.",
    "supervisors",
    required=True,
)
LATE = Key(
    "late",
    listed(reference("notify list")),
    "Told when all of it is over.",
    "[supervisors, leaders]",
    required=True,
)
CLOCK = Form("clock", HALF, LATE)


def _clock(section: Section) -> ClockNotices:
    return ClockNotices(half=section.need(HALF), late=section.need(LATE))


clock: Reader[ClockNotices] = CLOCK.reader(_clock)
