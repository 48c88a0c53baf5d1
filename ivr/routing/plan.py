"""From a decision to a plan: the stages that the dialplan carries out in order, and again from the first.

**verify**: the decision's queue and its overflow; the agencies' lines, unless the overflow had them; the last
resort. **direct**: the agencies' lines, then the same.

A queue lasts until the time of the next step of its overflow. Lines ring one after the other (or together,
where the agency says so), each for its own time, however long that takes; then comes the next step. A queue
as the last step goes on with its own overflow.

Every plan holds the emergency queue and the last-resort lines, whatever the rule says.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from ivr.routing.model import Decision, Facts, LinesStage, Mode, QueueStage, Role, Stage
from ivr.routing.rules import LAST_RESORT, LEAD, OverflowStep, Queue, Rules
from ivr.vocabulary import LAYER_1_QUEUE


def plan(rules: Rules, decision: Decision, facts: Facts, now: datetime) -> tuple[Stage, ...]:
    """``now`` is aware. The decision holds only lines that are in service and in their hours."""
    local = rules.local(now)
    return assemble(rules, decision, facts, lambda queue: overflow_at(rules, queue, local))


def assemble(
    rules: Rules, decision: Decision, facts: Facts, overflow: Callable[[Queue], tuple[OverflowStep, ...]]
) -> tuple[Stage, ...]:
    """A plan in which each queue has the overflow that ``overflow`` gives it."""
    agencies = tuple(_agency_stages(decision))
    route = list(_route(rules, decision.queue, overflow))
    if not any(isinstance(step, QueueStage) and step.queue == LAYER_1_QUEUE for step in route):
        route += _route(rules, LAYER_1_QUEUE, overflow)
    stages: list[Stage] = []
    if decision.mode is Mode.DIRECT:
        stages += agencies
    elif LEAD not in route:
        route.append(LEAD)
    for step in route:
        if isinstance(step, QueueStage):
            stages.append(step)
        else:
            stages += agencies
    return (*stages, *_last_resort(rules, facts))


def overflow_at(rules: Rules, queue: Queue, local: datetime) -> tuple[OverflowStep, ...]:
    """The overflow of this hour: the first in ``during`` whose schedule covers it, or the usual one."""
    for schedule, overflow in queue.during.items():
        if rules.schedules[schedule].covers(local):
            return overflow
    return queue.overflow


def _route(
    rules: Rules, name: str, overflow: Callable[[Queue], tuple[OverflowStep, ...]]
) -> Iterator[QueueStage | str]:
    """Queues with their time, and :data:`LEAD` where agencies' lines are rung; without the last resort."""
    here, since = name, 0
    for step in overflow(rules.queues[name]):
        if here == LEAD:
            yield LEAD
        else:
            yield QueueStage(here, step.after_seconds - since, rules.queues[here].keep_free)
        here, since = step.to, step.after_seconds
    if here != LAST_RESORT:
        yield from _route(rules, here, overflow)


def _agency_stages(decision: Decision) -> Iterator[LinesStage]:
    for role in (Role.LEAD, Role.ELSE):
        for agency in decision.agencies:
            if agency.role is not role or not agency.lines:
                continue
            if agency.together:
                names = tuple(line.name for line in agency.lines)
                yield LinesStage(names, max(line.timeout_seconds for line in agency.lines))
            else:
                yield from (LinesStage((line.name,), line.timeout_seconds) for line in agency.lines)


def _last_resort(rules: Rules, facts: Facts) -> Iterator[LinesStage]:
    """Those in service, or all of them when none is: somebody may still pick up."""
    names = tuple(name for name in rules.last_resort if name not in facts.out_of_service)
    for name in names or rules.last_resort:
        yield LinesStage((name,), rules.lines[name].timeout_seconds)
