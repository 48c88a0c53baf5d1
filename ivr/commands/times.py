"""Times as people write them on the command line."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ivr.errors import IvrError
from ivr.rulebook import open_rulebook
from ivr.settings import Settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def city_zone(settings: Settings) -> ZoneInfo:
    """The city's; UTC if no rules can be read: the record must be readable then, too."""
    try:
        return open_rulebook(settings).rules.city.zone
    except IvrError:
        return ZoneInfo("UTC")


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
