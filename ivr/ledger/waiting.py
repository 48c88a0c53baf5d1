"""What waits to be stored: rows in their order, and of each call how it stands now."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ivr.calls.call import Call
from ivr.calls.states import State
from ivr.ledger.entries import CallerData, Entry
from ivr.ledger.personal import caller_rows
from ivr.ledger.rows import Row, call_row, entry_row
from ivr.ledger.vault import Vault

CALL_SECONDS = 1.0
"""A call's row is written when the call is new, at its end, and between the two at most so often. The ledger
has each step at once; the row only says how far the call has come."""

MOST_CALLERS = 2_000
"""Calls whose callers are remembered, so that only what is new of them is put down."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Taken out to be stored; given back to :meth:`Waiting.stored` when it is."""

    entries: tuple[Row, ...]
    calls: tuple[Call, ...]
    at: float

    def rows(self, now: datetime) -> list[Row]:
        return [*self.entries, *(call_row(call, now) for call in self.calls)]

    def __len__(self) -> int:
        return len(self.entries) + len(self.calls)


class Waiting:
    """Bounded by ``bound`` rows; a call counts as one, however often it changed. Times are the loop's."""

    def __init__(self, bound: int, vault: Vault | None = None) -> None:
        self._bound = bound
        self._vault = vault
        self._told: deque[tuple[Entry | str, datetime]] = deque()
        """Entries, and calls whose caller's data wait in ``_unsealed``; with the time at which they were put
        down. Rows are made of many at once: that costs a third of making each when it comes."""
        self._callers: OrderedDict[str, CallerData] = OrderedDict()
        """By call: all that is known of the caller."""
        self._unsealed: dict[str, CallerData] = {}
        """By call."""
        self._rows: deque[Row] = deque()
        """Made, and not stored yet; they stay the same, whatever fails."""
        self._calls: dict[str, Call] = {}
        """By id: as they stand now, and that is not stored yet."""
        self._stored_at: dict[str, float] = {}
        """When the row of a call that has not ended was stored last."""

    def __len__(self) -> int:
        return len(self._told) + len(self._rows) + len(self._calls)

    def add(self, entry: Entry, now: datetime) -> bool:
        """False when it is full: then it is lost."""
        return self._tell(entry, now)

    def add_caller(self, caller: CallerData, now: datetime) -> bool:
        """What of it is new. False when it is full: then it is lost."""
        call_id = caller.call_id
        known = self._callers.get(call_id, CallerData(call_id, ""))
        whole = known.with_more(caller)
        if whole != known:
            if call_id not in self._unsealed and not self._tell(call_id, now):
                return False
            self._unsealed[call_id] = self._callers[call_id] = whole
            while len(self._callers) > MOST_CALLERS:
                self._callers.popitem(last=False)
        return True

    def _tell(self, what: Entry | str, now: datetime) -> bool:
        if len(self) >= self._bound:
            return False
        self._told.append((what, now))
        return True

    def put(self, call: Call) -> bool:
        """The call stands so now. False when it is full, and this call was not waiting yet."""
        if call.id not in self._calls and len(self) >= self._bound:
            return False
        self._calls[call.id] = call
        return True

    def is_due(self, call: Call, at: float) -> bool:
        """Whether its row is to be stored now, not later."""
        stored = self._stored_at.get(call.id)
        return stored is None or at - stored >= CALL_SECONDS or call.state is State.ENDED

    def next_due(self) -> float | None:
        """When the first call that waits is due; ``None`` when none waits."""
        return min((self._stored_at.get(id, 0.0) + CALL_SECONDS for id in self._calls), default=None)

    def batch(self, most: int, at: float, *, everything: bool = False) -> Batch:
        """The first ``most`` rows, and calls that are due (all of them with ``everything``)."""
        while self._told and len(self._rows) < most:
            self._rows.extend(self._rows_of(*self._told.popleft()))
        entries = tuple(islice(self._rows, most))
        due: Iterator[Call] = (call for call in self._calls.values() if everything or self.is_due(call, at))
        return Batch(entries, tuple(islice(due, most - len(entries))), at)

    def stored(self, batch: Batch) -> None:
        """``batch`` is safe: what of it has not changed since need not be stored again."""
        for _ in batch.entries:
            self._rows.popleft()
        for call in batch.calls:
            if self._calls.get(call.id) is call:
                del self._calls[call.id]
            if call.state is State.ENDED:
                self._stored_at.pop(call.id, None)
                self._callers.pop(call.id, None)
            else:
                self._stored_at[call.id] = batch.at

    def _rows_of(self, what: Entry | str, now: datetime) -> Iterable[Row]:
        if isinstance(what, Entry):
            return (entry_row(what, now),)
        return caller_rows(self._unsealed.pop(what), now, self._vault)

    def forget(self) -> int:
        """Give up everything; how much that was."""
        lost = len(self)
        self._told.clear()
        self._unsealed.clear()
        self._rows.clear()
        self._calls.clear()
        return lost
