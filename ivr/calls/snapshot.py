"""What is true at one moment, asked of Asterisk: the calls that are alive and the operators on duty.

The engine takes one whenever its link to Asterisk comes up. Events that come afterwards may tell again what
the snapshot told already.
"""

from dataclasses import dataclass
from datetime import datetime

from ivr.calls.events import OperatorChanged


@dataclass(frozen=True, slots=True)
class LiveLeg:
    """A phone that rings for a call or talks in it. ``talking``: it hears the caller now."""

    leg_id: str
    phone: str
    answered: bool
    talking: bool


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A caller's channel that exists. Times are aware, UTC; ``since`` to the second.

    ``entry``, ``category``, ``language``, ``stage`` are the dialplan's variables of that name, empty while it
    has not set them. ``queue`` is the queue in which the caller waits, if any.
    """

    call_id: str
    channel: str
    since: datetime
    answered: datetime | None
    dialled: str
    caller_number: str
    entry: str
    category: str
    language: str
    stage: str
    queue: str | None
    legs: tuple[LiveLeg, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``asterisk_since``: when Asterisk was started, to the second; ``None`` if it did not say."""

    calls: tuple[LiveCall, ...]
    operators: tuple[OperatorChanged, ...]
    asterisk_since: datetime | None = None
