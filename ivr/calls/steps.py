"""What the steps that the dialplan writes mean for a call: pure."""

from collections.abc import Callable, Mapping

from ivr.calls import events
from ivr.calls.call import Call, StageNow
from ivr.calls.effect import Effect, text
from ivr.calls.findings import Kind
from ivr.calls.states import State
from ivr.routing.advice import LONGEST_PLAN, MenuAdvice, PlanAdvice, decode_agencies
from ivr.vocabulary import LINE_SEPARATOR, Step


def _stage(call: Call, event: events.StepTaken) -> Effect:
    number, kind, where, seconds, round_ = (*event.fields, "", "", "", "", "")[:5]
    odd = None if number.isdecimal() and kind in {"q", "i", "l"} and where else "fields are wrong"
    lines = kind == "l"
    data: dict[str, object] = {
        "number": text(number),
        "seconds": text(seconds),
        ("lines" if lines else "queue"): text(where).split(LINE_SEPARATOR) if lines else text(where),
    }
    if kind == "i":
        data["keeps_operators_free"] = True
    if round_:
        data["round"] = text(round_)
    stage = StageNow(int(number[:9]) if odd is None else 0, text(kind), text(where), event.at)
    again = call.waits_again_since
    if call.state is State.TALKING:
        again = event.at
    return Effect(
        Kind.LINES if lines else Kind.QUEUE,
        data,
        {}
        if call.state is State.ENDED
        else {
            "stage": stage,
            "staged_at": call.staged_at or event.at,
            "talking_with": None,
            "waits_again_since": again,
        },
        State.LINES if lines else State.QUEUE,
        odd,
    )


def _first_menu(call: Call, event: events.StepTaken) -> Effect:
    """Who calls is known already: the raw facts in this event were read before (ivr.ledger.keeper)."""
    try:
        advice = MenuAdvice.read(event.fields[:-1])
    except ValueError:
        return Effect(Kind.MENU, odd="fields are wrong")
    data = _menu_data(advice) | {"caller": call.caller or advice.caller}
    facts: dict[str, object] = {"menu_at": min(call.menu_at or event.at, event.at)}
    if call.menu_at is None and call.rule is None:  # otherwise the question about its key came first
        facts |= {"entry": data["entry"], "language": data["language"]}
    return Effect(Kind.MENU, data, facts, State.MENU)


def raw_facts(event: events.StepTaken) -> str:
    """What this step tells of who calls, as a question would carry it; empty where it tells nothing, or where
    that was erased."""
    match event.step, event.fields:
        case Step.FIRST_MENU, (*advice, facts) if len(advice) == MenuAdvice.FIELDS:
            return facts.strip()
        case Step.LIFELINE, (_, facts):
            return facts.strip()
    return ""


def _lifeline(call: Call, event: events.StepTaken) -> Effect:
    reason = _field(event, 0)
    return Effect(Kind.LIFELINE, {"reason": reason}, {"lifeline": call.lifeline or reason})


def _lifeline_menu(call: Call, event: events.StepTaken) -> Effect:
    try:
        key, *fields = event.fields
        advice = MenuAdvice.read(fields)
    except ValueError:
        return Effect(Kind.LIFELINE_MENU, odd="fields are wrong")
    data = _menu_data(advice) | {"caller": advice.caller}
    facts = {
        "entry": data["entry"],
        "caller": call.caller or advice.caller,
        "language": data["language"],
        "menu_at": call.menu_at or event.at,
    }
    return Effect(Kind.LIFELINE_MENU, data | _key(key), facts, State.MENU)


def _menu_data(advice: MenuAdvice) -> dict[str, object]:
    return {
        "menu": text(advice.menu),
        "language": text(advice.language),
        "wrong_keys": advice.wrong,
        "entry": text(advice.entry),
        "rules": text(advice.rules),
    }


def _lifeline_plan(call: Call, event: events.StepTaken) -> Effect:
    try:
        key, rules, rule, clock, agencies, *fields = event.fields
        advice = PlanAdvice.read(fields)
        clock_seconds = int(clock) if clock else None
    except ValueError:
        return Effect(Kind.LIFELINE_PLAN, odd="fields are wrong")
    known = {
        "entry": text(advice.entry),
        "caller": advice.caller,
        "category": text(advice.category),
        "language": text(advice.language),
        "priority": advice.priority,
        "clock_seconds": clock_seconds,
    }
    plan = advice.plan[:LONGEST_PLAN]
    data: dict[str, object] = {**known, "plan": plan, "rules": text(rules), "rule": text(rule)}
    if advice.cannot_speak:
        data["cannot_speak"] = True
    facts = {
        **known,
        "caller": call.caller or advice.caller,
        "cannot_speak": advice.cannot_speak,
        "line_agencies": decode_agencies(agencies[:LONGEST_PLAN]),
    }
    return Effect(Kind.LIFELINE_PLAN, data | _key(key), facts)


def _key(key: str) -> dict[str, object]:
    return {"key": text(key)} if key else {}


def _stage_end(_call: Call, event: events.StepTaken) -> Effect:
    return Effect(Kind.STAGE_END, {"number": _field(event, 0), "status": _field(event, 1)})


def _operator_answered(call: Call, event: events.StepTaken) -> Effect:
    phone = text(event.fields[-1]) if event.fields else ""
    facts = {
        "operator_at": call.operator_at or event.at,
        "operator": call.operator or phone,
        "talking_with": phone,
    }
    return _human(call, Kind.OPERATOR_ANSWERED, {"phone": phone}, facts)


def _line_accepted(call: Call, event: events.StepTaken) -> Effect:
    line = _field(event, 0)
    agency = dict(call.line_agencies).get(line)
    facts: dict[str, object] = {"talking_with": call.talking_with or line}
    if call.agency_at is None:
        facts |= {"agency_at": event.at, "line": line, "agency": agency}
    return _human(call, Kind.LINE_ACCEPTED, {"line": line, "agency": agency}, facts)


def _human(call: Call, kind: Kind, data: Mapping[str, object], facts: Mapping[str, object]) -> Effect:
    """Somebody is with the caller — unless the caller had gone: then there was no talk."""
    return Effect(kind, data, {} if call.state is State.ENDED else facts, State.TALKING)


def _line_step(kind: Kind, second: str) -> Callable[[Call, events.StepTaken], Effect]:
    def effect(_call: Call, event: events.StepTaken) -> Effect:
        data = {"line": _field(event, 0)}
        return Effect(kind, {**data, second: _field(event, 1)} if second else data)

    return effect


def _talk_end(call: Call, event: events.StepTaken) -> Effect:
    follows = _field(event, 0)
    if follows != "requeue":
        return Effect(Kind.TALK_END, {"follows": follows})
    facts = {} if call.state is State.ENDED else {"talking_with": None, "waits_again_since": event.at}
    return Effect(Kind.TALK_END, {"follows": follows}, facts, State.QUEUE)


STEPS: Mapping[Step, Callable[[Call, events.StepTaken], Effect]] = {
    Step.FIRST_MENU: _first_menu,
    Step.LIFELINE: _lifeline,
    Step.LIFELINE_MENU: _lifeline_menu,
    Step.LIFELINE_PLAN: _lifeline_plan,
    Step.STAGE: _stage,
    Step.STAGE_END: _stage_end,
    Step.OPERATOR_ANSWERED: _operator_answered,
    Step.LINE_ANSWERED: _line_step(Kind.LINE_ANSWERED, ""),
    Step.LINE_ACCEPTED: _line_accepted,
    Step.LINE_DECLINED: _line_step(Kind.LINE_DECLINED, "how"),
    Step.LINE_FAILED: _line_step(Kind.LINE_FAILED, "status"),
    Step.TALK_END: _talk_end,
}


def _field(event: events.StepTaken, index: int) -> str:
    return text(event.fields[index]) if index < len(event.fields) else ""
