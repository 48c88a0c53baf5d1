"""The table of endings is complete, and nothing is in it that cannot happen."""

from itertools import product

import pytest

from ivr.calls.endings import (
    ENDINGS,
    KNOWN_CAUSES,
    NETWORK_CAUSES,
    SHORT_SECONDS,
    Detail,
    Ending,
    Reason,
    Result,
    ending,
    interrupted,
)
from ivr.calls.states import State

HUMANS = (None, Reason.OPERATOR, Reason.AGENCY, Reason.LAST_RESORT)
EVERYTHING = [
    {
        "state": state,
        "trunk_answered": answered,
        "human": human,
        "seconds": seconds,
        "cause": cause,
        "by_caller": by_caller,
    }
    for state, answered, human, seconds, cause, by_caller in product(
        State, (False, True), HUMANS, (None, 0.0, 4.9, 5.0, 1e6), range(-1, 130), (False, True)
    )
]


def test_every_combination_has_an_ending_of_the_table_and_every_ending_can_happen() -> None:
    seen = {ending(**facts) for facts in EVERYTHING}
    seen |= {
        interrupted(reason, human=human)
        for reason in (Reason.END_UNSEEN, Reason.ASTERISK_STOPPED)
        for human in HUMANS
    }
    assert seen == set(ENDINGS)
    assert {end.result for end in ENDINGS} == set(Result)
    assert {end.reason for end in ENDINGS} == set(Reason)
    assert {end.detail for end in ENDINGS} == set(Detail)


def test_answered_is_what_a_person_answered_and_nothing_else() -> None:
    for facts in EVERYTHING:
        assert (ending(**facts).result is Result.ANSWERED) == (facts["human"] is not None)


def test_what_nobody_answered_and_the_caller_did_not_end_is_loud() -> None:
    for facts in EVERYTHING:
        if facts["human"] is None and not facts["by_caller"]:
            assert ending(**facts).loud


def test_only_a_caller_who_left_of_own_will_before_a_person_is_quietly_unanswered() -> None:
    quiet = {end.result for end, loud in ENDINGS.items() if not loud}
    assert quiet == {Result.ANSWERED, Result.ABANDONED, Result.SHORT}


@pytest.mark.parametrize(
    ("state", "trunk_answered", "reason"),
    [
        (State.TRUNK, False, Reason.BEFORE_ANSWER),
        (State.TRUNK, True, Reason.AT_INTAKE),
        (State.MENU, True, Reason.IN_MENU),
        (State.QUEUE, True, Reason.IN_QUEUE),
        (State.RINGING, True, Reason.RINGING),
        (State.LINES, True, Reason.AT_LINES),
    ],
)
def test_who_leaves_is_abandoned_where_he_was_and_short_within_five_seconds(
    state: State, trunk_answered: bool, reason: Reason
) -> None:
    def leaves(seconds: float | None) -> Ending:
        return ending(
            state=state,
            trunk_answered=trunk_answered,
            human=None,
            seconds=seconds,
            cause=16,
            by_caller=True,
        )

    assert leaves(SHORT_SECONDS) == Ending(Result.ABANDONED, reason, Detail.CALLER)
    assert leaves(SHORT_SECONDS - 0.1) == Ending(Result.SHORT, reason, Detail.CALLER)
    assert leaves(None).result is Result.ABANDONED


def test_a_phone_that_died_earlier_is_no_failure_of_the_callers_network() -> None:
    """Its cause (44) stays on the caller's channel when the caller is back in the queue."""
    facts = {"trunk_answered": True, "seconds": 60.0, "cause": 44, "by_caller": True}
    talked = ending(state=State.TALKING, human=Reason.OPERATOR, **facts)
    assert talked == Ending(Result.ANSWERED, Reason.OPERATOR, Detail.CALLER)
    waited = ending(state=State.QUEUE, human=None, **facts)
    assert waited == Ending(Result.ABANDONED, Reason.IN_QUEUE, Detail.CALLER)


@pytest.mark.parametrize(
    ("cause", "trunk_answered", "result", "reason"),
    [
        (16, True, Result.FAILED, Reason.HUNG_UP_BY_US),
        (38, True, Result.FAILED, Reason.TRUNK_FAILURE),
        (21, False, Result.REFUSED, Reason.BEFORE_ANSWER),
        (0, True, Result.LOST, Reason.UNKNOWN_CAUSE),
        (99, False, Result.LOST, Reason.UNKNOWN_CAUSE),
    ],
)
def test_what_we_or_the_network_ended(
    cause: int, trunk_answered: bool, result: Result, reason: Reason
) -> None:
    end = ending(
        state=State.QUEUE if trunk_answered else State.TRUNK,
        trunk_answered=trunk_answered,
        human=None,
        seconds=60,
        cause=cause,
        by_caller=False,
    )
    assert (end.result, end.reason) == (result, reason)


def test_a_cause_is_either_ours_or_the_networks() -> None:
    assert not KNOWN_CAUSES & NETWORK_CAUSES
