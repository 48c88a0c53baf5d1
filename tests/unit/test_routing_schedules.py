"""Hours, days and dates on the city's clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.routing.schedules import parse_date, parse_schedule

HOLIDAYS = {date(2026, 12, 25): "Natal"}  # a Friday
WIT = ZoneInfo("Asia/Jayapura")


def covers(text: str, moment: str) -> bool:
    return parse_schedule("x", text, HOLIDAYS).covers(datetime.fromisoformat(moment).replace(tzinfo=WIT))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (
            "mon-thu 08:00-16:00",
            ["2026-12-21T08:00", "2026-12-24T15:59"],
            ["2026-12-21T07:59", "2026-12-24T16:00", "2026-12-25T09:00"],
        ),
        ("fri-mon", ["2026-12-25T00:00", "2026-12-28T23:59"], ["2026-12-29T00:00", "2026-12-24T23:59"]),
        ("sat", ["2026-12-26T12:00"], ["2026-12-25T12:00", "2026-12-27T12:00"]),
        ("holidays", ["2026-12-25T12:00"], ["2026-12-26T00:00"]),
        ("mon-fri, not holidays", ["2026-12-24T12:00"], ["2026-12-25T12:00"]),
        ("sat-sun, holidays", ["2026-12-25T12:00", "2026-12-26T12:00"], ["2026-12-24T12:00"]),
        ("22:00-06:00", ["2026-12-24T22:00", "2026-12-25T05:59"], ["2026-12-24T21:59", "2026-12-25T06:00"]),
        (
            "fri 22:00-06:00",
            ["2026-12-25T23:00", "2026-12-26T05:59"],
            ["2026-12-25T05:00", "2026-12-26T22:00"],
        ),
        ("2026-12-24", ["2026-12-24T00:00"], ["2026-12-25T00:00", "2025-12-24T00:00"]),
        (
            "2026-12-24..2026-12-31 thu 18:00-24:00",
            ["2026-12-24T23:59", "2026-12-31T18:00"],
            ["2026-12-25T18:00", "2026-12-24T17:59"],
        ),
        ("2026-12-24 20:00-02:00", ["2026-12-25T01:59"], ["2026-12-24T01:00", "2026-12-25T20:00"]),
        (
            "mon  08:00-09:00 ,  tue 10:00-11:00",
            ["2026-12-21T08:30", "2026-12-22T10:30"],
            ["2026-12-21T10:30"],
        ),
    ],
)
def test_what_a_schedule_covers(text: str, inside: list[str], outside: list[str]) -> None:
    assert [covers(text, moment) for moment in inside] == [True] * len(inside)
    assert [covers(text, moment) for moment in outside] == [False] * len(outside)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "mon,",
        "not holidays",
        "not holidays, mon",
        "someday",
        "mon 8-9",
        "mon 08:60-09:00",
        "24:00-01:00",
        "08:00-08:00",
        "2026-02-30",
        "2026-01-02..2026-01-01",
        "mon08:00-09:00",
        "mon tue",
        "٠٨:٠٠-٠٩:٠٠",
    ],
)
def test_what_is_no_schedule_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_schedule("x", text, HOLIDAYS)


@given(st.text(max_size=40) | st.text(alphabet="0123456789-.: ,montuefrisa", max_size=40))
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    for read in (lambda: parse_schedule("x", text, {}), lambda: parse_date(text)):
        try:
            read()
        except ValueError as error:
            assert str(error)  # noqa: PT017


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_day_and_night_share_the_week_between_them(moment: datetime) -> None:
    local = moment.replace(tzinfo=WIT)
    day, night = parse_schedule("d", "07:00-19:00", {}), parse_schedule("n", "19:00-07:00", {})
    assert day.covers(local) != night.covers(local)
    assert parse_schedule("a", "mon-sun", {}).covers(local)


def test_the_first_day_of_all_has_no_day_before() -> None:
    night = parse_schedule("n", "22:00-06:00", {})
    assert not night.covers(datetime.min.replace(tzinfo=UTC) + timedelta(hours=1))
