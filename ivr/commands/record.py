"""``ivr calls`` and ``ivr call``: what happened."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ivr.commands.common import command, out
from ivr.errors import IvrError
from ivr.ledger.show import json_call, json_calls, show_call, show_calls
from ivr.rulebook import open_rulebook
from ivr.settings import Settings, load_settings

Numbers = Annotated[bool, typer.Option("--numbers", help="Show callers' numbers whole: personal data.")]
Json = Annotated[bool, typer.Option("--json", help="For programs; times are UTC.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@command
async def calls(
    since: Annotated[
        str | None, typer.Option(help="30m, 2h, 7d, or a date and time on the city's clocks.")
    ] = None,
    result: Annotated[str | None, typer.Option(help="answered, abandoned, short, failed, …")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 50,
    numbers: Numbers = False,
    as_json: Json = False,
) -> None:
    """List the newest calls."""
    settings = load_settings()
    zone = _zone(settings)
    start = _since(since, zone)
    if as_json:
        found = await json_calls(settings.database, since=start, result=result, limit=limit, numbers=numbers)
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    out.print(
        await show_calls(settings.database, zone, since=start, result=result, limit=limit, numbers=numbers)
    )


@command
async def call(
    call_id: Annotated[str, typer.Argument(help="The call's id, or its beginning or end.")],
    numbers: Numbers = False,
    as_json: Json = False,
) -> None:
    """Show every step of one call."""
    settings = load_settings()
    if as_json:
        found = await json_call(settings.database, call_id, numbers=numbers)
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    out.print(await show_call(settings.database, _zone(settings), call_id, numbers=numbers))


def _zone(settings: Settings) -> ZoneInfo:
    """The city's; UTC if no rules can be read: the record must be readable then, too."""
    try:
        return open_rulebook(settings).rules.city.zone
    except IvrError:
        return ZoneInfo("UTC")


def _since(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    span = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if span:
        return datetime.now(UTC) - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise IvrError(f"--since {text}: write 30m, 2h, 7d, or a time such as 2026-12-25T02:00.") from error
    return when if when.tzinfo else when.replace(tzinfo=zone)
