"""``ivr privacy …``: what is kept of a caller, told to whom it is about, or destroyed."""

import asyncio
import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ivr.callers.marks import destroy_marks
from ivr.commands.common import command, out
from ivr.commands.database import open_database
from ivr.errors import IvrError
from ivr.privacy.erasing import Order, Places, Why, forget_pages, order
from ivr.privacy.findings import Kept, exported, kept
from ivr.privacy.place import vault_of
from ivr.render.files import write_atomic
from ivr.rulebook import open_rulebook
from ivr.settings import Settings, load_settings
from ivr.store.tables import caller_marks

privacy = typer.Typer(no_args_is_help=True, help="Personal data of callers: export and erase.")

Whom = Annotated[str, typer.Argument(help="A number (0812…, +62…), or the id of a call.")]


@privacy.command("export")
@command
async def export(
    whom: Whom,
    file: Annotated[Path | None, typer.Option("--out", help="Write it here, mode 0600.")] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="Copy the recordings into this directory, too.")
    ] = None,
) -> None:
    """Everything that is kept of a number, as JSON: for the person whom it is about."""
    settings = load_settings()
    city = open_rulebook(settings).rules.city
    vault = vault_of(settings, lambda: city, make=False)
    async with open_database(settings) as engine, engine.connect() as connection:
        found = await kept(connection, whom, city, vault, settings.recordings)
        _refuse_nothing(found, whom)
        text = json.dumps(await exported(connection, found, recordings), ensure_ascii=False, indent=2)
    if file is None:
        print(text)
        return
    write_atomic(file, text + "\n", mode=0o600)
    out.print(f"{file}: {len(found.calls)} panggilan / calls", markup=False, soft_wrap=True)


@privacy.command("erase")
@command
async def erase(
    whom: Whom,
    reason: Annotated[str, typer.Option(help="Why; kept beside the record, not in the ledger.")],
    by: Annotated[str, typer.Option(help="Who decided it, if not your login name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy what is kept of a number: keys, numbers, names, headers, recordings, marks. The steps of its
    calls stay, without it."""
    settings = load_settings()
    city = open_rulebook(settings).rules.city
    vault = vault_of(settings, lambda: city, make=False)
    async with open_database(settings) as engine:
        async with engine.connect() as connection:
            found = await kept(connection, whom, city, vault, settings.recordings)
        _refuse_nothing(found, whom)
        _show(found)
        if not yes and not typer.confirm("Hapus untuk selamanya / erase for ever?"):
            raise typer.Exit(1)
        what = Order(Why.REQUEST, by or _login(), reason, datetime.now(UTC))
        over = [call_id for call_id in found.calls if call_id not in found.alive]
        files, events = await _destroy_files(settings, over)
        async with engine.begin() as connection:
            await order(connection, over, what, done=True)
            await order(connection, sorted(found.alive), what, done=False)
            if found.number_index is not None:
                await destroy_marks(connection, caller_marks.c.number_index == found.number_index)
        await forget_pages(engine)
    _say("dihapus / erased: panggilan / calls", len(over))
    _say("rekaman / recordings", files)
    _say("tanda / marks", len(found.marks))
    _say("baris log kejadian Asterisk / lines of Asterisk's event log", events)
    if found.alive:
        _say("masih berlangsung, dihapus sesudahnya / still in progress, erased afterwards", len(found.alive))


def _refuse_nothing(found: Kept, whom: str) -> None:
    if not found:
        raise IvrError(f"Nothing is kept of {whom}: it never called, or was erased already.")


async def _destroy_files(settings: Settings, call_ids: list[str]) -> tuple[int, int]:
    try:
        return await asyncio.to_thread(Places.of(settings).destroy, call_ids)
    except OSError as error:
        raise IvrError(
            f"{error.filename} cannot be changed ({error.strerror}); the database was not touched. Run "
            "this as the user that the engine and Asterisk run as, and once more."
        ) from error


def _show(found: Kept) -> None:
    table = Table("panggilan / call", "dicatat / kept", "rekaman / recordings", box=None)
    for call_id in found.calls:
        person = found.people.get(call_id)
        what = [name for name in ("number", "name", "headers") if person and getattr(person.caller, name)]
        table.add_row(call_id, ", ".join(what) or "?", str(len(found.recordings[call_id])))
    out.print(table)
    if found.marks:
        _say("tanda / marks", len(found.marks))


def _say(what: str, number: int) -> None:
    out.print(f"{number:>6} {what}", markup=False, soft_wrap=True)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return str(os.getuid())
