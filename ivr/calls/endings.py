"""One funnel for every call: how it ended, why, and who ended it.

The definitions are ours, after NENA's words (an abandoned call is one whose caller disconnects before a
person answers); docs/definitions.md has them for readers of the statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ivr.calls.states import State

SHORT_SECONDS = 5.0
"""A caller who leaves within so many seconds gave nobody a fair chance to answer: misdialled, a pocket call.
Contact centres set such a threshold between 3 and 10 s and leave these calls out; we keep them, apart. The
seconds count from the trunk's first sign of the call."""


class Result(StrEnum):
    ANSWERED = "answered"
    """A person talked with the caller."""
    ABANDONED = "abandoned"
    """The caller left before a person answered."""
    SHORT = "short"
    """The caller left within :data:`SHORT_SECONDS`, before a person answered."""
    REFUSED = "refused"
    """We ended the call before the trunk was answered."""
    FAILED = "failed"
    """We or the network ended a call that no person had answered."""
    LOST = "lost"
    """The call ended without a person, and nothing tells who ended it or why."""
    INTERRUPTED = "interrupted"
    """Nobody saw the end: Asterisk stopped, or the link to it was away."""


class Reason(StrEnum):
    OPERATOR = "operator"
    AGENCY = "agency"
    LAST_RESORT = "last-resort"
    BEFORE_ANSWER = "before-answer"
    AT_INTAKE = "at-intake"
    IN_MENU = "in-menu"
    IN_QUEUE = "in-queue"
    RINGING = "ringing"
    AT_LINES = "at-lines"
    TRUNK_FAILURE = "trunk-failure"
    HUNG_UP_BY_US = "hung-up-by-us"
    UNKNOWN_CAUSE = "unknown-cause"
    END_UNSEEN = "end-unseen"
    ASTERISK_STOPPED = "asterisk-stopped"


class Detail(StrEnum):
    CALLER = "caller"
    """The caller hung up."""
    PERSON = "person"
    """The operator or agency hung up."""
    NETWORK = "network"
    """The cause names a failure of the network or of a resource."""
    US = "us"
    """Asterisk hung up, by our dialplan or our command."""
    UNKNOWN = "unknown"
    LEFT_WAITING_AGAIN = "left-waiting-again"
    """The first talk had ended; the caller waited for another person and hung up."""
    CUT_WAITING_AGAIN = "cut-waiting-again"
    """The first talk had ended; the caller waited for another person and was cut off."""
    PERSON_HAD_ANSWERED = "person-had-answered"
    NO_PERSON_SEEN = "no-person-seen"


@dataclass(frozen=True, slots=True)
class Ending:
    result: Result
    reason: Reason
    detail: Detail

    @property
    def loud(self) -> bool:
        """Whether somebody must look into it: we, the network or the unknown ended a call."""
        return ENDINGS[self]


def _table() -> dict[Ending, bool]:
    table: dict[Ending, bool] = {}

    def add(result: Result, reasons: tuple[Reason, ...], details: tuple[Detail, ...], *, loud: bool) -> None:
        table.update({Ending(result, reason, detail): loud for reason in reasons for detail in details})

    humans = (Reason.OPERATOR, Reason.AGENCY, Reason.LAST_RESORT)
    add(
        Result.ANSWERED,
        humans,
        (Detail.CALLER, Detail.PERSON, Detail.LEFT_WAITING_AGAIN),
        loud=False,
    )
    add(Result.ANSWERED, humans, (Detail.NETWORK, Detail.CUT_WAITING_AGAIN), loud=True)
    add(Result.ABANDONED, tuple(_WHERE.values()), (Detail.CALLER,), loud=False)
    add(Result.ABANDONED, (Reason.BEFORE_ANSWER,), (Detail.CALLER,), loud=False)
    add(Result.SHORT, (*_WHERE.values(), Reason.BEFORE_ANSWER), (Detail.CALLER,), loud=False)
    add(Result.REFUSED, (Reason.BEFORE_ANSWER,), (Detail.US,), loud=True)
    add(Result.FAILED, (Reason.TRUNK_FAILURE,), (Detail.NETWORK,), loud=True)
    add(Result.FAILED, (Reason.HUNG_UP_BY_US,), (Detail.US,), loud=True)
    add(Result.LOST, (Reason.UNKNOWN_CAUSE,), (Detail.UNKNOWN,), loud=True)
    add(
        Result.INTERRUPTED,
        (Reason.END_UNSEEN, Reason.ASTERISK_STOPPED),
        (Detail.PERSON_HAD_ANSWERED, Detail.NO_PERSON_SEEN),
        loud=True,
    )
    return table


_WHERE: Mapping[State, Reason] = MappingProxyType(
    {
        State.TRUNK: Reason.AT_INTAKE,
        State.MENU: Reason.IN_MENU,
        State.QUEUE: Reason.IN_QUEUE,
        State.RINGING: Reason.RINGING,
        State.LINES: Reason.AT_LINES,
    }
)

ENDINGS: Mapping[Ending, bool] = MappingProxyType(_table())
"""Every ending there is, and whether it is loud."""

NETWORK_CAUSES = frozenset({3, 18, 27, 34, 38, 41, 42, 47, 102})
"""Q.850: no route, no user responding (a SIP session timer that ran out), destination out of order, no
circuit, network out of order, temporary failure, congestion, no resource, recovery on timer expiry."""

KNOWN_CAUSES = frozenset({1, 16, 17, 19, 20, 21, 26, 28, 29, 31, 44, 58, 65, 79, 88, 127})
"""Q.850 causes with which a call is ended on purpose; 127 is SIP's CANCEL and what has no other name. 44 is
an operator's or agency's phone that died (RTP timeout): Asterisk leaves it on the caller's channel, whose own
audio is never waited for."""


def ending(
    *,
    state: State,
    trunk_answered: bool,
    human: Reason | None,
    seconds: float | None,
    cause: int,
    by_caller: bool,
) -> Ending:
    """How a call ended whose channel went away in ``state``.

    ``human`` is the first person who talked with the caller (operator, agency, last-resort), ``seconds`` the
    age of the call or ``None`` when its start was not seen, ``cause`` the Q.850 cause. Total: every
    combination has an ending in :data:`ENDINGS`.
    """
    if human is not None:
        return Ending(Result.ANSWERED, human, _after_talk(state, cause, by_caller))
    if cause in NETWORK_CAUSES:
        return Ending(Result.FAILED, Reason.TRUNK_FAILURE, Detail.NETWORK)
    if by_caller:
        where = _WHERE.get(state, Reason.AT_INTAKE)
        if state is State.TRUNK and not trunk_answered:
            where = Reason.BEFORE_ANSWER
        short = seconds is not None and seconds < SHORT_SECONDS
        return Ending(Result.SHORT if short else Result.ABANDONED, where, Detail.CALLER)
    if cause not in KNOWN_CAUSES:
        return Ending(Result.LOST, Reason.UNKNOWN_CAUSE, Detail.UNKNOWN)
    if state is State.TRUNK and not trunk_answered:
        return Ending(Result.REFUSED, Reason.BEFORE_ANSWER, Detail.US)
    return Ending(Result.FAILED, Reason.HUNG_UP_BY_US, Detail.US)


def _after_talk(state: State, cause: int, by_caller: bool) -> Detail:
    if state is not State.TALKING:
        return Detail.LEFT_WAITING_AGAIN if by_caller else Detail.CUT_WAITING_AGAIN
    if cause in NETWORK_CAUSES:
        return Detail.NETWORK
    return Detail.CALLER if by_caller else Detail.PERSON


def interrupted(reason: Reason, *, human: Reason | None) -> Ending:
    """The end that nobody saw. ``reason``: ``end-unseen`` or ``asterisk-stopped``."""
    detail = Detail.NO_PERSON_SEEN if human is None else Detail.PERSON_HAD_ANSWERED
    return Ending(Result.INTERRUPTED, reason, detail)
