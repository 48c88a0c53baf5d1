"""Each entry's hash covers all before it, whoever writes and whatever failed meanwhile."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from ledger_place import NOW, Place, entry, until
from sqlalchemy import Connection, Text, cast, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.ledger.chain import GENESIS, link
from ivr.ledger.entries import Entry, Source
from ivr.ledger.rows import entry_row
from ivr.ledger.storing import store
from ivr.ledger.writer import Tuning
from ivr.store.tables import ledger
from ivr.store.upgrade import upgrade

ROW = {
    "entry_id": "e1",
    "call_id": "c1",
    "at": datetime(2026, 3, 1, 4, 0, 0, 120, tzinfo=UTC),
    "recorded_at": datetime(2026, 3, 1, 4, 0, 1, tzinfo=UTC),
    "kind": "trunk",
    "source": "asterisk",
    "data": '{"dialled": "112", "é": 1.0}',
}


async def whole(engine: AsyncEngine) -> int:
    """Compute the chain as docs/ledger.md describes it; how many entries hang together."""
    columns = (*(c for c in ledger.c if c.name != "data"), cast(ledger.c.data, Text).label("data"))
    async with engine.connect() as connection:
        rows = (await connection.execute(select(*columns).order_by(ledger.c.seq))).all()
    before = "0" * 64
    for row in rows:
        at, recorded_at = (f"{time:%Y-%m-%dT%H:%M:%S.%f}+00:00" for time in (row.at, row.recorded_at))
        fields = [before, row.entry_id, row.call_id, at, recorded_at, row.kind, row.source, row.data]
        before = hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()
        assert row.hash == before, row
    return len(rows)


def test_the_hash_is_what_the_page_of_docs_says() -> None:
    text = (
        f'["{GENESIS}","e1","c1","2026-03-01T04:00:00.000120+00:00","2026-03-01T04:00:01.000000+00:00",'
        '"trunk","asterisk","{\\"dialled\\": \\"112\\", \\"\\u00e9\\": 1.0}"]'
    )
    assert link(GENESIS, ROW) == hashlib.sha256(text.encode("ascii")).hexdigest()


@given(
    st.tuples(*(st.text(max_size=3) for _ in range(5))), st.tuples(*(st.text(max_size=3) for _ in range(5)))
)
def test_two_entries_have_the_same_hash_only_if_they_are_the_same(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    names = ("entry_id", "call_id", "kind", "source", "data")
    hashes = [link(GENESIS, ROW | dict(zip(names, texts, strict=True))) for texts in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)


@pytest.mark.parametrize("column", ROW)
def test_every_column_counts_and_so_does_what_was_before(column: str) -> None:
    value = ROW[column]
    changed = value + timedelta(microseconds=1) if isinstance(value, datetime) else f"{value} "
    assert link(GENESIS, ROW | {column: changed}) != link(GENESIS, ROW)
    assert link("1" * 64, ROW) != link(GENESIS, ROW)


def test_the_same_moment_in_another_zone_is_the_same() -> None:
    at = datetime(2026, 3, 1, 13, 0, 0, 120, tzinfo=timezone(timedelta(hours=9)))
    assert link(GENESIS, ROW | {"at": at}) == link(GENESIS, ROW)


@pytest.mark.parametrize("wrong", [{"at": datetime(2026, 3, 1)}, {"call_id": 62811}, {"data": {}}])
def test_what_would_not_be_read_back_the_same_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        link(GENESIS, ROW | wrong)
    assert "62811" not in str(caught.value)


async def test_what_the_writer_stores_hangs_together(place: Place) -> None:
    writer = place.writer()
    for number in range(1200):
        writer.record(entry(number))
    writer.record(Entry("c\x00\udc80é", NOW, "trunk", Source.ASTERISK, {"é": [1.0, 1e300, None, "\u2028"]}))
    await writer.close()
    assert await whole(place.engine()) == 1201


async def test_a_commit_that_fails_and_one_in_doubt_break_nothing(place: Place) -> None:
    tuning = Tuning(linger_seconds=0.001, commit_seconds=0.2, retry_seconds=(0.01, 0.05))
    writer = place.writer(tuning, busy=30)
    writer.record(entry(0))
    await until(lambda: writer.status().stored == 1)
    for first in (1, 61, 121):
        async with place.locked():  # the commit is given up, and on SQLite succeeds all the same
            for number in range(first, first + 30):
                writer.record(entry(number))
            await until(lambda: writer.status().away_since is not None)
        for number in range(first + 30, first + 60):
            writer.record(entry(number))
        await until(lambda: writer.status().well and not writer.status().queued)
    await writer.close()
    assert await place.numbers() == list(range(181))
    assert await whole(place.engine()) == 181


async def test_several_writers_at_once_make_one_chain(place: Place) -> None:
    """The engine, and commands beside it, in processes of their own."""
    await upgrade(place.url)
    writer = place.writer(busy=30)
    for number in range(400):
        writer.record(entry(number))

    async def command(name: str) -> None:
        engine = place.engine()
        for number in range(20):
            async with engine.begin() as connection:
                await store(connection, [entry_row(entry(number, name), NOW) for _ in range(3)])

    await asyncio.gather(*(command(f"k{number}") for number in range(3)))
    await writer.close()
    assert writer.status().stored == 400
    assert await whole(place.engine()) == 400 + 3 * 20 * 3


async def test_a_row_that_is_there_though_nobody_doubted_it_is_found_and_left_out(place: Place) -> None:
    await upgrade(place.url)
    rows = [entry_row(entry(number), NOW) for number in range(5)]
    async with place.engine().begin() as connection:
        await store(connection, rows[1:3])
    writer = place.writer()
    await until(lambda: writer.ready)
    await writer._store(rows, replay=False)
    await writer.close()
    assert await place.numbers() == [1, 2, 0, 3, 4]
    assert writer.status().refused == 0
    assert await whole(place.engine()) == 5


async def test_a_record_of_an_older_release_is_chained_as_it_stands(database_url: str, place: Place) -> None:
    def at_0002(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "ivr.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")

    async with place.engine().begin() as connection:
        await connection.run_sync(at_0002)
        await connection.execute(
            insert(ledger), [dict(entry_row(entry(number), NOW).values) for number in range(4500)]
        )
    await upgrade(database_url)
    assert await whole(place.engine()) == 4500
    writer = place.writer()
    writer.record(entry(4500))
    await writer.close()
    assert await whole(place.engine()) == 4501
