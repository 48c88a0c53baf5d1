"""Times as people write them on the command line."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ivr.errors import IvrError
from ivr.rulebook import read_rulebook
from ivr.settings import Settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def city_zone(settings: Settings) -> ZoneInfo:
    """The city's; UTC if no rules can be read: the record must be readable then, too."""
    try:
        return read_rulebook(settings).rules.city.zone
    except IvrError:
        return ZoneInfo("UTC")


def until_time(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """``14:00``: the next time the clocks of ``zone`` show it; or a date and time on them. Raises
    :class:`IvrError`, also for what is past."""
    clock = re.fullmatch(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])", text)
    local = now.astimezone(zone)
    if clock:
        at = local.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        # On the clocks, not 24 h later: there may be a change of the clocks in between.
        return at if at > local else at + timedelta(days=1)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise IvrError(f"--until {text}: write 14:00, or a time such as 2026-12-25T14:00.") from error
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    if at <= now:
        raise IvrError(f"--until {text} is past: it is {local:%Y-%m-%dT%H:%M} in the city now.")
    return at


def since_time(text: str, zone: ZoneInfo) -> datetime:
    """``30m``, ``2h``, ``7d`` ago, or a date and time on the clocks of ``zone``. Raises :class:`IvrError`."""
    span = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    try:
        if span:
            return datetime.now(UTC) - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise IvrError(f"--since {text}: write 30m, 2h, 7d, or a time such as 2026-12-25T02:00.") from error
    return when if when.tzinfo else when.replace(tzinfo=zone)
