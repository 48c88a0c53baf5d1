"""What happens to a call: the first rule that matches decides. Pure."""

from datetime import datetime

from ivr.routing.model import AgencyUse, CallerClass, Decision, Facts, LineUse, Mode, Role, RuleTrace
from ivr.routing.plan import plan
from ivr.routing.rules import Agency, Rule, RuleMode, Rules
from ivr.vocabulary import HIGHEST_PRIORITY

__all__ = ["decide", "decide_by", "plan"]


def decide(rules: Rules, facts: Facts, now: datetime) -> Decision:
    """``now`` is aware. ``why`` has one trace for each rule of the file, in its order.

    An agency without a line that can be rung now stays in the decision, with no lines: people see that it
    should have come.
    """
    local = rules.local(now)
    shortlist = rules.index.shortlist(facts)
    failures: list[tuple[int, RuleTrace]] = []
    for candidate in shortlist.candidates:
        for condition, failed in candidate.moving:
            if not condition.holds(facts, local):
                failures.append((candidate.index, failed))
                break
        else:
            rule = rules.rules[candidate.index]
            mode, swamped = _mode(rules, rule, facts, local)
            priority, moved = _priority(rules, rule, facts)
            why = list(shortlist.traces)
            for index, failed in failures:
                why[index] = failed
            why[candidate.index] = _with_reasons(rule.matched, swamped, *moved)
            why[candidate.index + 1 :] = rules.index.passed_over[candidate.index + 1 :]
            return _decision(rules, rule, facts, local, mode, priority, tuple(why))
    raise AssertionError("the last rule always matches; the loader accepts no other file")


def decide_by(rules: Rules, rule: Rule, facts: Facts, now: datetime) -> Decision:
    """What :func:`decide` says where this rule is the one that matches; ``why`` is empty."""
    local = rules.local(now)
    mode, priority = _mode(rules, rule, facts, local)[0], _priority(rules, rule, facts)[0]
    return _decision(rules, rule, facts, local, mode, priority, ())


def _decision(
    rules: Rules,
    rule: Rule,
    facts: Facts,
    local: datetime,
    mode: Mode,
    priority: int,
    why: tuple[RuleTrace, ...],
) -> Decision:
    return Decision(
        rule=rule.name,
        mode=mode,
        queue=rule.queue,
        priority=priority,
        agencies=tuple(
            _use(rules, rules.agencies[agency], role, facts, local) for agency, role in rule.agencies
        ),
        notify=rule.notify,
        clock_seconds=rule.clock_seconds,
        why=why,
    )


def _mode(rules: Rules, rule: Rule, facts: Facts, local: datetime) -> tuple[Mode, str]:
    if rule.mode is not RuleMode.DIRECT_IF_SWAMPED:
        return Mode(rule.mode.value), ""
    for condition in rules.swamped:
        if condition.holds(facts, local):
            return Mode.DIRECT, f"swamped, because {condition.held}"
    return Mode.VERIFY, ""


def _priority(rules: Rules, rule: Rule, facts: Facts) -> tuple[int, tuple[str, ...]]:
    """What is known of the caller's number moves the call in its queue, and nothing else of the decision.

    Only a real number is somebody: many phones share a number made up for phones without SIM.
    """
    if facts.caller is not CallerClass.NUMBER:
        return rule.priority, ()
    redial, prank = rules.callers.redial, rules.callers.prank
    moves: list[tuple[int, str]] = []
    if redial and facts.redial_seconds is not None and facts.redial_seconds <= redial.within_seconds:
        moves.append((redial.priority, "calls again without having reached a person"))
    if prank and facts.prank_marks >= prank.marks:
        moves.append((prank.priority, f"{facts.prank_marks} prank marks"))
    priority = min(max(rule.priority + sum(steps for steps, _ in moves), 0), HIGHEST_PRIORITY)
    return priority, tuple(f"{said}, so priority {steps:+d}" for steps, said in moves)


def _with_reasons(matched: RuleTrace, *reasons: str) -> RuleTrace:
    because = "; ".join(filter(None, (matched.because, *reasons)))
    return matched if because == matched.because else RuleTrace(matched.rule, True, because)


def _use(rules: Rules, agency: Agency, role: Role, facts: Facts, local: datetime) -> AgencyUse:
    names = () if agency.id in facts.out_of_service else agency.lines
    lines = tuple(
        LineUse(name, rules.lines[name].timeout_seconds)
        for name in names
        if name not in facts.out_of_service and _on_schedule(rules, name, local)
    )
    return AgencyUse(agency.id, role, lines, agency.together)


def _on_schedule(rules: Rules, line: str, local: datetime) -> bool:
    schedule = rules.lines[line].schedule
    return schedule is None or rules.schedules[schedule].covers(local)
