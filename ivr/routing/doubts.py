"""What works in a routing file but is probably not meant: the warnings of ``ivr check``."""

from collections.abc import Collection, Iterator
from datetime import datetime

from ivr.menu.prompts_needed import menu_prompt
from ivr.routing.conditions import DuringSchedule
from ivr.routing.hours import Hours
from ivr.routing.menu_proof import menu_flaws
from ivr.routing.partition import Partition, outcomes, rules_table
from ivr.routing.places import key_of, place_of, rule_places
from ivr.routing.problems import Problem, Report, shown
from ivr.routing.rules import LAST_RESORT, UNKNOWN, Rule, Rules
from ivr.routing.schedules import Schedule
from ivr.routing.space import CALL, DIMENSIONS, Space, space_of
from ivr.routing.yaml_nodes import Block

MOST_NAMED = 5
"""Rules in one warning."""

_CALL_LEVEL = DIMENSIONS.index(CALL)
_DECEMBER = 12


def doubts(
    rules: Rules, root: Block, file: str, now: datetime, unplayable: Collection[tuple[str, str]] = ()
) -> tuple[Problem, ...]:
    """``now`` is aware. ``unplayable`` are the prompts, by language and name, that are neither spoken nor
    recorded."""
    report = Report(file)
    space = space_of([rules], rules.local(now).date())
    _doubt_rules(rules, space, root, report)
    _doubt_agencies(rules, space.hours, root, report)
    _doubt_menus(rules, root, unplayable, report)
    _doubt_holidays(rules, root, rules.local(now), report)
    return tuple(sorted(report.problems))


def _doubt_rules(rules: Rules, space: Space, root: Block, report: Report) -> None:
    partition = Partition(space, [rules_table(rules)], DIMENSIONS, lambda places: places[0])
    reached = outcomes(partition.root)
    places = rule_places(root)
    for place, rule in enumerate(rules.rules):
        if place in reached:
            continue
        box = partition.box(0, place)
        if not all(box.values()):
            why = _why_never(rule, space.hours)
        else:
            takers = [shown(rules.rules[taker].name) for taker in sorted(outcomes(partition.root, box))]
            why = (
                f"{_some(takers)} {'takes' if len(takers) == 1 else 'take'} all of its calls; move it above, "
                "or take it away"
            )
        report.warn(places.get(rule.name, root), f"the rule {shown(rule.name)} never matches: {why}")
    for category in rules.categories:
        parts = frozenset(
            part
            for part, values in enumerate(partition.parts[_CALL_LEVEL])
            if any(space.dimension(CALL).values[value]["category"] == category for value in values)
        )
        takers_here = outcomes(partition.root, {_CALL_LEVEL: parts})
        if category != UNKNOWN and not any(_CALL_LEVEL in partition.box(0, taker) for taker in takers_here):
            report.warn(
                key_of(root, "categories", category),
                f"no rule asks for the category {category}: {shown(rules.rules[-1].name)} decides it like "
                f"any other call; write a rule with when: {{category: {category}}}",
            )


def _why_never(rule: Rule, hours: Hours) -> str:
    over = [
        condition.schedule
        for condition in rule.when
        if isinstance(condition, DuringSchedule)
        and not condition.outside
        and not hours.of(condition.schedule)
    ]
    if over:
        return f"{over[0].name} ({over[0].text}) is over; give it new dates, or take the rule away"
    return "no call is all that its when asks for at once; take a condition away"


def _some(names: list[str]) -> str:
    named = names[:MOST_NAMED]
    rest = len(names) - len(named)
    if rest:
        return f"{', '.join(named)} and {rest} more"
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _doubt_agencies(rules: Rules, hours: Hours, root: Block, report: Report) -> None:
    for agency in rules.agencies.values():
        schedules = [rules.lines[line].schedule for line in agency.lines]
        covered = [hours.of(rules.schedules[name]) for name in schedules if name is not None]
        gap = frozenset(hours.kinds).difference(*covered)
        if gap and None not in schedules:
            report.warn(
                place_of(root, "agencies", agency.id, "lines"),
                f"{agency.id} has no line at {_when(hours, gap)}; write a line without schedule=, or one for "
                "these hours",
            )
        for line, other in _rung_twice(rules, agency.lines):
            report.warn(
                place_of(root, "agencies", agency.id, "lines"),
                f"{line} and {other} of {agency.id} ring the same phone; keep one of them",
            )
    for line, other in _rung_twice(rules, rules.last_resort):
        report.warn(
            place_of(root, LAST_RESORT),
            f"{line} and {other} of the last resort ring the same phone; write another phone for one of them",
        )
    for schedule in rules.schedules.values():
        if not hours.of(schedule) and _is_used(rules, schedule):
            report.warn(
                place_of(root, "schedules", schedule.name),
                f"the schedule {schedule.name} is over; give it new dates, or take it away where it is used",
            )


def _when(hours: Hours, kinds: frozenset[int]) -> str:
    week = hours.week(kinds)
    if week:
        return week
    piece = hours.first_special(kinds)
    return f"hours like {piece.at:%Y-%m-%d %H:%M}" if piece else "some hours"


def _rung_twice(rules: Rules, lines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Lines with the same phone or number, that may ring at the same hours."""
    for place, name in enumerate(lines):
        line = rules.lines[name]
        for other_name in lines[:place]:
            other = rules.lines[other_name]
            if (line.phone, line.number, line.dtmf_digits) == (
                other.phone,
                other.number,
                other.dtmf_digits,
            ) and (None in (line.schedule, other.schedule) or line.schedule == other.schedule):
                yield other_name, name
                break


def _is_used(rules: Rules, schedule: Schedule) -> bool:
    return (
        any(line.schedule == schedule.name for line in rules.lines.values())
        or any(schedule.name in queue.during for queue in rules.queues.values())
        or any(
            isinstance(condition, DuringSchedule) and condition.schedule == schedule and condition.outside
            for rule in rules.rules
            for condition in rule.when
        )
    )


def _doubt_menus(rules: Rules, root: Block, unplayable: Collection[tuple[str, str]], report: Report) -> None:
    for menu, flaw in menu_flaws(rules).items():
        report.warn(key_of(root, "menus", menu), f"the menu {menu}: {flaw}; report this as a fault")
    for language in rules.languages:
        silent = [menu for menu in rules.menus if (language, menu_prompt(menu)) in unplayable]
        if silent:
            named = ", ".join(f"{language}/{menu_prompt(menu)}.wav" for menu in silent)
            report.warn(
                key_of(root, "languages", language),
                f"{language} has no speech and no recording for the {_plural('menu', silent)} "
                f"{', '.join(silent)}: callers hear {rules.default_language.id}; record {named}",
            )


def _plural(word: str, things: Collection[object]) -> str:
    return word if len(things) == 1 else f"{word}s"


def _doubt_holidays(rules: Rules, root: Block, local: datetime, report: Report) -> None:
    following = local.year + 1
    if local.month == _DECEMBER and not any(day.year == following for day in rules.holidays):
        report.warn(
            key_of(root, "holidays"),
            f"there is no holiday of {following}; write those of the government's decree, like "
            f"{following}-01-01: Tahun Baru",
        )
