"""What is kept of a number is told to whom it is about, or destroyed; the ledger says so and stays whole."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from ivr.callers.marks import Mark, Marked, add_mark
from ivr.callers.memory import CallerMemory, LastCall
from ivr.calls.events import CallAnswered, CallEnded, CallStarted
from ivr.calls.registry import Registry
from ivr.cli import app
from ivr.ledger.entries import CallerData, Entry
from ivr.ledger.keeper import Keeper
from ivr.ledger.personal import opened
from ivr.ledger.vault import SECRET
from ivr.ledger.writer import LedgerWriter
from ivr.privacy.erasing import Places
from ivr.privacy.place import vault_of
from ivr.privacy.retention import Destroyed, Retention, went_evenly
from ivr.privacy.watch import ErasureWatch
from ivr.routing.loader import load_file
from ivr.routing.rules import Keep
from ivr.settings import Settings
from ivr.store.engine import close, create_engine
from ivr.store.tables import caller_keys, caller_marks, callers, erasures, ledger
from ivr.store.upgrade import upgrade
from tests.ambon import who_calls_ambon

ROUTING = Path(__file__).resolve().parents[2] / "routing.yaml"
RULES = load_file(ROUTING)
START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
NUMBER, OTHER = "+628111234567", "+628119999999"
FIRST, LIVE, STRANGER = (f"siaga-{int(START.timestamp())}.{last}" for last in (1, 2, 3))
SIMLESS = "350000000000012"


class Installation:
    """One with three calls in its record: two of a number, of which one lasts, and one of somebody else."""

    def __init__(self, state: Path, url: str) -> None:
        self.settings = Settings(state=state, database_url=url)
        self.vault = vault_of(self.settings, lambda: RULES.city, make=True)
        self.places = Places.of(self.settings)
        self.memory = CallerMemory(self.vault.index)
        self.log = self.places.events / "master.csv"
        self.entries: list[Entry] = []

    async def fill(self) -> None:
        await upgrade(self.settings.database)
        self.log.parent.mkdir(parents=True)
        async with self.writing() as (writer, engine):
            keeper = Keeper(Registry(), writer, who_calls_ambon)
            for call, number in ((FIRST, "08111234567"), (LIVE, NUMBER), (STRANGER, OTHER)):
                keeper.see(CallStarted(call, START, "PJSIP/trunk-1", "112"))
                keeper.see(CallAnswered(call, START, number))
                writer.record_caller(CallerData(call, "", "Ibu Sari", {"from": f"sip:{number}@carrier"}))
                if call != LIVE:
                    keeper.see(CallEnded(call, START + timedelta(seconds=20), 16, True))
                self.recording(call).parent.mkdir(parents=True, exist_ok=True)
                self.recording(call).write_bytes(b"RIFF")
                self.log.open("a").write(
                    f'"ANSWER","1","{{}}","{call}","{call}","PJSIP/trunk-1","{number}","Sari","","",""\n'
                )
            for number in (NUMBER, OTHER):
                await add_mark(engine, Marked(number, Mark.PRANK, "op1", START), self.vault)

    def recording(self, call: str) -> Path:
        return self.places.recordings / f"{START:%Y/%m/%d}" / f"{call}.wav"

    def writing(self) -> "Writing":
        return Writing(self)

    async def end(self, call: str) -> None:
        async with self.writing() as (writer, _):
            keeper = Keeper(Registry(), writer, who_calls_ambon)
            keeper.see(CallStarted(call, START, "PJSIP/trunk-1", "112"))
            keeper.see(CallEnded(call, START + timedelta(seconds=60), 16, True))

    async def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        engine = create_engine(self.settings.database)
        async with engine.connect() as connection:
            found = [tuple(row) for row in await connection.execute(select(*columns))]
        await close(engine)
        return found

    def watch(self, engine: AsyncEngine, writer: LedgerWriter) -> ErasureWatch:
        return ErasureWatch(
            engine,
            self.places,
            self.vault,
            writer.record,
            self.memory.forget,
            lambda: START + timedelta(hours=1),
        )


class Writing:
    """The engine's writer, for a while; at the end all is stored."""

    def __init__(self, installation: Installation) -> None:
        self._of = installation

    async def __aenter__(self) -> tuple[LedgerWriter, AsyncEngine]:
        settings = self._of.settings
        self._engine = create_engine(settings.database)
        self._writer = LedgerWriter(self._engine, settings.journal, vault=self._of.vault)
        self._writer.start()
        return self._writer, self._engine

    async def __aexit__(self, *_: object) -> None:
        await self._writer.close()
        await close(self._engine)


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("IVR_STATE", str(tmp_path))
    monkeypatch.setenv("IVR_DATABASE_URL", database_url)
    monkeypatch.setenv("IVR_ROUTING", str(ROUTING))
    place = Installation(tmp_path, database_url)
    asyncio.run(place.fill())
    return place


def ivr(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["privacy", *arguments], input=answer, env={"COLUMNS": "200"})


def ids(calls: Iterable[dict[str, Any]]) -> set[str]:
    return {call["id"] for call in calls}


@pytest.mark.parametrize("whom", ["0811-1234567", NUMBER, "62 811 1234567"])
def test_a_person_gets_all_that_is_kept_of_a_number(place: Installation, whom: str, tmp_path: Path) -> None:
    file, copies = tmp_path / "export.json", tmp_path / "copies"
    assert ivr("export", whom, "--out", str(file), "--recordings", str(copies)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    found = json.loads(file.read_text())
    calls = found["panggilan / calls"]
    assert ids(calls) == {FIRST, LIVE}
    call = next(call for call in calls if call["id"] == FIRST)
    assert call["nama / name"] == "Ibu Sari"
    assert call["kepala SIP / SIP headers"] == {"from": "sip:08111234567@carrier"}
    assert call["tidak berubah sejak dicatat / unchanged since it was recorded"] is True
    assert call["rekaman / recordings"] == [str(copies / f"{FIRST}.wav")]
    assert (copies / f"{FIRST}.wav").read_bytes() == b"RIFF"
    assert "selesai / ended" in [step["langkah / step"] for step in call["langkah / steps"]]
    assert len(found["tanda / marks"]) == 1
    assert OTHER not in file.read_text()


def test_what_was_changed_in_the_database_does_not_pass_for_what_was_recorded(place: Installation) -> None:
    async def forge() -> None:
        sealed = place.vault.seal(FIRST, {"number": NUMBER, "name": "Forged", "headers": {}})
        engine = create_engine(place.settings.database)
        async with engine.begin() as connection:
            of = callers.c.call_id == FIRST
            await connection.execute(update(callers).where(of).values(sealed=sealed.text))
            key = caller_keys.c.call_id == FIRST
            await connection.execute(update(caller_keys).where(key).values(wrapped=sealed.wrapped))
        await close(engine)

    asyncio.run(forge())
    calls = json.loads(ivr("export", NUMBER).stdout)["panggilan / calls"]
    proven = {
        call["id"]: call["tidak berubah sejak dicatat / unchanged since it was recorded"] for call in calls
    }
    assert proven == {FIRST: False, LIVE: True}


def test_a_number_is_erased_for_good_and_a_call_in_progress_after_its_end(place: Installation) -> None:
    assert ivr("erase", NUMBER, "--reason", "asked", answer="n\n").exit_code == 1
    assert place.recording(FIRST).exists()
    said = ivr("erase", "0811-1234567", "--reason", "Bu Sari asked", "--by", "dpo", "--yes")
    assert said.exit_code == 0, said.output
    assert NUMBER not in said.output
    assert "1 masih berlangsung" in said.output
    assert not place.recording(FIRST).exists()
    assert place.recording(LIVE).exists()
    assert {call for (call,) in asyncio.run(place.rows(callers.c.call_id))} == {LIVE, STRANGER}
    assert len(asyncio.run(place.rows(caller_marks.c.id))) == 1
    assert "08111234567" not in place.log.read_text()
    asyncio.run(the_engine_goes_on(place))
    assert not place.recording(LIVE).exists()
    assert place.recording(STRANGER).exists()
    assert {call for (call,) in asyncio.run(place.rows(callers.c.call_id))} == {STRANGER}
    assert len(asyncio.run(place.rows(caller_keys.c.sealed_id))) == 2  # the stranger's, and that of the mark
    assert "1234567" not in place.log.read_text()
    assert OTHER in place.log.read_text()
    rows = asyncio.run(place.rows(ledger.c.call_id, ledger.c.kind, ledger.c.data))
    erased = [(call, data) for call, kind, data in rows if kind == "erased"]
    assert sorted(erased) == [(call, {"why": "request", "by": "dpo"}) for call in (FIRST, LIVE)]
    assert "Sari" not in str(rows)
    again = ivr("erase", NUMBER, "--reason", "asked", "--yes")
    assert again.exit_code == 1
    assert "Nothing is kept" in again.output
    assert CliRunner().invoke(app, ["ledger", "verify"]).exit_code == 0


async def the_engine_goes_on(place: Installation) -> None:
    """It learns of the orders, more than once; the call that lasted ends; another engine goes on with what
    the first one left."""
    place.memory.recall(LastCall(NUMBER, START, False, FIRST))
    place.memory.came("now", NUMBER)
    async with place.writing() as (writer, engine):
        watch = place.watch(engine, writer)
        await watch.refresh()
        await watch.refresh()
    assert place.memory.of("now", RULES.callers, START).redial_seconds is None
    assert place.recording(LIVE).exists()
    await place.end(LIVE)
    for _ in range(2):
        async with place.writing() as (writer, engine):
            watch = place.watch(engine, writer)
            for _ in range(3):
                await watch.refresh()
    assert [told for (told,) in await place.rows(erasures.c.entered)] == [True, True]


def test_a_number_of_many_phones_is_nobodys_to_erase(place: Installation) -> None:
    for command in (("export",), ("erase", "--reason", "x", "--yes")):
        said = ivr(*command, SIMLESS)
        assert said.exit_code == 1
        assert "many phones" in said.output
        assert ivr(*command, "+628110000000").exit_code == 1
    assert ivr("erase", STRANGER, "--reason", "x", "--yes").exit_code == 0
    assert {call for (call,) in asyncio.run(place.rows(callers.c.call_id))} == {FIRST, LIVE}


def test_without_the_key_nothing_is_touched_and_the_remedy_is_told(place: Installation) -> None:
    (place.settings.secrets / SECRET).unlink()
    said = ivr("erase", NUMBER, "--reason", "x", "--yes")
    assert said.exit_code == 1
    assert "put it back" in said.output
    assert place.recording(FIRST).exists()


def test_what_cannot_be_removed_is_named_and_the_number_is_found_again(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "recording.wav")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        said = ivr("erase", NUMBER, "--reason", "x", "--yes")
    assert said.exit_code == 1
    assert "recording.wav" in said.output
    assert ivr("erase", NUMBER, "--reason", "x", "--yes").exit_code == 0


async def retain(place: Installation, now: datetime, keep: Keep) -> tuple[Destroyed, list[Any]]:
    async with place.writing() as (writer, engine):
        notes: list[Any] = []
        retention = Retention(engine, place.places, lambda: keep, notes.append, lambda: now)
        gone = await retention.once()
        watch = place.watch(engine, writer)
        await watch.refresh()
    return gone, notes


def test_what_was_kept_long_enough_goes_by_itself_each_in_its_time(place: Installation) -> None:
    """The rows were recorded today, the recordings are of March: each has its own time."""
    keep, today = Keep(recordings_days=10, callers_days=20), datetime.now(UTC)
    assert asyncio.run(retain(place, START + timedelta(days=1), keep)) == (Destroyed(), [])
    gone, notes = asyncio.run(retain(place, START + timedelta(days=11), keep))
    assert (gone, len(notes)) == (Destroyed(recordings=3), 1)
    assert notes[0]["recordings_before"] == "2026-03-02"
    asyncio.run(place.end(LIVE))
    gone, notes = asyncio.run(retain(place, today + timedelta(days=40), keep))
    assert (gone.callers, gone.marks, gone.recordings) == (3, 2, 0)
    assert asyncio.run(place.rows(callers.c.call_id)) == asyncio.run(place.rows(caller_keys.c.wrapped)) == []
    rows = asyncio.run(place.rows(ledger.c.kind, ledger.c.data))
    assert [data["why"] for kind, data in rows if kind == "erased"] == ["retention"] * 3
    gone, notes = asyncio.run(retain(place, today + timedelta(days=80), keep))
    assert gone == Destroyed(event_files=1)


def test_what_fails_in_retention_stops_nothing_else(place: Installation) -> None:
    async def without_table() -> Destroyed:
        async with place.writing() as (_, engine):
            async with engine.begin() as connection:
                await connection.exec_driver_sql("ALTER TABLE callers RENAME TO away")
            keep = Keep(1, 1)
            later = datetime.now(UTC) + timedelta(days=2)
            return await Retention(engine, place.places, lambda: keep, lambda _: None, lambda: later).once()

    gone = asyncio.run(without_table())
    assert (gone.recordings, gone.callers) == (3, 0)


def test_a_clock_that_jumps_destroys_nothing() -> None:
    hour = timedelta(hours=1)
    assert went_evenly(START, START + hour, 3590)
    for jump in (timedelta(days=400), -hour, hour / 2):
        assert not went_evenly(START, START + hour + jump, 3600)


async def read(place: Installation) -> set[str]:
    engine = create_engine(place.settings.database)
    async with engine.connect() as connection:
        found = await opened(connection, [FIRST, LIVE, STRANGER], place.vault)
    await close(engine)
    return set(found)


def test_an_erased_call_is_not_taken_in_again(place: Installation) -> None:
    async def late() -> None:
        async with place.writing() as (writer, _):
            writer.record_caller(CallerData(FIRST, NUMBER))
            writer.record_caller(CallerData(STRANGER, OTHER, "Pak Budi"))

    assert ivr("erase", NUMBER, "--reason", "x", "--yes").exit_code == 0
    asyncio.run(late())
    assert asyncio.run(read(place)) == {LIVE, STRANGER}
