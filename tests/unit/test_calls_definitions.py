"""docs/definitions.md says how every call ends, and says what the code does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.call import Call
from ivr.calls.endings import (
    ENDINGS,
    KNOWN_CAUSES,
    NETWORK_CAUSES,
    SHORT_SECONDS,
    Detail,
    Ending,
    Reason,
    Result,
)
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
from ivr.calls.findings import Kind
from ivr.calls.notes import AdviceGiven, DecisionMade, EngineNote
from ivr.calls.reconciling import end_unseen
from ivr.calls.reduce import apply
from ivr.calls.states import State
from ivr.ledger.words import REASONS, RESULTS
from ivr.render.install import repository
from ivr.routing.model import AgencyUse, CallerClass, Decision, Facts, LineUse, Mode, Role
from ivr.vocabulary import Step

PAGE = (repository() / "docs" / "definitions.md").read_text()
START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
CALL = "siaga-1772337600.1"
DECISION = Decision(
    "fire",
    Mode.VERIFY,
    "emergency",
    8,
    (AgencyUse("damkar", Role.LEAD, (LineUse("damkar-1", 20),)),),
    (),
    300,
)
CAUSES = {"known": (16, 21, 44, 127), "network": (18, 38, 102), "unknown": (0, 99)}
HUMANS = (None, Reason.OPERATOR, Reason.AGENCY, Reason.LAST_RESORT)


def rows(first: str) -> list[dict[str, str]]:
    """The table whose first column is called so."""
    lines = PAGE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    names = [cell.strip() for cell in lines[start].strip("|").split("|")]
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append(
            dict(zip(names, (cell.strip().strip("`") for cell in line.strip("|").split("|")), strict=True))
        )
    return found


TABLE = rows("person")
WHERE = {row["state at the end"]: Reason(row["reason"]) for row in rows("state at the end")}
NOT_SEEN = {
    "not seen: Asterisk does not know the call any more": Reason.END_UNSEEN,
    "not seen: Asterisk stopped": Reason.ASTERISK_STOPPED,
}


@dataclass(frozen=True)
class End:
    """What is true when a call ends. ``seconds``: its age, if its start was seen."""

    state: State
    trunk_answered: bool
    human: Reason | None
    by_caller: bool
    cause: str
    seconds: float | None

    @property
    def where(self) -> str:
        if self.state is State.TRUNK:
            return f"trunk, {'answered' if self.trunk_answered else 'not answered'}"
        return str(self.state)


def fits(row: dict[str, str], end: End) -> bool:
    """Whether this row of the page speaks of such an end."""
    unanswered = end.where == "trunk, not answered"
    under = end.seconds is not None and end.seconds < SHORT_SECONDS
    return (
        row["person"] == ("no" if end.human is None else "yes")
        and row["ended by"] in {"anybody", "caller" if end.by_caller else "not the caller"}
        and {
            "any": True,
            "talking": end.state is State.TALKING,
            "waiting again": end.state is not State.TALKING,
            "trunk, not answered": unanswered,
            "later": not unanswered,
        }[row["state"]]
        and {"any": True, "other": end.cause != "network"}.get(row["cause"], row["cause"] == end.cause)
        and {"any": True, "under 5 s": under, "5 s or more, or not known": not under}[row["age"]]
    )


def said(row: dict[str, str], end: End) -> Ending:
    """The ending of this row for such an end."""
    reason = {"who": end.human, "where": WHERE.get(end.where)}.get(row["reason"]) or Reason(row["reason"])
    return Ending(Result(row["result"]), reason, Detail(row["detail"]))


def reachable() -> Iterator[End]:
    """A person talks, or talked and the caller waits again; or none came, and the caller is anywhere else."""
    places = [
        (State.TRUNK, False),
        *((state, True) for state in State if state not in {State.TALKING, State.ENDED}),
    ]
    again = [(state, True) for state in (State.TALKING, State.QUEUE, State.RINGING, State.LINES)]
    for human in HUMANS:
        for (state, answered), by_caller, cause, seconds in product(
            again if human else places,
            (False, True),
            CAUSES,
            (None, 0.5, SHORT_SECONDS - 0.1, SHORT_SECONDS, 600.0),
        ):
            yield End(state, answered, human, by_caller, cause, seconds)


REACHABLE = tuple(reachable())


def story(end: End) -> Iterator[CallEvent | EngineNote]:
    """Events that lead there, all at the call's very first moment."""
    if end.seconds is not None:
        yield CallStarted(CALL, START, "PJSIP/trunk-1", "112")
        if end.trunk_answered:
            yield CallAnswered(CALL, START)
    elif end.where == "trunk, answered":
        pytest.skip("who has seen the answer knows the age")
    if end.state is State.MENU:
        yield AdviceGiven(CALL, START, "112", CallerClass.NUMBER, "main", "id")
    if end.state in {State.TRUNK, State.MENU}:
        return
    yield DecisionMade(CALL, START, Facts(category="fire"), DECISION, "q:emergency:30", "0123456789ab")
    to_lines = StepTaken(CALL, START, Step.STAGE, ("2", "l", "damkar-1&piket-112", "20", "1"))
    to_queue = StepTaken(CALL, START, Step.STAGE, ("1", "q", "emergency", "30", "1"))
    if end.human is Reason.OPERATOR:
        yield to_queue
        yield StepTaken(CALL, START, Step.OPERATOR_ANSWERED, ("op1",))
    elif end.human is not None:
        yield to_lines
        line = "damkar-1" if end.human is Reason.AGENCY else "piket-112"
        yield StepTaken(CALL, START, Step.LINE_ACCEPTED, (line,))
    if end.state is State.TALKING:
        return
    if end.human is not None:
        yield StepTaken(CALL, START, Step.TALK_END, ("requeue",))
    yield to_lines if end.state is State.LINES else to_queue
    if end.state is State.RINGING:
        yield LegStarted(CALL, START, "leg", "op2")


def played(end: End, cause: int) -> tuple[Call, Ending]:
    """The story told to the code; the call as it is before its end, and its ending."""
    call: Call | None = None
    for event in story(end):
        call, _ = apply(call, event)
    call = call or Call(CALL, START)
    over = CallEnded(CALL, START + timedelta(seconds=end.seconds or 0), cause, end.by_caller)
    after, _ = apply(call, over)
    assert after.ending is not None
    return call, after.ending


@pytest.mark.parametrize(
    "place", sorted({(end.where, str(end.human)) for end in REACHABLE}), ids=lambda place: " ".join(place)
)
def test_every_end_stands_in_the_table_once_and_is_what_the_code_says(place: tuple[str, str]) -> None:
    """Every state at the end × first person × who hung up × kind of cause × age: played with real events."""
    for end in REACHABLE:
        if (end.where, str(end.human)) != place or (end.where == "trunk, answered" and end.seconds is None):
            continue
        (row,) = [row for row in TABLE if fits(row, end)]
        for cause in CAUSES[end.cause]:
            before, ending = played(end, cause)
            assert (before.state, before.human) == (end.state, end.human)
            assert ending == said(row, end), (end, cause)
            assert ending.loud == (row["loud"] == "yes"), end


@given(st.data())
def test_no_order_of_events_ends_elsewhere(data: st.DataObject) -> None:
    """Whatever comes in whatever order: the end is one of those that were played above."""
    times = st.floats(0, 20).map(lambda seconds: START + timedelta(seconds=seconds))
    steps = st.sampled_from(list(Step)).flatmap(
        lambda step: st.builds(
            StepTaken, st.just(CALL), times, st.just(step),
            st.sampled_from((("1", "q", "emergency", "30"), ("2", "l", "damkar-1", "20"), ("requeue",), ())),
        )
    )  # fmt: skip
    legs = st.sampled_from((LegStarted, LegAnswered)).flatmap(
        lambda kind: st.builds(kind, st.just(CALL), times, st.just("leg"), st.just("op1"))
    )
    events = st.one_of(
        st.builds(CallStarted, st.just(CALL), times, st.just("PJSIP/trunk-1"), st.just("112")),
        st.builds(CallAnswered, st.just(CALL), times),
        st.builds(
            AdviceGiven, st.just(CALL), times, st.just("112"), st.just(CallerClass.NUMBER), st.just("main"),
            st.just("id"),
        ),
        st.builds(LegEnded, st.just(CALL), times, st.just("leg"), st.just("op1"), st.just(16)),
        steps,
        legs,
    )  # fmt: skip
    call: Call | None = None
    for event in data.draw(st.lists(events, max_size=12)):
        call, _ = apply(call, event)
    over = CallEnded(
        CALL, START + timedelta(seconds=30), data.draw(st.integers(0, 127)), data.draw(st.booleans())
    )
    after, findings = apply(call, over)
    ended = next(finding for finding in findings if finding.kind is Kind.ENDED)
    state = State(str(ended.data["state"]))
    places = {(end.state, end.human) for end in REACHABLE}
    assert (state, after.human) in places
    assert after.ending in ENDINGS


@pytest.mark.parametrize("human", HUMANS, ids=str)
def test_an_end_that_nobody_saw_stands_there_too(human: Reason | None) -> None:
    end = next(end for end in REACHABLE if end.human is human and end.state in {State.TALKING, State.QUEUE})
    call, _ = played(end, 16)
    for words, reason in NOT_SEEN.items():
        (row,) = [
            row
            for row in TABLE
            if (row["ended by"], row["person"]) == (words, "no" if human is None else "yes")
        ]
        ended, _ = end_unseen(call, reason, START)
        assert ended.ending == said(row, end)
        assert row["loud"] == "yes"


def test_nothing_stands_in_the_table_that_cannot_happen_and_nothing_is_left_out() -> None:
    ends = {said(row, end) for row in TABLE for end in REACHABLE if fits(row, end)}
    unseen = {said(row, REACHABLE[0]) for row in TABLE if row["ended by"] in NOT_SEEN}
    assert ends | unseen == set(ENDINGS)
    assert all(row["ended by"] in NOT_SEEN or any(fits(row, end) for end in REACHABLE) for row in TABLE)


def test_every_word_is_there_in_both_languages() -> None:
    assert [row["result"] for row in rows("result")] == [str(result) for result in Result]
    assert [row["Indonesian"] for row in rows("result")] == [RESULTS[result][0] for result in Result]
    for row in rows("state at the end"):
        assert row["Indonesian"] == REASONS[Reason(row["reason"])][0]
    for reason in Reason:
        assert f"`{reason}`" in PAGE
        assert REASONS[reason][0] in PAGE, reason
    for detail in Detail:
        assert f"`{detail}`" in PAGE


def test_the_page_names_the_causes_and_the_threshold_of_the_code() -> None:
    named = re.search(r"\*network\* \(Q\.850 ([0-9, \n]+):", PAGE)
    assert named
    assert {int(cause) for cause in named[1].split(",")} == NETWORK_CAUSES
    assert f"within {SHORT_SECONDS:.0f} s of the call's first sign" in PAGE
    assert set(CAUSES["known"]) <= KNOWN_CAUSES
    assert set(CAUSES["network"]) <= NETWORK_CAUSES
    assert not set(CAUSES["unknown"]) & (KNOWN_CAUSES | NETWORK_CAUSES)
