"""Is the ledger whole? The chain is computed again, and compared with what was anchored outside of it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ledger.anchor import Accepted, Anchored, Anchors, Cut
from ivr.ledger.chain import GENESIS, Head, link
from ivr.store.tables import ledger

PAGE = 5_000
"""Entries read at once; the engine writes meanwhile."""


class Wrong(StrEnum):
    CHANGED = "changed"
    """Its hash is not that of it and of what was before: it was changed, moved or put in."""
    MISSING = "missing"
    """The entries ``seq`` to ``until`` are not there."""
    UNCHAINED = "unchained"
    """It has no hash: something else than this program wrote it."""
    REWRITTEN = "rewritten"
    """The chain fits, but it is not the entry that was anchored: all was computed anew from some entry on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``call_id`` and ``at`` are of the entry itself; of missing ones, of the first behind them if there is
    one. ``anchored``: what tells of it outside the database, if that does."""

    wrong: Wrong
    seq: int
    until: int
    call_id: str | None = None
    at: datetime | None = None
    anchored: Anchored | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """``anchored`` is the newest anchored head that the chain holds: so far it is proven from outside.
    ``faults``: how many places are wrong; ``fault`` is the first. ``cuts``: those that nobody accepted."""

    entries: int
    head: Head | None
    anchored: Anchored | None
    fault: Fault | None
    faults: int
    cuts: tuple[Cut, ...]
    accepted: tuple[Accepted, ...]
    unreadable: int

    @property
    def whole(self) -> bool:
        return self.fault is None and not self.cuts


async def verify(connection: AsyncConnection, anchors: Anchors) -> Proof:
    """Read the whole ledger, page by page. ``anchors`` must have been read before: what the engine writes
    meanwhile is then no fault."""
    walk = _Walk(anchors.in_force)
    columns = [column for column in ledger.c if column is not ledger.c.data]
    rows = select(*columns, cast(ledger.c.data, Text).label("data")).order_by(ledger.c.seq).limit(PAGE)
    while page := (await connection.execute(rows.where(ledger.c.seq > walk.seq))).all():
        await connection.rollback()
        for row in page:
            walk.step(row)
    walk.end()
    return Proof(
        entries=walk.entries,
        head=Head(walk.seq, walk.before) if walk.entries else None,
        anchored=walk.anchored,
        fault=walk.fault,
        faults=walk.faults,
        cuts=tuple(line for line in anchors.in_force if isinstance(line, Cut)),
        accepted=anchors.accepted,
        unreadable=anchors.unreadable,
    )


class _Walk:
    """Along the chain, entry by entry. After a fault it goes on by the hash that stands there."""

    def __init__(self, lines: Sequence[Anchored | Cut]) -> None:
        anchored = [line.anchored if isinstance(line, Cut) else line for line in lines]
        self._ahead = deque(sorted(anchored, key=lambda line: line.seq))
        self.seq = 0
        self.before = GENESIS
        self.entries = 0
        self.anchored: Anchored | None = None
        self.fault: Fault | None = None
        self.faults = 0

    def step(self, row: Any) -> None:
        broken = link(self.before, row._asdict()) != row.hash
        if not row.hash:
            self._wrong(Fault(Wrong.UNCHAINED, row.seq, row.seq, row.call_id, row.at))
        elif broken and row.seq > self.seq + 1:
            told = next((line for line in self._ahead if line.seq < row.seq), None)
            self._wrong(Fault(Wrong.MISSING, self.seq + 1, row.seq - 1, row.call_id, row.at, told))
        elif broken:
            self._wrong(Fault(Wrong.CHANGED, row.seq, row.seq, row.call_id, row.at))
        self._compare(row, broken=broken)
        self.seq, self.before = row.seq, row.hash
        self.entries += 1

    def _compare(self, row: Any, *, broken: bool) -> None:
        """With what was anchored up to here; a break of the chain there is counted already."""
        while self._ahead and self._ahead[0].seq <= row.seq:
            line = self._ahead.popleft()
            if line.seq == row.seq and line.hash == row.hash:
                self.anchored = line
            elif broken:
                continue
            elif line.seq == row.seq:
                self._wrong(Fault(Wrong.REWRITTEN, row.seq, row.seq, row.call_id, row.at, line))
            else:
                self._wrong(Fault(Wrong.MISSING, self.seq + 1, row.seq - 1, row.call_id, row.at, line))

    def end(self) -> None:
        """What was anchored behind the last entry is missing."""
        if self._ahead:
            last = self._ahead[-1]
            self._wrong(Fault(Wrong.MISSING, self.seq + 1, last.seq, anchored=last))

    def _wrong(self, fault: Fault) -> None:
        self.fault = self.fault or fault
        self.faults += 1
