"""One call as it is known now: an immutable snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr.calls.endings import Ending, Reason
from ivr.calls.states import WAITING, State
from ivr.routing.model import CallerClass

RECORDING_BEGINS_SECONDS = 2.0
"""After its answer a call is recorded within so many seconds, also on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A phone that rings, or talks, for this call."""

    id: str
    phone: str
    since: datetime
    answered: bool = False


@dataclass(frozen=True, slots=True)
class StageNow:
    """The stage of the plan that Asterisk carries out. ``kind`` is ``q``, ``i`` or ``l`` (see
    :data:`ivr.vocabulary.STAGE_SEPARATOR`), ``where`` the queue or the lines."""

    number: int
    kind: str
    where: str
    since: datetime


@dataclass(frozen=True)  # no slots: see but()
class Call:
    """Everything the engine knows of one call, without personal data. All times are aware, UTC.

    ``None`` means not seen, or not happened yet; :attr:`state` tells which.
    """

    id: str
    seen_at: datetime
    """Time of the first event or note of this call."""
    channel: str | None = None
    dialled: str | None = None
    entry: str | None = None
    category: str | None = None
    language: str | None = None
    caller: CallerClass | None = None
    cannot_speak: bool = False

    state: State = State.TRUNK
    stage: StageNow | None = None
    legs: tuple[Leg, ...] = ()
    talking_with: str | None = None
    """Operator's phone or agency's line, while a person talks with the caller."""

    started_at: datetime | None = None
    answered_at: datetime | None = None
    """The trunk was answered."""
    menu_at: datetime | None = None
    staged_at: datetime | None = None
    """The first stage of a plan began: menu and decision are over."""
    operator_at: datetime | None = None
    agency_at: datetime | None = None
    """Somebody at a line accepted."""
    rang_until: datetime | None = None
    """The last phone in the queue stopped ringing, unanswered."""
    waits_again_since: datetime | None = None
    """The talk ended and the caller waits for another person."""
    ended_at: datetime | None = None

    operator: str | None = None
    """Phone of the first operator who answered."""
    line: str | None = None
    """The first line that accepted."""
    agency: str | None = None
    """Its agency; ``None`` for a line of last resort."""

    lifeline: str | None = None
    """Why the call went on without the engine, if it did."""
    rule: str | None = None
    mode: str | None = None
    priority: int | None = None
    clock_seconds: int | None = None
    line_agencies: tuple[tuple[str, str], ...] = ()
    """Pairs (line, agency) of the decision."""
    clock_told: int = 0
    """Marks of the clock (half time, lateness) that are in the record."""
    events: int | None = None
    """How many of Asterisk's events are in this, without the call's start and end, which are their own mark.
    Asterisk tells the same events in the same order live and in its file, so the number says which of them
    are news (:mod:`ivr.calls.retelling`). ``None``: not known, the call was found when it was under way."""

    recording: str | None = None
    """``saved`` or ``failed``, once it was looked at after the call's end."""
    recording_gaps: int = 0
    """How often a person talked with the caller and the recording did not grow."""

    ending: Ending | None = None

    def but(self, facts: Mapping[str, Any]) -> "Call":
        """This call with other ``facts``, by their names: :func:`dataclasses.replace`, which asks each of the
        forty fields and was half of what an event costs, in a tenth of its time."""
        if not facts.keys() <= self.__dataclass_fields__.keys():
            raise TypeError(f"a call has no {', '.join(facts.keys() - self.__dataclass_fields__.keys())}")
        other = object.__new__(Call)
        other.__dict__.update(self.__dict__, **facts)
        return other

    @property
    def human_at(self) -> datetime | None:
        """When a person first talked with the caller."""
        return min((at for at in (self.operator_at, self.agency_at) if at is not None), default=None)

    @property
    def human(self) -> Reason | None:
        """Who that was: operator, agency or last-resort."""
        if self.human_at is None:
            return None
        if self.operator_at == self.human_at:
            return Reason.OPERATOR
        return Reason.LAST_RESORT if self.agency is None else Reason.AGENCY

    @property
    def answer_seconds(self) -> float | None:
        """From the trunk's answer to the first person: menu and decision included."""
        return _seconds(self.answered_at, self.human_at)

    @property
    def menu_seconds(self) -> float | None:
        """From the trunk's answer to the first stage of the plan, or to the end if it came before."""
        return _seconds(self.answered_at, self.staged_at or self.ended_at)

    @property
    def queue_seconds(self) -> float | None:
        """From the first stage to the first person, or to the end if none came."""
        return _seconds(self.staged_at, self.human_at or self.ended_at)

    @property
    def recording_due(self) -> bool:
        """Whether the call is over and a recording of it must be there that nobody has looked at. A caller
        who left at once, before any recording could begin, has none."""
        if self.ended_at is None or self.answered_at is None or self.recording is not None:
            return False
        seconds = (self.ended_at - self.answered_at).total_seconds()
        return self.human_at is not None or seconds >= RECORDING_BEGINS_SECONDS

    @property
    def waiting_since(self) -> datetime | None:
        """Since when the caller waits for a person; ``None`` while talking and after the end."""
        if self.state not in WAITING:
            return None
        return self.waits_again_since or self.answered_at or self.started_at or self.seen_at


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
