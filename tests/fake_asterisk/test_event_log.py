"""Asterisk's own file of events: the same events as live, whatever a power cut or a caller made of it."""

import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.asterisk.event_log import EventLog, Place
from ivr.asterisk.translate import translate
from ivr.calls.events import CallEvent, CallStarted
from tests.fake_asterisk.event_file import append, line, recorded_events

RECORDINGS = ("caller_leaves_operator", "operator_hangs_up", "line_accepts", "originated_leg_joins")
WRITTEN = [event for name in RECORDINGS for event in recorded_events(name)]
LINES = [line(event) for event in WRITTEN]
LIVE = [event for event in map(translate, WRITTEN) if event is not None]


def read(folder: Path, since: Place | None = None, until: Place | None = None) -> tuple[list[CallEvent], int]:
    pieces = list(EventLog(folder).read(since, until))
    return [event for piece in pieces for event in piece.events], sum(piece.unreadable for piece in pieces)


def meaning(*lines: bytes) -> list[CallEvent]:
    events = [translate(event) for event, own in zip(WRITTEN, LINES, strict=True) if own in lines]
    return [event for event in events if event is not None]  # type: ignore[misc]


def test_the_file_tells_what_the_link_tells(tmp_path: Path) -> None:
    append(tmp_path, *LINES)
    assert read(tmp_path) == (LIVE, 0)
    assert len(LIVE) > 20


def test_no_file_is_no_event(tmp_path: Path) -> None:
    assert read(tmp_path) == ([], 0)
    assert EventLog(tmp_path).end() is None


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    append(tmp_path, *LINES[:7], LINES[7][:40])
    log = EventLog(tmp_path)
    [piece] = log.read()
    append(tmp_path, LINES[7][40:], *LINES[8:])
    assert [*piece.events, *read(tmp_path, piece.end)[0]] == LIVE


def test_reading_ends_where_it_should(tmp_path: Path) -> None:
    append(tmp_path, *LINES[:7])
    end = EventLog(tmp_path).end()
    append(tmp_path, *LINES[7:])
    assert read(tmp_path, None, end) == (meaning(*LINES[:7]), 0)
    assert read(tmp_path, end) == (meaning(*LINES[7:]), 0)


def test_a_file_that_was_renamed_is_read_to_its_end_and_then_the_next(tmp_path: Path) -> None:
    append(tmp_path, *LINES[:5])
    middle = EventLog(tmp_path).end()
    append(tmp_path, *LINES[5:9])
    (tmp_path / "master.csv").rename(tmp_path / "master.csv.2026-11-21")
    os.utime(tmp_path / "master.csv.2026-11-21", (1, 1))
    append(tmp_path, *LINES[9:20])
    (tmp_path / "master.csv").rename(tmp_path / "master.csv.2026-11-22")
    os.utime(tmp_path / "master.csv.2026-11-22", (2, 2))
    append(tmp_path, *LINES[20:])
    assert read(tmp_path) == (LIVE, 0)
    assert read(tmp_path, middle) == (meaning(*LINES[5:]), 0)
    gone = Place(inode=1, offset=10)
    assert read(tmp_path, gone) == (LIVE, 0)
    with pytest.raises(FileNotFoundError):
        read(tmp_path, None, gone)


def test_only_the_calls_that_are_wanted_are_read(tmp_path: Path) -> None:
    append(tmp_path, *LINES)
    wanted = {LIVE[0].call_id, "another"}
    [piece] = EventLog(tmp_path).read(of=wanted)
    assert list(piece.events) == [event for event in LIVE if event.call_id in wanted]
    assert 0 < len(piece.events) < len(LIVE)


def test_a_place_behind_the_end_is_none(tmp_path: Path) -> None:
    append(tmp_path, *LINES)
    end = EventLog(tmp_path).end()
    assert end is not None
    assert read(tmp_path, Place(end.inode, end.offset + 1)) == (LIVE, 0)


@pytest.mark.parametrize("what", ["directory", "device"])
def test_what_is_no_file_is_an_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "master.csv"
    if what == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"directory|no file"):
        read(tmp_path)


def test_nul_bytes_of_a_power_cut_are_passed_over(tmp_path: Path) -> None:
    append(tmp_path, *LINES[:9], b"\0" * 5000, *LINES[9:], b"\0" * 300_000)
    assert read(tmp_path) == (LIVE, 0)


def test_what_is_no_event_is_counted_and_left_out(tmp_path: Path) -> None:
    no_call = b'"ANSWER","1795294818.456491","","","","","","","","",""\n'
    no_cause = LINES[0].replace(b'"CHAN_START"', b'"HANGUP"')
    append(tmp_path, LINES[0], b"rubbish\n", LINES[1], no_cause, no_call, *LINES[2:])
    assert read(tmp_path) == (LIVE, 2)


def test_what_a_caller_dials_makes_no_event(tmp_path: Path) -> None:
    evil = '112\r\n"HANGUP","1795294818.456491","{""hangupcause"":16}\n' + LINES[3].decode()
    start = next(event for event in WRITTEN if isinstance(translate(event), CallStarted))
    hostile = type(start)({**start, "Exten": evil})
    append(tmp_path, line(hostile), *LINES[1:])
    events, unreadable = read(tmp_path)
    assert unreadable == 0
    assert events[0] == CallStarted(hostile["LinkedID"], _at(hostile), hostile["Channel"], evil)
    assert events[1:] == LIVE[1:]


def _at(event: dict[str, str]) -> datetime:
    told = translate(event)
    assert isinstance(told, CallStarted)
    return told.at


def test_bytes_that_are_no_text_are_read(tmp_path: Path) -> None:
    start = LINES[0].replace(b'"112"', b'"11\xff\0"')
    append(tmp_path, start, *LINES[1:])
    events, unreadable = read(tmp_path)
    assert (events[0].dialled, unreadable) == ("11\xff\0", 0)  # type: ignore[union-attr]
    assert events[1:] == LIVE[1:]


@given(st.integers(0, len(LINES) - 1), st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_line_takes_no_other_with_it(tmp_path: Path, number: int, data: st.DataObject) -> None:
    """A line is cut off anywhere, and Asterisk, started again, writes on behind it."""
    cut = data.draw(st.integers(1, len(LINES[number]) - 2))
    (tmp_path / "master.csv").unlink(missing_ok=True)
    append(tmp_path, *LINES[:number], LINES[number][:cut])
    assert read(tmp_path)[0] == meaning(*LINES[:number])
    append(tmp_path, *LINES[number + 1 :])
    events, unreadable = read(tmp_path)
    assert events == meaning(*LINES[:number], *LINES[number + 1 :])
    assert unreadable == (number < len(LINES) - 1)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_in_the_file_stops_the_reading(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "master.csv").unlink(missing_ok=True)
    append(tmp_path, *LINES[:4], junk, *LINES[4:])
    assert read(tmp_path)[0] == LIVE
