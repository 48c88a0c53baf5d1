"""What a recording must be, given its call."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.call import Call
from ivr.calls.states import State
from ivr.recordings.files import find, free_bytes, sizes
from ivr.recordings.rules import (
    BYTES_A_SECOND,
    GAP_SECONDS,
    HEADER_BYTES,
    STEP_SECONDS,
    Growth,
    Why,
    look,
    places,
    why_failed,
)

START = datetime(2026, 7, 1, 23, 59, 59, 900_000, tzinfo=UTC)
STEP_BYTES = 32_768


def watched(written: list[float], looks: list[float]) -> list[tuple[float, float]]:
    """Look at a file of which a step is written at each of the times ``written``; (when, seconds) told."""
    growth: Growth | None = None
    told = []
    for at in looks:
        size = HEADER_BYTES + STEP_BYTES * sum(time <= at for time in written)
        growth, lacks = look(growth, at, size)
        if lacks is not None:
            told.append((at, lacks))
    return told


@given(begun=st.floats(0, STEP_SECONDS), late=st.lists(st.floats(0, 0.4), min_size=60, max_size=60))
def test_a_file_that_grows_by_steps_lacks_nothing(begun: float, late: list[float]) -> None:
    """Whatever part of a step was written when the talk began, and however late we look."""
    written = [begun + STEP_SECONDS * number for number in range(-3, 60)]
    assert watched(written, [second + late[second] for second in range(60)]) == []


@given(begun=st.floats(0, STEP_SECONDS), stops=st.floats(5, 20))
def test_a_file_that_stops_growing_is_told_once_and_soon(begun: float, stops: float) -> None:
    written = [time for number in range(60) if (time := begun + STEP_SECONDS * number) <= stops]
    ((at, lacks),) = watched(written, list(range(60)))
    assert at - max(written) <= GAP_SECONDS + STEP_SECONDS + 1
    assert 0 < lacks <= at - max(written) + 1


def test_each_of_two_gaps_is_told() -> None:
    steps = [STEP_SECONDS * number for number in range(60)]
    written = [time for time in steps if not 10 <= time < 20 and not 40 <= time < 60]
    told = watched(written, list(range(100)))
    assert [10 <= at < 20 or 40 <= at < 60 for at, _ in told] == [True, True]


def test_one_step_that_could_not_be_written_is_told() -> None:
    """The disk was full for a moment: 2 s of the talk are lost, and the file grows again."""
    written = [STEP_SECONDS * number for number in range(60) if number != 10]
    ((at, lacks),) = watched(written, list(range(100)))
    assert at > 20
    assert lacks == pytest.approx(STEP_SECONDS, abs=1.1)


def test_a_file_that_never_comes_is_told() -> None:
    growth: Growth | None = None
    told = []
    for at in range(10):
        growth, lacks = look(growth, at, 0)
        told += [at] if lacks is not None else []
    assert told == [4]


def size_of(seconds: float) -> int:
    return HEADER_BYTES + int(seconds * BYTES_A_SECOND)


@pytest.mark.parametrize(
    ("size", "gaps", "disk", "why"),
    [
        (size_of(60), 0, False, None),
        (size_of(53), 0, False, None),  # the engine hung for 6 s
        (size_of(50), 0, False, Why.INCOMPLETE),
        (size_of(60), 1, False, Why.INCOMPLETE),
        (size_of(70), 0, False, None),  # the clock was set back
        (HEADER_BYTES, 0, False, Why.EMPTY),
        (0, 0, False, Why.EMPTY),
        (None, 0, False, Why.MISSING),
        (None, 0, True, Why.DISK),
        (size_of(30), 1, True, Why.DISK),
        (size_of(60), 0, True, None),  # it had begun before
    ],
)
def test_why_a_recording_is_not_whole(size: int | None, gaps: int, disk: bool, why: Why | None) -> None:
    assert why_failed(size, 60.0, gaps=gaps, disk=disk, quiet_seconds=6.0) == why


def test_a_short_call_without_audio_is_no_whole_recording() -> None:
    assert why_failed(HEADER_BYTES, 3.0, gaps=0, disk=False, quiet_seconds=6.0) is Why.EMPTY


def test_the_file_is_found_also_when_the_day_ended_in_between(tmp_path: Path) -> None:
    """Asterisk answered at 23:59:59.9 and asked its clock for the day just after midnight."""
    call = Call("siaga-1.1", START, answered_at=START)
    assert list(places(call))[:2] == ["2026/07/01/siaga-1.1.wav", "2026/07/02/siaga-1.1.wav"]
    assert sizes(tmp_path, [call]) == [None]
    assert find(tmp_path, call) is None
    path = tmp_path / "2026/07/02/siaga-1.1.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(40) + (100).to_bytes(4, "little") + bytes(90))
    found = find(tmp_path, call)
    assert found is not None
    assert (found.file, found.size, found.closed) == ("2026/07/02/siaga-1.1.wav", 134, False)
    path.write_bytes(bytes(40) + (90).to_bytes(4, "little") + bytes(90))
    assert (found := find(tmp_path, call)) is not None
    assert found.closed
    assert sizes(tmp_path, [call]) == [134]


def test_free_space_is_asked_where_the_directory_will_be(tmp_path: Path) -> None:
    assert 0 < free_bytes(tmp_path / "not" / "yet", tmp_path) == free_bytes(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "human", "recording", "due"),
    [(10, False, None, True), (1, False, None, False), (1, True, None, True), (10, True, "saved", False)],
)
def test_which_calls_must_have_a_recording(
    seconds: int, human: bool, recording: str | None, due: bool
) -> None:
    end = START + timedelta(seconds=seconds)
    call = Call(
        *("c", START),
        state=State.ENDED,
        answered_at=START,
        ended_at=end,
        operator_at=START if human else None,
        recording=recording,
    )
    assert call.recording_due is due
    assert not Call("c", START, answered_at=START).recording_due
