"""One call from its events: the story in order, and everything that can go wrong with the order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.calls.call import Call, Leg
from ivr.calls.endings import ENDINGS, Detail, Ending, Reason, Result
from ivr.calls.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    LegAnswered,
    LegEnded,
    LegStarted,
    StepTaken,
)
from ivr.calls.findings import Finding, Kind
from ivr.calls.notes import AdviceGiven, CallIdentified, DecisionMade, EngineNote
from ivr.calls.reduce import apply
from ivr.calls.states import LEGAL, State
from ivr.routing.model import AgencyUse, CallerClass, Decision, Facts, LineUse, Mode, Role, RuleTrace
from ivr.vocabulary import Step

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
CALL = "1772337600.1"
FIRE = Decision(
    rule="fire",
    mode=Mode.VERIFY,
    queue="emergency",
    priority=8,
    agencies=(AgencyUse("damkar", Role.LEAD, (LineUse("damkar-1", 20), LineUse("damkar-2", 20))),),
    notify=("damkar",),
    clock_seconds=300,
    why=(RuleTrace("fire", True, "category is fire"),),
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def started(seconds: float = 0) -> CallStarted:
    return CallStarted(CALL, at(seconds), "PJSIP/trunk-00000001", "112")


def answered(seconds: float = 0.1) -> CallAnswered:
    return CallAnswered(CALL, at(seconds))


def identified(seconds: float = 0.15) -> CallIdentified:
    return CallIdentified(CALL, at(seconds), "112", CallerClass.SIMLESS, "claimed", False)


def menu(seconds: float = 0.2, key: str | None = None) -> AdviceGiven:
    return AdviceGiven(CALL, at(seconds), "112", CallerClass.NUMBER, "main", "id", key)


def decided(seconds: float = 4, decision: Decision = FIRE) -> DecisionMade:
    plan = "q:emergency:30+l:damkar-1&damkar-2:20"
    return DecisionMade(CALL, at(seconds), Facts(category="fire"), decision, plan, "0123456789ab", "1")


def step(kind: Step, seconds: float, *fields: str) -> StepTaken:
    return StepTaken(CALL, at(seconds), kind, fields)


def stage(seconds: float, kind: str = "q", where: str = "emergency", number: str = "1") -> StepTaken:
    return step(Step.STAGE, seconds, number, kind, where, "30", "1")


def rings(seconds: float, leg: str = "leg1", phone: str = "op1") -> LegStarted:
    return LegStarted(CALL, at(seconds), leg, phone)


def ended(seconds: float, cause: int = 16, *, by_caller: bool = True) -> CallEnded:
    return CallEnded(CALL, at(seconds), cause, by_caller)


def story(*happened: CallEvent | EngineNote) -> tuple[Call, list[Finding]]:
    call, findings = None, []
    for event in happened:
        call, found = apply(call, event)
        findings += found
    assert call is not None
    return call, findings


def kinds(findings: list[Finding]) -> list[str]:
    return [str(finding.kind) for finding in findings]


TO_AN_OPERATOR = (
    started(),
    answered(),
    menu(),
    decided(),
    stage(4.1),
    rings(4.2),
    LegAnswered(CALL, at(9), "leg1", "op1"),
    step(Step.OPERATOR_ANSWERED, 9.1, "op1"),
)


def test_a_call_to_an_operator_is_told_in_order() -> None:
    call, findings = story(
        *TO_AN_OPERATOR,
        step(Step.STAGE_END, 60, "1", "CONTINUE"),
        step(Step.TALK_END, 60, "hangup"),
        ended(60.1, by_caller=False),
        LegEnded(CALL, at(60.2), "leg1", "op1", 16),
    )
    assert kinds(findings) == [
        "trunk",
        "trunk-answered",
        "menu",
        "decision",
        "queue",
        "ringing",
        "leg-answered",
        "operator-answered",
        "stage-end",
        "talk-end",
        "ended",
        "leg-ended",
    ]
    assert call.ending == Ending(Result.ANSWERED, Reason.OPERATOR, Detail.PERSON)
    assert (call.rule, call.category, call.operator, call.clock_seconds) == ("fire", "fire", "op1", 300)
    assert call.answer_seconds == pytest.approx(9.0)
    assert call.menu_seconds == pytest.approx(4.0)
    assert call.queue_seconds == pytest.approx(5.0)
    assert [finding.by_engine for finding in findings if finding.kind in {Kind.MENU, Kind.DECISION}] == [
        True,
        True,
    ]
    decision = next(finding.data for finding in findings if finding.kind is Kind.DECISION)
    assert decision["agencies"] == [{"agency": "damkar", "role": "lead", "lines": ["damkar-1", "damkar-2"]}]
    assert (decision["rule"], decision["because"]) == ("fire", "category is fire")


def test_no_finding_holds_the_callers_number() -> None:
    _, findings = story(*TO_AN_OPERATOR, ended(20))
    assert "628110000000" not in repr(findings)


def test_an_agency_that_accepts_is_known_by_its_line() -> None:
    call, _ = story(
        *TO_AN_OPERATOR[:4],
        stage(4.1, "l", "damkar-1"),
        step(Step.LINE_ANSWERED, 8, "damkar-1"),
        step(Step.LINE_DECLINED, 12, "damkar-1", "silence"),
        stage(12.1, "l", "damkar-2", "2"),
        step(Step.LINE_ANSWERED, 15, "damkar-2"),
        step(Step.LINE_ACCEPTED, 17, "damkar-2"),
        ended(50),
    )
    assert (call.line, call.agency, call.agency_at) == ("damkar-2", "damkar", at(17))
    assert call.ending == Ending(Result.ANSWERED, Reason.AGENCY, Detail.CALLER)


def test_a_line_that_no_decision_named_is_the_last_resort() -> None:
    call, _ = story(
        started(),
        answered(),
        step(Step.LIFELINE, 3, "timeout"),
        stage(3.1),
        step(Step.STAGE_END, 33, "1", "TIMEOUT"),
        stage(33, "l", "last-1", "2"),
        step(Step.LINE_ACCEPTED, 40, "last-1"),
        ended(90, by_caller=False),
    )
    assert call.lifeline == "timeout"
    assert call.ending == Ending(Result.ANSWERED, Reason.LAST_RESORT, Detail.PERSON)


FIRST = "2|menu|main|id|0|3|id/menu-main.0a1b|112|number|0123456789ab|end|Og==.Og=="
OFFERED = "5|2|menu|other|id|0|3|id/menu-other.0a|112|number|0123456789ab|end"
CHOSEN = (
    "1|0123456789ab|3|300|dinkes:dinkes-1+polresta:polresta-1&polresta-2|"
    "2|plan|l:dinkes-1:15+q:emergency:45|9|accident|id|id/accept-accident.0a||||112|number|end"
)


def test_what_the_lifeline_decided_is_known_as_if_the_engine_had() -> None:
    call, findings = story(
        started(),
        answered(),
        step(Step.LIFELINE, 1, "no-answer"),
        step(Step.LIFELINE_MENU, 1.1, *OFFERED.split("|")),
        step(Step.LIFELINE_PLAN, 4, *CHOSEN.split("|")),
        stage(4.1, "l", "dinkes-1"),
        step(Step.LINE_ACCEPTED, 9, "dinkes-1"),
        ended(60, by_caller=True),
    )
    assert not [one for one in findings if one.kind is Kind.UNEXPECTED]
    assert (call.lifeline, call.entry, call.category, call.language) == ("no-answer", "112", "accident", "id")
    assert (call.priority, call.clock_seconds, call.menu_at) == (9, 300, at(1.1))
    assert (call.agency, call.ending) == ("dinkes", Ending(Result.ANSWERED, Reason.AGENCY, Detail.CALLER))
    offered = next(one.data for one in findings if one.kind is Kind.LIFELINE_MENU)
    assert (offered["key"], offered["menu"], offered["rules"]) == ("5", "other", "0123456789ab")
    chosen = next(one.data for one in findings if one.kind is Kind.LIFELINE_PLAN)
    assert (chosen["key"], chosen["rule"], chosen["plan"]) == ("1", "3", "l:dinkes-1:15+q:emergency:45")


def test_the_lifeline_knows_less_of_who_calls_than_what_was_told_before() -> None:
    call, findings = story(
        started(),
        identified(),
        step(Step.FIRST_MENU, 0.2, *FIRST.split("|")),
        step(Step.LIFELINE, 3, "timeout"),
        step(Step.LIFELINE_MENU, 3.1, *OFFERED.split("|")),
        step(Step.LIFELINE_PLAN, 4, *CHOSEN.split("|")),
    )
    assert call.caller is CallerClass.SIMLESS
    told = [one.data["caller"] for one in findings if "caller" in one.data]
    assert told == ["simless", "simless", "number", "number"], "an entry says what it was decided from"


def test_a_first_menu_is_told_by_its_event() -> None:
    call, findings = story(started(), answered(), identified(), step(Step.FIRST_MENU, 0.2, *FIRST.split("|")))
    assert (call.state, call.entry, call.language, call.menu_at) == (State.MENU, "112", "id", at(0.2))
    assert (findings[-1].kind, findings[-1].by_engine) == (Kind.MENU, False)
    assert findings[-1].data == {
        "menu": "main",
        "language": "id",
        "wrong_keys": 0,
        "entry": "112",
        "caller": "simless",
        "rules": "0123456789ab",
    }


def test_a_first_menu_that_is_told_late_takes_nobody_back() -> None:
    """The link was slow: the question about its key was there before."""
    note = decided(3)
    for later in (
        AdviceGiven(CALL, at(3), "112", CallerClass.SIMLESS, "main", "en", "*"),
        replace(note, facts=replace(note.facts, entry="other", language="en")),
    ):
        before, _ = story(started(), answered(), identified(3), later)
        call, findings = apply(before, step(Step.FIRST_MENU, 0.2, *FIRST.split("|")))
        assert call.menu_at == at(0.2)
        assert Kind.UNEXPECTED not in {finding.kind for finding in findings}
        assert (call.entry, call.language, call.rule) == (before.entry, "en", before.rule)


@pytest.mark.parametrize("kind", [Step.FIRST_MENU, Step.LIFELINE_MENU, Step.LIFELINE_PLAN])
@pytest.mark.parametrize("cut", [0, 1, 5, 10, -1])
def test_an_advice_in_a_step_with_fields_missing_is_odd_and_changes_nothing(kind: Step, cut: int) -> None:
    told = {Step.FIRST_MENU: FIRST, Step.LIFELINE_MENU: OFFERED, Step.LIFELINE_PLAN: CHOSEN}
    fields = told[kind].split("|")
    call, findings = story(started(), answered(), step(kind, 2, *fields[:cut]))
    assert call.category is None
    assert findings[-1].kind is Kind.UNEXPECTED


def test_a_line_that_picked_up_and_did_not_accept_is_no_answer() -> None:
    call, _ = story(
        *TO_AN_OPERATOR[:4], stage(4.1, "l", "damkar-1"), step(Step.LINE_ANSWERED, 8, "damkar-1"), ended(20)
    )
    assert call.human is None
    assert call.ending == Ending(Result.ABANDONED, Reason.AT_LINES, Detail.CALLER)


def test_a_phone_that_stops_ringing_puts_the_caller_back_into_the_queue() -> None:
    call, _ = story(*TO_AN_OPERATOR[:5], rings(5), rings(5, "leg2", "op2"))
    assert call.state is State.RINGING
    call, _ = apply(call, LegEnded(CALL, at(20), "leg1", "op1", 19))
    assert call.state is State.RINGING
    call, _ = apply(call, LegEnded(CALL, at(20), "leg2", "op2", 19))
    assert call.state is State.QUEUE


@pytest.mark.parametrize(
    ("seconds", "reason", "state"),
    [(0.001, Reason.RINGING, "ringing"), (1.5, Reason.IN_QUEUE, "queue")],
)
def test_a_caller_who_hangs_up_while_a_phone_rings_left_it_ringing(
    seconds: float, reason: Reason, state: str
) -> None:
    """Asterisk ends the ringing first; only a ring that ended well before was over."""
    before, _ = story(*TO_AN_OPERATOR[:5], rings(5), LegEnded(CALL, at(15), "leg1", "op1", 26))
    assert before.state is State.QUEUE
    after, findings = apply(before, ended(15 + seconds))
    assert after.ending == Ending(Result.ABANDONED, reason, Detail.CALLER)
    assert findings[0].data["state"] == state


def test_a_caller_who_waits_again_after_a_talk_counts_from_there() -> None:
    call, _ = story(*TO_AN_OPERATOR, step(Step.TALK_END, 30, "requeue"), stage(30.1))
    assert (call.state, call.waiting_since, call.talking_with) == (State.QUEUE, at(30), None)
    gone, _ = apply(call, ended(50))
    assert gone.ending == Ending(Result.ANSWERED, Reason.OPERATOR, Detail.LEFT_WAITING_AGAIN)
    cut, _ = apply(call, ended(50, by_caller=False))
    assert cut.ending is not None
    assert cut.ending.detail is Detail.CUT_WAITING_AGAIN
    assert cut.ending.loud


def test_a_note_that_comes_before_the_first_event_changes_nothing_in_the_end() -> None:
    early, findings = story(menu(), started(), answered(), decided())
    assert Kind.UNEXPECTED not in {finding.kind for finding in findings}
    usual, _ = story(started(), answered(), menu(), decided())
    assert (early.state, early.started_at, early.answered_at, early.rule) == (
        usual.state,
        usual.started_at,
        usual.answered_at,
        usual.rule,
    )


def test_an_advice_that_came_too_late_is_recorded_and_moves_nothing() -> None:
    before, _ = story(started(), answered(), step(Step.LIFELINE, 3, "timeout"), stage(3.1))
    for note in (menu(3.2), decided(3.2)):
        after, findings = apply(before, note)
        assert after == before
        assert [finding.data.get("too_late") for finding in findings] == [True]


def test_a_menu_advised_when_the_caller_had_gone_is_not_where_the_caller_was() -> None:
    """The engine hung: its advice and Asterisk's events reach the record in any order."""
    for events in ((menu(9), started(), answered(), ended(1)), (started(), answered(), ended(1), menu(9))):
        call, findings = story(*events)
        assert call.ending == Ending(Result.SHORT, Reason.AT_INTAKE, Detail.CALLER)
        assert Kind.UNEXPECTED not in {finding.kind for finding in findings}


@pytest.mark.parametrize("again", [started(50), answered(50), rings(50), ended(61)])
def test_what_is_told_twice_is_recorded_twice_and_counts_once(again: CallEvent) -> None:
    before, _ = story(*TO_AN_OPERATOR, ended(60)) if isinstance(again, CallEnded) else story(*TO_AN_OPERATOR)
    after, findings = apply(before, again)
    assert replace(after, events=before.events) == before
    assert len(findings) == 2
    assert findings[1].kind is Kind.UNEXPECTED


def test_an_operator_who_answers_when_the_caller_is_gone_did_not_talk() -> None:
    before, _ = story(*TO_AN_OPERATOR[:6], ended(8))
    after, findings = apply(before, step(Step.OPERATOR_ANSWERED, 8.1, "op1"))
    assert after.human is None
    assert after.ending == Ending(Result.ABANDONED, Reason.RINGING, Detail.CALLER)
    assert kinds(list(findings)) == ["operator-answered", "unexpected"]


@pytest.mark.parametrize("fields", [(), ("x", "q", "emergency"), ("1", "z", "emergency"), ("1", "q", "")])
def test_a_stage_with_wrong_fields_is_recorded_as_such(fields: tuple[str, ...]) -> None:
    call, findings = apply(story(started(), answered())[0], step(Step.STAGE, 1, *fields))
    assert call.stage is not None
    assert findings[-1].data["why"] == "fields are wrong"


def test_every_state_can_end_and_only_the_end_is_final() -> None:
    assert set(LEGAL) == set(State)
    assert [state for state in State if not LEGAL[state]] == [State.ENDED]
    assert all(State.ENDED in LEGAL[state] for state in State if state is not State.ENDED)


texts = st.sampled_from(
    ["", "1", "q", "l", "emergency", "op1", "damkar-1", "requeue", "9" * 30, "\x00é\udc80"]
)
seconds = st.floats(-10, 400)
legs = st.tuples(st.sampled_from(["leg1", "leg2"]), st.sampled_from(["op1", "op2"]))
anything = st.one_of(
    st.builds(started, seconds),
    st.builds(answered, seconds),
    st.builds(identified, seconds),
    st.builds(menu, seconds),
    st.builds(decided, seconds),
    st.builds(
        lambda kind, when, fields: StepTaken(CALL, at(when), kind, tuple(fields)),
        st.sampled_from(Step),
        seconds,
        st.lists(texts, max_size=6),
    ),
    st.builds(lambda leg, when: LegStarted(CALL, at(when), *leg), legs, seconds),
    st.builds(lambda leg, when: LegAnswered(CALL, at(when), *leg), legs, seconds),
    st.builds(lambda leg, when, cause: LegEnded(CALL, at(when), *leg, cause), legs, seconds, st.integers()),
    st.builds(
        lambda when, cause, by_caller: ended(when, cause, by_caller=by_caller),
        seconds,
        st.integers(-1, 200),
        st.booleans(),
    ),
)


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(anything, max_size=25))
def test_any_order_of_events_ends_in_the_one_funnel(happened: list[CallEvent | EngineNote]) -> None:
    call, findings = story(*happened, ended(500))
    own = [finding for finding in findings if finding.kind is not Kind.UNEXPECTED]
    assert len(own) == len(happened) + 1
    assert call.state is State.ENDED
    assert call.ending in ENDINGS
    final = next(finding for finding in findings if finding.kind is Kind.ENDED)
    assert final.data["result"] == call.ending.result
    assert call.ended_at == final.at
    assert (call.ending.result is Result.ANSWERED) == (call.human is not None)


@settings(max_examples=2 * settings().max_examples)
@given(st.lists(anything, min_size=1, max_size=25))
def test_a_move_that_is_not_legal_is_always_told(happened: list[CallEvent | EngineNote]) -> None:
    call = None
    for event in happened:
        before = State.TRUNK if call is None else call.state
        call, findings = apply(call, event)
        if call.state is not before and call.state not in LEGAL[before]:
            assert findings[-1].kind is Kind.UNEXPECTED
        if before is State.ENDED:
            assert call.state is State.ENDED


def test_intake_tells_entry_and_caller_before_any_menu() -> None:
    call, findings = story(started(), answered(), identified())
    assert (call.entry, call.caller, call.state) == ("112", CallerClass.SIMLESS, State.TRUNK)
    assert findings[-1].kind is Kind.INTAKE
    assert findings[-1].data == {"entry": "112", "caller": "simless", "trust": "claimed"}


def test_intake_that_came_after_the_lifeline_changes_nothing() -> None:
    call, findings = story(started(), answered(), step(Step.LIFELINE, 3, "timeout"), identified(3.1))
    assert call.entry is None
    assert findings[-1].data["too_late"] is True


def test_a_call_with_other_facts_is_what_replace_makes_of_it() -> None:
    call = Call("siaga-1.1", START, channel="PJSIP/trunk-1", legs=(Leg("l", "op1", START),))
    facts = {"state": State.QUEUE, "category": "fire", "legs": ()}
    assert call.but(facts) == replace(call, **facts)  # type: ignore[arg-type]
    assert call.category is None
    with pytest.raises(TypeError, match="a call has no categry"):
        call.but({"categry": "fire"})
