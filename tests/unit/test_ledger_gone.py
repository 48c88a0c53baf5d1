"""The database itself goes away and comes back: its file, its server, in the middle of everything."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from ledger_place import NOW, Place, entry, until
from sqlalchemy import text
from stack.postgresql import Postgresql
from structlog.testing import capture_logs

from ivr.errors import IvrError
from ivr.ledger.anchor import Anchors
from ivr.ledger.read import reading
from ivr.ledger.rows import entry_row
from ivr.ledger.verify import verify
from ivr.ledger.writer import LedgerWriter, Tuning
from ivr.queueing.pin_copies import copy_pins
from ivr.settings import Settings
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade

SHORT = Tuning(linger_seconds=0.001, commit_seconds=0.5, retry_seconds=(0.01, 0.05))

GOING: dict[str, Callable[[Postgresql], None]] = {
    "stopped": Postgresql.stop,
    "crashed": lambda server: server.stop(crash=True),
    "hanging": Postgresql.pause,
}


@pytest.fixture
async def sqlite_place(tmp_path: Path) -> AsyncIterator[Place]:
    file = tmp_path / "database" / "siaga.sqlite3"
    file.parent.mkdir()
    async with Place(tmp_path, f"sqlite+aiosqlite:///{file}") as place:
        yield place


@pytest.fixture
async def server(postgresql: Postgresql) -> AsyncIterator[Postgresql]:
    """The private server, to be taken away; it is back for the next test."""
    yield postgresql
    back(postgresql)


@pytest.fixture
async def place(tmp_path: Path, server: Postgresql, postgresql_url: str) -> AsyncIterator[Place]:
    async with Place(tmp_path, postgresql_url) as place:
        yield place
        back(server)


def back(server: Postgresql) -> None:
    server.resume()
    if not server.running:
        server.start()


async def test_a_file_that_is_not_there_at_the_start_is_made_when_it_can_be(sqlite_place: Place) -> None:
    folder = sqlite_place.folder / "database"
    folder.rmdir()
    writer = sqlite_place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().journal_bytes)
    folder.mkdir()
    await until(lambda: writer.status().well)
    await writer.close()
    assert await sqlite_place.numbers() == [0]


async def test_a_file_that_is_taken_away_gets_all_that_came_since(sqlite_place: Place) -> None:
    folder = sqlite_place.folder / "database"
    writer = sqlite_place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    moved = folder.rename(sqlite_place.folder / "moved")
    writer.record(entry(1))
    await until(lambda: writer.status().journal_bytes)
    assert "is gone" in (writer.status().last_error or "")
    assert not folder.exists()
    moved.rename(folder)
    await until(lambda: writer.status().well)
    await writer.close()
    assert await sqlite_place.numbers() == [0, 1]
    async with sqlite_place.engine().connect() as connection:
        assert (await verify(connection, Anchors())).whole


async def test_a_file_that_is_removed_under_the_engine_takes_nothing_with_it(sqlite_place: Place) -> None:
    """What was in it is lost with it; what comes then waits, and is in the file of the next start."""
    writer = sqlite_place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    for file in (sqlite_place.folder / "database").iterdir():
        file.unlink()
    writer.record(entry(1))
    await until(lambda: writer.status().journal_bytes)
    await writer.close()
    assert list((sqlite_place.folder / "database").iterdir()) == []
    again = sqlite_place.writer()
    await until(lambda: again.status().well)
    await again.close()
    assert await sqlite_place.numbers() == [1]


async def test_a_file_that_another_replaces_under_the_engine_is_let_go(sqlite_place: Place) -> None:
    """A backup that was put in its place."""
    file = sqlite_place.folder / "database" / "siaga.sqlite3"
    writer = sqlite_place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    async with sqlite_place.engine().connect() as connection:
        await connection.exec_driver_sql(f"VACUUM INTO '{file}.backup'")
    file.with_name(file.name + ".backup").replace(file)
    for left in ("-wal", "-shm"):
        file.with_name(file.name + left).unlink(missing_ok=True)
    writer.record(entry(1))
    await until(lambda: writer.status().stored == 2)
    await writer.close()
    await writer._engine.dispose()
    async with Place(sqlite_place.folder, sqlite_place.url) as fresh:
        assert await fresh.numbers() == [0, 1]


def test_a_disk_that_others_fill_has_room_for_the_record(tmp_path: Path) -> None:
    """A real full disk: a small one in memory, mounted where nobody else sees it."""
    script = Path(__file__).with_name("full_disk.py")
    unshare = ("unshare", "--user", "--map-root-user", "--mount")
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk of his own")
    paths = (str(script.parent), *sys.path)
    done = subprocess.run(
        [*unshare, sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "journal_on_the_full_disk": True,
        "reserve_given_up": True,
        "numbers": list(range(400)),
        "whole": True,
        "reserve_made_again": True,
        "lost": 0,
    }


@pytest.mark.parametrize("how", GOING)
async def test_a_server_that_is_not_there_at_the_start_gets_all_later(
    place: Place, server: Postgresql, how: str
) -> None:
    GOING[how](server)
    writer = place.writer(SHORT)
    writer.record(entry(0))
    await until(lambda: writer.status().journal_bytes)
    back(server)
    await until(lambda: writer.status().well)
    await writer.close()
    assert await place.numbers() == [0]


@pytest.mark.parametrize("how", GOING)
async def test_a_server_that_goes_gets_all_that_came_since(
    place: Place, server: Postgresql, how: str
) -> None:
    writer = place.writer(SHORT)
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    GOING[how](server)
    for number in range(1, 50):
        writer.record(entry(number))
    await until(lambda: writer.status().journal_bytes and not writer.status().queued)
    assert not writer.status().well
    for number in range(50, 100):  # behind those that wait in the journal
        writer.record(entry(number))
    await until(lambda: not writer.status().queued)
    back(server)
    await until(lambda: writer.status().well)
    await writer.close()
    assert await place.numbers() == list(range(100))
    assert not place.journal.exists()


async def test_a_server_that_crashes_under_commits_neither_loses_nor_doubles(
    place: Place, server: Postgresql
) -> None:
    """Of a commit whose answer never came nobody knows whether it was done: it is done again."""
    writer = place.writer(SHORT)
    numbers = iter(range(100_000))

    async def record() -> None:
        while True:
            writer.record(entry(next(numbers)))
            await asyncio.sleep(0.0002)

    recording = asyncio.create_task(record())
    for _ in range(3):
        before = writer.status().stored
        await until(lambda: writer.status().stored > before + 100)  # noqa: B023 - awaited here
        await asyncio.to_thread(server.stop, crash=True)
        await until(lambda: writer.status().away_since is not None)
        await asyncio.to_thread(server.start)
    recording.cancel()
    with suppress(asyncio.CancelledError):
        await recording
    await until(lambda: writer.status().well)
    await writer.close()
    assert await place.numbers() == list(range(next(numbers)))


async def test_closing_while_the_server_hangs_leaves_all_in_the_journal(
    place: Place, server: Postgresql
) -> None:
    writer = place.writer(SHORT)
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    server.pause()
    writer.record(entry(1))
    async with asyncio.timeout(30):  # neither waits for an answer that will not come
        await writer.close()
        await close(place.engines[0])
    assert place.journal.stat().st_size
    server.resume()
    again = place.writer(SHORT)
    await until(lambda: again.status().well)
    await again.close()
    assert await place.numbers() == [0, 1]


async def test_an_idle_connection_to_a_server_that_hangs_can_be_closed(
    place: Place, server: Postgresql
) -> None:
    engine = place.engine()
    async with engine.connect():
        pass
    server.pause()
    async with asyncio.timeout(20):
        await close(engine)
    server.resume()


async def test_a_connection_of_which_the_network_knows_nothing_more_is_given_up(
    place: Place, server: Postgresql
) -> None:
    """As when a firewall forgets it: nobody says no, and a new one would do."""
    async with Network(server.port) as network:
        place.url = place.url.replace(str(server.port), str(network.port))
        engine = create_engine(place.url, statement_seconds=None)
        place.engines.append(engine)
        await upgrade(place.url)
        writer = LedgerWriter(engine, place.journal, tuning=SHORT)
        writer.start()
        writer.record(entry(0))
        await until(lambda: writer.status().stored == 1)
        network.forget()
        writer.record(entry(1))
        await until(lambda: writer.status().stored == 2)
        await until(lambda: writer.status().well)
        await writer.close()
        assert await place.numbers() == [0, 1]


class Network:
    """What lies between, on a port of its own."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._pumps: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.forget()
        for end in self._ends:
            end.close()

    def forget(self) -> None:
        """No connection of now is forwarded any more, and none is told."""
        for pump in self._pumps:
            pump.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._ends += [writer, back]
        for source, target in ((reader, back), (there, writer)):
            pump = asyncio.create_task(self._pump(source, target))
            self._pumps.add(pump)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()


async def test_a_server_that_only_reads_gets_all_when_it_writes_again(place: Place) -> None:
    """As a standby does until it is promoted."""
    await upgrade(place.url)
    await only_reads(place, "on")
    writer = place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().journal_bytes)
    assert "read-only" in (writer.status().last_error or "")
    await only_reads(place, "off")
    await until(lambda: writer.status().well)
    await writer.close()
    assert await place.numbers() == [0]
    assert writer.status().refused == 0


async def only_reads(place: Place, value: str) -> None:
    name = place.url.rpartition("/")[2]
    async with place.engine().begin() as connection:
        await connection.execute(text("SET TRANSACTION READ WRITE"))
        await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}"))
    for engine in place.engines:
        await engine.dispose()


@pytest.mark.parametrize(
    "poison",
    [
        {"call_id": 628110000000},
        {"call_id": None},
        {"call_id": "".join(map(str, range(62811, 70000)))},
        {"entry_id": "+628110000000" * 3},
        {"kind": "\udc80+628110000000"},
        {"source": "\x00+628110000000"},
    ],
    ids=lambda poison: next(iter(poison)),
)
async def test_a_row_that_postgresql_refuses_stops_no_other_and_is_not_quoted(
    place: Place, poison: dict[str, object]
) -> None:
    """Rows of ours are clean; those of a journal may be damaged or another release's."""
    lines = [json.loads(entry_row(entry(number), NOW).to_line()) for number in range(5)]
    lines[2]["values"] |= poison
    place.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with capture_logs() as logs:
        writer = place.writer()
        await until(lambda: writer.status().refused)
        await until(lambda: not writer.status().journal_bytes)
        await writer.close()
    assert await place.numbers() == [0, 1, 3, 4]
    assert writer.status().refused == 1
    refused = json.loads(place.journal.with_name("journal.refused").read_text())
    assert refused["values"]["data"] == {"number": 2}
    assert "62811" not in str(logs)
    assert "62811" not in str(writer.status())


@pytest.mark.parametrize("how", GOING)
async def test_whoever_reads_is_told_what_to_look_at(place: Place, server: Postgresql, how: str) -> None:
    await upgrade(place.url)
    GOING[how](server)
    with pytest.raises(IvrError, match="IVR_DATABASE_URL") as caught:
        async with reading(place.url):
            pass
    assert place.url.split(":")[2].partition("@")[0] not in str(caught.value)


async def test_a_link_that_is_back_does_not_wait_for_a_server_that_hangs(
    place: Place, server: Postgresql, tmp_path: Path
) -> None:
    await upgrade(place.url)
    writer = place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    server.pause()
    async with asyncio.timeout(20):
        assert not await copy_pins(Settings(state=tmp_path), place.engines[0])
    server.resume()
    await writer.close()
