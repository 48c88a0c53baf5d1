"""What is decided, from what, and why: plain values, no I/O."""

from dataclasses import dataclass, field
from enum import StrEnum

ACCEPT_BY_KEY = "press"
ACCEPT_BY_ANSWER = "answer"


class CallerClass(StrEnum):
    """What the caller's number is worth. Never an identity: SIM-less phones may share one number."""

    NUMBER = "number"
    """A real number (asserted by the carrier or at least well-formed)."""
    SIMLESS = "simless"
    """A pseudo-number that the network made up for a phone without SIM."""
    ANONYMOUS = "anonymous"
    """The caller or network withholds it."""
    MISSING = "missing"
    """None, or nothing that could be one."""


class Mode(StrEnum):
    VERIFY = "verify"
    """An operator first."""
    DIRECT = "direct"
    """The agency's lines ring at once, without an operator."""


class Role(StrEnum):
    LEAD = "lead"
    """Is rung."""
    ELSE = "else"
    """Is rung if no lead accepts."""
    SUPPORT = "support"
    """Is offered to the operator on one key, and told."""
    MUTUAL_AID = "mutual_aid"
    """May be called in by the lead."""


class ServiceState(StrEnum):
    """How the 112 centre is: the service states of NENA-STA-010.3 (i3), spelt as there."""

    NORMAL = "Normal"
    UNSTAFFED = "Unstaffed"
    SCHEDULED_MAINTENANCE_DOWN = "ScheduledMaintenanceDown"
    SCHEDULED_MAINTENANCE_AVAILABLE = "ScheduledMaintenanceAvailable"
    MAJOR_INCIDENT_IN_PROGRESS = "MajorIncidentInProgress"
    PARTIAL = "Partial"
    OVERLOADED = "Overloaded"
    GOING_DOWN = "GoingDown"
    DOWN = "Down"
    UNREACHABLE = "Unreachable"


@dataclass(frozen=True, slots=True)
class Facts:
    """All a decision may depend on, beside the rules and the time.

    ``operators`` is the number of operators of layer 1 that are logged in, not paused and reachable, or
    ``None`` when the engine does not know (then no condition on operators matches).
    ``longest_wait`` is in seconds: how long the caller waiting longest in layer 1 has waited.
    """

    entry: str = "112"
    category: str = "unknown"
    sub: str | None = None
    language: str = "id"
    caller: CallerClass = CallerClass.NUMBER
    caller_number: str | None = None
    cannot_speak: bool = False
    operators: int | None = None
    longest_wait: float = 0.0
    out_of_service: frozenset[str] = frozenset()
    """Ids of agencies and names of lines that somebody took out of service."""
    district: str | None = None
    """Where it happens, once somebody has said so."""
    listed: str | None = None
    """The list of the file (hospitals, schools) in which the caller's number stands."""
    service_state: ServiceState = ServiceState.NORMAL
    prank_marks: int = 0
    """How often operators marked this number as a prank within the time that the file forgets them after."""
    redial_seconds: float | None = None
    """So long ago the same number's last call ended without a person; ``None``: it did not."""


@dataclass(frozen=True, slots=True)
class LineUse:
    name: str
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class AgencyUse:
    agency: str
    role: Role
    lines: tuple[LineUse, ...]
    """In the order in which they are rung; together where ``together``."""
    together: bool = False


@dataclass(frozen=True, slots=True)
class RuleTrace:
    rule: str
    matched: bool
    because: str
    """The conditions that held, or the first that failed, in words."""


@dataclass(frozen=True, slots=True)
class Decision:
    rule: str
    mode: Mode
    queue: str
    priority: int
    agencies: tuple[AgencyUse, ...]
    notify: tuple[str, ...]
    clock_seconds: int | None
    why: tuple[RuleTrace, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class QueueStage:
    """Wait in a queue. ``keep_free``: enter only while more than so many operators of layer 1 are ready."""

    queue: str
    seconds: int
    keep_free: int = 0


@dataclass(frozen=True, slots=True)
class LinesStage:
    """Ring these lines together; the first that accepts gets the caller."""

    lines: tuple[str, ...]
    seconds: int


Stage = QueueStage | LinesStage
