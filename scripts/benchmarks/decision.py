"""One decision with few and with many rules, and with many calls alive."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

from stack.installed import REPOSITORY

from benchmarks.figures import Lines, Section, Table, median, percentile
from benchmarks.plan import Sizes
from benchmarks.say import say
from ivr.calls.events import CallAnswered, CallStarted, StepTaken
from ivr.calls.registry import Registry
from ivr.routing.decide import decide, plan
from ivr.routing.examine import examine
from ivr.routing.loader import load
from ivr.routing.model import Facts
from ivr.routing.rules import Rules
from ivr.vocabulary import LAYER_1_QUEUE, Step

RULES = (10, 100, 1000)
"""As many as asked for, but never fewer than the repository's own."""
LIVE = (0, 50, 500, 5000)
KINDS = ("fire", "medical", "security", "brawl", "missing", "social", "hearse", "accident")
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Time:
    size: int
    p50_us: float | None
    p99_us: float | None


@dataclass(frozen=True, slots=True)
class Checked:
    lines: int
    read_ms: float
    proved_ms: float


async def measure(sizes: Sizes) -> Section:
    say("decisions")
    facts = Facts(category="consultation", operators=3)
    by_rules = []
    for count in RULES:
        rules = rules_of(count)
        times = _times(partial(_decide, rules, facts), sizes.decisions)
        by_rules.append(_summary(len(rules.rules), times))
    by_file = [checking(count) for count in RULES]
    by_calls = []
    for count in LIVE:
        registry = waiting(count)
        times = _times(partial(registry.layer_1_longest_wait, NOW), sizes.decisions)
        by_calls.append(_summary(count, times))
    tables = (
        Table(
            "A decision and its plan",
            ("rules", "p50 µs", "p99 µs"),
            [(one.size, one.p50_us, one.p99_us) for one in by_rules],
            "The last of the rules matches; each has conditions of its own before it.",
        ),
        Table(
            "A routing file, checked",
            ("lines", "read, ms", "read and proved, ms"),
            [(one.lines, one.read_ms, one.proved_ms) for one in by_file],
            "Once each. Proved: every call ends at a human; warnings are looked for too.",
        ),
        Table(
            "What a decision asks of the live calls",
            ("calls alive", "p50 µs", "p99 µs"),
            [(one.size, one.p50_us, one.p99_us) for one in by_calls],
            "How long the caller has waited who waits longest.",
        ),
    )
    charts = (
        Lines(
            "decision",
            "One decision, by rules",
            "µs",
            "rules",
            [float(one.size) for one in by_rules],
            {"decide and plan": [one.p50_us or 0.0 for one in by_rules]},
        ),
    )
    figures = {
        "by_rules": [asdict(one) for one in by_rules],
        "by_file": [asdict(one) for one in by_file],
        "by_live_calls": [asdict(one) for one in by_calls],
    }
    return Section("decision", "Decisions", tables, figures, charts)


def checking(count: int) -> Checked:
    """What ``ivr check`` does with so many rules, without starting Python."""
    text = file_of(count)
    began = time.perf_counter()
    load(text, "made up")
    read = time.perf_counter()
    examine({"made up": text.encode()}, "made up", NOW)
    proved = time.perf_counter()
    return Checked(text.count("\n"), (read - began) * 1000, (proved - read) * 1000)


def rules_of(count: int) -> Rules:
    return load(file_of(count), "made up")


def file_of(count: int) -> str:
    """The repository's rules with so many in all: made-up ones stand before them, each for one kind of call
    in one situation."""
    text = (REPOSITORY / "routing.yaml").read_text()
    head, own, rest = text.partition("\nrules:\n")
    already = len(load(text, "routing.yaml").rules)
    situations = ("operators: under {n}", "longest_wait: over {n}s", "schedule: office")
    made = "".join(
        f"  - rule: made up {number}\n"
        f"    when: {{category: {KINDS[number % len(KINDS)]}, "
        f"{situations[number % len(situations)].format(n=number % 50 + 5)}}}\n"
        f"    lead: damkar\n    priority: 5\n"
        for number in range(count - already)
    )
    return head + own + made + rest


def waiting(count: int) -> Registry:
    """So many callers wait in the queue."""
    registry = Registry()
    for number in range(count):
        call = f"bench-{number}"
        registry.apply(CallStarted(call, NOW, f"PJSIP/trunk-{number:08x}", "112"))
        registry.apply(CallAnswered(call, NOW))
        registry.apply(StepTaken(call, NOW, Step.STAGE, ("1", "q", LAYER_1_QUEUE, "60", "1")))
    return registry


def _decide(rules: Rules, facts: Facts) -> None:
    plan(rules, decide(rules, facts, NOW), facts, NOW)


def _times(work: Callable[[], object], count: int) -> Sequence[float]:
    """Microseconds of each try, after a few that fill the caches."""
    for _ in range(10):
        work()
    times = []
    for _ in range(count):
        began = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - began) / 1000)
    return times


def _summary(size: int, times: Sequence[float]) -> Time:
    return Time(size, median(times), percentile(times, 0.99))
