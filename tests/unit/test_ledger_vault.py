"""Personal data is sealed wherever it is written, proved as long as its key lives, and gone with its key."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from ledger_place import NOW, Place, a_vault, entry, until
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.callers.marks import Mark, list_marks
from ivr.errors import VaultError
from ivr.ledger.entries import CallerData
from ivr.ledger.personal import of_number, opened
from ivr.ledger.vault import SECRET, Vault
from ivr.store.engine import close, create_engine
from ivr.store.tables import caller_keys, callers, erasures, metadata
from ivr.store.upgrade import upgrade

NUMBER = "+628110004242"
VALUES: Mapping[str, object] = {"number": NUMBER, "name": "Ibu Ñ", "headers": {"from": "x"}}


def test_what_was_sealed_is_opened_with_its_commitment_and_only_for_its_call(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    sealed = vault.seal("c1", VALUES)
    assert a_vault(tmp_path).open("c1", sealed.wrapped, sealed.text) == (VALUES, sealed.commitment)
    again = vault.seal("c1", VALUES)
    assert not {again.id, again.wrapped, again.text, again.commitment} & {
        sealed.id, sealed.wrapped, sealed.text, sealed.commitment,
    }  # fmt: skip
    for about, wrapped, box in (
        ("c2", sealed.wrapped, sealed.text),
        ("c1", again.wrapped, sealed.text),
        ("c1", sealed.wrapped, ("B" if sealed.text[0] == "A" else "A") + sealed.text[1:]),
        ("c1", sealed.wrapped, "no base64"),
        ("c1", "", sealed.text),
    ):
        with pytest.raises(VaultError, match="cannot be opened"):
            vault.open(about, wrapped, box)


def test_a_number_is_found_by_an_index_that_only_the_key_can_make(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    assert vault.index(NUMBER) == a_vault(tmp_path).index(NUMBER) != vault.index(NUMBER[:-1])
    assert vault.index("") is None
    assert a_vault(tmp_path / "other").index(NUMBER) != vault.index(NUMBER)


def _remove(key: Path) -> None:
    key.unlink()


def _another(key: Path) -> None:
    key.write_text("0" * 32 + "\n")


def _damage(key: Path) -> None:
    key.write_bytes(b"\xff\x00")


def _cut(key: Path) -> None:
    key.write_text("")


@pytest.mark.parametrize("harm", [_remove, _another, _damage, _cut])
async def test_without_its_key_nothing_is_kept_and_the_rest_goes_on(place: Place, harm: object) -> None:
    """A lost key is not taken for a first start, and one that is put back is used again."""
    key = place.folder / "secrets" / SECRET
    good = key.read_bytes()
    harm(key)  # type: ignore[operator]
    locked = a_vault(place.folder)
    assert locked.locked
    assert str(key) in (locked.problem or "")
    assert "put" in (locked.problem or "") or "able to read" in (locked.problem or "")
    place.vault = locked
    writer = place.writer()
    writer.record_caller(CallerData("c1", NUMBER))
    writer.record(entry(1))
    await until(lambda: writer.status().stored == 1)
    assert await place.column(callers.c.call_id) == []
    assert await place.of_caller("c1") is None
    assert locked.index(NUMBER) is None
    with pytest.raises(VaultError):
        locked.seal("c1", VALUES)
    key.write_bytes(good)
    locked.unlock()
    writer.record_caller(CallerData("c2", NUMBER))
    await writer.close()
    assert await place.of_caller("c2") is not None


def test_a_command_before_the_first_start_makes_no_key(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secrets", tmp_path / "sealed-by", make=False)
    assert "ivr serve makes it" in (vault.problem or "")
    assert not (tmp_path / "secrets").exists()


def test_the_key_is_its_owners_only(tmp_path: Path) -> None:
    a_vault(tmp_path)
    assert (tmp_path / "secrets" / SECRET).stat().st_mode & 0o777 == 0o600
    told = (tmp_path / "sealed-by").read_text().strip()
    assert told not in (tmp_path / "secrets" / SECRET).read_text()


async def test_no_number_stands_in_the_database_nor_in_the_journal(place: Place) -> None:
    await upgrade(place.url)
    async with place.locked():
        writer = place.writer()
        for number in range(20):
            writer.record_caller(CallerData(f"c{number}", NUMBER, "Ibu Sari", {"from": f"sip:{NUMBER}@x"}))
        await writer.close()
        journal = place.journal.read_bytes()
    assert b"callers" in journal
    again = place.writer()
    await until(lambda: again.status().well)
    await again.close()
    kept = await place.of_caller("c19")
    assert kept is not None
    assert kept.caller.number == NUMBER
    for data in (journal, await everything(place)):
        assert b"c19" in data
        for secret in (b"8110004242", b"Sari"):
            assert secret not in data


async def everything(place: Place) -> bytes:
    """All that the tables hold, and for SQLite all bytes of its files."""
    async with place.engine().connect() as connection:
        found = [str((await connection.execute(select(table))).all()) for table in metadata.sorted_tables]
    files = (
        [file.read_bytes() for file in (place.folder / "database").glob("*")] if "sqlite" in place.url else []
    )
    return b"".join([*(text.encode() for text in found), *files])


async def test_a_number_is_found_however_it_is_written(place: Place) -> None:
    place.vault = Vault(
        place.folder / "secrets", place.folder / "sealed-by", make=True,
        normalise=lambda number: number.replace("+62", "0"),
    )  # fmt: skip
    writer = place.writer()
    writer.record_caller(CallerData("c1", "08110004242"))
    writer.record_caller(CallerData("c2", NUMBER))
    writer.record_caller(CallerData("c3", NUMBER[:-1]))
    await writer.close()
    async with place.engine().connect() as connection:
        assert set(await of_number(connection, NUMBER, place.vault)) == {"c1", "c2"}


async def test_what_was_erased_does_not_come_back_from_a_journal_nor_late(place: Place) -> None:
    await upgrade(place.url)
    async with place.locked():
        writer = place.writer()
        for call in ("gone", "asked", "kept"):
            writer.record_caller(CallerData(call, NUMBER))
        await writer.close()
    request = {"why": "request", "by": "x", "reason": "", "asked_at": NOW, "entered": False}
    async with place.engine().begin() as connection:
        await connection.execute(insert(erasures), [{"call_id": "gone", "done_at": NOW, **request}])
        await connection.execute(insert(erasures), [{"call_id": "asked", "done_at": None, **request}])
    again = place.writer()
    await until(lambda: again.status().well)
    again.record_caller(CallerData("gone", NUMBER, "late"))
    again.record_caller(CallerData("kept", NUMBER, "late"))
    await again.close()
    assert set(await place.column(callers.c.call_id)) == {"kept", "asked"}
    assert set(await place.column(caller_keys.c.call_id)) == {"kept", "asked"}


async def test_a_row_that_was_damaged_hides_no_other(place: Place) -> None:
    writer = place.writer()
    for call in ("c1", "c2"):
        writer.record_caller(CallerData(call, NUMBER))
    await writer.close()
    async with place.engine().begin() as connection:
        await connection.execute(callers.update().where(callers.c.call_id == "c1").values(sealed="AAAA"))
    async with place.engine().connect() as connection:
        assert set(await opened(connection, ["c1", "c2"], place.vault)) == {"c2"}


BEFORE = "0003"
OLD = (
    "INSERT INTO callers (call_id, number, name, headers, recorded_at) "
    f"VALUES ('c1', '{NUMBER}', 'Ibu', '{{\"from\": \"x\"}}', '2026-03-01 04:00:00')",
    "INSERT INTO caller_marks (number, mark, call_id, by, at) "
    f"VALUES ('{NUMBER}', 'prank', 'c1', 'op1', '2026-03-01 04:00:00')",
)


async def of_before(url: str) -> AsyncEngine:
    """A database of the last release, with numbers in plain."""

    def build(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "ivr.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)

    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(build)
        for statement in OLD:
            await connection.execute(text(statement))
    return engine


async def test_numbers_of_an_earlier_release_are_sealed(place: Place) -> None:
    engine = await of_before(place.url)
    await upgrade(place.url, lambda: place.vault)
    kept = await place.of_caller("c1")
    assert kept is not None
    assert kept.caller == CallerData("c1", NUMBER, "Ibu", {"from": "x"})
    async with engine.connect() as connection:
        (marked,) = await list_marks(connection, 9, place.vault, number_index=place.vault.index(NUMBER))
        assert await of_number(connection, NUMBER, place.vault) == ("c1",)
    assert (marked.number, marked.mark, marked.call_id, marked.at) == (NUMBER, Mark.PRANK, "c1", NOW)
    async with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    await close(engine)
    assert b"8110004242" not in await everything(place)


async def test_without_a_key_numbers_of_an_earlier_release_stay_as_they_are(place: Place) -> None:
    engine = await of_before(place.url)
    with pytest.raises(VaultError):
        await upgrade(place.url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT number FROM callers"))).scalar_one() == NUMBER
    await close(engine)
