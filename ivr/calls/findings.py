"""What is found about a call, one finding a line of the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """The stable slugs of the ledger's entries; docs/ledger.md lists them with their data."""

    TRUNK = "trunk"
    """The carrier's call arrived."""
    TRUNK_ANSWERED = "trunk-answered"
    """Asterisk answered it: answer time counts from here."""
    INTAKE = "intake"
    """The engine knows what was dialled and what the caller's number is worth."""
    CALLER = "caller"
    """Personal data of the caller was kept, apart from the ledger; the entry commits to it."""
    MENU = "menu"
    DECISION = "decision"
    LIFELINE = "lifeline"
    """The call goes on without the engine."""
    LIFELINE_MENU = "lifeline-menu"
    """The dialplan that the rules were compiled into offered a menu."""
    LIFELINE_PLAN = "lifeline-plan"
    """It decided."""
    QUEUE = "queue"
    """A stage of waiting in a queue began."""
    LINES = "lines"
    """A stage of ringing lines began."""
    STAGE_END = "stage-end"
    RINGING = "ringing"
    """A phone is being rung."""
    LEG_ANSWERED = "leg-answered"
    LEG_ENDED = "leg-ended"
    OPERATOR_ANSWERED = "operator-answered"
    LINE_ANSWERED = "line-answered"
    LINE_ACCEPTED = "line-accepted"
    LINE_DECLINED = "line-declined"
    LINE_FAILED = "line-failed"
    TALK_END = "talk-end"
    ENDED = "ended"
    """Exactly one a call; from the engine itself when nobody saw the end."""
    UNEXPECTED = "unexpected"
    """What was seen does not fit what was known before: it is recorded all the same."""
    FOUND_AFTER_RECONNECT = "found-after-reconnect"
    """Asterisk holds a call of which the engine did not know."""
    CORRECTED_AFTER_RECONNECT = "corrected-after-reconnect"
    """Asterisk and the engine differed on where the call is; Asterisk wins."""
    CLOCK_HALF = "clock-half"
    CLOCK_LATE = "clock-late"
    CALLER_MARKED = "caller-marked"
    """Somebody marked the caller's number because of this call."""
    CALLER_UNMARKED = "caller-unmarked"
    INVITE_REFUSED = "invite-refused"
    """Of no call: Asterisk refused calls before they were a channel."""
    LEDGER_ANCHORED = "ledger-anchored"
    """No earlier head of the ledger's chain was known outside the database."""
    LEDGER_CUT = "ledger-cut"
    """Entries that were anchored outside the database are not in it any more."""
    LEDGER_CUT_ACCEPTED = "ledger-cut-accepted"
    ERASED = "erased"
    """The personal data of the call was destroyed."""
    RETENTION = "retention"
    """What was kept long enough was destroyed; belongs to no call."""
    RECORDING_ALARM = "recording-alarm"
    """A person talks with the caller, and the recording does not grow."""
    RECORDING_SAVED = "recording-saved"
    """The call's recording is there and whole. One of this and the next for each call that was answered."""
    RECORDING_FAILED = "recording-failed"
    RECORDING_STOPPED = "recording-stopped"
    """No call is recorded any more: the disk is nearly full. Concerns no call."""
    RECORDING_RESUMED = "recording-resumed"
    OPERATOR_LOGGED_IN = "operator-logged-in"
    OPERATOR_LOGGED_OUT = "operator-logged-out"
    OPERATOR_PAUSED = "operator-paused"
    OPERATOR_RESUMED = "operator-resumed"
    OPERATOR_CORRECTED = "operator-corrected"
    """After a reconnect Asterisk had this operator otherwise than the engine believed; Asterisk wins."""
    CLOCK_JUMPED = "clock-jumped"
    """Asterisk's clock was set to another time. Concerns no call."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``at`` is when it happened, ``data`` holds JSON values without personal data, ``by_engine`` tells that
    the engine itself found it, not Asterisk. ``key`` tells it from the call's other findings, and is the same
    when the same event is told again; empty: it is found only once."""

    call_id: str
    at: datetime
    kind: Kind
    data: Mapping[str, object] = field(default_factory=dict)
    by_engine: bool = False
    key: str = ""
