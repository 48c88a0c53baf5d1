"""All live calls: in order, bounded, counted, and in agreement with Asterisk after a reconnect."""

from datetime import UTC, datetime, timedelta

import pytest

from ivr.calls.call import Call, StageNow
from ivr.calls.endings import Detail, Ending, Reason, Result
from ivr.calls.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    LegEnded,
    LegStarted,
    OperatorChanged,
    StepTaken,
)
from ivr.calls.findings import Kind
from ivr.calls.notes import DecisionMade
from ivr.calls.registry import Change, Registry
from ivr.calls.snapshot import LiveCall, LiveLeg, Snapshot
from ivr.calls.states import State
from ivr.routing.model import Decision, Facts, Mode
from ivr.vocabulary import Step

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrive(registry: Registry, call: str, seconds: float = 0) -> None:
    registry.apply(CallStarted(call, at(seconds), f"PJSIP/trunk-{call}", "112"))
    registry.apply(CallAnswered(call, at(seconds)))


def wait(registry: Registry, call: str, seconds: float, queue: str = "emergency") -> None:
    registry.apply(StepTaken(call, at(seconds), Step.STAGE, ("1", "q", queue, "30")))


def answer(registry: Registry, call: str, seconds: float) -> None:
    registry.apply(StepTaken(call, at(seconds), Step.OPERATOR_ANSWERED, ("op1",)))


def end(registry: Registry, call: str, seconds: float) -> tuple[Change, ...]:
    return registry.apply(CallEnded(call, at(seconds), 16, True))


def decide(registry: Registry, call: str, clock_seconds: int | None = 300) -> None:
    decision = Decision("fire", Mode.VERIFY, "emergency", 8, (), (), clock_seconds)
    registry.apply(
        DecisionMade(call, at(1), Facts(category="fire"), decision, "q:emergency:30", "0123456789ab")
    )


def live(call: str, *, legs: tuple[LiveLeg, ...] = (), queue: str | None = None, stage: str = "") -> LiveCall:
    return LiveCall(
        call_id=call,
        channel=f"PJSIP/trunk-{call}",
        since=START,
        answered=START,
        dialled="112",
        caller_number="+628110000000",
        entry="112" if stage else "",
        category="fire" if stage else "",
        language="id",
        stage=stage,
        queue=queue,
        legs=legs,
    )


def snapshot(*calls: LiveCall) -> Snapshot:
    return Snapshot(calls, (OperatorChanged("emergency", "op1", False, "free", 0),))


TALKING = (LiveLeg("leg1", "op1", answered=True, talking=True),)


def test_counts_tell_who_waits_and_how_long() -> None:
    registry = Registry()
    for number, call in enumerate("abcd"):
        arrive(registry, call, number)
    wait(registry, "b", 5)
    wait(registry, "c", 5, "public")
    wait(registry, "d", 5)
    answer(registry, "d", 8)
    counts = registry.counts(at(10))
    assert counts.live == 4
    assert counts.by_state == {State.TRUNK: 1, State.QUEUE: 2, State.TALKING: 1}
    assert (counts.waiting, counts.longest_wait) == (3, 10.0)
    assert (counts.layer_1_waiting, counts.layer_1_longest_wait) == (1, 9.0)
    for call in "abcd":
        end(registry, call, 11)
    assert registry.counts(at(12)).live == 0
    assert registry.counts(at(12)).longest_wait == 0.0
    assert registry.counts(at(12)).layer_1_waiting == 0


def test_the_longest_wait_counts_callers_of_an_earlier_run_and_those_who_wait_again() -> None:
    registry = Registry()
    stage = StageNow(1, "q", "emergency", START)
    registry.restore([Call("kept", START, state=State.RINGING, stage=stage, answered_at=at(2))])
    assert registry.layer_1_longest_wait(at(10)) == 8.0
    answer(registry, "kept", 11)
    assert registry.layer_1_longest_wait(at(12)) == 0.0
    registry.apply(StepTaken("kept", at(20), Step.TALK_END, ("requeue",)))
    wait(registry, "kept", 20)
    assert registry.layer_1_longest_wait(at(25)) == 5.0


def test_an_ended_call_is_remembered_for_late_events_and_then_let_go() -> None:
    registry = Registry(keep_ended=2)
    for call in "abc":
        arrive(registry, call)
        registry.apply(LegStarted(call, at(1), "leg", "op1"))
        end(registry, call, 10)
    assert [registry.get(call) is None for call in "abc"] == [True, False, False]
    (change,) = registry.apply(LegEnded("b", at(10.1), "leg", "op1", 16))
    assert change.call.state is State.ENDED
    assert [finding.kind for finding in change.findings] == [Kind.LEG_ENDED]
    assert list(registry.live()) == []


def test_more_calls_than_can_be_true_end_the_oldest_as_unseen() -> None:
    registry = Registry(most_open=3)
    for call in "abc":
        arrive(registry, call)
    _, other = registry.apply(CallStarted("d", at(5), "PJSIP/trunk-d", "112"))
    assert other.call.id == "a"
    assert other.call.ending == Ending(Result.INTERRUPTED, Reason.END_UNSEEN, Detail.NO_PERSON_SEEN)
    assert [call.id for call in registry.live()] == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("found", "state", "talking_with"),
    [
        (live("x"), State.TRUNK, None),
        (live("x", stage="2"), State.QUEUE, None),
        (live("x", stage="1", queue="emergency"), State.QUEUE, None),
        (
            live(
                "x", stage="1", queue="emergency", legs=(LiveLeg("l", "op1", answered=False, talking=False),)
            ),
            State.RINGING,
            None,
        ),
        (
            live("x", stage="2", legs=(LiveLeg("l", "damkar-1", answered=True, talking=False),)),
            State.LINES,
            None,
        ),
        (live("x", stage="1", queue="emergency", legs=TALKING), State.TALKING, "op1"),
    ],
)
def test_a_call_that_only_asterisk_knows_is_taken_in_where_it_is(
    found: LiveCall, state: State, talking_with: str | None
) -> None:
    registry = Registry()
    (change,) = registry.reconcile(snapshot(found), registry.mark(), at(50))
    assert (change.call.state, change.call.talking_with) == (state, talking_with)
    assert [finding.kind for finding in change.findings] == [Kind.FOUND_AFTER_RECONNECT]
    assert change.call.answered_at == START
    assert registry.reconcile(snapshot(found), registry.mark(), at(51)) == ()
    assert [call.id for call in registry.live()] == ["x"]


def test_who_talks_with_a_found_call_counts_as_its_human() -> None:
    registry = Registry()
    agency = (LiveLeg("l", "damkar-1", answered=True, talking=True),)
    registry.reconcile(
        snapshot(live("a", stage="1", queue="emergency", legs=TALKING), live("b", stage="1", legs=agency)),
        registry.mark(),
        at(50),
    )
    a, b = registry.get("a"), registry.get("b")
    assert a is not None
    assert b is not None
    assert (a.human, a.operator, a.human_at) == (Reason.OPERATOR, "op1", at(50))
    assert (b.human, b.line) == (Reason.LAST_RESORT, "damkar-1")


def test_a_call_that_is_gone_ends_as_interrupted() -> None:
    registry = Registry()
    for call in "ab":
        arrive(registry, call)
        wait(registry, call, 2)
    answer(registry, "b", 5)
    changes = registry.reconcile(snapshot(), registry.mark(), at(50))
    endings = {change.call.id: change.call.ending for change in changes}
    assert endings == {
        "a": Ending(Result.INTERRUPTED, Reason.END_UNSEEN, Detail.NO_PERSON_SEEN),
        "b": Ending(Result.INTERRUPTED, Reason.END_UNSEEN, Detail.PERSON_HAD_ANSWERED),
    }
    assert {finding.kind for change in changes for finding in change.findings} == {Kind.ENDED}
    assert all(finding.by_engine for change in changes for finding in change.findings)


def test_what_happened_after_the_question_is_newer_than_the_answer() -> None:
    registry = Registry()
    arrive(registry, "ends-meanwhile")
    arrive(registry, "answered-meanwhile")
    wait(registry, "answered-meanwhile", 1)
    mark = registry.mark()
    arrive(registry, "arrives-meanwhile", 2)
    end(registry, "ends-meanwhile", 3)
    answer(registry, "answered-meanwhile", 3)
    asked = snapshot(live("ends-meanwhile"), live("answered-meanwhile", stage="1", queue="emergency"))
    assert registry.reconcile(asked, mark, at(4)) == ()
    assert sorted(call.id for call in registry.live()) == ["answered-meanwhile", "arrives-meanwhile"]


def test_a_difference_on_where_a_call_is_goes_to_asterisk_and_into_the_record() -> None:
    registry = Registry()
    arrive(registry, "a")
    wait(registry, "a", 1)
    (change,) = registry.reconcile(
        snapshot(live("a", stage="1", queue="emergency", legs=TALKING)), registry.mark(), at(50)
    )
    assert [finding.kind for finding in change.findings] == [Kind.CORRECTED_AFTER_RECONNECT]
    assert change.findings[0].data == {"was": "queue", "is": "talking"}
    assert change.call.operator == "op1"


def test_what_the_variables_cannot_tell_is_no_difference() -> None:
    registry = Registry()
    arrive(registry, "a")
    # waits outside its queue until enough operators are free
    registry.apply(StepTaken("b", at(1), Step.STAGE, ("1", "i", "public", "600", "1")))
    assert registry.reconcile(snapshot(live("a"), live("b", stage="1")), registry.mark(), at(50)) == ()


def test_a_call_whose_end_was_supposed_and_that_lives_is_taken_in_again() -> None:
    registry = Registry()
    arrive(registry, "a")
    registry.reconcile(snapshot(), registry.mark(), at(50))
    (change,) = registry.reconcile(snapshot(live("a")), registry.mark(), at(60))
    assert change.findings[0].kind is Kind.FOUND_AFTER_RECONNECT
    assert [call.id for call in registry.live()] == ["a"]


def test_calls_of_an_earlier_run_are_kept_or_ended_by_what_asterisk_holds() -> None:
    registry = Registry()
    registry.restore([Call("kept", START, state=State.QUEUE), Call("gone", START, state=State.TALKING)])
    changes = registry.reconcile(
        snapshot(live("kept", stage="1", queue="emergency")), registry.mark(), at(50)
    )
    assert [(change.call.id, change.call.state) for change in changes] == [("gone", State.ENDED)]
    assert [call.id for call in registry.live()] == ["kept"]


def test_when_asterisk_stops_every_call_is_interrupted() -> None:
    registry = Registry()
    for call in "ab":
        arrive(registry, call)
    restarted = Snapshot((), (), asterisk_since=at(40))
    changes = registry.reconcile(restarted, registry.mark(), at(50))
    assert [change.call.ending for change in changes] == [
        Ending(Result.INTERRUPTED, Reason.ASTERISK_STOPPED, Detail.NO_PERSON_SEEN)
    ] * 2
    assert registry.counts(at(51)).live == 0


def test_a_stop_of_asterisk_explains_an_end_that_nothing_else_explains() -> None:
    """Ordered to stop, Asterisk hangs up whoever waits, with no cause and no source."""
    registry = Registry()
    for call, ended in (("cut", 40), ("before", -100)):
        arrive(registry, call)
        registry.apply(CallEnded(call, at(ended), 0, by_caller=False))
        lost = registry.get(call)
        assert lost is not None
        assert lost.ending is not None
        assert lost.ending.result is Result.LOST
    arrive(registry, "left")
    registry.apply(CallEnded("left", at(40), 16, by_caller=True))
    (change,) = registry.reconcile(Snapshot((), (), asterisk_since=at(41)), registry.mark(), at(50))
    assert change.call.id == "cut"
    assert change.call.ending == Ending(Result.INTERRUPTED, Reason.ASTERISK_STOPPED, Detail.NO_PERSON_SEEN)
    assert change.call.ended_at == at(40)
    assert [finding.kind for finding in change.findings] == [Kind.CORRECTED_AFTER_RECONNECT]
    assert registry.reconcile(Snapshot((), (), asterisk_since=at(41)), registry.mark(), at(60)) == ()


def told(changes: tuple[Change, ...]) -> list[tuple[Kind, datetime]]:
    return [(finding.kind, finding.at) for change in changes for finding in change.findings]


def test_the_clock_runs_from_the_persons_answer_beyond_the_end_and_tells_once() -> None:
    registry = Registry()
    arrive(registry, "a")
    decide(registry, "a")
    wait(registry, "a", 2)
    assert registry.tick(at(1000)) == ()  # nobody has answered: the clock has not begun
    answer(registry, "a", 10)
    assert registry.tick(at(159)) == ()
    assert told(registry.tick(at(161))) == [(Kind.CLOCK_HALF, at(160))]
    end(registry, "a", 200)
    assert registry.tick(at(309)) == ()
    assert told(registry.tick(at(400))) == [(Kind.CLOCK_LATE, at(310))]
    assert registry.tick(at(500)) == ()


def test_an_agency_that_accepts_in_time_stops_the_clock() -> None:
    registry = Registry()
    arrive(registry, "a")
    decide(registry, "a")
    wait(registry, "a", 2)
    answer(registry, "a", 10)
    registry.apply(StepTaken("a", at(100), Step.LINE_ACCEPTED, ("damkar-1",)))
    assert registry.tick(at(1000)) == ()


def test_lateness_that_nobody_told_in_time_is_told_after_the_acceptance() -> None:
    registry = Registry()
    arrive(registry, "a")
    decide(registry, "a")
    wait(registry, "a", 2)
    answer(registry, "a", 10)
    registry.apply(StepTaken("a", at(350), Step.LINE_ACCEPTED, ("damkar-1",)))
    end(registry, "a", 400)
    assert told(registry.tick(at(500))) == [(Kind.CLOCK_HALF, at(160)), (Kind.CLOCK_LATE, at(310))]
    assert registry.tick(at(600)) == ()


def test_a_call_without_clock_has_nothing_to_tell() -> None:
    registry = Registry()
    arrive(registry, "a")
    decide(registry, "a", None)
    wait(registry, "a", 2)
    answer(registry, "a", 10)
    assert registry.tick(at(10_000)) == ()
