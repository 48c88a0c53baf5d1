"""All that is kept of one number, or of one call's caller."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.callers.marks import MOST_READ, Marked, list_marks
from ivr.calls.findings import Kind
from ivr.errors import IvrError, VaultError
from ivr.intake.caller import subscriber
from ivr.ledger.personal import Opened, of_number, opened, with_data
from ivr.ledger.read import Written, entries_of, find_call
from ivr.ledger.show import call_values
from ivr.ledger.vault import Vault
from ivr.ledger.words import KINDS
from ivr.privacy.erasing import alive
from ivr.privacy.files import recordings_of
from ivr.routing.rules import City
from ivr.store.tables import calls


@dataclass(frozen=True, slots=True)
class Kept:
    """``number`` is in the form +628…, empty when a call was asked for. ``alive``:
    :func:`ivr.privacy.erasing.alive`."""

    number: str
    number_index: str | None
    calls: tuple[str, ...]
    people: Mapping[str, Opened]
    """By call; what is damaged is missing."""
    marks: Sequence[Marked]
    recordings: Mapping[str, Sequence[Path]]
    alive: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.calls or self.marks)


async def kept(connection: AsyncConnection, whom: str, city: City, vault: Vault, recordings: Path) -> Kept:
    """``whom``: a number, however it is written, or the id of a call. Raises :class:`IvrError` for what is
    neither, and for a number that many phones share."""
    if vault.problem:
        raise VaultError(vault.problem)
    number, index = "", None
    if "." in whom:
        known, _ = await find_call(connection, whom)
        erased = known.call.id not in await with_data(connection, [known.call.id])
        call_ids: tuple[str, ...] = () if erased else (known.call.id,)
    else:
        number = subscriber(whom, city) or ""
        if not number:
            raise IvrError(
                f"{whom} is no number of one person: numbers made up for phones without SIM are shared by "
                "many phones. Write it as 0812… or +62…, or give the id of a call (ivr calls lists them)."
            )
        index, call_ids = vault.index(number), tuple(await of_number(connection, number, vault))
    return Kept(
        number,
        index,
        call_ids,
        await opened(connection, call_ids, vault),
        await list_marks(connection, MOST_READ, vault, number_index=index) if index else (),
        {call_id: recordings_of(recordings, call_id) for call_id in call_ids},
        frozenset(await alive(connection, call_ids, datetime.now(UTC))),
    )


async def exported(connection: AsyncConnection, found: Kept, copies: Path | None) -> dict[str, object]:
    """For the person whom it is about: JSON values, times in UTC, headings in Indonesian and English.
    ``copies``: a directory into which recordings are copied. Raises :class:`OSError`."""
    return {
        "nomor / number": found.number or None,
        "dibuat / made at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "panggilan / calls": [
            await _call(connection, call_id, person, found, copies)
            for call_id, person in found.people.items()
        ],
        "tanda / marks": [
            {"tanda / mark": str(one.mark), "waktu / time": _utc(one.at), "panggilan / call": one.call_id}
            for one in found.marks
        ],
    }


async def _call(
    connection: AsyncConnection, call_id: str, person: Opened, found: Kept, copies: Path | None
) -> dict[str, object]:
    entries = await entries_of(connection, call_id)
    committed = {entry.data.get("commitment") for entry in entries if entry.kind == Kind.CALLER}
    known = (await connection.execute(select(calls.c.call_id).where(calls.c.call_id == call_id))).first()
    call = (await find_call(connection, call_id))[0] if known else None
    return {
        "id": call_id,
        "nomor / number": person.caller.number,
        "nama / name": person.caller.name,
        "kepala SIP / SIP headers": dict(person.caller.headers),
        "tidak berubah sejak dicatat / unchanged since it was recorded": (
            committed >= set(person.commitments) if committed else None
        ),
        "panggilan / call": None if call is None else call_values(call),
        "langkah / steps": [_step(entry) for entry in entries],
        "rekaman / recordings": [_recording(path, copies) for path in found.recordings.get(call_id, ())],
    }


def _step(entry: Written) -> dict[str, object]:
    words = {str(kind): " / ".join(both) for kind, both in KINDS.items()}
    return {
        "waktu / time": _utc(entry.at),
        "langkah / step": words.get(entry.kind, entry.kind),
        "isi / data": dict(entry.data),
    }


def _recording(path: Path, copies: Path | None) -> str:
    if copies is None:
        return str(path)
    copies.mkdir(parents=True, exist_ok=True)
    return str(shutil.copy2(path, copies / path.name))


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
