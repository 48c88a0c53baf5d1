"""routing.yaml, read and typed: what a city has decided about its calls. ``ivr.routing.loader`` makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from ivr.menu.definition import Menu
from ivr.routing.conditions import Condition
from ivr.routing.index import RuleIndex
from ivr.routing.model import ACCEPT_BY_KEY, Role, RuleTrace
from ivr.routing.schedules import Schedule

LEAD = "lead"
"""In an overflow: the lines of the decision's lead agencies, then those of its ``else`` agencies."""
LAST_RESORT = "last_resort"
"""In an overflow: the last-resort lines. They end every plan."""
UNKNOWN = "unknown"
"""The category of a caller who chose none."""

CALLER_TEXTS = ("hold", "stay")
"""Prompts that callers hear, in each language: while they wait, and before they are connected."""
STAFF_TEXTS = (
    "thanks",
    "caller-gone",
    "pin",
    "wrong-pin",
    "locked",
    "logged-in",
    "logged-out",
    "paused",
    "resumed",
)
"""Prompts that operators and agencies hear, in the first language."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long personal data is kept, in days. The law (UU 27/2022 on personal data, articles 16 and 44)
    wants it destroyed when it is not needed any more, and leaves the time to whoever keeps it."""

    recordings_days: int = 90
    """A complaint or an inquiry comes within three months."""
    callers_days: int = 365
    """Numbers, names, headers and marks: a year's statistics of repeated callers."""


@dataclass(frozen=True, slots=True)
class City:
    name: str
    zone: ZoneInfo
    area_code: str
    """With its leading 0: ``0911``."""
    simless: tuple[str, ...]
    """Patterns of the numbers that networks make up for phones without SIM: ``000*`` or ``15 digits``."""
    districts: tuple[str, ...] = ()
    keep: Keep = Keep()


@dataclass(frozen=True, slots=True)
class Language:
    """Texts to be spoken. A ``recorded`` language has none: its prompts are files, the first language's texts
    stand in for those that are missing."""

    id: str
    recorded: bool = False
    first_menu: str = ""
    """With ``{choices}``; spoken by menus with which a call begins."""
    further_menu: str = ""
    """The same for menus behind another one."""
    choice: str = ""
    """One of these choices: ``{what}, {key}.``"""
    accept: str = ""
    """What an agency's line hears, with ``{what}``. The first language only."""
    keys: tuple[str, ...] = ()
    """How the keys 1 to 7 are called."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Category or menu → how it is called."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Prompt name → text."""
    penalty: tuple[int, int] | None = None
    """Callers in this language go to operators whose penalty is from … to …; ``None``: to any."""


@dataclass(frozen=True, slots=True)
class EntryNumber:
    """What a dialled number begins with: a menu, or a category without a menu."""

    menu: str | None
    category: str | None
    language: str | None
    """``None``: the first."""


@dataclass(frozen=True, slots=True)
class OverflowStep:
    after_seconds: int
    """Since the caller entered the queue."""
    to: str
    """A queue, :data:`LEAD` or :data:`LAST_RESORT`."""


class Ring(StrEnum):
    IN_TURN = "in_turn"
    """One phone after the other, moving on when one does not answer."""
    TOGETHER = "together"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of operators. ``ring`` and ``ring_seconds`` do not apply to the emergency queue, which is
    written by hand in asterisk-conf/queues.conf."""

    name: str
    overflow: tuple[OverflowStep, ...]
    """Empty: the queue is only ever a step of another queue's overflow."""
    during: Mapping[str, tuple[OverflowStep, ...]] = field(default_factory=dict)
    """Schedule → the overflow that holds instead while it covers the time; the first one that does."""
    ring: Ring = Ring.IN_TURN
    ring_seconds: int = 15
    keep_free: int = 0
    """Entered only while more operators of layer 1 than that are ready."""


@dataclass(frozen=True, slots=True)
class Line:
    """A phone that an agency answers: a registered ``phone`` of this PBX, or a ``number`` by the trunk."""

    name: str
    agency: str | None
    """``None``: a last-resort line."""
    timeout_seconds: int
    phone: str | None = None
    number: str | None = None
    accept: str = ACCEPT_BY_KEY
    """``press``: somebody presses 1. ``answer``: answering accepts (radio gateways and the like)."""
    dtmf_digits: str = ""
    """Sent after the answer, e.g. to get past an agency's own menu."""
    schedule: str | None = None
    """Rung only in these hours."""


@dataclass(frozen=True, slots=True)
class Agency:
    id: str
    name: Mapping[str, str]
    """Language → its name; the first language always."""
    lines: tuple[str, ...]
    together: bool


class RuleMode(StrEnum):
    VERIFY = "verify"
    DIRECT = "direct"
    DIRECT_IF_SWAMPED = "direct_if_swamped"
    """Verify, but direct while the city's ``swamped`` holds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The traces are made once, here: a decision over a thousand rules then builds no text at all."""

    name: str
    when: tuple[Condition, ...]
    """All must hold; empty: always."""
    mode: RuleMode
    queue: str
    priority: int
    agencies: tuple[tuple[str, Role], ...]
    notify: tuple[str, ...]
    clock_seconds: int | None
    matched: RuleTrace = field(init=False, repr=False, compare=False)
    failed: tuple[RuleTrace, ...] = field(init=False, repr=False, compare=False)
    """One for each condition."""
    passed_over: RuleTrace = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        held = "; ".join(condition.held for condition in self.when) or "it always matches"
        object.__setattr__(self, "matched", RuleTrace(self.name, True, held))
        object.__setattr__(
            self, "failed", tuple(RuleTrace(self.name, False, condition.failed) for condition in self.when)
        )
        object.__setattr__(self, "passed_over", RuleTrace(self.name, False, "an earlier rule matched"))


@dataclass(frozen=True, slots=True)
class ClockNotices:
    """Notify lists that are told when half of a call's clock is over, and when all of it is."""

    half: tuple[str, ...]
    late: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redial:
    """A caller whose last call ended without a person not longer ago than this moves in the queue."""

    within_seconds: int
    priority: int
    """Steps up."""


@dataclass(frozen=True, slots=True)
class Prank:
    """A number that was marked so often moves in the queue. It is never refused."""

    marks: int
    priority: int
    """Steps, negative: down."""
    forget_seconds: int
    """A mark counts so long."""


@dataclass(frozen=True, slots=True)
class Callers:
    """What the city knows of numbers. Only a real number is somebody (:attr:`CallerClass.NUMBER`)."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """List → its numbers in the form +62…; no number stands in two lists."""
    redial: Redial | None = None
    prank: Prank | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    city: City
    languages: Mapping[str, Language]
    """In the order of ``*``; the first is the default."""
    numbers: Mapping[str, EntryNumber]
    menus: Mapping[str, Menu]
    categories: Mapping[str, tuple[str, ...]]
    """Category → its sub-categories."""
    holidays: Mapping[date, str]
    schedules: Mapping[str, Schedule]
    swamped: tuple[Condition, ...]
    """One of them is enough."""
    rules: tuple[Rule, ...]
    """The last one always matches."""
    queues: Mapping[str, Queue]
    agencies: Mapping[str, Agency]
    lines: Mapping[str, Line]
    """All lines, the last-resort ones too."""
    last_resort: tuple[str, ...]
    notify: Mapping[str, tuple[str, ...]]
    """List → whom: an agency, or a post of one (``damkar.head``, ``centre.supervisor``)."""
    clock: ClockNotices
    callers: Callers
    digest: str
    """Names this text of the file: the first 12 hexadecimal digits of its SHA-256."""
    index: RuleIndex = field(init=False, repr=False, compare=False)
    _list_of: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        list_of = {number: name for name, numbers in self.callers.lists.items() for number in numbers}
        object.__setattr__(self, "index", RuleIndex(self.rules))
        object.__setattr__(self, "_list_of", list_of)

    @property
    def default_language(self) -> Language:
        return next(iter(self.languages.values()))

    def language(self, language_id: str) -> Language:
        """The language of that id, or the first one."""
        return self.languages.get(language_id, self.default_language)

    def list_of(self, number: str | None) -> str | None:
        """The list in which a caller's number (in the form +62…) stands."""
        return None if number is None else self._list_of.get(number)

    def local(self, now: datetime) -> datetime:
        """``now`` (aware) on the city's clocks."""
        return now.astimezone(self.city.zone)
