"""Who is on duty: the members of Asterisk's queues, as its events tell. Asterisk wins; this is a copy."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ivr.calls.events import OperatorChanged, OperatorLeft, QueueEvent
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

    def apply(self, event: QueueEvent) -> None:
        match event:
            case OperatorChanged():
                self.members[event.queue, event.phone] = event
            case OperatorLeft():
                self.members.pop((event.queue, event.phone), None)

    def replace(self, members: Iterable[OperatorChanged]) -> None:
        """What Asterisk says after a reconnect, instead of all that was known."""
        self.members = {(member.queue, member.phone): member for member in members}
        self.known = True

    def on_duty(self, queue: str = LAYER_1_QUEUE) -> int:
        """Operators logged in to ``queue``, not paused, with a phone that can be reached."""
        return sum(
            1
            for member in self.members.values()
            if member.queue == queue and not member.paused and member.device in REACHABLE
        )

    def free(self, queue: str = LAYER_1_QUEUE) -> int:
        """Those of :meth:`on_duty` who could take a call now."""
        return sum(
            1
            for member in self.members.values()
            if member.queue == queue and not member.paused and member.device == FREE
        )
