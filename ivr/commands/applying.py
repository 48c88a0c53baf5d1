"""``ivr apply``, ``ivr rollback``, ``ivr history``: which rules are in force, since when, by whom and why."""

import asyncio
import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
from rich.table import Table

from ivr.commands.common import command, out
from ivr.commands.times import city_zone
from ivr.errors import IvrError
from ivr.rulebook import install
from ivr.rulebook.install import Installed
from ivr.rulebook.versions import Action, Event, Versions
from ivr.settings import Settings, load_settings

LIVE_SECONDS = 180.0
"""A running engine is waited for so long. It takes under a second, unless new prompts are to be spoken."""
ASK_SECONDS = 2.0

WORDS = {
    Action.APPLIED: "diterapkan / applied",
    Action.ROLLED_BACK: "dikembalikan / rolled back",
    Action.EDITED: "disunting / edited in place",
    Action.REFUSED: "ditolak / refused",
}

Author = Annotated[str | None, typer.Option(help="Who decided it; your login name if left out.")]


@command
async def apply(
    file: Annotated[Path, typer.Argument(help="The new routing.yaml.")],
    reason: Annotated[str, typer.Option(help="Why: for whoever reads the history.")],
    author: Author = None,
) -> None:
    """Put a routing.yaml in force. A wrong one is refused, and nothing changes."""
    settings = load_settings()
    done = await asyncio.to_thread(
        install.apply, settings, file, author or login_name(), _said(reason), datetime.now(UTC)
    )
    await _tell(settings, done)


@command
async def rollback(
    number: Annotated[int | None, typer.Argument(help="The version; the one before if left out.")] = None,
    reason: Annotated[str, typer.Option(help="Why: for whoever reads the history.")] = "",
    author: Author = None,
) -> None:
    """Put an earlier version of the rules in force again."""
    settings = load_settings()
    done, origin = await asyncio.to_thread(
        install.roll_back, settings, number, author or login_name(), reason.strip(), datetime.now(UTC)
    )
    out.print(f"Isi versi / content of version {origin}.", soft_wrap=True)
    await _tell(settings, done)


@command
def history(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show every version of the rules, newest first: who, when, why; and what was refused."""
    settings = load_settings()
    events = Versions(settings.routing_state).history()[::-1]
    if as_json:
        print(json.dumps([_values(event) for event in events], ensure_ascii=False, indent=2))
        return
    zone = city_zone(settings)
    table = Table("versi\nversion", "waktu\ntime", "apa\nwhat", "oleh\nby", "alasan\nreason", "digest")
    for event in events:
        what = WORDS[event.action] + (f" ({event.of})" if event.of else "")
        reason = event.reason or (event.problems[0] if event.problems else "")
        table.add_row(
            str(event.number or "–"),
            f"{event.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            *(what, event.author, reason, event.digest),
        )
    out.print(table)


async def _tell(settings: Settings, done: Installed) -> None:
    """Wait until the engine goes by it, or says why not."""
    number = done.event.number
    if not done.changed:
        out.print(
            f"Versi {number} sudah terpasang; alasan dicatat / is in place already; reason noted.",
            soft_wrap=True,
        )
    else:
        out.print(f"Versi / version {number} ({done.event.digest}): {settings.routing}", soft_wrap=True)
    deadline = asyncio.get_running_loop().time() + LIVE_SECONDS
    said = ""
    while (rules := await _engine(settings)) is not None:
        if rules["digest"] == done.event.digest and rules["version"] == number:
            out.print("Berlaku untuk panggilan baru / live for new calls.", soft_wrap=True)
            return
        if rules["refused"] == done.event.digest:
            raise IvrError(
                "Ditolak oleh mesin; aturan lama tetap / refused by the engine; the old rules stay:\n"
                + "\n".join(rules["problems"])
                + "\nivr rollback"
            )
        if rules["waiting"] and rules["waiting"] != said:
            said = rules["waiting"]
            out.print(f"Menunggu / waiting: {said}", markup=False, soft_wrap=True)
        if asyncio.get_running_loop().time() > deadline:
            raise IvrError(
                f"Belum berlaku setelah {LIVE_SECONDS:.0f} s / not live yet; it will be as soon as it can. "
                "Lihat / look at: ivr doctor. IVR_ROUTING dan IVR_STATE sama dengan mesin? / the engine's?"
            )
        await asyncio.sleep(0.1)
    out.print(
        "Mesin tidak berjalan; berlaku saat mulai / the engine is not running: live at its start.",
        soft_wrap=True,
    )


async def _engine(settings: Settings) -> dict[str, Any] | None:
    """What a running engine says of its rules; None when nobody answers as our engine."""
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{settings.health_port}/health") as answer,
        ):
            rules: dict[str, Any] = (await answer.json())["rules"]
            return rules
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError):
        return None


def login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:  # a user without a name, as in some containers
        raise IvrError("Nobody knows your login name here: say who you are with --author.") from error


def _said(reason: str) -> str:
    if not reason.strip():
        raise IvrError('--reason is empty: say why in a few words, such as "new phone number of Damkar".')
    return reason.strip()


def _values(event: Event) -> dict[str, object]:
    return {
        "version": event.number,
        "digest": event.digest,
        "action": str(event.action),
        "author": event.author,
        "at": event.at.isoformat(),
        "reason": event.reason,
        "of": event.of,
        "problems": list(event.problems),
    }
