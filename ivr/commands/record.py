"""``ivr calls`` and ``ivr call``: what happened."""

import json
from typing import Annotated

import typer

from ivr.commands.common import command, out
from ivr.commands.database import reading_vault
from ivr.commands.times import city_zone, since_time
from ivr.ledger.show import json_call, json_calls, show_call, show_calls
from ivr.settings import load_settings

Numbers = Annotated[bool, typer.Option("--numbers", help="Show callers' numbers whole: personal data.")]
Json = Annotated[bool, typer.Option("--json", help="For programs; times are UTC.")]


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
    zone = city_zone(settings)
    vault = reading_vault(settings)
    start = None if since is None else since_time(since, zone)
    if as_json:
        found = await json_calls(
            settings.database, since=start, result=result, limit=limit, numbers=numbers, vault=vault
        )
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    out.print(
        await show_calls(
            settings.database, zone, since=start, result=result, limit=limit, numbers=numbers, vault=vault
        )
    )


@command
async def call(
    call_id: Annotated[str, typer.Argument(help="The call's id, or its beginning or end.")],
    numbers: Numbers = False,
    as_json: Json = False,
) -> None:
    """Show every step of one call."""
    settings = load_settings()
    vault = reading_vault(settings)
    if as_json:
        found = await json_call(settings.database, call_id, numbers=numbers, vault=vault)
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    out.print(await show_call(settings.database, city_zone(settings), call_id, numbers=numbers, vault=vault))
