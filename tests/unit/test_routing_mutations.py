"""Whatever is changed in the shipped file: it is refused with a place, or every call is still decided."""

import re
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ivr.menu.walk import Chosen, press, start
from ivr.routing.advice import LONGEST_PLAN, encode_plan
from ivr.routing.decide import decide, plan
from ivr.routing.loader import load
from ivr.routing.model import CallerClass, Facts, LinesStage
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
LINES = AMBON.splitlines()
WORDS = [
    match
    for match in re.finditer(r"[^\s,{}\[\]:#]+", AMBON)
    if "#" not in AMBON[: match.start()].rpartition("\n")[2]
]
TYPED = [
    "on", "off", "no", "yes", "~", "null", "true", "112", "0711", "+62811345678", "08:00", "0", "-1", "9.5",
    "\"", "“x”", "*", "&a", "*a", "[]", "{}", "[a, b]", "{a: b}", "last_resort", "lead", "always", "none",
    "emergency", "over 60s", "15s", "2m", "not office", "<<", "- x", "é", "\u00a0", "",
]  # fmt: skip
NOW = datetime(2026, 12, 24, 20, 30, tzinfo=UTC)

some_words = st.sampled_from(WORDS)
typed = st.sampled_from(TYPED) | some_words.map(lambda match: match[0])


@st.composite
def other_words(draw: st.DrawFn) -> str:
    """One to three words of the file written differently."""
    text = AMBON
    for match in sorted(draw(st.lists(some_words, min_size=1, max_size=3)), key=lambda one: -one.start()):
        text = text[: match.start()] + draw(typed) + text[match.end() :]
    return text


@st.composite
def other_lines(draw: st.DrawFn) -> str:
    """Some lines taken away, repeated, moved, or indented differently."""
    lines = list(LINES)
    start = draw(st.integers(0, len(lines) - 1))
    piece = lines[start : start + draw(st.integers(1, 8))]
    match draw(st.sampled_from(["away", "twice", "moved", "indented"])):
        case "away":
            del lines[start : start + len(piece)]
        case "twice":
            lines[start:start] = piece
        case "moved":
            del lines[start : start + len(piece)]
            to = draw(st.integers(0, len(lines)))
            lines[to:to] = piece
        case "indented":
            blanks = draw(st.integers(-4, 4))
            lines[start] = " " * blanks + lines[start] if blanks >= 0 else lines[start][-blanks:]
    return "\n".join(lines) + "\n"


def refused_or_decides(text: str) -> None:
    rules, found = None, ()
    try:
        rules = load(text, "routing.yaml")
    except RoutingError as error:
        found = error.problems
    if rules is not None:
        decides(rules)
        return
    assert found
    for problem in found:
        assert problem.file == "routing.yaml"
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.column >= 1
        assert len(problem.message) > 20


def decides(rules: Rules) -> None:
    agencies, lines = frozenset(rules.agencies), frozenset(rules.lines)
    for number, category in enumerate(rules.categories):
        for facts in (
            Facts(category=category),
            Facts(category=category, operators=0, caller=CallerClass.SIMLESS, out_of_service=agencies),
            Facts(category=category, longest_wait=600.0, prank_marks=9, out_of_service=lines),
        ):
            decision = decide(rules, facts, NOW)
            stages = plan(rules, decision, facts, NOW)
            assert len(encode_plan(stages)) <= LONGEST_PLAN
            assert isinstance(stages[-1], LinesStage)
            assert set(stages[-1].lines) <= set(rules.last_resort)
        entry = sorted(rules.numbers)[number % len(rules.numbers)]
        step = start(rules, entry)
        for key in "*1*5*99":
            if isinstance(step, Chosen):
                break
            step = press(rules, step, key)
        assert isinstance(step, Chosen)


def test_the_words_are_those_of_the_file() -> None:
    assert len(WORDS) > 500
    assert "damkar" in {match[0] for match in WORDS}
    decides(load(AMBON, "routing.yaml"))


@given(other_words())
def test_other_words_are_refused_or_decide(text: str) -> None:
    refused_or_decides(text)


@given(other_lines())
def test_other_lines_are_refused_or_decide(text: str) -> None:
    refused_or_decides(text)
