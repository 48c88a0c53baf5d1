"""``ivr caller …``: marks on numbers that call. A mark moves a call in its queue and never refuses one."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.callers.marks import Mark, Marked, add_mark, list_marks, remove_marks
from ivr.commands.common import command, out
from ivr.commands.database import open_database, reading_vault
from ivr.errors import IvrError, VaultError
from ivr.intake.caller import subscriber
from ivr.ledger.read import find_call
from ivr.ledger.show import masked
from ivr.ledger.vault import Vault
from ivr.privacy.place import vault_of
from ivr.routing.model import CallerClass
from ivr.routing.rules import City
from ivr.rulebook import open_rulebook
from ivr.settings import load_settings

caller = typer.Typer(no_args_is_help=True, help="Marks on callers' numbers.")

Whom = Annotated[str, typer.Argument(help="A number (0812…, +62…), or the id of a call.")]
TheMark = Annotated[Mark, typer.Argument(help="The mark.")]


@caller.command("mark")
@command
async def mark(
    whom: Whom,
    mark: TheMark,
    by: Annotated[str, typer.Option(help="Who marks it: an operator's phone or name.")],
) -> None:
    """Mark a number, or the number of a call. routing.yaml says under callers what marks do, and how long."""
    settings = load_settings()
    city = open_rulebook(settings).rules.city
    vault = vault_of(settings, lambda: city, make=True)
    async with open_database(settings) as engine:
        call_id, number = await _find(engine, whom, city, vault)
        await add_mark(engine, Marked(number, mark, by, datetime.now(UTC), call_id), vault)
    out.print(f"{masked(number)}: ditandai / marked: {mark}", markup=False, soft_wrap=True)


@caller.command("unmark")
@command
async def unmark(whom: Whom, mark: TheMark = Mark.PRANK) -> None:
    """Remove the mark of one call, or all of a number."""
    settings = load_settings()
    city = open_rulebook(settings).rules.city
    vault = vault_of(settings, lambda: city, make=True)
    async with open_database(settings) as engine:
        call_id, number = await _find(engine, whom, city, vault)
        gone = await remove_marks(
            engine, mark, number_index=vault.index(number), call_id=call_id, at=datetime.now(UTC)
        )
    if gone == 0:
        raise IvrError(f"{whom} has no mark {mark}: ivr caller marks lists them.")
    out.print(f"{masked(number)}: {gone} tanda dihapus / marks removed: {mark}", markup=False, soft_wrap=True)


@caller.command("marks")
@command
async def marks(
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Show callers' numbers whole: personal data.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 50,
) -> None:
    """List marks, the newest first."""
    settings = load_settings()
    zone = open_rulebook(settings).rules.city.zone
    vault = reading_vault(settings)
    async with open_database(settings) as engine, engine.connect() as connection:
        found = await list_marks(connection, limit, vault)
    table = Table("nomor / number", "tanda / mark", "oleh / by", "waktu / time", "panggilan / call", box=None)
    for marked in found:
        table.add_row(
            marked.number if numbers else masked(marked.number),
            str(marked.mark),
            Text(marked.by),
            f"{marked.at.astimezone(zone):%d-%m-%Y %H:%M}",
            marked.call_id or "–",
        )
    out.print(table)


async def _find(engine: AsyncEngine, whom: str, city: City, vault: Vault) -> tuple[str | None, str]:
    """The call, if it is one, and the number: one that is somebody's."""
    if vault.problem:
        raise VaultError(vault.problem)
    if "." not in whom:
        number = subscriber(whom, city)
        if number is None:
            raise IvrError(
                f"{whom} is no number of somebody (one made up for phones without SIM is nobody's): write it "
                "as 0812… or +62…, or give the id of a call."
            )
        return None, number
    async with engine.connect() as connection:
        known, _ = await find_call(connection, whom, vault=vault)
    number = subscriber(known.number, city)
    if number is None or known.call.caller is not CallerClass.NUMBER:
        raise IvrError(
            f"The call {known.call.id} came without a number, or with one that many phones share: that is "
            "nobody in particular and cannot be marked."
        )
    return known.call.id, number
