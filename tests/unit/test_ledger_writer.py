"""The record survives what a database and a disk can do: locked, gone, slow, full, torn, crashed."""

import asyncio
import json
import os
import shutil
import stat
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ledger_place import NOW, Place, entry, until
from structlog.testing import capture_logs

from ivr.calls.call import Call
from ivr.calls.states import State
from ivr.ledger.entries import CallerData, Entry, Source
from ivr.ledger.journal import Journal
from ivr.ledger.rows import Row, entry_row
from ivr.ledger.writer import Tuning
from ivr.store.tables import callers, calls, ledger
from ivr.store.upgrade import upgrade


async def test_what_is_recorded_is_in_the_database_in_order(place: Place) -> None:
    writer = place.writer()
    for number in range(1200):
        writer.record(entry(number))
    await writer.close()
    assert await place.numbers() == list(range(1200))
    assert not place.journal.exists()
    assert writer.status().well


@pytest.mark.parametrize("waits", [0.01, 30])
async def test_a_locked_database_costs_nothing_but_time(place: Place, waits: float) -> None:
    """``waits`` 30: the commit hangs in the lock and is given up; what it still writes later does no harm."""
    writer = place.writer(
        Tuning(linger_seconds=0.001, commit_seconds=0.5, retry_seconds=(0.01, 0.05)), busy=waits
    )
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    async with place.locked():
        for number in range(1, 50):
            writer.record(entry(number))
        await until(lambda: writer.status().journal_bytes and not writer.status().queued)
        status = writer.status()
        assert status.away_since is not None
        assert not status.well
        for number in range(50, 100):  # behind those that wait in the journal
            writer.record(entry(number))
        await until(lambda: not writer.status().queued)
    await until(lambda: writer.status().well)
    await writer.close()
    assert await place.numbers() == list(range(100))
    assert not place.journal.exists()


async def test_a_database_that_comes_and_goes_never_mixes_the_order(place: Place) -> None:
    writer = place.writer()
    writer.record(entry(-1))
    await until(lambda: writer.status().stored == 1)
    numbers = iter(range(10_000))
    for _ in range(4):
        for number, _pause in zip(numbers, range(20), strict=False):
            writer.record(entry(number))
            await asyncio.sleep(0)
        async with place.locked():
            for number, _pause in zip(numbers, range(20), strict=False):
                writer.record(entry(number))
                await asyncio.sleep(0.001)
    await writer.close()
    rows = await place.numbers()
    assert rows == sorted(rows)
    assert len(rows) == len(set(rows)) == writer.status().stored


async def test_a_database_too_slow_for_what_comes_sends_it_to_the_journal(place: Place) -> None:
    writer = place.writer(Tuning(linger_seconds=0.001, spill_at=20, retry_seconds=(0.01, 0.05)), busy=30)
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    with capture_logs() as logs:
        async with place.locked():  # the commit would wait 30 s: the crowd behind it ends that
            for number in range(1, 100):
                writer.record(entry(number))
                await asyncio.sleep(0.001)
            await until(lambda: not writer.status().queued)
    await until(lambda: writer.status().well)
    await writer.close()
    assert "rows wait" in logs[0]["error"]
    assert await place.numbers() == list(range(100))


@pytest.mark.parametrize("journal", ["/dev/full", "/dev/null/journal", "/proc/journal"])
async def test_with_database_and_journal_away_memory_keeps_what_it_can_and_counts_the_rest(
    place: Place, journal: str
) -> None:
    tuning = Tuning(linger_seconds=0.001, bound=30, retry_seconds=(0.01, 0.05))
    writer = place.writer(tuning, Path(journal))
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    async with place.locked():
        writer.record(entry(1))
        await until(lambda: "journal" in (writer.status().last_error or ""))
        for number in range(2, 41):
            writer.record(entry(number))
        assert writer.status().lost == 10
    await until(lambda: writer.status().away_since is None)
    await writer.close()
    assert await place.numbers() == list(range(31))
    assert writer.status().lost == 10
    assert not writer.status().well
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


async def test_closing_while_the_database_is_away_leaves_all_in_the_journal(place: Place) -> None:
    writer = place.writer()
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    async with place.locked():
        writer.record(entry(1))
        writer.record_caller(CallerData("c1", "+628110000000", ""))
        await writer.close()
        writer.record(entry(2))  # a late one
    assert await place.numbers() == [0]
    assert place.journal.stat().st_mode & 0o777 == 0o600  # callers' numbers
    again = place.writer()
    await until(lambda: again.status().well)
    await again.close()
    assert await place.numbers() == [0, 1, 2]
    known = await place.of_caller("c1")
    assert known is not None
    assert known.caller.number == "+628110000000"


async def test_a_crash_between_commit_and_clearing_the_journal_doubles_nothing(place: Place) -> None:
    await upgrade(place.url)
    async with place.locked():
        writer = place.writer()
        for number in range(5):
            writer.record(entry(number))
        await writer.close()
    kept = place.folder / "kept"
    shutil.copy(place.journal, kept)
    for _ in range(2):
        again = place.writer()
        again.record(entry(99))
        await until(lambda: again.status().well and not again.status().queued)  # noqa: B023 - awaited here
        await again.close()
        shutil.copy(kept, place.journal)  # as if the process had died before removing it
    assert await place.numbers() == [0, 1, 2, 3, 4, 99, 99]


async def test_a_torn_last_line_costs_only_itself_and_is_kept_for_inspection(place: Place) -> None:
    whole = [entry_row(entry(number), NOW).to_line() for number in range(3)]
    place.journal.write_bytes(whole[0] + whole[1] + whole[2][:40])
    writer = place.writer()
    writer.record(entry(9))
    await until(lambda: writer.status().stored == 3)
    await writer.close()
    assert await place.numbers() == [0, 1, 9]
    assert writer.status().refused == 1
    assert place.journal.with_name("journal.refused").read_bytes() == whole[2][:40] + b"\n"


def test_a_row_behind_a_torn_line_is_whole(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b'{"table": "ledger", "val')
    journal = Journal(tmp_path / "journal")
    row = entry_row(entry(1), NOW)
    journal.append([row])
    chunk = journal.read(10)
    assert chunk.rows == (row,)
    assert len(chunk.unreadable) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b'{"table": "operators", "values": {}}\n',
        b'{"table": "ledger", "values": {"seq": 1}}\n',
    ],
)
def test_foreign_lines_are_not_taken_for_rows(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "journal").write_bytes(line)
    assert Journal(tmp_path / "journal").read(10).rows == ()


async def test_one_row_that_no_database_takes_stops_no_other(place: Place) -> None:
    writer = place.writer()
    for number in range(7):
        writer.record(entry(number))
    writer.record(Entry("c1", datetime(2026, 3, 1), "queue", Source.ENGINE, {"number": 7}))  # no zone
    for number in range(8, 20):
        writer.record(entry(number))
    await writer.close()
    assert await place.numbers() == [*range(7), *range(8, 20)]
    assert writer.status().refused == 1
    refused = json.loads(place.journal.with_name("journal.refused").read_text())
    assert refused["values"]["data"] == {"number": 7}


async def test_hostile_text_is_stored_harmlessly(place: Place) -> None:
    writer = place.writer()
    writer.record(
        Entry("c1", NOW, "trunk", Source.ASTERISK, {"dialled": "a\x00b\udc80", "x": float("nan"), "y": (1,)})
    )
    writer.record_caller(CallerData("c1", "'; DROP TABLE ledger; --", "\udcff\x00é", {"from": "\x00"}))
    await writer.close()
    assert (await place.column(ledger.c.data))[0] == {"dialled": "a\ufffdb?", "x": None, "y": [1]}
    known = await place.of_caller("c1")
    assert known is not None
    assert known.caller == CallerData("c1", "'; DROP TABLE ledger; --", "?\ufffdé", {"from": "\ufffd"})


async def test_what_is_known_of_a_caller_adds_up(place: Place) -> None:
    """What comes at once is one sealing and one entry; what was known already is none; what an other run adds
    adds to it."""
    writer = place.writer()
    writer.record_caller(CallerData("c1", "+628110000000", "", {"from": "x"}))
    writer.record_caller(CallerData("c1", "", "N", {}))
    await until(lambda: writer.status().stored == 3)
    writer.record_caller(CallerData("c1", "+628110000000"))
    await writer.close()
    assert len(await place.column(callers.c.sealed_id)) == 1
    again = place.writer()
    again.record_caller(CallerData("c1", "+628110000001"))
    await again.close()
    known = await place.of_caller("c1")
    assert known is not None
    assert known.caller == CallerData("c1", "+628110000001", "N", {"from": "x"})
    entries = zip(await place.column(ledger.c.kind), await place.column(ledger.c.data), strict=True)
    assert list(entries) == [("caller", {"commitment": one}) for one in known.commitments]


async def test_a_call_stands_as_it_was_told_last(place: Place) -> None:
    writer = place.writer()
    for state in (State.TRUNK, State.MENU, State.QUEUE):
        writer.project(Call("c1", NOW, state=state))
    await until(lambda: writer.status().stored == 1)
    writer.project(Call("c1", NOW, state=State.TALKING))
    await writer.close()
    assert await place.column(calls.c.state) == ["talking"]


async def test_an_old_state_in_a_journal_does_not_undo_a_newer_one(place: Place) -> None:
    await upgrade(place.url)
    async with place.locked():
        writer = place.writer()
        writer.project(Call("c1", NOW, state=State.QUEUE))
        await writer.close()
    old = place.journal.read_bytes()
    again = place.writer()
    await until(lambda: again.status().well)
    again.project(Call("c1", NOW, state=State.ENDED, ended_at=NOW + timedelta(seconds=1)))
    await again.close()
    place.journal.write_bytes(old)
    third = place.writer()
    await until(lambda: third.status().well)
    await third.close()
    assert await place.column(calls.c.state) == ["ended"]


async def test_who_knows_less_of_a_call_takes_nothing_away(place: Place) -> None:
    """An engine that started while the database was away has calls from Asterisk's log, undecided."""
    known = Call("c1", NOW, state=State.TALKING, category="fire", rule="fire", entry="112", language="id")
    later = NOW + timedelta(seconds=1)
    writer = place.writer()
    writer.project(known)
    writer.project(replace(known, id="c2", state=State.ENDED, ended_at=NOW))
    await writer.close()
    again = place.writer()
    for call in ("c1", "c2"):
        again.project(Call(call, NOW, state=State.ENDED, ended_at=later))
    await again.close()
    assert await place.column(calls.c.category) == ["fire", "fire"]
    assert await place.column(calls.c.rule) == ["fire", "fire"]
    assert await place.column(calls.c.state) == ["ended", "ended"]
    assert sorted(await place.column(calls.c.ended_at)) == [NOW, later]


def test_rows_survive_the_journal_unchanged() -> None:
    row = entry_row(Entry("c1", NOW, "queue", Source.ASTERISK, {"text": "é\n\u2028", "list": [1, None]}), NOW)
    assert Row.from_line(row.to_line()) == row
    assert row.to_line().count(b"\n") == 1
