"""``ivr operator …``: who may log in to the queues, and from which phone."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from ivr.asterisk.reload_session import reload_session
from ivr.commands.common import command, out
from ivr.commands.database import open_database
from ivr.errors import AmiError
from ivr.prepare import prepare
from ivr.queueing.operators import Operator, make_operator
from ivr.queueing.pin_copies import copy_pins
from ivr.render.files import secret
from ivr.settings import Settings, load_settings
from ivr.store import accounts
from ivr.store.engine import close, create_engine
from ivr.vocabulary import LAYER_1_QUEUE

operator = typer.Typer(no_args_is_help=True, help="Operators' phones and PINs.")

Phone = Annotated[str, typer.Argument(help="Name of the phone, also its SIP user: op1.")]


@operator.command("add")
@command
async def add(
    phone: Phone,
    name: Annotated[str, typer.Option(help="The operator's name.")],
    pin: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="4 to 12 digits; asked if left out.")
    ],
    penalty: Annotated[int, typer.Option(help="0 is rung first, 10 last.")] = 0,
    queue: Annotated[list[str] | None, typer.Option(help="Queue to log in to; may come again.")] = None,
) -> None:
    """Add an operator with a phone. Its SIP password is made here and kept in IVR_STATE/secrets/phones."""
    account = make_operator(phone, name, pin, penalty, tuple(queue or (LAYER_1_QUEUE,)))
    settings = load_settings()
    async with open_database(settings) as engine:
        await accounts.add_operator(engine, account)
    await _apply(settings)
    path = settings.secrets / "phones" / phone
    out.print(f"{phone}: siap / ready. SIP password: {path}", soft_wrap=True, markup=False)


@operator.command("remove")
@command
async def remove(phone: Phone) -> None:
    """Remove an operator: the phone is off duty, and can register and log in no more."""
    settings = load_settings()
    async with open_database(settings) as engine:
        gone = [account for account in await accounts.list_operators(engine) if account.phone == phone]
        await accounts.remove_operator(engine, phone)
    await _apply(settings, gone)
    out.print(f"{phone}: dihapus / removed", markup=False, soft_wrap=True)


@operator.command("list")
@command
async def show() -> None:
    """Show all operators."""
    settings = load_settings()
    async with open_database(settings) as engine:
        found = await accounts.list_operators(engine)
    table = Table("telepon / phone", "nama / name", "antrean / queues", "penalti / penalty")
    for account in found:
        table.add_row(account.phone, account.name, ", ".join(account.queues), str(account.penalty))
    out.print(table)


async def _apply(settings: Settings, gone: Iterable[Operator] = ()) -> None:
    """Let a running Asterisk know; one that is not running reads everything at its start."""
    prepared = await prepare(settings)
    for warning in prepared.warnings:
        out.print(f"[yellow]![/] {warning}", soft_wrap=True)
    engine = create_engine(settings.database)
    try:
        async with reload_session(settings.ami_port, secret(settings.secrets, "ami-reload")) as session:
            await session.reload("res_pjsip.so")
            for account in gone:
                await session.remove(f"operator/{account.phone}")
                for queue in {LAYER_1_QUEUE, *account.queues}:
                    await session.log_out(queue, account.phone)
        await copy_pins(settings, engine)
    except AmiError:
        out.print(
            "Asterisk tidak berjalan; berlaku saat mulai / not running: takes effect at its start.",
            soft_wrap=True,
        )
    finally:
        await close(engine)
