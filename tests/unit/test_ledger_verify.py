"""Whatever somebody with the database's password does to the record shows, and the first place is named."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_place import NOW, Place, entry, until
from sqlalchemy import Text, cast, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs
from typer.testing import CliRunner

from ivr.cli import app
from ivr.ledger import anchor
from ivr.ledger.anchor import Accepted, Anchored, Cut
from ivr.ledger.anchoring import Anchoring
from ivr.ledger.chain import GENESIS, Head, link
from ivr.ledger.rows import entry_row
from ivr.ledger.storing import store
from ivr.ledger.verify import Proof, Wrong, verify
from ivr.store.tables import ledger
from ivr.store.upgrade import upgrade


class Engine:
    """A writer and its anchoring, over one run."""

    def __init__(self, place: Place) -> None:
        self._engine = place.engine(0.5)
        self.writer = place.writer()
        self.anchoring = Anchoring(self._engine, place.folder / "head.jsonl", self.writer, every_seconds=0.01)
        self.anchoring.start()

    async def write(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.writer.record(entry(number))
        await until(lambda: self.writer.ready and not self.writer.status().queued)
        stored = self.writer.status().stored
        await until(lambda: self.anchoring._stored >= stored or self.anchoring.status().error)

    async def close(self) -> None:
        await self.writer.close()
        await self.anchoring.close()


@pytest.fixture
async def written(place: Place) -> Place:
    """A hundred entries, then a second run of the engine with twenty more."""
    for numbers in (range(100), range(100, 120)):
        engine = Engine(place)
        await engine.write(numbers)
        await engine.close()
    return place


async def prove(place: Place) -> Proof:
    anchors = anchor.read(place.folder / "head.jsonl")
    async with place.engine().connect() as connection:
        return await verify(connection, anchors)


async def attack(place: Place, *statements: str) -> None:
    """By somebody who may do everything in the database."""
    async with place.engine().begin() as connection:
        await unguard(connection)
        for statement in statements:
            await connection.execute(text(statement))


async def unguard(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":
        await connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER USER"))
        return
    for name in ("ledger_no_update", "ledger_no_delete", "ledger_no_replace"):
        await connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))


def found(proof: Proof) -> tuple[Wrong, int, int]:
    assert proof.fault is not None
    return proof.fault.wrong, proof.fault.seq, proof.fault.until


async def test_what_nobody_touched_is_whole_and_anchored_to_its_end(written: Place) -> None:
    proof = await prove(written)
    assert proof.whole
    assert proof.entries == 121  # with the one that says that anchoring begins
    assert proof.head is not None
    assert proof.anchored is not None
    assert (proof.anchored.seq, proof.anchored.hash) == (proof.head.seq, proof.head.hash)
    file = written.folder / "head.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'menu'",
        "data = '{\"number\": 999}'",
        "data = '{\"number\":  49}'",
        "call_id = 'c2'",
        "source = 'engine'",
        f"hash = '{'f' * 64}'",
        "entry_id = 'f'",
        "at = recorded_at, recorded_at = '2026-03-01 05:00:00.000000'",
    ],
)
async def test_a_changed_entry_is_named(written: Place, change: str) -> None:
    await attack(written, f"UPDATE ledger SET {change} WHERE seq = 50")
    proof = await prove(written)
    assert found(proof) == (Wrong.CHANGED, 50, 50)
    assert proof.fault is not None
    assert proof.fault.call_id in ("c1", "c2")


async def test_entries_removed_from_the_middle_are_named(written: Place) -> None:
    await attack(written, "DELETE FROM ledger WHERE seq BETWEEN 50 AND 52")
    proof = await prove(written)
    assert found(proof) == (Wrong.MISSING, 50, 52)
    assert proof.faults == 1  # the rest hangs together


async def test_the_first_entry_removed_is_named(written: Place) -> None:
    await attack(written, "DELETE FROM ledger WHERE seq = 1")
    assert found(await prove(written)) == (Wrong.MISSING, 1, 1)


async def test_the_last_ten_removed_are_named_by_what_was_anchored(written: Place) -> None:
    head = (await prove(written)).head
    assert head is not None
    await attack(written, f"DELETE FROM ledger WHERE seq > {head.seq - 10}")
    proof = await prove(written)
    assert found(proof) == (Wrong.MISSING, head.seq - 9, head.seq)
    assert proof.fault is not None
    assert proof.fault.anchored is not None
    assert proof.fault.anchored.hash == head.hash


async def test_a_last_entry_removed_and_another_put_in_its_place_is_found(written: Place) -> None:
    head = (await prove(written)).head
    assert head is not None
    await attack(written, f"DELETE FROM ledger WHERE seq = {head.seq}")
    async with written.engine().begin() as connection:
        await store(connection, [entry_row(entry(0), NOW)])
    wrong, seq, _ = found(await prove(written))
    assert (wrong, seq) in {(Wrong.REWRITTEN, head.seq), (Wrong.MISSING, head.seq)}


async def test_two_entries_that_changed_places_are_named(written: Place) -> None:
    await attack(
        written,
        "UPDATE ledger SET seq = -1 WHERE seq = 50",
        "UPDATE ledger SET seq = 50 WHERE seq = 51",
        "UPDATE ledger SET seq = 51 WHERE seq = -1",
    )
    assert found(await prove(written)) == (Wrong.CHANGED, 50, 50)


async def test_an_entry_that_another_program_put_in_is_named(written: Place) -> None:
    async with written.engine().begin() as connection:
        values = entry_row(entry(0), NOW).values
        await connection.execute(ledger.insert(), [values])
    proof = await prove(written)
    assert proof.head is not None
    assert found(proof) == (Wrong.UNCHAINED, proof.head.seq, proof.head.seq)


async def test_an_emptied_ledger_is_found(written: Place) -> None:
    await attack(written, "DELETE FROM ledger")
    proof = await prove(written)
    assert found(proof)[:2] == (Wrong.MISSING, 1)
    assert proof.entries == 0


async def test_a_chain_computed_anew_from_some_entry_on_is_found_by_what_was_anchored(written: Place) -> None:
    columns = [*(c for c in ledger.c if c.name != "data"), cast(ledger.c.data, Text).label("data")]
    async with written.engine().begin() as connection:
        await unguard(connection)
        await connection.execute(text("UPDATE ledger SET kind = 'menu' WHERE seq = 50"))
        before = GENESIS
        for row in (await connection.execute(select(*columns).order_by(ledger.c.seq))).all():
            before = link(before, row._asdict())
            await connection.execute(ledger.update().where(ledger.c.seq == row.seq).values(hash=before))
    wrong, seq, _ = found(await prove(written))
    assert wrong is Wrong.REWRITTEN
    assert 50 <= seq <= 121


async def test_while_the_engine_writes_there_is_no_false_alarm(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.ledger.verify.PAGE", 50)
    engine = Engine(place)
    await engine.write(range(10))
    writing = asyncio.create_task(_write_on(engine))
    proofs = [await prove(place) for _ in range(20)]
    writing.cancel()
    await asyncio.wait({writing})
    await engine.close()
    assert all(proof.whole for proof in proofs)
    assert proofs[-1].entries > proofs[0].entries


async def _write_on(engine: Engine) -> None:
    number = 10
    while True:
        engine.writer.record(entry(number))
        number += 1
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("gone", ["seq > 90", "seq > 0"])
async def test_the_engine_finds_a_cut_at_its_start_and_says_so_until_somebody_accepts_it(
    written: Place, gone: str
) -> None:
    await attack(written, f"DELETE FROM ledger WHERE {gone}")
    with capture_logs() as logs:
        engine = Engine(written)
        await engine.write(range(200, 205))
    assert [log["log_level"] for log in logs if log["event"] == "ledger-cut"] == ["critical"]
    assert engine.anchoring.status().cut is not None
    await engine.close()
    assert "ledger-cut" in await written.column(ledger.c.kind)
    again = Engine(written)
    await again.write(range(205, 300))  # more than are missing: their numbers may be used again
    assert again.anchoring.status().cut is not None
    proof = await prove(written)
    assert not proof.whole
    assert len(proof.cuts) == 1
    anchor.append(written.folder / "head.jsonl", [Accepted("restored", "root", NOW)])
    await until(lambda: again.anchoring.status().cut is None)
    await again.write([300])
    await again.close()
    proof = await prove(written)
    assert proof.whole
    assert proof.anchored is not None
    assert len(proof.accepted) == 1
    await attack(written, f"DELETE FROM ledger WHERE seq = {proof.anchored.seq}")
    assert not (await prove(written)).whole  # what was anchored since counts


async def test_the_engine_finds_a_cut_under_it(place: Place) -> None:
    engine = Engine(place)
    await engine.write(range(50))
    await attack(place, "DELETE FROM ledger WHERE seq > 20")
    await engine.write([50])
    await until(lambda: engine.anchoring.status().cut)
    await engine.close()
    proof = await prove(place)
    assert len(proof.cuts) == 1
    assert found(proof)[0] in (Wrong.REWRITTEN, Wrong.MISSING)


async def test_what_a_command_adds_is_no_cut(written: Place) -> None:
    async with written.engine().begin() as connection:
        await store(connection, [entry_row(entry(0, "marked"), NOW)])
    engine = Engine(written)
    await engine.write([120])
    assert engine.anchoring.status().cut is None
    await engine.close()
    assert (await prove(written)).whole


async def test_a_lost_anchor_is_said_and_the_new_one_is_an_entry(written: Place) -> None:
    (written.folder / "head.jsonl").unlink()
    proof = await prove(written)
    assert proof.whole
    assert proof.anchored is None
    engine = Engine(written)
    await engine.write([120])
    await engine.close()
    assert (await written.column(ledger.c.kind)).count("ledger-anchored") == 2


async def test_a_torn_or_garbled_line_costs_only_itself(written: Place) -> None:
    file = written.folder / "head.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"\xff\x00garbage\n" + b"".join(lines) + lines[-1][:30])
    proof = await prove(written)
    assert proof.whole
    assert proof.unreadable == 2
    assert proof.anchored == anchor.read(file).newest
    engine = Engine(written)
    await engine.write([120])
    await engine.close()
    proof = await prove(written)
    assert proof.whole
    assert proof.unreadable == 2
    assert proof.anchored is not None
    assert proof.head is not None
    assert proof.anchored.seq == proof.head.seq


async def test_an_anchor_that_cannot_be_written_stops_nothing_and_is_said(place: Place) -> None:
    (place.folder / "head.jsonl").mkdir()
    engine = Engine(place)
    await engine.write(range(10))
    await until(lambda: engine.anchoring.status().error)
    (place.folder / "head.jsonl").rmdir()
    await until(lambda: engine.anchoring.status().error is None)
    await engine.close()
    proof = await prove(place)
    assert proof.whole
    assert proof.anchored is not None


def test_the_file_stays_small_and_keeps_what_counts(tmp_path: Path) -> None:
    file = tmp_path / "head.jsonl"
    heads = [Anchored(number, f"{number:064}", NOW + timedelta(minutes=number)) for number in range(1, 200)]
    cut = Cut(heads[50], Head(3, "x"), heads[50].at)
    accepted = Accepted('a "reason"\n', "root", heads[60].at)
    anchor.append(file, [*heads[:51], cut, *heads[51:61], accepted, *heads[61:]])
    whole = anchor.read(file)
    anchor.thin(file)
    thinned = anchor.read(file)
    assert thinned.newest == whole.newest == heads[-1]
    assert [line for line in thinned.lines if not isinstance(line, Anchored)] == [cut, accepted]
    kept = [line for line in thinned.lines if isinstance(line, Anchored)]
    assert {line.at.hour for line in kept} == {line.at.hour for line in heads}
    assert len(kept) == 5
    assert thinned.accepted == (accepted,)
    assert thinned.cut is None
    assert file.stat().st_mode & 0o777 == 0o600


async def test_the_file_is_thinned_while_the_engine_runs(place: Place) -> None:
    engine = Engine(place)
    engine.anchoring._most_lines = 5
    for number in range(12):
        await engine.write([number])
    await engine.close()
    assert len(anchor.read(place.folder / "head.jsonl").lines) < 8
    assert (await prove(place)).whole


async def test_the_command_tells_it_in_both_languages(
    database_url: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("IVR_DATABASE_URL", database_url)
    place.folder = tmp_path / "state" / "ledger"
    place.folder.mkdir(parents=True)

    async def run(*options: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["ledger", "verify", *options])
        return result.exit_code, result.output

    await upgrade(database_url)
    status, said = await run()
    assert status == 0
    assert "Tidak ada jangkar" in said
    engine = Engine(place)
    await engine.write(range(30))
    await engine.close()
    status, said = await run()
    assert status == 0
    assert "Catatan utuh" in said
    assert "whole" in said
    assert "Dijangkarkan sampai entri 31" in said
    await attack(place, "DELETE FROM ledger WHERE seq > 21")
    status, said = await run()
    assert status == 1
    assert "Entri 22–31 hilang" in said
    assert "missing" in said
    status, said = await run("--json")
    assert status == 1
    told = json.loads(said)
    assert (told["whole"], told["fault"]["wrong"], told["fault"]["seq"]) == (False, "missing", 22)
    status, said = await run("--accept-cut", "restored from the backup of Monday")
    assert status == 0
    assert "restored from the backup of Monday" in said
    assert "ledger-cut-accepted" in await place.column(ledger.c.kind)
