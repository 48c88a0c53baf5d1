"""The conditions of rules as expressions of the dialplan, and what Asterisk cannot know of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType

from ivr.lifeline.dialplan import all_of, any_of
from ivr.lifeline.hours import flag
from ivr.routing.conditions import Compared, Condition, DuringSchedule, OneOf
from ivr.routing.model import CallerClass, Facts, ServiceState
from ivr.routing.schedules import Schedule

OPERATORS = "LIFE_OPERATORS"
SWAMPED = "LIFE_SWAMPED"
"""1 while the city's ``swamped`` holds."""

NOT_KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "caller": "the engine's word if it gave the menu, else `number`",
        "caller_number": "none",
        "longest_wait": "0 s",
        "listed": "in no list",
        "prank_marks": "0",
        "redial_seconds": "not a redial",
        "out_of_service": "everything is in service",
        "service_state": "worked out from operators and `swamped`; what a person set is not known",
    }
)
"""Facts of a call that Asterisk cannot know → what the lifeline takes instead. All other facts are the
engine's; docs/lifeline.md has this table."""

TAKEN = Facts()
"""What the lifeline knows of every call; the rest is asked at the call itself."""

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {"entry": "${IVR_ENTRY}", "language": "${LIFE_LANGUAGE}", "caller": "${IVR_CALLER}"}
)
_STATES: Mapping[str, str] = MappingProxyType(
    {
        ServiceState.UNSTAFFED: f"${{{OPERATORS}}} = 0",
        ServiceState.OVERLOADED: f"(${{{OPERATORS}}} > 0 & ${{{SWAMPED}}} = 1)",
        ServiceState.NORMAL: f"(${{{OPERATORS}}} > 0 & ${{{SWAMPED}}} = 0)",
    }
)
"""As ``ivr.routing.service_state`` works them out."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Translates those of one file. ``schedules`` are those with a flag, in their order."""

    schedules: tuple[Schedule, ...]

    def all(self, conditions: Sequence[Condition], facts: Facts) -> str | None:
        """When all hold, for a call with this category; ``"1"``: always, ``None``: never."""
        terms = []
        for condition in conditions:
            term = self._term(condition, facts)
            if term is None:
                return None
            if term != "1":
                terms.append(term)
        return all_of(terms)

    def any(self, conditions: Sequence[Condition], facts: Facts) -> str:
        terms = [term for one in conditions if (term := self._term(one, facts)) is not None]
        return any_of(terms)

    def _term(self, condition: Condition, facts: Facts) -> str | None:
        match condition:
            case DuringSchedule():
                return f"${{{flag(self.schedules.index(condition.schedule))}}} = {int(not condition.outside)}"
            case Compared(fact="operators"):
                return f"${{{OPERATORS}}} {'>' if condition.over else '<'} {condition.bound}"
            case OneOf(fact="service_state"):
                known = [_STATES[value] for value in condition.values if value in _STATES]
                return any_of(known) if known else None
            case OneOf(fact=fact) if fact in _EXPRESSIONS:
                return any_of([f'"{_EXPRESSIONS[fact]}" = "{value}"' for value in condition.values])
        return "1" if condition.holds(facts, _ANY_TIME) else None


def looks_at_operators(conditions: Sequence[Condition]) -> bool:
    return any(
        (isinstance(one, Compared) and one.fact == "operators")
        or (isinstance(one, OneOf) and one.fact == "service_state")
        for one in conditions
    )


def enough_operators(conditions: Sequence[Condition]) -> int:
    """More operators than this make no difference to any of the conditions."""
    return 1 + max(
        (one.bound for one in conditions if isinstance(one, Compared) and one.fact == "operators"), default=0
    )


def facts_of(category: str, *, cannot_speak: bool = False, operators: int = 0) -> Facts:
    """What is taken for known of a call with this category."""
    return replace(
        TAKEN, category=category, cannot_speak=cannot_speak, operators=operators, caller=CallerClass.NUMBER
    )
