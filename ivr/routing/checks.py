"""How the parts of a routing file fit together: words for everything, no loops, no dead ends, plans that fit.

Each check looks at what could be read; entries with a problem of their own are not in the rules.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from ivr.intake.numbers import OTHER, normalise_dialled
from ivr.menu.definition import LONGEST_SPEECH
from ivr.menu.text import menu_text, speech_seconds
from ivr.routing.advice import LONGEST_PLAN, encode_plan
from ivr.routing.model import AgencyUse, Decision, Facts, LineUse, Mode
from ivr.routing.places import place_of, rule_places
from ivr.routing.plan import assemble
from ivr.routing.problems import Placed, Report, shown
from ivr.routing.rules import LAST_RESORT, LEAD, OverflowStep, Queue, Rule, Rules
from ivr.routing.yaml_nodes import Block
from ivr.vocabulary import LAYER_1_QUEUE


def check(rules: Rules, root: Block, report: Report) -> None:
    """Report everything that does not fit."""
    _check_words(rules, root, report)
    _check_menus(rules, root, report)
    _check_queues(rules, root, report)
    _check_agencies(rules, root, report)
    _check_rules(rules, root, report)
    if not report.problems:
        _check_plans(rules, root, report)


def _check_words(rules: Rules, root: Block, report: Report) -> None:
    known = {*rules.categories, *rules.menus}
    spoken = {target for menu in rules.menus.values() for target in menu.choices.values()} & known
    for position, language in enumerate(rules.languages.values()):
        if language.recorded:
            continue
        # The first language also tells agencies what a call is about.
        needed = spoken | set(rules.categories) if position == 0 else spoken
        if missing := sorted(needed - set(language.words)):
            report.error(
                place_of(root, "languages", language.id, "words"),
                f"{language.id} has no words for {', '.join(missing)}; write {missing[0]}: … below words",
            )


def _check_menus(rules: Rules, root: Block, report: Report) -> None:
    onwards = {
        name: [target for target in menu.choices.values() if target in rules.menus]
        for name, menu in rules.menus.items()
    }
    for loop in _loops(onwards):
        report.error(
            place_of(root, "menus", loop[0]),
            f"the menus {' → '.join(loop)} lead round in a circle; take one of these choices away",
        )
    for menu in rules.menus.values():
        for language in rules.languages.values():
            if language.recorded or not set(menu.choices.values()) <= set(language.words):
                continue
            seconds = speech_seconds(menu_text(rules, menu, language))
            if seconds > LONGEST_SPEECH:
                report.error(
                    place_of(root, "menus", menu.name),
                    f"the menu {menu.name} takes about {seconds:.0f} s to say in {language.id}, more than "
                    f"{LONGEST_SPEECH:.0f} s; use fewer choices or shorter words",
                )


def _loops(onwards: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Circles in a graph, each once, as the names on the way round and the first one again."""
    loops: list[list[str]] = []
    done: set[str] = set()
    for start in onwards:
        stack = [(start, iter(onwards[start]))] if start not in done else []
        path = [start]
        while stack:
            name, following = stack[-1]
            step = next((target for target in following if target in onwards and target not in done), None)
            if step is None:
                stack.pop()
                path.pop()
                done.add(name)
            elif step in path:
                loops.append([*path[path.index(step) :], step])
            else:
                stack.append((step, iter(onwards[step])))
                path.append(step)
    return loops


def _check_queues(rules: Rules, root: Block, report: Report) -> None:
    onwards: dict[str, list[str]] = {}
    for queue in rules.queues.values():
        for path, overflow in _overflows(queue):
            at = place_of(root, "queues", queue.name, *path)
            _check_overflow(rules, queue, overflow, at, report)
            onwards.setdefault(queue.name, []).append(overflow[-1].to)
        if queue.during and not queue.overflow:
            report.error(
                place_of(root, "queues", queue.name),
                f"{queue.name} has an overflow at some hours only; write overflow: for the others",
            )
    for loop in _loops(onwards):
        report.error(
            place_of(root, "queues", loop[0]),
            f"the overflows {' → '.join(loop)} lead round in a circle; end one of them with {LAST_RESORT}",
        )
    emergency = rules.queues.get(LAYER_1_QUEUE)
    if emergency is not None and not emergency.overflow:
        report.error(
            place_of(root, "queues", LAYER_1_QUEUE),
            f"{LAYER_1_QUEUE} has no overflow; write overflow: [45s {LEAD}, 2m {LAST_RESORT}]",
        )


def _overflows(queue: Queue) -> list[tuple[tuple[str, ...], tuple[OverflowStep, ...]]]:
    """Each with its path in the file."""
    usual = [(("overflow",), queue.overflow)] if queue.overflow else []
    return [*usual, *((("during", schedule), steps) for schedule, steps in queue.during.items())]


def _check_overflow(
    rules: Rules, queue: Queue, overflow: tuple[OverflowStep, ...], at: Placed, report: Report
) -> None:
    times = [step.after_seconds for step in overflow]
    if any(later <= earlier for earlier, later in pairwise(times)):
        report.error(
            at,
            f"the times of {queue.name}'s overflow do not grow; they count from entering the queue, like "
            f"[45s supervisors, 75s {LEAD}, 2m {LAST_RESORT}]",
        )
    targets = [step.to for step in overflow]
    if queue.name in targets[:-1] or targets.count(LEAD) > 1:
        report.error(at, f"{queue.name}'s overflow comes back to itself or to {LEAD}; name each step once")
    if LAST_RESORT in targets[:-1]:
        report.error(at, f"nothing comes after {LAST_RESORT}; put it at the end")
    last = targets[-1]
    if last == LEAD:
        report.error(at, f"{queue.name}'s overflow ends with {LEAD}; go on, like 2m {LAST_RESORT}")
    elif last in rules.queues and not rules.queues[last].overflow:
        report.error(
            at,
            f"{queue.name}'s overflow ends in the queue {last}, which has none; add one step more, like "
            f"{times[-1] + 60}s {LAST_RESORT}",
        )


def _check_agencies(rules: Rules, root: Block, report: Report) -> None:
    first = next(iter(rules.languages), None)
    for agency in rules.agencies.values():
        if first is not None and first not in agency.name:
            report.error(
                place_of(root, "agencies", agency.id, "name"),
                f"{agency.id} has no name in {first}, the first language; write {first}: and its name",
            )
    for line in rules.lines.values():
        if line.number is None or rules.city is None:
            continue
        if normalise_dialled(line.number, rules.city.area_code) in set(rules.numbers) - {OTHER}:
            at = (
                place_of(root, "agencies", line.agency, "lines")
                if line.agency
                else place_of(root, LAST_RESORT)
            )
            report.error(
                at,
                f"{line.name} calls {line.number}, which leads back to this centre; write the "
                "agency's own number",
            )


def _check_rules(rules: Rules, root: Block, report: Report) -> None:
    queueless = {name for name, queue in rules.queues.items() if not queue.overflow}
    places = rule_places(root)
    for rule in rules.rules:
        at = places.get(rule.name, root)
        if rule.queue in queueless:
            report.error(
                at,
                f"the rule {shown(rule.name)} uses the queue {rule.queue}, which has no overflow: a call "
                f"would stay there; give {rule.queue} overflow: [45s {LAST_RESORT}]",
            )


def _check_plans(rules: Rules, root: Block, report: Report) -> None:
    places = rule_places(root)
    for rule in rules.rules:
        stages = assemble(rules, _longest(rules, rule), Facts(), _longest_overflow)
        if (letters := len(encode_plan(stages))) > LONGEST_PLAN:
            report.error(
                places.get(rule.name, root),
                f"the rule {shown(rule.name)} rings so many lines that its plan has {letters} letters, more "
                f"than {LONGEST_PLAN}; use fewer lead and else agencies, fewer lines or shorter names",
            )


def _longest(rules: Rules, rule: Rule) -> Decision:
    """The decision of a rule when all lines are in service and agencies are rung before the operators too."""
    uses = tuple(
        AgencyUse(
            agency,
            role,
            tuple(LineUse(name, rules.lines[name].timeout_seconds) for name in rules.agencies[agency].lines),
        )
        for agency, role in rule.agencies
    )
    return Decision(rule.name, Mode.DIRECT, rule.queue, rule.priority, uses, rule.notify, rule.clock_seconds)


def _longest_overflow(queue: Queue) -> tuple[OverflowStep, ...]:
    return max((queue.overflow, *queue.during.values()), key=len)
