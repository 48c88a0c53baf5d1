"""What the engine itself adds to the story of a call: its answers to the dialplan's questions, and what it
finds of the recording.

A note says what was advised, not what the dialplan did: only Asterisk's events prove that.
"""

from dataclasses import dataclass
from datetime import datetime

from ivr.routing.model import CallerClass, Decision, Facts


@dataclass(frozen=True, slots=True)
class CallIdentified:
    """What the raw facts of a call say. ``trust`` is ``asserted`` or ``claimed``
    (:class:`ivr.intake.caller.Trust`); ``redirected``: the entry comes from a header, not from the number
    dialled."""

    call_id: str
    at: datetime
    entry: str
    caller: CallerClass
    trust: str
    redirected: bool


@dataclass(frozen=True, slots=True)
class AdviceGiven:
    """A menu was advised. ``key`` led here: ``None`` at intake, else the key pressed or ``silence``."""

    call_id: str
    at: datetime
    entry: str
    caller: CallerClass
    menu: str
    language: str
    key: str | None = None
    wrong_keys: int = 0


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A plan was advised. ``plan`` is its text as the dialplan gets it; ``key`` as above; ``rules`` is the
    digest of the rules that decided from ``facts``."""

    call_id: str
    at: datetime
    facts: Facts
    decision: Decision
    plan: str
    rules: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingSilent:
    """A person talks with the caller, and the recording lacks audio since ``since``. ``why`` as in
    :class:`RecordingJudged`; ``free_bytes`` is what the disk had left."""

    call_id: str
    at: datetime
    since: datetime
    why: str
    free_bytes: int | None


@dataclass(frozen=True, slots=True)
class RecordingJudged:
    """The call is over and its recording was looked at. ``file`` is relative to the directory of recordings,
    ``None`` when there is none; ``seconds`` is what it holds, ``of_seconds`` what it should hold. ``why`` it
    failed (:class:`ivr.recordings.rules.Why`), ``None`` when it is whole."""

    call_id: str
    at: datetime
    file: str | None
    size: int
    seconds: float
    of_seconds: float
    why: str | None


EngineNote = CallIdentified | AdviceGiven | DecisionMade | RecordingSilent | RecordingJudged
