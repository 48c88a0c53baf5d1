"""Which events of Asterisk's file are news, and which were seen live: pure.

The file holds each call's events from its beginning, in the order in which they came live. So the place of
an event among its call's events (:class:`Numbering`) and the number of those that a call knows
(:attr:`ivr.calls.call.Call.events`) decide. Around the moment at which the link came up an event can come
both ways; :class:`Seam` lets it count once.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta

from ivr.calls.call import Call
from ivr.calls.events import CallEnded, CallEvent, CallStarted

LONGEST_DELAY = timedelta(seconds=30)
"""From an event's writing into the file to its coming live: milliseconds, unless the machine hangs."""


class Numbering:
    """Counts the events of each call as they come from the file."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def number(self, event: CallEvent) -> int | None:
        """The place of ``event`` among the events of its call: 1 is the first after the start. The start and
        the end have none (0). ``None``: the call's beginning was not read, so nobody knows."""
        count = self._counts.get(event.call_id)
        if isinstance(event, CallStarted):
            self._counts[event.call_id] = count or 0
            return 0
        if isinstance(event, CallEnded):
            return 0
        if count is None:
            return None
        self._counts[event.call_id] = count + 1
        return count + 1

    def __contains__(self, call_id: str) -> bool:
        """Whether this call's beginning was read."""
        return call_id in self._counts


def is_news(call: Call | None, event: CallEvent, number: int | None) -> bool:
    """Whether ``call`` (``None``: not known) has not seen this event of the file yet."""
    if isinstance(event, CallStarted):
        return call is None or (call.started_at is None and call.events is not None)
    if isinstance(event, CallEnded):
        return call is not None and call.ended_at is None
    if number is None or call is None:
        return False
    return call.events is not None and number > call.events


class Seam:
    """The last events that the file told before the live ones began. The live ones begin among them, or right
    after them."""

    def __init__(self, told: Iterable[CallEvent] = ()) -> None:
        self._told = deque(told)
        self._closes = self._told[-1].at + LONGEST_DELAY if self._told else None

    def was_told(self, event: CallEvent) -> bool:
        """Whether this live event was told by the file already."""
        if self._closes is None:
            return False
        if event.at > self._closes:
            self._told.clear()
            self._closes = None
            return False
        same = [place for place, told in enumerate(self._told) if _same(told, event)]
        if not same:
            return False
        nearest = min(same, key=lambda place: abs(self._told[place].at - event.at))
        for _ in range(nearest + 1):  # the order is the same: those before it will not come any more
            self._told.popleft()
        return True


def _same(one: CallEvent, other: CallEvent) -> bool:
    """The same event, but for its time: the file has that of the event, the live link that of its sending."""
    return type(one) is type(other) and all(
        getattr(one, field.name) == getattr(other, field.name) for field in fields(one) if field.name != "at"
    )
