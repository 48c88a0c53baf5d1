"""What was seen of one fault, by the phones, by Asterisk's own file and by the record: no judgement yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Standing(StrEnum):
    """Where a call is when the fault comes: the columns of the table."""

    TRUNK = "trunk"
    """The engine is being asked what to do with it."""
    MENU = "menu"
    QUEUE = "queue"
    """Waits; all operators are busy or rung for somebody else."""
    RINGING = "ringing"
    """An operator's phone rings for it."""
    TALKING = "talking"
    AGENCY = "agency"
    """An agency's phone rings for it."""
    HANGING_UP = "hanging up"
    """The caller hangs up in that moment, after a talk."""
    DURING = "during"
    """It comes while the fault lasts."""
    AFTER = "after"
    """It comes when all is well again."""


BEFORE = tuple(one for one in Standing if one not in (Standing.DURING, Standing.AFTER))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call as the record has it. ``kinds`` are its entries in order."""

    call_id: str
    number: str
    result: str | None
    """None: it has not ended there."""
    reason: str | None
    detail: str | None
    lifeline: str | None
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One caller."""

    standing: Standing
    number: str
    call_ids: tuple[str, ...]
    """What Asterisk called the calls of this number: several for one who dialled again."""
    answered: bool
    """Whether the trunk answered."""
    cut: bool
    """Whether our side ended it though the caller had not hung up."""
    person: str | None
    """The phone at which somebody talked with the caller."""
    heard_person: bool
    person_heard: bool
    """Whether the tones passed both ways; of a call that was talking: after the fault came."""
    wanted: tuple[str, ...] = ()
    """Who is the right one, where the caller chose; empty: any person."""
    recorded: tuple[Recorded, ...] = ()


@dataclass(frozen=True, slots=True)
class Weight:
    """What a process holds when nothing happens."""

    handles: int
    tasks: int | None
    """asyncio tasks of the engine; None: it did not say."""


@dataclass(frozen=True, slots=True)
class StackSeen:
    """The rest of one stack."""

    channels_left: Sequence[str] = ()
    calls_of_asterisk: frozenset[str] = frozenset()
    """Each call from the trunk that became a channel, by Asterisk's own file."""
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    """By call id."""
    steps_not_recorded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By call id: steps in Asterisk's file that the record of that call has not, or less often."""
    verify_error: str = ""
    """What ``ivr ledger verify`` complained of."""
    lost_rows: int = 0
    not_well: str = ""
    """Why the engine is not well at the end."""
    engine_before: Weight | None = None
    engine_after: Weight | None = None
    asterisk_before: int = 0
    asterisk_after: int = 0
    """Open files and sockets of Asterisk without calls."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All of one fault."""

    calls: Sequence[CallSeen]
    stack: StackSeen
