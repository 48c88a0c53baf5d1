"""How large each section is: a whole run on a quiet machine, or a quick one that shows that all works."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    rounds: int
    """Of each contestant at each rate, interleaved."""
    slow_rounds: int
    """At the first rate, whose calls take longest to place."""
    calls_per_round: int
    """At least; more where they would come in less than :attr:`round_seconds`."""
    round_seconds: float
    warm_up: int
    rates: Sequence[float]
    """Calls a second of the rounds, slowest first."""
    ratio_rate: float
    """The one of them whose ratio to the static dialplan is the one to watch."""
    load_rates: Sequence[float]
    """Calls a second that are tried one after the other, until one cannot be held."""
    load_seconds: float
    filling_calls: int
    """Fill all that is kept for a time: caches, pools, the last ended calls, and those whose clock of five
    minutes still runs."""
    many_calls: int
    """Behind them, over which memory and handles should stay the same."""
    many_rate: float
    looks: int
    """At memory and handles, spread over all of these."""
    in_progress: Sequence[int]
    operators: Sequence[int]
    growth_calls: int
    questions: int
    """FastAGI round trips."""
    events: int
    decisions: int
    entries: int
    recorded_calls: Sequence[int]
    """Sizes of a ledger."""
    fault_rounds: int
    """With the database and without it."""
    fault_calls: int
    """While something is broken."""
    slow_seconds: float
    """So long calls come to an engine that is slow."""
    found_again: int
    """Calls in progress when a new engine comes."""


FULL = Sizes(
    rounds=5,
    slow_rounds=2,
    calls_per_round=100,
    round_seconds=5,
    warm_up=20,
    rates=(5, 20, 50),
    ratio_rate=20,
    load_rates=(20, 40, 50, 60, 80),
    load_seconds=60,
    filling_calls=10_000,
    many_calls=5000,
    many_rate=30,
    looks=15,
    in_progress=(50, 200, 500),
    operators=(10, 100, 500),
    growth_calls=100,
    questions=5000,
    events=500_000,
    decisions=20_000,
    entries=50_000,
    recorded_calls=(10_000, 1_000_000),
    fault_rounds=3,
    fault_calls=100,
    slow_seconds=60,
    found_again=200,
)
QUICK = Sizes(
    rounds=1,
    slow_rounds=1,
    calls_per_round=30,
    round_seconds=1,
    warm_up=3,
    rates=(20,),
    ratio_rate=20,
    load_rates=(10,),
    load_seconds=3,
    filling_calls=20,
    many_calls=40,
    many_rate=20,
    looks=3,
    in_progress=(20,),
    operators=(10,),
    growth_calls=10,
    questions=300,
    events=20_000,
    decisions=500,
    entries=2_000,
    recorded_calls=(100, 1_000),
    fault_rounds=1,
    fault_calls=10,
    slow_seconds=2,
    found_again=10,
)
