"""Reading the record: for the command line, and for the engine when it starts."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Row, func, literal, make_url, or_, select, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.calls.call import Call
from ivr.calls.endings import Result
from ivr.calls.findings import Kind
from ivr.errors import IvrError
from ivr.ledger.entries import CallerData
from ivr.ledger.personal import opened
from ivr.ledger.rows import call_of
from ivr.ledger.vault import Vault
from ivr.store.engine import close, create_engine
from ivr.store.faults import in_short
from ivr.store.tables import calls, ledger

MOST_MATCHES = 5
"""So many calls are named when a part of an id fits several."""

MOST_LATELY = 2_000
"""Calls that :func:`lately` gives."""

PAGE = 2_000
"""Entries read at once by :func:`decisions`."""

LATE = timedelta(seconds=1)
"""Events are read from Asterisk every twentieth of a second; a clock that is set is set by more."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A call as the record has it, and its caller's number and name: personal data. Both are empty where
    nothing is known or kept, and where the vault is locked."""

    call: Call
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """One line of the ledger."""

    seq: int
    at: datetime
    recorded_at: datetime
    kind: str
    source: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of the ledger; ``data`` as in docs/ledger.md."""

    call_id: str
    at: datetime
    data: Mapping[str, object]


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to an existing record. Raises :class:`IvrError` when there is none or it is unreadable."""
    where = make_url(url).render_as_string(hide_password=True)
    if _missing(url):
        raise IvrError(f"There is no record at {where} yet: ivr serve makes it. Is IVR_STATE right?")
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            yield connection
    except (DBAPIError, OSError, TypeError) as error:  # TypeError: an unknown parameter in the URL
        raise IvrError(
            f"The record at {where} cannot be read ({in_short(error)}). Is IVR_DATABASE_URL right? If the "
            "record is new or old, start ivr serve once; otherwise ivr doctor looks into it."
        ) from error
    finally:
        await close(engine)


async def open_calls(engine: AsyncEngine) -> tuple[Call, ...]:
    """Calls that had not ended, whose clock ran or whose recording was not looked at yet when they were last
    put down; oldest first."""
    async with engine.connect() as connection:
        rows = await connection.execute(select(calls).where(calls.c.open).order_by(calls.c.seen_at))
        found = [_call(row) for row in rows]
    return tuple(call for call in found if call is not None)


async def lately(engine: AsyncEngine, since: datetime, vault: Vault | None) -> tuple[Known, ...]:
    """Calls that had not ended, and those first seen after ``since``; the newest, newest first."""
    query = select(calls).where(or_(calls.c.open, calls.c.seen_at >= since)).order_by(calls.c.seen_at.desc())
    async with engine.connect() as connection:
        rows = (await connection.execute(query.limit(MOST_LATELY))).all()
        return await _known(connection, rows, vault)


async def list_calls(
    connection: AsyncConnection,
    *,
    vault: Vault | None = None,
    since: datetime | None = None,
    result: str | None = None,
    limit: int = 50,
) -> tuple[Known, ...]:
    """The newest ``limit`` calls, newest first; ``result`` is one of :class:`ivr.calls.endings.Result`."""
    query = select(calls).order_by(calls.c.seen_at.desc(), calls.c.call_id.desc()).limit(limit)
    if since is not None:
        query = query.where(calls.c.seen_at >= since)
    if result is not None:
        if result not in set(Result):
            raise IvrError(f"There is no result {result!r}. Results are: {', '.join(Result)}.")
        query = query.where(calls.c.result == result)
    return await _known(connection, (await connection.execute(query)).all(), vault)


async def find_call(
    connection: AsyncConnection, part: str, *, vault: Vault | None = None
) -> tuple[Known, tuple[Written, ...]]:
    """The call with this id, or whose id alone begins or ends with ``part``, and all its entries in order.

    Raises :class:`IvrError` when none or several fit.
    """
    rows = (await connection.execute(select(calls).where(calls.c.call_id == part))).all()
    if not rows and part:
        near = or_(
            calls.c.call_id.startswith(part, autoescape=True), calls.c.call_id.endswith(part, autoescape=True)
        )
        newest_first = select(calls).where(near).order_by(calls.c.seen_at.desc()).limit(MOST_MATCHES + 1)
        rows = (await connection.execute(newest_first)).all()
    if len(rows) > 1:
        names = ", ".join(row.call_id for row in rows[:MOST_MATCHES])
        raise IvrError(f"{part} fits several calls ({names}, …): give more of the id.")
    found = await _known(connection, rows, vault)
    if not found:
        raise IvrError(f"There is no call {part!r} in the record: ivr calls lists them.")
    return found[0], await entries_of(connection, found[0].call.id)


async def entries_of(connection: AsyncConnection, call_id: str) -> tuple[Written, ...]:
    """All entries of one call, :func:`as_it_happened`."""
    entries = await connection.execute(
        select(ledger).where(ledger.c.call_id == call_id).order_by(ledger.c.seq)
    )
    return as_it_happened(
        Written(row.seq, row.at, row.recorded_at, row.kind, row.source, row.data) for row in entries
    )


def as_it_happened(entries: Iterable[Written]) -> tuple[Written, ...]:
    """``entries`` in the order in which they were written, but where one came late by a moment
    (:data:`LATE`), it stands where it belongs.

    What Asterisk tells and what the engine notes come by two ways: an advice may be written before the
    answer of the call that asked for it. A clock that was set back turns nothing around.
    """
    told: list[Written] = []
    for entry in entries:
        place = len(told)
        while place and timedelta() < told[place - 1].at - entry.at <= LATE:
            place -= 1
        told.insert(place, entry)
    return tuple(told)


async def decisions(connection: AsyncConnection, since: datetime, until: datetime) -> AsyncIterator[Decided]:
    """All decisions from ``since`` to ``until``, oldest first, but those that came too late to be followed.

    Read page by page: neither memory nor a lock grows with the record.
    """
    place = tuple_(ledger.c.at, ledger.c.seq)
    last = (since, 0)
    while True:
        behind = place > tuple_(literal(last[0], ledger.c.at.type), literal(last[1], ledger.c.seq.type))
        page = (
            select(ledger.c.seq, ledger.c.call_id, ledger.c.at, ledger.c.data)
            # The same as the first half of the pair, in the form for which the index is used.
            .where(ledger.c.at >= last[0], ledger.c.at <= until, behind, ledger.c.kind == str(Kind.DECISION))
            .order_by(ledger.c.at, ledger.c.seq)
            .limit(PAGE)
        )
        rows = (await connection.execute(page)).all()
        await connection.rollback()
        for row in rows:
            if not row.data.get("too_late"):
                yield Decided(row.call_id, row.at, row.data)
        if len(rows) < PAGE:
            return
        last = (rows[-1].at, rows[-1].seq)


async def undecided(connection: AsyncConnection, since: datetime, until: datetime) -> int:
    """How many calls from ``since`` to ``until`` came to no decision: their callers left before, or they went
    on without the engine."""
    query = select(func.count()).where(calls.c.seen_at.between(since, until), calls.c.rule.is_(None))
    return int((await connection.execute(query)).scalar_one())


def _missing(url: str) -> bool:
    """SQLite would make an empty file of that name."""
    parsed = make_url(url)
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()


async def _known(
    connection: AsyncConnection, rows: Sequence[Row[tuple[object, ...]]], vault: Vault | None
) -> tuple[Known, ...]:
    found = [call for call in map(_call, rows) if call is not None]
    people = await opened(connection, (call.id for call in found), vault)
    nobody = CallerData("", "")
    who = (people[call.id].caller if call.id in people else nobody for call in found)
    return tuple(Known(call, caller.number, caller.name) for call, caller in zip(found, who, strict=True))


def _call(row: Row[tuple[object, ...]]) -> Call | None:
    try:
        return call_of(row.snapshot)
    except ValueError:
        _log.error("call-unreadable", call=row.call_id, remedy="its ledger entries are whole")
        return None
