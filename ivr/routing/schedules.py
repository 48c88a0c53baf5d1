"""Hours of the week, holidays and date ranges, in the city's own time.

A schedule is a list of spans, e.g. ``mon-thu 08:00-16:00, fri 08:00-11:30, not holidays``. A span is up to
three words in this order: dates (``2027-02-08..2027-03-09`` or one day), weekdays (``mon-fri``, ``sat``, or
``holidays``), hours (``17:45-19:00``; ``21:00-07:00`` runs past midnight and belongs to the day it begins).
What is left out does not matter: every date, every day, all day.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAYS = "holidays"
NOT_HOLIDAYS = "not holidays"
DAY_MINUTES = 24 * 60

_SPAN = re.compile(
    r"""(?:(?P<first>\d{4}-\d\d-\d\d)(?:\.\.(?P<last>\d{4}-\d\d-\d\d))?)?
        (?:(?:^|\s+)(?P<days>(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?|holidays))?
        (?:(?:^|\s+)(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d))?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """``start`` and ``end`` are minutes of the day; an ``end`` above 1,440 is on the day after."""

    first: date = date.min
    last: date = date.max
    weekdays: frozenset[int] = frozenset(range(7))
    on_holidays: bool = False
    start: int = 0
    end: int = DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str
    text: str
    """As it stands in the file."""
    spans: tuple[Span, ...]
    holidays: frozenset[date]
    except_holidays: bool = False

    def covers(self, local: datetime) -> bool:
        """Whether ``local``, in the city's zone, is within one of the spans."""
        today = local.date()
        minute = local.hour * 60 + local.minute
        return any(self._begun(span, today, minute) for span in self.spans)

    def _begun(self, span: Span, today: date, minute: int) -> bool:
        if span.start <= minute < span.end and self._on(span, today):
            return True
        return minute + DAY_MINUTES < span.end and today > date.min and self._on(span, today - timedelta(1))

    def _on(self, span: Span, day: date) -> bool:
        holiday = day in self.holidays
        return (
            span.first <= day <= span.last
            and (holiday if span.on_holidays else day.weekday() in span.weekdays)
            and not (self.except_holidays and holiday)
        )


def parse_schedule(name: str, text: str, holidays: Mapping[date, str]) -> Schedule:
    """Raises :class:`ValueError` whose text says which part cannot be read and what to write."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    except_holidays = len(parts) > 1 and parts[-1] == NOT_HOLIDAYS
    spans = tuple(_parse_span(part) for part in (parts[:-1] if except_holidays else parts))
    return Schedule(name, " ".join(text.split()), spans, frozenset(holidays), except_holidays)


def parse_date(text: str) -> date:
    """``2026-12-25``. Raises :class:`ValueError` for anything else, and for a day that does not exist."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(f'"{text}" is no date; write it like 2026-12-25')
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'there is no day "{text}"; write year-month-day, like 2026-12-25') from None


def _parse_span(text: str) -> Span:
    match = _SPAN.fullmatch(text) if text.isascii() else None
    if not text or match is None:
        raise ValueError(
            f'"{text}" is no span of time; write like mon-fri 08:00-16:00, sat, holidays, or '
            "2027-02-08..2027-03-09 17:45-19:00, with commas between, at last perhaps not holidays"
        )
    first = parse_date(match["first"]) if match["first"] else date.min
    last = parse_date(match["last"]) if match["last"] else (first if match["first"] else date.max)
    if last < first:
        raise ValueError(f'"{text}" ends before it begins; write the earlier date first')
    days = match["days"]
    start, end = 0, DAY_MINUTES
    if match["start"]:
        start, end = _minute(match["start"]), _minute(match["end"])
        if start in (end, DAY_MINUTES):
            raise ValueError(f'"{text}" has no length; leave the hours out for the whole day')
        if end < start:
            end += DAY_MINUTES
    weekdays = frozenset(range(7)) if days in (None, HOLIDAYS) else _weekdays(days)
    return Span(first, last, weekdays, days == HOLIDAYS, start, end)


def _minute(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if minutes > 59 or hours * 60 + minutes > DAY_MINUTES:
        raise ValueError(f'"{text}" is no time of day; write 00:00 to 24:00')
    return hours * 60 + minutes


def _weekdays(text: str) -> frozenset[int]:
    first, _, last = text.partition("-")
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last or first) - start) % 7 + 1
    return frozenset((start + step) % 7 for step in range(length))
