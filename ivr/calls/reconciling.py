"""What one call is after Asterisk was asked what is true: pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ivr.calls.call import Call, Leg, StageNow
from ivr.calls.endings import Reason, Result, interrupted
from ivr.calls.findings import Finding, Kind
from ivr.calls.snapshot import LiveCall
from ivr.calls.states import State

STOP_TAKES = timedelta(seconds=60)
"""From the end of its last call to the moment in which Asterisk is there again, at the most."""
_START_PRECISION = timedelta(seconds=1)
"""Asterisk tells the second in which it was started."""
_BEFORE_THE_PLAN = frozenset({State.TRUNK, State.MENU})


def take(
    known: Call | None, live: LiveCall, operators: frozenset[str], now: datetime
) -> tuple[Call, tuple[Finding, ...]]:
    """The call as Asterisk has it. ``operators`` are the phones on duty.

    Times that nobody saw are ``now``: the earliest moment at which they were known to be true.
    """
    if known is not None and known.state is State.ENDED and not _was_unseen(known):
        return known, ()  # its end was seen, and after the snapshot was made
    fresh = known is None or known.state is State.ENDED
    call = Call(id=live.call_id, seen_at=live.since) if known is None or fresh else known
    state = _state(live, call)
    same = state is call.state or {state, call.state} <= _BEFORE_THE_PLAN
    after = replace(
        call,
        channel=live.channel,
        dialled=call.dialled or live.dialled or None,
        entry=call.entry or live.entry or None,
        category=call.category or live.category or None,
        language=call.language or live.language or None,
        started_at=call.started_at or live.since,
        answered_at=call.answered_at or live.answered,
        events=None if fresh else call.events,
        legs=tuple(
            Leg(leg.leg_id, leg.phone, _since(call, leg.leg_id, now), leg.answered) for leg in live.legs
        ),
    )
    if not same:
        after = _moved(after, live, state, operators, now)
    if fresh:
        data = {"state": str(after.state), "channel": live.channel, "since": live.since.isoformat()}
        return after, (_finding(call, now, Kind.FOUND_AFTER_RECONNECT, data),)
    if not same:
        data = {"was": str(call.state), "is": str(state)}
        return after, (_finding(call, now, Kind.CORRECTED_AFTER_RECONNECT, data),)
    return after, ()


def end_unseen(call: Call, reason: Reason, now: datetime) -> tuple[Call, tuple[Finding, ...]]:
    """End a call that is gone. ``ended_at`` is when it was noticed."""
    end = interrupted(reason, human=call.human)
    data = {
        "result": str(end.result),
        "reason": str(end.reason),
        "detail": str(end.detail),
        "state": str(call.state),
    }
    after = replace(call, state=State.ENDED, ended_at=now, ending=end, talking_with=None, legs=())
    key = "" if call.events is None else "unseen"
    return after, (Finding(call.id, now, Kind.ENDED, data, by_engine=True, key=key),)


def was_cut(call: Call, asterisk_since: datetime) -> bool:
    """Whether it was the stop of Asterisk that ended this call.

    A stop that is ordered hangs up whoever waits, with no cause and no source, which looks like an end that
    nothing explains. That the call is older than the Asterisk of now, and ended shortly before, explains it.
    """
    lost = call.ending is not None and call.ending.result is Result.LOST
    if not lost or call.ended_at is None:
        return False
    started = asterisk_since + _START_PRECISION
    return call.seen_at < asterisk_since and started - STOP_TAKES <= call.ended_at <= started


def cut_by_stop(call: Call, now: datetime) -> tuple[Call, tuple[Finding, ...]]:
    """The call with the end that it had in truth."""
    end = interrupted(Reason.ASTERISK_STOPPED, human=call.human)
    data = {"was": str(Result.LOST), "is": str(end.result), "reason": str(end.reason)}
    found = Finding(call.id, now, Kind.CORRECTED_AFTER_RECONNECT, data, by_engine=True, key="cut-by-stop")
    return replace(call, ending=end), (found,)


def _was_unseen(call: Call) -> bool:
    return call.ending is not None and call.ending.result is Result.INTERRUPTED


def _state(live: LiveCall, call: Call) -> State:
    if any(leg.talking for leg in live.legs):
        return State.TALKING
    if live.queue is not None:
        return State.RINGING if any(not leg.answered for leg in live.legs) else State.QUEUE
    if live.stage.strip("0"):
        # Neither in a queue nor ringing: between two stages, or before a queue that keeps operators free.
        waits = call.state if call.state in {State.QUEUE, State.LINES} else State.QUEUE
        return State.LINES if live.legs else waits
    return State.MENU if live.entry else State.TRUNK


def _moved(call: Call, live: LiveCall, state: State, operators: frozenset[str], now: datetime) -> Call:
    call = replace(call, state=state, talking_with=None)
    if state is State.TALKING:
        phone = next(leg.phone for leg in live.legs if leg.talking)
        call = replace(call, talking_with=phone, staged_at=call.staged_at or now)
        if phone in operators:
            return replace(call, operator=call.operator or phone, operator_at=call.operator_at or now)
        if call.agency_at is None:
            agency = dict(call.line_agencies).get(phone)
            return replace(call, line=phone, agency=agency, agency_at=now)
        return call
    if state in _BEFORE_THE_PLAN:
        return call
    kind = "l" if state is State.LINES else "q"
    stage = StageNow(int(live.stage) if live.stage.isdecimal() else 0, kind, live.queue or "", now)
    return replace(
        call,
        stage=stage if call.stage is None or call.stage.kind != kind else call.stage,
        staged_at=call.staged_at or now,
        waits_again_since=now if call.human_at is not None else None,
    )


def _since(call: Call, leg_id: str, now: datetime) -> datetime:
    return next((leg.since for leg in call.legs if leg.id == leg_id), now)


def _finding(call: Call, now: datetime, kind: Kind, data: Mapping[str, object]) -> Finding:
    return Finding(call.id, now, kind, data, by_engine=True)
