"""A city's schedules as expressions of the dialplan, on the clocks of the city's own zone.

Asterisk is told the zone by name in each ``STRFTIME``, so that the zone of the machine never matters.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from ivr.lifeline.dialplan import LONGEST_STEP, Context, all_of, any_of, set_all
from ivr.routing.rules import Rules
from ivr.routing.schedules import DAY_MINUTES, Schedule, Span

SECONDS_OF_HALF_A_DAY = 12 * 3600
_AT = "LIFE_AT"
_TODAY = ("LIFE_DAY", "LIFE_WEEKDAY", "LIFE_HOLIDAY")
_BEFORE = ("LIFE_DAY_BEFORE", "LIFE_WEEKDAY_BEFORE", "LIFE_HOLIDAY_BEFORE")
_ALL_WEEK = frozenset(range(7))


def flag(place: int) -> str:
    """The variable that is 1 while the schedule of this place holds, else 0."""
    return f"LIFE_HOURS_{place}"


def holidays(context: str, rules: Rules) -> Context:
    """One extension a holiday: asking whether it exists is how the dialplan looks one up."""
    made = Context(context)
    for day in sorted(rules.holidays):
        made.add(f"{day:%Y%m%d}", "Return()")
    return made


def steps(rules: Rules, schedules: Sequence[Schedule], holidays_context: str) -> list[str]:
    """Set :func:`flag` of each schedule. ``IVR_AT``, seconds since 1970, stands for now in tests."""
    if not schedules:
        return []

    def shown(at: str, how: str) -> str:
        return f"${{STRFTIME(${{{at}}},{rules.city.zone.key},{how})}}"

    def day(names: tuple[str, str, str], at: str) -> list[tuple[str, str]]:
        return [(names[0], shown(at, "%Y%m%d")), (names[1], shown(at, "%u"))]

    def holiday(names: tuple[str, str, str]) -> tuple[str, str]:
        return names[2], f"$[0${{DIALPLAN_EXISTS({holidays_context},${{{names[0]}}},1)}} + 0]"

    minutes = f"{shown(_AT, '%H')} * 60 + {shown(_AT, '%M')}"
    # Noon of the day before, give or take the hour of a change to summer time.
    noon = f"${{{_AT}}} - {SECONDS_OF_HALF_A_DAY} - 60 * ({minutes})"
    return [
        f'Set({_AT}=${{IF($["${{IVR_AT}}" = ""]?${{EPOCH}}:${{IVR_AT}})}})',
        *set_all([*day(_TODAY, _AT), ("LIFE_MINUTE", f"$[{minutes}]"), ("LIFE_NOON_BEFORE", f"$[{noon}]")]),
        *set_all([*day(_BEFORE, "LIFE_NOON_BEFORE"), holiday(_TODAY)]),
        *set_all([holiday(_BEFORE)]),
        *_flags(schedules),
    ]


def _flags(schedules: Sequence[Schedule]) -> Iterator[str]:
    """One expression may be too long for all spans of a schedule: the others are added to what is known."""
    first: list[tuple[str, str]] = []
    more: list[tuple[str, str]] = []
    for place, schedule in enumerate(schedules):
        name = flag(place)
        parts = _parts([_span(schedule, span) for span in schedule.spans])
        first.append((name, f"$[{parts[0]}]"))
        more += [(name, f"$[${{{name}}} | {part}]") for part in parts[1:]]
    yield from set_all(first)
    for pair in more:
        yield from set_all([pair])


def _parts(terms: Sequence[str]) -> list[str]:
    parts: list[list[str]] = [[]]
    for term in terms:
        if parts[-1] and sum(map(len, parts[-1])) + len(term) > LONGEST_STEP // 3:
            parts.append([])
        parts[-1].append(term)
    return [any_of(part) for part in parts]


def _span(schedule: Schedule, span: Span) -> str:
    """As ``Schedule.covers``: begun today, or yesterday and past midnight."""
    minute = "${LIFE_MINUTE}"
    today = [f"{minute} >= {span.start}"] if span.start else []
    if span.end < DAY_MINUTES:
        today.append(f"{minute} < {span.end}")
    terms = [all_of([*today, *_on(schedule, span, _TODAY)])]
    if span.end > DAY_MINUTES:
        terms.append(all_of([f"{minute} < {span.end - DAY_MINUTES}", *_on(schedule, span, _BEFORE)]))
    return any_of(terms)


def _on(schedule: Schedule, span: Span, names: tuple[str, str, str]) -> list[str]:
    day, weekday, holiday = (f"${{{name}}}" for name in names)
    terms = []
    if span.first != date.min:
        terms.append(f"{day} >= {span.first:%Y%m%d}")
    if span.last != date.max:
        terms.append(f"{day} <= {span.last:%Y%m%d}")
    if span.on_holidays:
        terms.append(f"{holiday} = 1")
    elif span.weekdays != _ALL_WEEK:
        terms.append(any_of([f"{weekday} = {number + 1}" for number in sorted(span.weekdays)]))
    if schedule.except_holidays:
        terms.append(f"{holiday} = 0")
    return terms
