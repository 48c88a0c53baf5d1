"""Who is on duty: the members of Asterisk's queues, as its events tell. Asterisk wins; this is a copy."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ivr.calls.events import OperatorChanged, QueueEvent
from ivr.vocabulary import LAYER_1_QUEUE

FREE = "free"
REACHABLE = frozenset({FREE, "in-use", "ringing"})
"""Devices of operators who are there, if perhaps busy."""


@dataclass
class Roster:
    """Members by (queue, phone)."""

    members: dict[tuple[str, str], OperatorChanged] = field(default_factory=dict)
    known: bool = False
    """False until Asterisk has told us, and again while the link is down."""
    _there: Counter[str] = field(default_factory=Counter)
    """By queue: every decision asks for it, and members may be hundreds."""

    def apply(self, event: QueueEvent) -> None:
        before = self.members.pop((event.queue, event.phone), None)
        if before is not None:
            self._there[before.queue] -= _is_there(before)
        if isinstance(event, OperatorChanged):
            self.members[event.queue, event.phone] = event
            self._there[event.queue] += _is_there(event)

    def replace(self, members: Iterable[OperatorChanged]) -> None:
        """What Asterisk says after a reconnect, instead of all that was known."""
        self.members = {}
        self._there.clear()
        for member in members:
            self.apply(member)
        self.known = True

    def on_duty(self, queue: str = LAYER_1_QUEUE) -> int:
        """Operators logged in to ``queue``, not paused, with a phone that can be reached."""
        return self._there[queue]

    def free(self, queue: str = LAYER_1_QUEUE) -> int:
        """Those of :meth:`on_duty` who could take a call now."""
        return sum(
            1
            for member in self.members.values()
            if member.queue == queue and not member.paused and member.device == FREE
        )


def _is_there(member: OperatorChanged) -> bool:
    return not member.paused and member.device in REACHABLE
