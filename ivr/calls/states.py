"""The states of a call and which may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where the caller is."""

    TRUNK = "trunk"
    """On the trunk; nothing has been decided yet."""
    MENU = "menu"
    """Hears a menu."""
    QUEUE = "queue"
    """Waits in a queue; no phone rings."""
    RINGING = "ringing"
    """Waits in a queue; at least one operator's phone rings."""
    LINES = "lines"
    """Agency lines ring, or somebody there listens to the sentence and has not accepted."""
    TALKING = "talking"
    """A person talks with the caller."""
    ENDED = "ended"
    """The caller's channel is gone."""


LEGAL: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.TRUNK: frozenset({State.MENU, State.QUEUE, State.LINES, State.ENDED}),
        State.MENU: frozenset({State.MENU, State.QUEUE, State.LINES, State.ENDED}),
        State.QUEUE: frozenset({State.QUEUE, State.RINGING, State.LINES, State.TALKING, State.ENDED}),
        State.RINGING: frozenset({State.RINGING, State.QUEUE, State.LINES, State.TALKING, State.ENDED}),
        State.LINES: frozenset({State.LINES, State.QUEUE, State.TALKING, State.ENDED}),
        State.TALKING: frozenset({State.TALKING, State.QUEUE, State.LINES, State.ENDED}),
        State.ENDED: frozenset(),
    }
)
"""What may follow. ``talking`` to ``queue``: the operator's side ended and the caller waits again. An
operator who answers may be seen before the phone was seen ringing, hence ``queue`` to ``talking``."""

WAITING = frozenset({State.TRUNK, State.MENU, State.QUEUE, State.RINGING, State.LINES})
"""States in which no person is with the caller yet."""
