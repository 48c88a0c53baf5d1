"""The next state of a call from one event: pure, total, never raises.

Every event makes exactly one finding of its own kind. One that does not fit (repeated, out of order, of an
unknown leg, with fields missing) makes a second one, ``unexpected``, that says why. Asterisk's events are
taken as true even then, except that nothing moves a call that has ended. What the engine advised after the
call had ended or gone on without it is marked ``too_late`` and changes nothing.
"""

from dataclasses import replace

from ivr.calls import events
from ivr.calls.call import Call, Leg
from ivr.calls.effect import Effect, text
from ivr.calls.endings import ending
from ivr.calls.events import CallEvent
from ivr.calls.findings import Finding, Kind
from ivr.calls.notes import (
    AdviceGiven,
    CallIdentified,
    DecisionMade,
    EngineNote,
    RecordingJudged,
    RecordingSilent,
)
from ivr.calls.states import LEGAL, State
from ivr.calls.steps import STEPS
from ivr.routing.model import Facts

RING_ENDS_FIRST_SECONDS = 0.5
"""A caller who hangs up while a phone rings: Asterisk first ends the ringing and then tells of the caller's
end, about a millisecond later. A phone that merely rang too long is followed by a pause of a second
(``retry`` in asterisk-conf/queues.conf)."""


def apply(call: Call | None, event: CallEvent | EngineNote) -> tuple[Call, tuple[Finding, ...]]:
    """The call after ``event``, and what was found. ``call`` is ``None`` for a call not known so far."""
    if call is None:
        begins = isinstance(event, events.CallStarted | EngineNote)
        call = Call(id=event.call_id, seen_at=event.at, events=0 if begins else None)
    by_engine = isinstance(event, EngineNote)
    effect = _effect(call, event)
    facts = effect.facts
    odd = effect.odd
    if effect.to is not None:
        legal = effect.to in LEGAL[call.state]
        if not legal:
            odd = odd or f"{effect.kind} in state {call.state}"
        if legal or not (by_engine or call.state is State.ENDED):
            facts = {**facts, "state": effect.to}
    key = _mark(call, event)
    if key.isdecimal():
        facts = {**facts, "events": int(key)}
    after = call.but(facts) if facts else call
    findings = [Finding(call.id, event.at, effect.kind, effect.data, by_engine, key)]
    if odd is not None:
        data = {"what": str(effect.kind), "state": str(call.state), "why": odd}
        key = key and f"{key}?"
        findings.append(Finding(call.id, event.at, Kind.UNEXPECTED, data, by_engine=True, key=key))
    return after, tuple(findings)


def _mark(call: Call, event: CallEvent | EngineNote) -> str:
    """What marks this event among the events of its call, whoever tells it; empty where nothing does."""
    match event:
        case CallIdentified():
            return "intake"
        case RecordingJudged():
            return "recording"
        case AdviceGiven() | DecisionMade() | RecordingSilent():
            return ""
        case events.CallStarted():
            return "start" if call.started_at is None else ""
        case events.CallEnded():
            return "end" if call.ended_at is None and call.events is not None else ""
        case _:
            return "" if call.events is None else str(call.events + 1)


def _effect(call: Call, event: CallEvent | EngineNote) -> Effect:
    match event:
        case events.CallStarted():
            return _started(call, event)
        case events.CallAnswered():
            again = call.answered_at is not None
            return Effect(
                Kind.TRUNK_ANSWERED,
                facts={} if again else {"answered_at": event.at},
                odd="answered twice" if again else None,
            )
        case events.LegStarted() | events.LegAnswered() | events.LegEnded():
            return _leg(call, event)
        case events.StepTaken():
            return STEPS[event.step](call, event)
        case events.CallEnded():
            return _ended(call, event)
        case CallIdentified():
            return _identified(call, event)
        case AdviceGiven():
            return _advice(call, event)
        case DecisionMade():
            return _decision(call, event)
        case RecordingSilent():
            return _recording_silent(call, event)
        case RecordingJudged():
            return _recording_judged(event)


def _started(call: Call, event: events.CallStarted) -> Effect:
    data = {"channel": text(event.channel), "dialled": text(event.dialled)}
    if call.started_at is not None:
        return Effect(Kind.TRUNK, data, odd="started twice")
    # Of a call that the engine was asked about first, it may be told late.
    seen = min(call.seen_at, event.at)
    return Effect(Kind.TRUNK, data, {"started_at": event.at, "seen_at": seen, **data})


def _ended(call: Call, event: events.CallEnded) -> Effect:
    if call.ended_at is not None:
        return Effect(Kind.ENDED, {"cause": event.cause, "by_caller": event.by_caller}, odd="ended twice")
    seen = call.started_at or call.answered_at
    state = _state_at_end(call, event)
    end = ending(
        state=state,
        trunk_answered=call.answered_at is not None or call.state is not State.TRUNK,
        human=call.human,
        seconds=None if seen is None else (event.at - seen).total_seconds(),
        cause=event.cause,
        by_caller=event.by_caller,
    )
    data = {
        "result": str(end.result),
        "reason": str(end.reason),
        "detail": str(end.detail),
        "cause": event.cause,
        "state": str(state),
    }
    facts = {"ended_at": event.at, "ending": end, "talking_with": None, "legs": ()}
    return Effect(Kind.ENDED, data, facts, State.ENDED)


def _state_at_end(call: Call, event: events.CallEnded) -> State:
    """Where the caller was, whatever came out of order around the end."""
    if call.state is State.MENU and call.menu_at is not None and call.menu_at > event.at:
        return State.TRUNK  # the engine hung, and advised a menu when the caller had gone
    if call.state is State.QUEUE and call.rang_until is not None:
        ago = (event.at - call.rang_until).total_seconds()
        return State.RINGING if ago < RING_ENDS_FIRST_SECONDS else State.QUEUE
    return call.state


def _too_late(call: Call) -> bool:
    """Whether the call had ended, or gone on without the engine, when the engine spoke."""
    return call.state is State.ENDED or call.lifeline is not None or call.staged_at is not None


def _identified(call: Call, note: CallIdentified) -> Effect:
    data: dict[str, object] = {"entry": note.entry, "caller": str(note.caller), "trust": note.trust}
    if note.redirected:
        data["redirected"] = True
    if _too_late(call):
        return Effect(Kind.INTAKE, {**data, "too_late": True})
    return Effect(Kind.INTAKE, data, {"entry": note.entry, "caller": note.caller})


def _advice(call: Call, note: AdviceGiven) -> Effect:
    data: dict[str, object] = {
        "menu": note.menu,
        "language": note.language,
        "wrong_keys": note.wrong_keys,
        "entry": note.entry,
        "caller": str(note.caller),
    }
    if note.key is not None:
        data["key"] = note.key
    if _too_late(call):
        return Effect(Kind.MENU, {**data, "too_late": True})
    facts = {
        "entry": note.entry,
        "caller": note.caller,
        "language": note.language,
        "menu_at": call.menu_at or note.at,
    }
    return Effect(Kind.MENU, data, facts, State.MENU)


def _decision(call: Call, note: DecisionMade) -> Effect:
    decision, facts = note.decision, note.facts
    matched = next((trace for trace in decision.why if trace.matched), None)
    data: dict[str, object] = {
        "rule": decision.rule,
        "because": matched.because if matched else "",
        "mode": str(decision.mode),
        "entry": facts.entry,
        "caller": str(facts.caller),
        "category": facts.category,
        "language": facts.language,
        "queue": decision.queue,
        "priority": decision.priority,
        "agencies": [
            {"agency": use.agency, "role": str(use.role), "lines": [line.name for line in use.lines]}
            for use in decision.agencies
        ],
        "notify": list(decision.notify),
        "clock_seconds": decision.clock_seconds,
        "plan": note.plan,
        "rules": note.rules,
        "facts": _facts(facts),
    }
    if note.key is not None:
        data["key"] = note.key
    if facts.cannot_speak:
        data["cannot_speak"] = True
    if _too_late(call):
        return Effect(Kind.DECISION, {**data, "too_late": True})
    known = {
        "entry": facts.entry,
        "caller": facts.caller,
        "category": facts.category,
        "language": facts.language,
        "cannot_speak": facts.cannot_speak,
        "rule": decision.rule,
        "mode": str(decision.mode),
        "priority": decision.priority,
        "clock_seconds": decision.clock_seconds,
        "line_agencies": tuple((line.name, use.agency) for use in decision.agencies for line in use.lines),
    }
    return Effect(Kind.DECISION, data, known)


def _recording_silent(call: Call, note: RecordingSilent) -> Effect:
    data = {"since": note.since.isoformat(), "why": note.why, "free_bytes": note.free_bytes}
    return Effect(Kind.RECORDING_ALARM, data, {"recording_gaps": call.recording_gaps + 1})


def _recording_judged(note: RecordingJudged) -> Effect:
    data: dict[str, object] = {
        "file": note.file,
        "bytes": note.size,
        "seconds": round(note.seconds, 2),
        "of_seconds": round(note.of_seconds, 2),
    }
    if note.why is None:
        return Effect(Kind.RECORDING_SAVED, data, {"recording": "saved"})
    return Effect(Kind.RECORDING_FAILED, {"why": note.why, **data}, {"recording": "failed"})


def _facts(facts: Facts) -> dict[str, object]:
    """The other facts of :class:`Facts`, under their names: a decision can be made again from its entry. The
    caller's number is not among them; ``listed`` says all that a rule may know of it."""
    return {
        "sub": facts.sub,
        "operators": facts.operators,
        "longest_wait": facts.longest_wait,
        "out_of_service": sorted(facts.out_of_service),
        "district": facts.district,
        "listed": facts.listed,
        "service_state": str(facts.service_state),
        "prank_marks": facts.prank_marks,
        "redial_seconds": facts.redial_seconds,
    }


def _leg(call: Call, event: events.LegStarted | events.LegAnswered | events.LegEnded) -> Effect:
    data: dict[str, object] = {"phone": text(event.phone), "leg": text(event.leg_id)}
    known = next((leg for leg in call.legs if leg.id == event.leg_id), None)
    others = tuple(leg for leg in call.legs if leg.id != event.leg_id)
    ended = call.state is State.ENDED
    match event:
        case events.LegStarted():
            if known is not None:
                return Effect(Kind.RINGING, data, odd="leg started twice")
            waits_in_queue = call.state not in {State.LINES, State.TALKING}
            legs = (*call.legs, Leg(event.leg_id, event.phone, event.at))
            return Effect(
                Kind.RINGING,
                data,
                {} if ended else {"legs": legs},
                State.RINGING if waits_in_queue else None,
            )
        case events.LegAnswered():
            leg = replace(known, answered=True) if known else Leg(event.leg_id, event.phone, event.at, True)
            return Effect(
                Kind.LEG_ANSWERED,
                data,
                {} if ended else {"legs": (*others, leg)},
                odd="unknown leg" if known is None and not ended else None,
            )
        case events.LegEnded():
            quiet = call.state is State.RINGING and not others
            return Effect(
                Kind.LEG_ENDED,
                {**data, "cause": event.cause},
                {"legs": others, "rang_until": event.at if quiet else call.rang_until},
                State.QUEUE if quiet else None,
                "unknown leg" if known is None and not ended else None,
            )
