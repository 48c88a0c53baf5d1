"""What happens to a call, as the rest of the engine sees it: frozen values in our own words.

``ivr.asterisk`` makes them from Asterisk's channel event log (CEL over AMI) and queue events; nothing outside
that folder sees a header of Asterisk's. ``at`` is Asterisk's own time (UTC, aware). ``call_id`` is the
Uniqueid of the caller's channel (CEL's LinkedID).
"""

from dataclasses import dataclass
from datetime import datetime

from ivr.vocabulary import Step


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A channel from the trunk exists. ``dialled`` is as the carrier sent it."""

    call_id: str
    at: datetime
    channel: str
    dialled: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """Asterisk answered the trunk: from here answer time counts. ``caller_number`` is empty where the headers
    hold none."""

    call_id: str
    at: datetime
    caller_number: str = ""


@dataclass(frozen=True, slots=True)
class StepTaken:
    """The dialplan wrote one of :class:`ivr.vocabulary.Step`; ``fields`` is its extra text, split."""

    call_id: str
    at: datetime
    step: Step
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LegStarted:
    """A phone of an operator or agency is being rung for this call. ``phone`` is its endpoint (``op1``)."""

    call_id: str
    at: datetime
    leg_id: str
    phone: str


@dataclass(frozen=True, slots=True)
class LegAnswered:
    call_id: str
    at: datetime
    leg_id: str
    phone: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """``cause`` is the Q.850 hang-up cause (16 normal, 17 busy, 19 no answer, …)."""

    call_id: str
    at: datetime
    leg_id: str
    phone: str
    cause: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The caller's channel is gone. ``by_caller`` tells who hung up, as far as Asterisk knows. The caller's
    number is told once more: of a call that was never answered, it is the only word of it."""

    call_id: str
    at: datetime
    cause: int
    by_caller: bool
    caller_number: str = ""


CallEvent = CallStarted | CallAnswered | StepTaken | LegStarted | LegAnswered | LegEnded | CallEnded


@dataclass(frozen=True, slots=True)
class OperatorChanged:
    """A member of a queue as it is now. ``device`` is Asterisk's device state as a word: ``free``,
    ``in-use``, ``ringing``, ``unavailable``, ``unknown``."""

    queue: str
    phone: str
    paused: bool
    device: str
    penalty: int


@dataclass(frozen=True, slots=True)
class OperatorLeft:
    """Logged out of this queue."""

    queue: str
    phone: str


QueueEvent = OperatorChanged | OperatorLeft
