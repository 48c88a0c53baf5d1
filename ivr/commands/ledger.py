"""``ivr ledger verify``: is the record what it was?"""

import getpass
import json
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ivr.calls.findings import Kind
from ivr.commands.common import command, out
from ivr.commands.database import open_database
from ivr.commands.times import city_zone
from ivr.errors import IvrError
from ivr.ledger import anchor
from ivr.ledger.anchor import Accepted, Anchors
from ivr.ledger.entries import of_no_call
from ivr.ledger.read import reading
from ivr.ledger.rows import entry_row
from ivr.ledger.storing import store
from ivr.ledger.verify import Fault, Proof, Wrong, verify
from ivr.settings import Settings, load_settings

ledger = typer.Typer(no_args_is_help=True, help="The record itself.")

WORDS = {
    Wrong.CHANGED: ("diubah, disisipkan atau dipindahkan", "changed, put in or moved"),
    Wrong.MISSING: ("hilang", "missing"),
    Wrong.UNCHAINED: ("tanpa hash", "without a hash"),
    Wrong.REWRITTEN: ("bukan entri yang dijangkarkan", "not the entry that was anchored"),
}


@ledger.command("verify")
@command
async def verify_ledger(
    accept_cut: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="First put down that you know why anchored entries are missing (a restored backup, another "
            "database) and go by what is there now.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times are UTC.")] = False,
) -> None:
    """Prove that no entry was changed or removed, or name the first; exit status 1 if one was."""
    settings = load_settings()
    if accept_cut is not None:
        await _accept(settings, accept_cut)
    path = settings.ledger_anchor
    try:
        anchors = anchor.read(path)
    except OSError as error:
        raise IvrError(f"{path} cannot be read ({error.strerror}): run this as the engine's user.") from error
    try:
        async with reading(settings.database) as connection:
            proof = await verify(connection, anchors)
    except IvrError as error:
        if (newest := anchors.newest) is None:
            raise
        raise IvrError(f"{error} Entry {newest.seq} was anchored at {newest.at.isoformat()}.") from error
    if as_json:
        print(json.dumps({"whole": proof.whole, **asdict(proof)}, default=_text, indent=2))
    else:
        tell(proof, anchors, path, city_zone(settings))
    if not proof.whole:
        raise typer.Exit(1)


async def _accept(settings: Settings, reason: str) -> None:
    """In the file first: it decides. The entry in the record tells it to who reads that."""
    if not reason.strip():
        raise IvrError("--accept-cut needs the reason why entries are missing.")
    accepted = Accepted(reason, getpass.getuser(), datetime.now(UTC))
    try:
        anchor.append(settings.ledger_anchor, [accepted])
    except OSError as error:
        raise IvrError(f"{settings.ledger_anchor} cannot be written ({error.strerror}).") from error
    entry = of_no_call(str(Kind.LEDGER_CUT_ACCEPTED), accepted.at, {"reason": reason, "by": accepted.by})
    async with open_database(settings) as engine, engine.begin() as connection:
        await store(connection, [entry_row(entry, accepted.at)])


def tell(proof: Proof, anchors: Anchors, path: Path, zone: ZoneInfo) -> None:
    """On the terminal, Indonesian first; times on the city's clocks."""

    def moment(at: datetime) -> str:
        return f"{at.astimezone(zone):%d-%m-%Y %H:%M:%S %Z}"

    if proof.whole:
        _both("Catatan utuh", "The record is whole", style="bold green")
    elif proof.fault is not None:
        _fault(proof.fault, zone)
        if proof.faults > 1:
            _both(f"{proof.faults} tempat rusak", f"{proof.faults} places are wrong")
    for cut in proof.cuts:
        found = 0 if cut.found is None else cut.found.seq
        _both(
            f"Terpotong sebelum {moment(cut.at)}: entri {cut.anchored.seq} dijangkarkan "
            f"{moment(cut.anchored.at)}, tetapi yang ada hanya sampai {found}",
            f"Cut before {moment(cut.at)}: entry {cut.anchored.seq} was anchored, but there were only those "
            f"up to {found}. If you know why: ivr ledger verify --accept-cut REASON",
            style="bold red",
        )
    _both(f"Entri: {proof.entries}", "entries")
    if proof.head is not None:
        _both(f"Terakhir: {proof.head.seq} {proof.head.hash}", "the last")
    if proof.anchored is not None:
        _both(
            f"Dijangkarkan sampai entri {proof.anchored.seq}, {moment(proof.anchored.at)}",
            f"anchored up to there ({path})",
        )
    elif not anchors.in_force:
        _both(
            "Tidak ada jangkar: ekor yang terpotong tidak akan terlihat",
            f"nothing is anchored, so a cut tail would not show: {path} is missing or empty",
            style="bold yellow",
        )
    for accepted in proof.accepted:
        _both(
            f"Potongan diterima {moment(accepted.at)} oleh {accepted.by}: {accepted.reason}", "a cut accepted"
        )
    if proof.unreadable:
        _both(
            f"{proof.unreadable} baris jangkar tidak terbaca",
            f"lines of {path} are unreadable; a power cut leaves one",
            style="yellow",
        )


def _fault(fault: Fault, zone: ZoneInfo) -> None:
    which = str(fault.seq) if fault.seq == fault.until else f"{fault.seq}–{fault.until}"
    indonesian, english = WORDS[fault.wrong]
    _both(f"Entri {which} {indonesian}", f"entry {which}: {english}", style="bold red")
    if fault.at is not None:
        behind = fault.wrong is Wrong.MISSING
        _both(
            f"{'Entri berikutnya' if behind else 'Panggilan'}: {fault.call_id or '–'}, "
            f"{fault.at.astimezone(zone):%d-%m-%Y %H:%M:%S %Z}",
            "call and time of the next that is there" if behind else "call and time",
        )
    if (told := fault.anchored) is not None:
        _both(
            f"Entri {told.seq} dijangkarkan {told.at.astimezone(zone):%d-%m-%Y %H:%M:%S %Z}",
            f"entry {told.seq} was anchored then",
        )


def _both(indonesian: str, english: str, style: str = "") -> None:
    out.print(indonesian, style=style or None, markup=False, soft_wrap=True)
    out.print(f"  {english}", style="dim", markup=False, soft_wrap=True)


def _text(value: object) -> str:
    with suppress(AttributeError):
        return value.astimezone(UTC).isoformat()  # type: ignore[attr-defined, no-any-return]
    return str(value)
