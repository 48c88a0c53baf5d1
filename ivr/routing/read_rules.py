"""The rules of routing.yaml: when each one matches, and what it decides."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivr.routing.conditions import CannotSpeak, Compared, Condition, DuringSchedule, OneOf, OutOfService
from ivr.routing.model import CallerClass, Role, ServiceState
from ivr.routing.problems import Report, shown, where
from ivr.routing.rules import Agency, Line, Rule, RuleMode
from ivr.routing.schedules import Schedule
from ivr.routing.schema import (
    Names,
    Reader,
    Section,
    choice,
    duration,
    integer,
    listed,
    member,
    scalar,
    seconds_of,
    text,
)
from ivr.routing.yaml_nodes import Block, Items, Node, Text
from ivr.vocabulary import HIGHEST_PRIORITY, LAYER_1_QUEUE

ALWAYS = "always"
MOST_RULES = 2000
LONGEST_CLOCK = 24 * 3600

_COUNT = re.compile(r"(under|over) ([0-9]{1,4})")
_WAIT = re.compile(r"(under|over) (\S+)")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds unless a rule says otherwise."""

    mode: RuleMode = RuleMode.VERIFY
    queue: str = LAYER_1_QUEUE
    priority: int = 5


DEFAULTS = Defaults()


def defaults(names: Names) -> Reader[Defaults]:
    def read(node: Node, report: Report) -> Defaults | None:
        section = Section(node, report, "defaults")
        result = Defaults(
            mode=section.get("mode", member(RuleMode), DEFAULTS.mode),
            queue=section.get("queue", names.reference("queue"), DEFAULTS.queue),
            priority=section.get("priority", integer(0, HIGHEST_PRIORITY), DEFAULTS.priority),
        )
        section.done()
        return result

    return read


def swamped(node: Node, report: Report) -> tuple[Condition, ...] | None:
    section = Section(node, report, "swamped")
    found: list[Condition | None] = [
        section.get("operators", _operators, None),
        section.get("longest_wait", _longest_wait, None),
    ]
    section.done()
    return tuple(condition for condition in found if condition is not None)


def rules(
    names: Names,
    schedules: Mapping[str, Schedule],
    agencies: Mapping[str, Agency],
    lines: Mapping[str, Line],
    default: Defaults,
) -> Reader[tuple[Rule, ...]]:
    when = _when(names, schedules, agencies, lines)

    def read(node: Node, report: Report) -> tuple[Rule, ...] | None:
        if not isinstance(node, Items) or not 1 <= len(node.items) <= MOST_RULES:
            report.error(node, f"rules are a list of 1 to {MOST_RULES}; begin each with - rule: and its name")
            return None
        first: dict[str, Node] = {}
        result = []
        for position, item in enumerate(node.items, 1):
            last = position == len(node.items)
            rule = _rule(names, when, default, item, last, report)
            if rule is None:
                continue
            if rule.name in first:
                report.error(
                    item,
                    f"the rule {shown(rule.name)} stands twice, first in {where(first[rule.name], item)}; "
                    "rename one",
                )
            first.setdefault(rule.name, item)
            result.append(rule)
        return tuple(result)

    return read


def _rule(
    names: Names,
    read_when: Reader[tuple[Condition, ...]],
    default: Defaults,
    node: Node,
    last: bool,
    report: Report,
) -> Rule | None:
    known = len(report.problems)
    section = Section(node, report, "a rule")
    name = section.need("rule", text)
    when = section.need("when", read_when)
    agencies: list[tuple[str, Role]] = []
    for role in Role:
        agencies += (
            (agency, role) for agency in section.get(role, listed(names.reference("agency")), ()) or ()
        )
    mode = section.get("mode", member(RuleMode), default.mode)
    queue = section.get("queue", names.reference("queue"), default.queue)
    priority = section.get("priority", integer(0, HIGHEST_PRIORITY), default.priority)
    notify = section.get("notify", listed(names.reference("notify list")), ())
    clock = section.get("clock", duration(10, LONGEST_CLOCK), None)
    section.done()
    for agency in {agency for agency, _ in agencies}:
        if sum(other == agency for other, _ in agencies) > 1:
            report.error(node, f"{agency} has two roles in this rule; keep one of them")
    if mode in (RuleMode.DIRECT, RuleMode.DIRECT_IF_SWAMPED) and Role.LEAD not in {
        role for _, role in agencies
    }:
        report.error(
            section.at("mode"), f"mode {mode} rings the lead agency at once; write lead: and an agency"
        )
    if when is not None and isinstance(node, Block):
        if last and when:
            report.error(
                section.at("when"),
                "the last rule must match every call, so that each one is decided; write when: always",
            )
        if not last and not when:
            report.error(
                section.at("when"),
                "only the last rule may always match: the rules below are never reached; move it",
            )
    if len(report.problems) > known:
        return None
    return Rule(name, when, mode, queue, priority, tuple(agencies), notify, clock)


def _when(
    names: Names,
    schedules: Mapping[str, Schedule],
    agencies: Mapping[str, Agency],
    lines: Mapping[str, Line],
) -> Reader[tuple[Condition, ...]]:
    def one_of(section: Section, fact: str, read: Reader[str]) -> OneOf | None:
        values = section.get(fact, listed(read), None)
        return OneOf(fact, values) if values else None  # type: ignore[arg-type]

    def read(node: Node, report: Report) -> tuple[Condition, ...] | None:
        if isinstance(node, Text):
            return () if choice(ALWAYS)(node, report) else None
        known = len(report.problems)
        section = Section(node, report, "when")
        conditions: list[Condition | None] = [
            one_of(section, "category", names.reference("category")),
            one_of(section, "sub", names.reference("sub-category")),
            one_of(section, "entry", names.reference("entry number")),
            one_of(section, "language", names.reference("language")),
            one_of(section, "caller", choice(*CallerClass)),
            one_of(section, "listed", names.reference("list of callers")),
            one_of(section, "district", names.reference("district")),
            one_of(section, "service_state", choice(*ServiceState)),
            section.get("out_of_service", _out_of_service(names, agencies, lines), None),
            section.get("operators", _operators, None),
            section.get("longest_wait", _longest_wait, None),
            section.get("schedule", _during(names, schedules), None),
            section.get("cannot_speak", _cannot_speak, None),
        ]
        section.done()
        if isinstance(node, Block) and not node.items:
            report.error(node, f"no condition; write one, or when: {ALWAYS}")
        if len(report.problems) > known:
            return None
        return tuple(condition for condition in conditions if condition is not None)

    return read


def _out_of_service(
    names: Names, agencies: Mapping[str, Agency], lines: Mapping[str, Line]
) -> Reader[OutOfService]:
    def ways(name: str) -> Iterator[frozenset[str]]:
        yield frozenset({name})
        if name in agencies:
            yield frozenset(agencies[name].lines)
        elif name in lines and (agency := lines[name].agency):
            yield frozenset({agency})

    def read(node: Node, report: Report) -> OutOfService | None:
        found = listed(names.reference("agency or line"))(node, report)
        if found is None:
            return None
        return OutOfService(found, tuple(way for name in found for way in ways(name)))

    return read


def _operators(node: Node, report: Report) -> Compared | None:
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


def _longest_wait(node: Node, report: Report) -> Compared | None:
    typed = scalar(node, report, "a wait like over 60s")
    if typed is None:
        return None
    match = _WAIT.fullmatch(typed.value)
    seconds = seconds_of(match[2]) if match else None
    if match is None or seconds is None or seconds == 0:
        report.error(node, f"{shown(typed.value)} is no wait; write over 60s or under 30s")
        return None
    return Compared("longest_wait", match[1] == "over", seconds, typed.value)


def _during(names: Names, schedules: Mapping[str, Schedule]) -> Reader[DuringSchedule]:
    def read(node: Node, report: Report) -> DuringSchedule | None:
        typed = scalar(node, report, "a schedule's name, perhaps with not before it")
        if typed is None:
            return None
        name = typed.value.removeprefix("not ").strip()
        start = typed.value.rfind(name) if name else 0
        names.use("schedule", typed.part(start, len(typed.value)) if start else typed)
        schedule = schedules.get(name)
        # An unknown one is reported with all unknown names.
        return None if schedule is None else DuringSchedule(schedule, typed.value.startswith("not "))

    return read


def _cannot_speak(node: Node, report: Report) -> CannotSpeak | None:
    value = choice("yes", "no")(node, report)
    return None if value is None else CannotSpeak(value == "yes")
