"""One entry of the ledger: what happened to which call, when, who saw it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

NO_CALL = ""
"""The ``call_id`` of an entry that concerns no call, or none that ever was a channel: the record itself, its
upkeep. Such an entry has no row in ``calls`` and no caller."""


class Source(StrEnum):
    """Who saw it."""

    ASTERISK = "asterisk"
    """An event of Asterisk's, received live."""
    ASTERISK_LOG = "asterisk-log"
    """The same event, taken afterwards from the file that Asterisk itself wrote: the engine was away."""
    ENGINE = "engine"
    """The engine itself: its advice, its clocks, its findings."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``at`` is when it happened (Asterisk's time where Asterisk saw it), aware, UTC; the writer adds its own
    time. ``data`` holds JSON values and no personal data: numbers, names and headers go to ``callers``."""

    call_id: str
    at: datetime
    kind: str
    """A stable slug: the table in docs/ledger.md lists all."""
    source: Source
    data: Mapping[str, object] = field(default_factory=dict)
    key: str = ""
    """Of two entries of a call with the same key the second is the first one told again, and is not stored.
    Empty: told only once."""


def of_no_call(kind: str, at: datetime, data: Mapping[str, object]) -> Entry:
    """What the engine or a command has to say that concerns no call (:data:`NO_CALL`)."""
    return Entry(NO_CALL, at, kind, Source.ENGINE, data)


@dataclass(frozen=True, slots=True)
class CallerData:
    """The personal data of one call, kept apart from the ledger so that it can be erased."""

    call_id: str
    number: str
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_more(self, later: "CallerData") -> "CallerData":
        """What is known once ``later`` was learnt, too."""
        return CallerData(
            self.call_id, later.number or self.number, later.name or self.name, later.headers or self.headers
        )
