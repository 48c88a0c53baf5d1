"""Operators' marks: from the command line through either database to the place of a call in its queue."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from ivr.advise import Adviser
from ivr.asterisk.agi_server import Question
from ivr.asterisk.intake_facts import encode_intake
from ivr.callers.marks import Mark, Marked, add_mark, list_marks, pranks_since, remove_marks
from ivr.callers.memory import CallerMemory, Remembered
from ivr.callers.watch import CallerWatch
from ivr.calls.events import CallAnswered, CallEnded, CallStarted, StepTaken
from ivr.calls.notes import CallIdentified
from ivr.calls.registry import Registry
from ivr.cli import app
from ivr.errors import IvrError
from ivr.ledger.keeper import Keeper
from ivr.ledger.vault import Vault
from ivr.ledger.writer import LedgerWriter
from ivr.privacy.place import vault_of
from ivr.prompts import Catalogue
from ivr.queueing.roster import Roster
from ivr.routing.loader import load_file
from ivr.routing.model import CallerClass
from ivr.settings import Settings
from ivr.store.engine import close, create_engine
from ivr.store.tables import caller_keys, ledger
from ivr.store.upgrade import upgrade
from ivr.vocabulary import AgiScript, IntakeField, Step
from tests.ambon import who_calls_ambon

ROUTING = Path(__file__).resolve().parents[2] / "routing.yaml"
RULES = load_file(ROUTING)
NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
NUMBER = "+628111234567"
CALLS = {
    "1772337600.1": (CallerClass.NUMBER, "08111234567"),
    "1772337600.2": (CallerClass.SIMLESS, "350000000000012"),
    "1772337600.3": (CallerClass.ANONYMOUS, NUMBER),
}
"""How the callers of three calls are in the record: as a carrier sends them."""


def vault_in(state: Path) -> Vault:
    """The one of an installation with this state."""
    return vault_of(Settings(state=state), lambda: RULES.city, make=True)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_in(tmp_path)


async def record(url: str, folder: Path, *, ended: bool = True, answered: bool = False) -> None:
    await upgrade(url)
    engine = create_engine(url)
    writer = LedgerWriter(engine, folder / "journal", vault=vault_in(folder))
    writer.start()
    keeper = Keeper(Registry(), writer, who_calls_ambon)
    for call, (caller, number) in CALLS.items():
        keeper.see(CallStarted(call, NOW, "PJSIP/trunk-1", "112"))
        keeper.see(CallAnswered(call, NOW, number))
        keeper.see(CallIdentified(call, NOW, "112", caller, "asserted", False))
        if answered:
            keeper.see(StepTaken(call, NOW, Step.OPERATOR_ANSWERED, ("op1",)))
        if ended:
            keeper.see(CallEnded(call, NOW + timedelta(seconds=20), 16, True))
    await writer.close()
    await close(engine)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def watch(engine: AsyncEngine, memory: CallerMemory, vault: Vault, seconds: float = 60) -> CallerWatch:
    return CallerWatch(engine, memory, vault, lambda: RULES, lambda: at(seconds))


async def test_a_mark_is_kept_counted_and_removed(engine: AsyncEngine, vault: Vault) -> None:
    await add_mark(engine, Marked(NUMBER, Mark.PRANK, "op1", at(0)), vault)
    await add_mark(engine, Marked(NUMBER, Mark.PRANK, "op2", at(9), "c1"), vault)
    await add_mark(engine, Marked("+628110000001", Mark.PRANK, "op1", at(5)), vault)
    index, other = vault.index(NUMBER), vault.index("+628110000001")
    assert await pranks_since(engine, at(1)) == {index: [at(9)], other: [at(5)]}
    async with engine.connect() as connection:
        newest = await list_marks(connection, 2, vault)
    assert [(one.number, one.by, one.call_id) for one in newest] == [
        (NUMBER, "op2", "c1"),
        ("+628110000001", "op1", None),
    ]
    assert await remove_marks(engine, Mark.PRANK, number_index=index, at=at(20)) == 2
    assert await pranks_since(engine, at(0)) == {other: [at(5)]}
    async with engine.connect() as connection:
        assert len((await connection.execute(select(caller_keys))).all()) == 1


async def test_a_call_is_marked_once_and_the_ledger_tells_it_without_the_number(
    engine: AsyncEngine, vault: Vault
) -> None:
    marked = Marked(NUMBER, Mark.PRANK, "op1", at(0), "c1")
    await add_mark(engine, marked, vault)
    with pytest.raises(IvrError, match="already"):
        await add_mark(engine, marked, vault)
    assert await remove_marks(engine, Mark.PRANK, call_id="c1", at=at(1)) == 1
    await add_mark(engine, marked, vault)
    async with engine.connect() as connection:
        rows = (await connection.execute(select(ledger).order_by(ledger.c.seq))).all()
    assert [(row.call_id, row.kind, row.data) for row in rows] == [
        ("c1", "caller-marked", {"mark": "prank"}),
        ("c1", "caller-unmarked", {"mark": "prank"}),
        ("c1", "caller-marked", {"mark": "prank"}),
    ]


async def test_who_reached_nobody_is_known_to_the_next_run_and_who_is_nobody_is_not(
    engine: AsyncEngine, vault: Vault, database_url: str, tmp_path: Path
) -> None:
    await record(database_url, tmp_path)
    memory = CallerMemory(vault.index)
    await watch(engine, memory, vault).refresh()
    memory.came("again", NUMBER)
    assert memory.of("again", RULES.callers, at(60)) == Remembered(NUMBER, 0, 40.0)


async def test_who_is_in_the_menu_is_known_to_the_next_run(
    engine: AsyncEngine, vault: Vault, database_url: str, tmp_path: Path
) -> None:
    await record(database_url, tmp_path, ended=False)
    await add_mark(engine, Marked(NUMBER, Mark.PRANK, "op1", at(0)), vault)
    memory = CallerMemory(vault.index)
    await watch(engine, memory, vault).refresh()
    found = [memory.of(call, RULES.callers, at(60)) for call in CALLS]
    assert found == [Remembered(NUMBER, 1, None), Remembered(), Remembered()]


async def test_who_talked_with_a_person_is_no_redial_of_the_next_run(
    engine: AsyncEngine, vault: Vault, database_url: str, tmp_path: Path
) -> None:
    await record(database_url, tmp_path, answered=True)
    memory = CallerMemory(vault.index)
    await watch(engine, memory, vault).refresh()
    memory.came("again", NUMBER)
    assert memory.of("again", RULES.callers, at(60)).redial_seconds is None


async def test_while_the_database_is_away_the_last_that_was_read_counts(
    engine: AsyncEngine, vault: Vault
) -> None:
    await add_mark(engine, Marked(NUMBER, Mark.PRANK, "op1", at(0)), vault)
    memory = CallerMemory(vault.index)
    memory.came("now", NUMBER)
    looking = watch(engine, memory, vault)
    await looking.refresh()
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE caller_marks RENAME TO away"))
    await looking.refresh()
    assert memory.of("now", RULES.callers, at(60)).prank_marks == 1
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO caller_marks"))
    await remove_marks(engine, Mark.PRANK, number_index=vault.index(NUMBER), at=at(1))
    await looking.refresh()
    assert memory.of("now", RULES.callers, at(60)).prank_marks == 0


async def test_a_database_of_before_the_marks_costs_a_call_nothing(tmp_path: Path, vault: Vault) -> None:
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")
    memory = CallerMemory()
    memory.came("now", NUMBER)
    await watch(engine, memory, vault).refresh()
    assert memory.of("now", RULES.callers, at(60)) == Remembered(NUMBER)
    await close(engine)


def test_people_mark_by_call_and_by_number(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_STATE", str(tmp_path))
    monkeypatch.setenv("IVR_DATABASE_URL", database_url)
    monkeypatch.setenv("IVR_ROUTING", str(ROUTING))
    asyncio.run(record(database_url, tmp_path))

    def ivr(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["caller", *arguments], env={"COLUMNS": "200"})
        return result.exit_code, result.output

    assert ivr("mark", "1772337600.1", "prank", "--by", "op1") == (0, "…4567: ditandai / marked: prank\n")
    assert ivr("mark", "0811-1234567", "prank", "--by", "op1")[0] == 0
    code, listed = ivr("marks")
    assert code == 0
    assert listed.count("…4567") == 2
    assert NUMBER not in listed
    assert ivr("marks", "--numbers")[1].count(NUMBER) == 2
    for nobody in ("1772337600.2", "1772337600.3", "350000000000012", "anonymous", "112"):
        code, said = ivr("mark", nobody, "prank", "--by", "op1")
        assert code == 1
        assert "nobody" in said
    assert ivr("unmark", "1772337600.1")[0] == 0
    assert ivr("unmark", "1772337600.1")[0] == 1
    assert ivr("unmark", NUMBER)[1] == "…4567: 1 tanda dihapus / marks removed: prank\n"
    assert ivr("mark", "1772337600.9", "prank", "--by", "op1")[0] == 1


class Silent:
    """A record that keeps nothing."""

    def record(self, *_: object) -> None: ...

    record_caller = project = record


def priorities(memory: CallerMemory, caller_number: str) -> list[str]:
    """Of fire, after a key, as the dialplan is told."""
    keeper = Keeper(Registry(), Silent(), lambda *call: adviser.identify(*call))  # type: ignore[arg-type]
    adviser = Adviser(RULES, Catalogue("id", {}, {}), Path("/p"), keeper, Roster(), lambda: at(60), memory)
    raw = encode_intake({IntakeField.DIALLED: "112", IntakeField.CALLER_NUMBER: caller_number})
    asked = Question(AgiScript.KEY, ("main", "id", "0", RULES.digest, "1"), "c9", raw)
    advice = adviser.answer(asked)
    return advice.split("|")[3:4]


def test_marks_and_redial_move_a_call_and_refuse_none() -> None:
    memory = CallerMemory()
    memory.take_marks({NUMBER: [at(0)] * 3, "+628110000001": [at(0)] * 2})
    assert priorities(CallerMemory(), "08111234567") == ["9"]
    assert priorities(memory, "08111234567") == ["5"]
    assert priorities(memory, "08110000001") == ["9"]
    memory.went("c9", at(59), answered=False)
    assert priorities(memory, "08110000001") == ["12"]


def test_a_number_that_many_phones_share_is_nobody() -> None:
    memory = CallerMemory()
    memory.take_marks({"350000000000012": [at(0)] * 3, "+350000000000012": [at(0)] * 3})
    assert priorities(memory, "350000000000012") == ["9"]
    memory.went("c9", at(59), answered=False)
    assert priorities(memory, "350000000000012") == ["9"]
