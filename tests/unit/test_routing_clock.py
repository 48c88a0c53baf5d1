"""The clock of a call: half and late, from answer to acceptance."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.routing.clock import clock_entries

ANSWERED = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return ANSWERED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("accepted", "now", "marks"),
    [
        (None, 0, []),
        (None, 149.9, []),
        (None, 150, ["half"]),
        (None, 299.9, ["half"]),
        (None, 300, ["half", "late"]),
        (None, 9999, ["half", "late"]),
        (149, 9999, []),
        (150, 9999, []),
        (151, 9999, ["half"]),
        (300, 9999, ["half"]),
        (300.1, 9999, ["half", "late"]),
        (200, 160, ["half"]),
        (400, 160, ["half"]),
    ],
)
def test_which_marks_a_call_has_passed(accepted: float | None, now: float, marks: list[str]) -> None:
    entries = clock_entries(300, ANSWERED, None if accepted is None else at(accepted), at(now))
    assert [entry.mark.value for entry in entries] == marks
    assert [entry.at for entry in entries] == [at(150), at(300)][: len(marks)]


@given(
    st.integers(10, 86400), st.lists(st.floats(0, 2e5), min_size=1).map(sorted), st.none() | st.floats(0, 2e5)
)
def test_what_was_passed_once_stays_passed(clock: int, looks: list[float], accepted: float | None) -> None:
    accepted_at = None if accepted is None else at(accepted)
    seen = [clock_entries(clock, ANSWERED, accepted_at, at(look)) for look in looks]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(seen))
