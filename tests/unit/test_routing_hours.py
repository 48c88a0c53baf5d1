"""Kinds of hours are found from the schedules' own bounds: none is missed, none is made up."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.routing.hours import hours_of
from ivr.routing.schedules import parse_schedule

ZONE = ZoneInfo("Asia/Jayapura")
SINCE = date(2026, 11, 21)
HOLIDAYS = {date(2026, 12, 25): "Natal", date(2027, 1, 1): "Tahun Baru", date(2027, 3, 26): "Wafat"}

minutes = st.integers(0, 24 * 60)


@st.composite
def spans(draw: st.DrawFn) -> str:
    first = SINCE + timedelta(draw(st.integers(-20, 200)))
    last = first + timedelta(draw(st.integers(0, 40)))
    start, end = draw(minutes.filter(lambda minute: minute < 1440)), draw(minutes)
    hours = "" if start == end else f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    words = [
        draw(st.sampled_from(["", f"{first}", f"{first}..{last}"])),
        draw(st.sampled_from(["", "mon-fri", "fri", "sat-mon", "holidays"])),
        draw(st.sampled_from(["", hours])),
    ]
    return " ".join(filter(None, words)) or "mon-sun"


schedules = st.lists(
    st.builds(
        lambda parts, ending: ", ".join(parts) + ending,
        st.lists(spans(), min_size=1, max_size=3),
        st.sampled_from(["", ", not holidays"]),
    ),
    max_size=4,
)


@given(schedules, st.integers(0, 260 * 1440))
@example(["2026-12-24 22:00-06:00", "holidays"], (34 * 24 + 1) * 60)
def test_every_instant_is_of_a_kind_that_was_found(texts: list[str], minute: int) -> None:
    hours = hours_of(
        [parse_schedule(f"s{place}", text, HOLIDAYS) for place, text in enumerate(texts)], ZONE, SINCE
    )
    at = datetime(2026, 11, 21, tzinfo=ZONE) + timedelta(minutes=minute)
    held = sum(1 << bit for bit, schedule in enumerate(hours.schedules) if schedule.covers(at))
    assert held in hours.kinds


@given(schedules)
def test_every_kind_has_an_instant_that_is_of_it(texts: list[str]) -> None:
    hours = hours_of(
        [parse_schedule(f"s{place}", text, HOLIDAYS) for place, text in enumerate(texts)], ZONE, SINCE
    )
    for kind, at in hours.kinds.items():
        assert at.date() >= SINCE
        assert [schedule.covers(at) for schedule in hours.schedules] == [
            bool(kind >> bit & 1) for bit in range(len(hours.schedules))
        ]


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("mon-thu 08:00-16:00, fri 08:00-11:30, not holidays", "mon-thu 08:00-16:00, fri 08:00-11:30"),
        ("21:00-07:00", "mon-sun 21:00-07:00"),
        ("fri 22:00-02:00, sun", "fri 22:00-02:00, sun 00:00-24:00"),
        ("mon-sun", "mon-sun 00:00-24:00"),
        ("2026-12-31", ""),
    ],
)
def test_the_ordinary_week_of_a_schedule(text: str, week: str) -> None:
    schedule = parse_schedule("s", text, HOLIDAYS)
    hours = hours_of([schedule], ZONE, SINCE)
    assert hours.week(hours.of(schedule)) == week


def test_what_is_only_on_special_days_has_a_first_day() -> None:
    iftar = parse_schedule("iftar", "2027-02-08..2027-03-09 18:15-19:30", HOLIDAYS)
    hours = hours_of([iftar], ZONE, SINCE)
    piece = hours.first_special(hours.of(iftar))
    assert piece is not None
    assert (piece.day, piece.start, piece.end) == (date(2027, 2, 8), 18 * 60 + 15, 19 * 60 + 30)
    assert hours.first_special(frozenset({0})) is None


def test_what_is_over_is_no_kind_of_hour_any_more() -> None:
    over = parse_schedule("over", "2026-11-01..2026-11-20 20:00-04:00", HOLIDAYS)
    assert set(hours_of([over], ZONE, date(2026, 11, 21)).kinds) == {0, 1}  # the night of the 20th ends
    assert set(hours_of([over], ZONE, date(2026, 11, 22)).kinds) == {0}


def test_an_hour_that_summer_time_skips_does_not_exist() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    skipped = parse_schedule("skipped", "2027-03-28 02:10-02:50", {})
    half = parse_schedule("half", "2027-03-28 01:30-02:30", {})
    hours = hours_of([skipped, half], berlin, SINCE)
    assert set(hours.kinds) == {0, 2}
    assert all(at.astimezone(UTC).astimezone(berlin) == at for at in hours.kinds.values())
