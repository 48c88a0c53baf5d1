"""A city that keeps its record in PostgreSQL: the same house, and a server that fails under its calls."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from house import House, until
from recorded import in_order
from stack.phones.baresip import Answering, Phone
from stack.phones.sipp import TrunkCaller
from stack.postgresql import Postgresql

WHOLE = ("trunk", "trunk-answered", "menu", "decision", "queue", "ringing", "operator-answered", "ended")
"""What the record of an answered call holds, others between, in the order in which it happened: what the
engine notes may be put down before an event of Asterisk's that came first."""


class PostgresqlHouse(House):
    """Reads its record from PostgreSQL, with nothing of ours in between."""

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        for number, _ in enumerate(values, start=1):
            statement = statement.replace("?", f"${number}", 1)

        async def read() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.settings.database.replace("+asyncpg", ""), timeout=5)
            try:
                return [dict(row) for row in await connection.fetch(statement, *values, timeout=5)]
            finally:
                await connection.close(timeout=5)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, read()).result()

    async def command(self, *words: str) -> str:
        """What ``ivr`` prints; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", *words),
            env={**self.environment, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate())[0].decode()
        assert process.returncode == 0, printed
        return printed

    async def away(self) -> None:
        await until(
            lambda: self.health().get("status") == "warn", "the engine says that the database is away", 20
        )

    async def back(self) -> None:
        await until(lambda: self.health().get("status") == "ok", "all is in the database", 30)


@pytest.fixture
async def server() -> AsyncIterator[Postgresql]:
    with Postgresql(durable=True) as server:
        yield server


@pytest.fixture
async def house(spoken: Path, server: Postgresql) -> AsyncIterator[PostgresqlHouse]:
    url = await server.create_database("siaga112")
    async with PostgresqlHouse(prompts=spoken, database_url=url) as house:
        yield house
        await house.nothing_left()


class Talks:
    """Citizens who choose fire and talk with an operator whose phone answers by itself."""

    def __init__(self, house: House, operators: tuple[Phone, ...]) -> None:
        self._house = house
        self._operators = operators
        self._callers = 0

    async def begin(self) -> tuple[str, TrunkCaller]:
        """The caller's number and the call, once the two talk; seen at the phones, not in the record."""
        before = self._established()
        self._callers += 1
        number = f"+62811000{self._callers:04}"
        call = await self._house.call(caller=number, keys=[(0.3, "1")])
        await until(lambda: self._established() - before, f"{number} talks", 20)
        return number, call

    def _established(self) -> set[str]:
        return {call.id for phone in self._operators for call in phone.active if call.established_at}


async def test_a_server_that_fails_under_calls_costs_neither_a_call_nor_an_entry(
    house: PostgresqlHouse, server: Postgresql
) -> None:
    """PostgreSQL crashes, later hangs, then is stopped while the engine is killed and started again. Each
    time one citizen talks already, another calls, is advised, and talks with an operator; both hang up
    before the server is back. No call goes on without the engine's advice (but for the killed one), and in
    the end every step of every call is in the record, once and in order. The commands work as with SQLite."""
    phones = await house.phones("op1", "op2")
    for phone in phones:
        phone.answering = Answering()
    await house.on_duty("op1", "op2")
    talks = Talks(house, tuple(phones))
    numbers = []

    for fail in (lambda: server.stop(crash=True), server.pause):
        first, one = await talks.begin()
        await until(lambda: house.call_of(first)["state"] == "talking", "the record has it")  # noqa: B023
        await asyncio.to_thread(fail)
        second, other = await talks.begin()
        await house.away()
        await asyncio.gather(one.hang_up(), other.hang_up())
        server.resume()
        await asyncio.to_thread(server.start if not server.running else lambda: server)
        await house.back()
        numbers += [first, second]

    await asyncio.to_thread(server.stop)
    third, call = await talks.begin()
    await call.hang_up()
    await house.away()
    await until(lambda: not house.health()["calls"], "the engine has seen the end")
    await asyncio.sleep(2)  # a killed engine may lose what it saw in the last half second
    house.signal_engine(signal.SIGKILL)
    await house.launch_engine()
    await house.away()
    fourth, call = await talks.begin()
    await call.hang_up()
    await asyncio.to_thread(server.start)
    await house.back()
    numbers += [third, fourth]

    await house.ended(len(numbers))
    for number in numbers:
        row = house.call_of(number)
        assert (row["result"], row["reason"], row["category"]) == ("answered", "operator", "fire"), number
        story = house.story(row["call_id"])
        kinds = [told.kind for told in sorted(story, key=lambda told: told.at)]
        assert in_order(kinds, *WHOLE), (number, kinds)
        assert "lifeline" not in kinds, (number, kinds)
        assert kinds.count("ended") == 1, (number, kinds)
        times = [told.at for told in story if told.source == "asterisk"]
        assert times == sorted(times), number
    assert not (house.settings.root / "ledger" / "journal.jsonl").exists()

    assert "op1" in await house.command("operator", "list")
    assert await house.command("calls", "--json", "--numbers") != "[]"
    assert numbers[0] in await house.command("call", house.call_of(numbers[0])["call_id"], "--numbers")
    await house.command("render")
    doctor = await house.command("doctor")
    assert "postgresql" in doctor
