"""AMI events a second: from the socket into our own dataclasses, and from there into the record."""

import asyncio
import math
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from panoramisk import Manager

from benchmarks import event_source
from benchmarks.event_source import END
from benchmarks.figures import Section, Table
from benchmarks.plan import Sizes
from benchmarks.process import BenchError, end
from benchmarks.say import say
from ivr.asterisk.ami_link import AmiLink
from ivr.asterisk.ami_messages import AmiMessage
from ivr.asterisk.translate import translate
from ivr.calls.events import OperatorChanged, OperatorLeft
from ivr.calls.registry import Registry
from ivr.ledger.keeper import Keeper
from ivr.ledger.vault import Vault
from ivr.ledger.writer import LedgerWriter
from ivr.render.install import repository
from ivr.routing.loader import load_file
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade
from ivr.who_calls import who_calls

SECONDS = 300.0
"""A stream that takes longer has broken off."""


@dataclass(frozen=True, slots=True)
class Rate:
    what: str
    events: int
    per_second: float
    cpu_us: float
    """Of the receiving process, an event."""


async def measure(frames: Sequence[bytes], sizes: Sizes) -> Section:
    """``frames`` are recorded events of Asterisk's, sent again until there are ``sizes.events``."""
    copies = math.ceil(sizes.events / len(frames))
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as directory:
        file = Path(directory) / "events"
        file.write_bytes(b"".join(frame + END for frame in frames))
        count = copies * len(frames)
        say(f"events: {count:,} into our dataclasses")
        ours = await _ours(file, copies, count, "Siaga 112: to our own dataclasses", _discard)
        say("events: into the record")
        # The whole way costs some ten times as much; a tenth of the events tells it as well.
        few = max(1, copies // 10)
        whole = await _to_the_record(file, few, few * len(frames), Path(directory))
        say("events: plain panoramisk")
        plain = await _panoramisk(file, copies, count)
    rates = (ours, whole, plain)
    table = Table(
        "AMI events, end to end",
        ("", "events", "a second", "CPU µs an event"),
        [(rate.what, rate.events, rate.per_second, rate.cpu_us) for rate in rates],
        "Events of real calls, sent by another process over loopback as fast as they are taken. Plain "
        "panoramisk hands on its own messages, untyped and in no order.",
    )
    figures = {"events_per_second": ours.per_second, "rates": [asdict(rate) for rate in rates]}
    return Section("events", "Asterisk's events", (table,), figures)


def _discard(_: object) -> None:
    return None


async def _ours(file: Path, copies: int, count: int, what: str, then: Callable[[Any], object]) -> Rate:
    """The engine's own link; ``then`` gets each event that means something."""
    seen = 0
    done = asyncio.Event()

    def on_event(message: AmiMessage) -> None:
        nonlocal seen
        event = translate(message)
        if event is not None:
            then(event)
        seen += 1
        if seen == count:
            done.set()

    async def nothing() -> None:
        pass

    async with _source(file, copies) as port:
        link = AmiLink("127.0.0.1", port, "engine", "any", on_event, nothing, nothing)
        began, cpu = time.perf_counter(), time.process_time()
        await link.start()
        try:
            await _within(done)
            took, used = time.perf_counter() - began, time.process_time() - cpu
        finally:
            await link.close()
    return Rate(what, count, count / took, 1e6 * used / count)


async def _to_the_record(file: Path, copies: int, count: int, directory: Path) -> Rate:
    """Through the registry into the ledger's queue, while the writer stores it in SQLite."""
    url = f"sqlite+aiosqlite:///{directory / 'record.sqlite3'}"
    await upgrade(url)
    engine = create_engine(url)
    writer = LedgerWriter(
        engine,
        directory / "journal.jsonl",
        vault=Vault(directory / "secrets", directory / "sealed-by", make=True),
    )
    writer.start()
    city = load_file(repository() / "routing.yaml").city
    keeper = Keeper(Registry(), writer, partial(who_calls, city=city))

    def see(event: Any) -> None:
        if not isinstance(event, OperatorChanged | OperatorLeft):
            keeper.see(event)

    try:
        return await _ours(file, copies, count, "Siaga 112: to live calls and the ledger", see)
    finally:
        await writer.close()
        await close(engine)


async def _panoramisk(file: Path, copies: int, count: int) -> Rate:
    seen = 0
    done = asyncio.Event()

    def on_event(_manager: Manager, _message: object) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            done.set()

    async with _source(file, copies) as port:
        manager = Manager(
            loop=asyncio.get_running_loop(), host="127.0.0.1", port=port, username="engine", secret="any"
        )
        manager.register_event("*", on_event)
        began, cpu = time.perf_counter(), time.process_time()
        await manager.connect()
        try:
            await _within(done)
            took, used = time.perf_counter() - began, time.process_time() - cpu
        finally:
            manager.close()
    return Rate("plain panoramisk", count, count / took, 1e6 * used / count)


async def _within(done: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(done.wait(), SECONDS)
    except TimeoutError:
        raise BenchError(f"not all events came within {SECONDS:.0f} s") from None


@asynccontextmanager
async def _source(file: Path, copies: int) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, event_source.__file__, str(file), str(copies)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        await end(process)
