"""Ledger entries a second, on SQLite and on PostgreSQL, and what a large record costs."""

import asyncio
import itertools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stack.postgresql import Postgresql

from benchmarks.capture import Captured
from benchmarks.figures import Lines, Section, Table
from benchmarks.fill import BYTES_A_CALL, fill
from benchmarks.plan import Sizes
from benchmarks.process import BenchError
from benchmarks.say import say
from ivr.ledger.entries import CallerData, Entry, Source
from ivr.ledger.read import find_call, list_calls, open_calls, reading
from ivr.ledger.vault import Vault
from ivr.ledger.writer import LedgerWriter
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade

WAITING = 4000
"""Entries that may wait for the writer: fewer than would make it turn to its journal."""
_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Speed:
    store: str
    entries: int
    per_second: float
    cpu_us: float
    """Of the engine's side, an entry."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A record of so many calls. Seconds; ``None`` when there was no room for it."""

    calls: int
    megabytes: float | None = None
    entries_per_second: float | None = None
    newest_50: float | None = None
    one_call: float | None = None
    restart: float | None = None


async def measure(captured: Captured, sizes: Sizes) -> Section:
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as name:
        directory = Path(name)
        say(f"ledger: {sizes.entries:,} entries on SQLite")
        speeds = [await _speed("SQLite", _sqlite(directory / "speed"), captured, sizes.entries)]
        say(f"ledger: {sizes.entries:,} entries on PostgreSQL")
        with await asyncio.to_thread(Postgresql, durable=True) as server:
            url = await server.create_database("bench")
            speeds.append(await _speed("PostgreSQL", url, captured, sizes.entries, directory))
        weights = []
        for calls in sizes.recorded_calls:
            say(f"ledger: a record of {calls:,} calls")
            weights.append(await _weight(directory, captured, calls, min(5_000, sizes.entries)))
    speed_table = Table(
        "Ledger entries",
        ("", "entries", "a second", "CPU µs an entry"),
        [(one.store, one.entries, one.per_second, one.cpu_us) for one in speeds],
        "From the engine's word to disk (synced), with the call's row beside each entry; "
        f"{len(captured.entries)} entries a call, those of a real one. PostgreSQL runs beside it on the "
        "same CPUs.",
    )
    weight_table = Table(
        "A large record (SQLite)",
        ("calls", "MB", "entries a second", "ivr calls ms", "ivr call ms", "open calls at start ms"),
        [
            (
                *(one.calls, one.megabytes, one.entries_per_second),
                *(_ms(one.newest_50), _ms(one.one_call), _ms(one.restart)),
            )
            for one in weights
        ],
        "The reading behind the commands, without the start of Python.",
    )
    measured = [one for one in weights if one.one_call is not None]
    chart = Lines(
        "ledger-size",
        "Reading and writing by size of the record",
        "ms",
        "calls in the record",
        [float(one.calls) for one in measured],
        {
            "newest 50 calls": [_ms(one.newest_50) or 0.0 for one in measured],
            "one call": [_ms(one.one_call) or 0.0 for one in measured],
            "1,000 entries written": [1e6 / (one.entries_per_second or 1e9) for one in measured],
        },
    )
    figures = {"speeds": [asdict(one) for one in speeds], "sizes": [asdict(one) for one in weights]}
    return Section("ledger", "The record", (speed_table, weight_table), figures, (chart,))


def _sqlite(directory: Path) -> str:
    directory.mkdir()
    return f"sqlite+aiosqlite:///{directory / 'record.sqlite3'}"


async def _speed(
    store: str, url: str, captured: Captured, entries: int, directory: Path | None = None
) -> Speed:
    await upgrade(url)
    journal = directory or Path(url.removeprefix("sqlite+aiosqlite:///")).parent
    async with writer_on(url, journal / f"{store}.jsonl") as writer:
        took, cpu = await write(writer, captured, entries)
    return Speed(store, entries, entries / took, 1e6 * cpu / entries)


@asynccontextmanager
async def writer_on(url: str, journal: Path) -> AsyncIterator[LedgerWriter]:
    engine = create_engine(url)
    writer = LedgerWriter(
        engine, journal, vault=Vault(journal.parent / "secrets", journal.parent / "sealed-by", make=True)
    )
    writer.start()
    try:
        yield writer
    finally:
        await writer.close()
        await close(engine)


async def write(writer: LedgerWriter, captured: Captured, entries: int) -> tuple[float, float]:
    """Put so many entries down, call by call, as fast as they are taken; seconds and CPU seconds it took."""
    wanted = writer.status().stored + entries
    began, cpu = time.perf_counter(), time.process_time()
    left = entries
    while left > 0:
        call = replace(captured.call, id=f"bench-{next(_ids)}")
        writer.record_caller(CallerData(call.id, "+628110000001", ""))
        for written in captured.entries[:left]:
            writer.record(Entry(call.id, written.at, written.kind, Source(written.source), written.data))
            writer.project(call)
        left -= len(captured.entries)
        while writer.status().queued > WAITING:  # noqa: ASYNC110 - the writer tells nobody
            await asyncio.sleep(0.001)
    while (status := writer.status()).stored < wanted or status.queued:
        if status.away_since is not None:
            raise BenchError(f"the database stopped taking entries: {status.last_error}")
        await asyncio.sleep(0.001)
    return time.perf_counter() - began, time.process_time() - cpu


async def _weight(directory: Path, captured: Captured, calls: int, entries: int) -> Weight:
    place = directory / f"of-{calls}"
    if shutil.disk_usage(directory).free < 2 * calls * BYTES_A_CALL:
        say(f"ledger: no room for {calls:,} calls, left out")
        return Weight(calls)
    url = _sqlite(place)
    await upgrade(url)
    async with writer_on(url, place / "journal.jsonl") as writer:
        await write(writer, captured, len(captured.entries))
    await asyncio.to_thread(fill, place / "record.sqlite3", calls)
    async with writer_on(url, place / "journal.jsonl") as writer:
        took, _ = await write(writer, captured, entries)
    engine = create_engine(url)
    try:
        async with reading(url) as connection:
            newest = await _timed(lambda: list_calls(connection, limit=50))
            one = await _timed(lambda: find_call(connection, f"fill-{calls // 2}"))
        restart = await _timed(lambda: open_calls(engine))
    finally:
        await close(engine)
    megabytes = sum(file.stat().st_size for file in place.iterdir()) / 1e6
    shutil.rmtree(place)
    return Weight(calls, megabytes, entries / took, newest, one, restart)


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    """The median of five tries."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    return sorted(times)[2]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
