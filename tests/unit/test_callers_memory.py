"""What is remembered of a number, for how long, and of whom nothing is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ivr.callers.memory import CallerMemory, LastCall, Remembered
from ivr.routing.rules import Callers, Prank, Redial

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
CALLERS = Callers(redial=Redial(600, 3), prank=Prank(3, -4, 86_400))
ONE, OTHER = "+628110000001", "+628110000002"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def on_line(number: str = ONE, call: str = "now") -> CallerMemory:
    memory = CallerMemory()
    memory.came(call, number)
    return memory


def test_who_left_before_a_person_answered_calls_again() -> None:
    memory = on_line(call="before")
    memory.went("before", ago(60), answered=False)
    memory.came("now", ONE)
    memory.came("other", OTHER)
    assert memory.of("now", CALLERS, NOW) == Remembered(ONE, 0, 60.0)
    assert memory.of("other", CALLERS, NOW) == Remembered(OTHER, 0, None)


def test_who_talked_with_a_person_last_does_not() -> None:
    memory = on_line()
    memory.recall(LastCall(ONE, ago(120), answered=False))
    memory.recall(LastCall(ONE, ago(60), answered=True))
    assert memory.of("now", CALLERS, NOW).redial_seconds is None


def test_of_two_calls_the_later_end_counts_whichever_is_told_first() -> None:
    memory = on_line()
    memory.recall(LastCall(ONE, ago(60), answered=True))
    memory.restore([], [LastCall(ONE, ago(120), answered=False)])
    assert memory.of("now", CALLERS, NOW).redial_seconds is None


def test_the_file_says_how_long_a_redial_counts_and_whether() -> None:
    memory = on_line()
    memory.recall(LastCall(ONE, ago(600), answered=False))
    assert memory.of("now", CALLERS, NOW).redial_seconds == 600
    assert memory.of("now", CALLERS, NOW + timedelta(seconds=1)).redial_seconds is None
    assert memory.of("now", Callers(), NOW) == Remembered(ONE)


def test_a_clock_that_goes_back_makes_no_negative_time() -> None:
    memory = on_line()
    memory.recall(LastCall(ONE, NOW + timedelta(seconds=5), answered=False))
    assert memory.of("now", CALLERS, NOW).redial_seconds == 0.0


def test_marks_count_until_the_file_forgets_them() -> None:
    memory = on_line()
    memory.take_marks({ONE: [ago(10), ago(86_399), ago(86_400)], OTHER: [ago(1)]})
    assert memory.of("now", CALLERS, NOW).prank_marks == 2
    assert memory.of("now", Callers(), NOW).prank_marks == 0
    memory.take_marks({})
    assert memory.of("now", CALLERS, NOW).prank_marks == 0


def test_a_call_that_is_not_known_is_a_call_like_any_other() -> None:
    memory = CallerMemory()
    memory.take_marks({ONE: [NOW] * 9})
    memory.went("never-came", NOW, answered=False)
    assert memory.of("never-came", CALLERS, NOW) == Remembered()


def test_after_a_restart_the_menu_goes_on_with_what_the_earlier_run_knew() -> None:
    memory = CallerMemory()
    memory.restore([("now", ONE)], [LastCall(ONE, ago(30), answered=False)])
    assert memory.of("now", CALLERS, NOW) == Remembered(ONE, 0, 30.0)
    memory.restore([("now", OTHER)], [])
    assert memory.of("now", CALLERS, NOW).number == ONE


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=60))
def test_it_never_holds_more_than_its_bounds_and_forgets_the_oldest(
    story: list[tuple[int, int, bool]],
) -> None:
    memory = CallerMemory(most_calls=3, most_numbers=2)
    on_line: dict[str, str] = {}
    left: dict[str, None] = {}
    for call, digit, ends in story:
        name, number = f"c{call}", f"+6281100000{digit}"
        if not ends and name not in on_line:
            memory.came(name, number)
            on_line[name] = number
            on_line = dict(list(on_line.items())[-3:])
        elif ends:
            memory.went(name, NOW, answered=False)
            if gone := on_line.pop(name, None):
                left.pop(gone, None)
                left = dict.fromkeys([*left, gone][-2:])
    assert {call: memory.of(f"c{call}", CALLERS, NOW).number for call in range(10)} == {
        call: on_line.get(f"c{call}") for call in range(10)
    }
    for digit in range(10):
        number = f"+6281100000{digit}"
        memory.came("now", number)
        assert (memory.of("now", CALLERS, NOW).redial_seconds is not None) == (number in left)
