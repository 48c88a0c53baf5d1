"""What one event or note means for a call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.calls.findings import Kind
from ivr.calls.states import State

LONGEST_TEXT = 200
"""Characters kept of any text that comes from outside."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event means: facts to set, the state it leads to, and the finding."""

    kind: Kind
    data: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    to: State | None = None
    odd: str | None = None


def text(value: str) -> str:
    """``value`` as it is kept."""
    return value[:LONGEST_TEXT]
