"""Personal data of callers on its way into the database, sealed, and out of it again.

Of one call there may be several sealings: each holds all that was known then, the later adds to the earlier.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.calls.findings import Kind
from ivr.errors import VaultError
from ivr.ledger.entries import CallerData, Entry, Source
from ivr.ledger.rows import Row, clean_text, entry_row
from ivr.ledger.vault import Vault
from ivr.store.tables import caller_keys, callers

AT_ONCE = 500
"""Calls of one query."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the record knows of one call's caller, and the commitments to what it was made of."""

    caller: CallerData
    commitments: tuple[str, ...]


def caller_rows(caller: CallerData, now: datetime, vault: Vault | None) -> tuple[Row, ...]:
    """Sealed data, its key, and the entry that commits to it. Nothing without a key: personal data is kept
    sealed or not at all."""
    if vault is None or vault.locked:
        return ()
    call_id, number = clean_text(caller.call_id), clean_text(caller.number)
    headers = {clean_text(name): clean_text(value) for name, value in caller.headers.items()}
    sealed = vault.seal(call_id, {"number": number, "name": clean_text(caller.name), "headers": headers})
    committed = Entry(call_id, now, str(Kind.CALLER), Source.ENGINE, {"commitment": sealed.commitment})
    data: Mapping[str, object] = {
        "sealed_id": sealed.id,
        "call_id": call_id,
        "number_index": vault.index(number),
        "sealed": sealed.text,
        "recorded_at": now,
    }
    key: Mapping[str, object] = {"sealed_id": sealed.id, "call_id": call_id, "wrapped": sealed.wrapped}
    return Row(callers.name, data), Row(caller_keys.name, key), entry_row(committed, now)


async def opened(
    connection: AsyncConnection, call_ids: Iterable[str], vault: Vault | None
) -> Mapping[str, Opened]:
    """By call, of those calls of which something is kept; nothing with a locked vault."""
    found: dict[str, Opened] = {}
    if vault is None or vault.locked:
        return found
    left, unreadable = iter(call_ids), 0
    query = (
        select(callers.c.call_id, callers.c.sealed, caller_keys.c.wrapped)
        .join(caller_keys, caller_keys.c.sealed_id == callers.c.sealed_id)
        .order_by(callers.c.recorded_at)
    )
    while some := tuple(islice(left, AT_ONCE)):
        for call_id, sealed, wrapped in await connection.execute(query.where(callers.c.call_id.in_(some))):
            try:
                values, commitment = vault.open(call_id, wrapped, sealed)
            except VaultError:
                unreadable += 1
                continue
            caller, known = _caller(call_id, values), found.get(call_id)
            if known is not None:
                found[call_id] = Opened(known.caller.with_more(caller), (*known.commitments, commitment))
            else:
                found[call_id] = Opened(caller, (commitment,))
    if unreadable:
        _log.error(
            "callers-unreadable", rows=unreadable, remedy="put back the key of that time: docs/privacy.md"
        )
    return found


async def with_data(connection: AsyncConnection, call_ids: Sequence[str]) -> set[str]:
    """Those of which something is kept, readable or not."""
    return set(await connection.scalars(select(callers.c.call_id).where(callers.c.call_id.in_(call_ids))))


async def of_number(connection: AsyncConnection, number: str, vault: Vault) -> Sequence[str]:
    """The calls of a number, however it is written, oldest first. Raises :class:`VaultError` when locked."""
    query = select(callers.c.call_id).where(callers.c.number_index == vault.index(number))
    return tuple(dict.fromkeys(await connection.scalars(query.order_by(callers.c.recorded_at))))


def _caller(call_id: str, values: Mapping[str, object]) -> CallerData:
    headers = values.get("headers")
    return CallerData(
        call_id,
        str(values.get("number", "")),
        str(values.get("name", "")),
        {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
    )
