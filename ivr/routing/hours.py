"""The kinds of hours that a file can tell apart: which of its schedules hold together at some time.

Worked out from the schedules' own bounds: between two dates that a schedule names (a range's ends, a holiday,
the day after each) only the weekday matters, and between two times of day that one names nothing changes. So
a few hundred days, each cut at the schedules' own minutes, hold every kind there will ever be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from ivr.routing.schedules import DAY_MINUTES, WEEKDAYS, Schedule

_LAST_DAY = date.max - timedelta(9)
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day, in minutes, in which the same schedules hold: those whose bits are set."""

    day: date
    start: int
    end: int
    held: int
    at: datetime
    """An instant of it that exists on the city's clocks."""


@dataclass(frozen=True)
class Hours:
    """Every kind of hour from a day on. Bit *n* of a kind stands for ``schedules[n]``."""

    schedules: tuple[Schedule, ...]
    pieces: tuple[Piece, ...]
    ordinary_from: date
    """The first day after which nothing but the weekday matters."""

    @cached_property
    def kinds(self) -> dict[int, datetime]:
        """Each kind with its first instant."""
        found: dict[int, datetime] = {}
        for piece in self.pieces:
            found.setdefault(piece.held, piece.at)
        return found

    def of(self, schedule: Schedule) -> frozenset[int]:
        """The kinds at which a schedule holds."""
        bit = 1 << self.schedules.index(schedule)
        return frozenset(kind for kind in self.kinds if kind & bit)

    def week(self, kinds: frozenset[int]) -> str:
        """When these kinds are, in a week without holidays and dated schedules: ``mon-thu 15:00-16:00``."""
        days = _over_midnight(
            [
                _joined((piece.start, piece.end) for piece in self._on(day) if piece.held in kinds)
                for day in self._ordinary_week()
            ]
        )
        texts: list[str] = []
        first = 0
        for last in range(_WEEK):
            if last + 1 < _WEEK and days[last + 1] == days[first]:
                continue
            names = WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]}-{WEEKDAYS[last]}"
            texts += [f"{names} {_clock(start)}-{_clock(end)}" for start, end in days[first]]
            first = last + 1
        return ", ".join(texts)

    def first_special(self, kinds: frozenset[int]) -> Piece | None:
        """The first part of a day with one of these kinds, if one of them is never in an ordinary week."""
        ordinary = {piece.held for day in self._ordinary_week() for piece in self._on(day)}
        special = kinds - ordinary
        return next((piece for piece in self.pieces if piece.held in special), None)

    def _ordinary_week(self) -> list[date]:
        monday = self.ordinary_from + timedelta(-self.ordinary_from.weekday() % _WEEK)
        return [monday + timedelta(step) for step in range(_WEEK)]

    def _on(self, day: date) -> Iterator[Piece]:
        """The pieces of an ordinary day: those of the day that stands for it."""
        stands = next(
            piece.day
            for piece in reversed(self.pieces)
            if piece.day >= self.ordinary_from and piece.day.weekday() == day.weekday()
        )
        return (piece for piece in self.pieces if piece.day == stands)


def hours_of(schedules: Iterable[Schedule], zone: ZoneInfo, since: date) -> Hours:
    """All kinds of hours from ``since`` on. Schedules that are equal count once."""
    different = tuple(dict.fromkeys(schedules))
    cuts = sorted({0, DAY_MINUTES, *_cuts(different)})
    bounds = _bounds(different, since)
    pieces: list[Piece] = []
    seen: set[object] = set()
    for begins, ends in zip(bounds, [*bounds[1:], date.max], strict=True):
        for step in range(min(_WEEK, (ends - begins).days)):
            day = begins + timedelta(step)
            sort = _sort(different, day)
            if sort in seen and begins != bounds[-1]:
                continue
            found = list(_cut_day(different, zone, day, cuts))
            if len(found) == len(cuts) - 1:
                seen.add(sort)
            pieces += found
    return Hours(different, tuple(pieces), bounds[-1])


def _cuts(schedules: Sequence[Schedule]) -> Iterator[int]:
    for schedule in schedules:
        for span in schedule.spans:
            yield span.start
            yield span.end - DAY_MINUTES if span.end > DAY_MINUTES else span.end


def _bounds(schedules: Sequence[Schedule], since: date) -> list[date]:
    """The days from ``since`` on at which something other than the weekday changes.

    A span over midnight still holds on the day after its own, so each bound counts a day later too.
    """
    days = {since}
    for schedule in schedules:
        named = {*schedule.holidays}
        for span in schedule.spans:
            named |= {span.first, min(span.last, _LAST_DAY) + timedelta(1)}
        named |= {day + timedelta(1) for day in schedule.holidays if day <= _LAST_DAY}
        for day in named:
            days |= {day, min(day, _LAST_DAY) + timedelta(1)}
    return sorted(day for day in days if since <= day <= _LAST_DAY)


def _sort(schedules: Sequence[Schedule], day: date) -> object:
    """Two days of the same sort have the same hours."""
    before = day - timedelta(1)
    return (
        day.weekday(),
        tuple((day in schedule.holidays, before in schedule.holidays) for schedule in schedules),
        tuple(
            (span.first <= day <= span.last, span.first <= before <= span.last)
            for schedule in schedules
            for span in schedule.spans
        ),
    )


def _cut_day(
    schedules: Sequence[Schedule], zone: ZoneInfo, day: date, cuts: Sequence[int]
) -> Iterator[Piece]:
    for start, end in pairwise(cuts):
        at = _existing(zone, day, (start, end - 1))
        if at is not None:
            held = sum(1 << bit for bit, schedule in enumerate(schedules) if schedule.covers(at))
            yield Piece(day, start, end, held, at)


def _existing(zone: ZoneInfo, day: date, minutes: Iterable[int]) -> datetime | None:
    """The first of these minutes that the city's clocks show; summer time skips an hour once a year."""
    for minute in minutes:
        local = datetime.combine(day, time(*divmod(minute, 60)), zone)
        if local.astimezone(UTC).astimezone(zone).replace(fold=0) == local:
            return local
    return None


def _joined(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in parts:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _over_midnight(days: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """A night belongs to the day on which it begins, as in a schedule."""
    nights = []
    for day, parts in enumerate(days):
        morning = days[(day + 1) % _WEEK][:1]
        if parts and morning and parts[-1][1] == DAY_MINUTES and morning[0] < (0, parts[-1][0]):
            nights.append((day, morning[0][1]))
    result = [list(parts) for parts in days]
    for day, end in nights:
        result[day][-1] = (result[day][-1][0], DAY_MINUTES + end)
        result[(day + 1) % _WEEK].remove((0, end))
    return result


def _clock(minute: int) -> str:
    minute = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{minute // 60:02d}:{minute % 60:02d}"
