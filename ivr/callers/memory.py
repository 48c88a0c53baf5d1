"""What the engine remembers of the numbers that call, in memory. Pure; nothing here ever refuses a call.

Only a real number is somebody: of SIM-less and anonymous callers nothing is remembered. A decision finds the
number by the call's id. Where it is lost (the engine has just started and the database is away), the call
goes on like any other.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.routing.rules import Callers

MOST_CALLS = 10_000
MOST_NUMBERS = 20_000
"""More push out the oldest."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Of the caller of one call, as :class:`ivr.routing.model.Facts` has it."""

    number: str | None = None
    prank_marks: int = 0
    redial_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LastCall:
    """How the last call of a number ended; ``answered``: a person talked with the caller."""

    number: str
    at: datetime
    answered: bool
    call_id: str = ""


class CallerMemory:
    """Numbers are in the form +628…, times aware. ``index`` is how marks call a number."""

    def __init__(
        self,
        index: Callable[[str], str | None] = str,
        *,
        most_calls: int = MOST_CALLS,
        most_numbers: int = MOST_NUMBERS,
    ) -> None:
        self._index = index
        self._most_calls = most_calls
        self._most_numbers = most_numbers
        self._numbers: OrderedDict[str, str] = OrderedDict()
        """By call, of calls that have not ended."""
        self._last: OrderedDict[str, LastCall] = OrderedDict()
        """By number."""
        self._marks: Mapping[str, Sequence[datetime]] = {}

    def came(self, call_id: str, number: str) -> None:
        """A call from a real number."""
        self._numbers[call_id] = number
        while len(self._numbers) > self._most_calls:
            self._numbers.popitem(last=False)

    def went(self, call_id: str, at: datetime, *, answered: bool) -> None:
        """It ended."""
        number = self._numbers.pop(call_id, None)
        if number is not None:
            self.recall(LastCall(number, at, answered, call_id))

    def recall(self, last: LastCall) -> None:
        """Of two calls of a number the later counts, whichever is told first."""
        known = self._last.get(last.number)
        if known is not None and known.at > last.at:
            return
        self._last[last.number] = last
        self._last.move_to_end(last.number)
        while len(self._last) > self._most_numbers:
            self._last.popitem(last=False)

    def restore(self, open_calls: Iterable[tuple[str, str]], ended: Iterable[LastCall]) -> None:
        """What an earlier run knew: pairs (call, number), and calls that ended. What is newer stays."""
        for call_id, number in open_calls:
            if call_id not in self._numbers:
                self.came(call_id, number)
        for last in ended:
            self.recall(last)

    def forget(self, call_ids: Collection[str]) -> None:
        """The personal data of these calls was erased."""
        for call_id in call_ids:
            self._numbers.pop(call_id, None)
        for number in [number for number, last in self._last.items() if last.call_id in call_ids]:
            del self._last[number]

    def take_marks(self, marks: Mapping[str, Sequence[datetime]]) -> None:
        """All prank marks there are, by the number's index: when each was made."""
        self._marks = marks

    def of(self, call_id: str, callers: Callers, now: datetime) -> Remembered:
        """What the city's rules let count of the caller of this call."""
        number = self._numbers.get(call_id)
        if number is None:
            return Remembered()
        return Remembered(number, self._prank_marks(number, callers, now), self._redial(number, callers, now))

    def _prank_marks(self, number: str, callers: Callers, now: datetime) -> int:
        if callers.prank is None or not self._marks:
            return 0
        oldest = now - timedelta(seconds=callers.prank.forget_seconds)
        return sum(at > oldest for at in self._marks.get(self._index(number) or "", ()))

    def _redial(self, number: str, callers: Callers, now: datetime) -> float | None:
        last = self._last.get(number)
        if callers.redial is None or last is None or last.answered:
            return None
        seconds = max(0.0, (now - last.at).total_seconds())
        return seconds if seconds <= callers.redial.within_seconds else None
