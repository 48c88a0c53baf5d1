"""The command line on either database, and with one that it cannot have."""

import asyncio
import json
from pathlib import Path

import pytest
from stack.postgresql import Postgresql
from typer.testing import CliRunner

from ivr.cli import app
from ivr.queueing.operators import Operator
from ivr.store.accounts import add_operator
from ivr.store.engine import close, create_engine
from ivr.store.upgrade import upgrade

SECRET = "not-to-be-seen"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_STATE", str(tmp_path))


def test_operators_and_calls_are_shown(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def prepare() -> None:
        await upgrade(database_url)
        engine = create_engine(database_url)
        await add_operator(engine, Operator("op7", "Operator 7", "salt$hash"))
        await close(engine)

    asyncio.run(prepare())
    monkeypatch.setenv("IVR_DATABASE_URL", database_url)
    shown = CliRunner().invoke(app, ["operator", "list"])
    assert "op7" in shown.stdout
    assert json.loads(CliRunner().invoke(app, ["calls", "--json"]).stdout) == []
    assert "ivr calls" in CliRunner().invoke(app, ["call", "1772337600.1"]).stderr


@pytest.mark.parametrize("command", [("operator", "list"), ("calls",), ("call", "1772337600.1")])
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://siaga112:{SECRET}@127.0.0.1/siaga112",
        f"mysql+aiomysql://siaga112:{SECRET}@127.0.0.1/siaga112",
        f"postgresql+asyncpg://siaga112:{SECRET}@127.0.0.1:port/siaga112",
        f"postgresql+asyncpg://siaga112:{SECRET}@127.0.0.1:1/siaga112",
        f"postgresql+asyncpg://siaga112:{SECRET}@127.0.0.1:1/siaga112?no_such_parameter=1",
        f"postgresql+asyncpg://siaga112:{SECRET}@no-such-host.invalid/siaga112",
        "siaga112.sqlite3",
    ],
)
def test_a_wrong_url_is_named_in_one_line_without_its_password(
    url: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_DATABASE_URL", url)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "IVR_DATABASE_URL" in result.stderr
    assert SECRET not in result.output
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("operator", "list"), ("calls",)])
def test_what_the_server_says_is_passed_on(
    command: tuple[str, ...],
    postgresql: Postgresql,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IVR_DATABASE_URL", postgresql.url("no_such_database"))
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert 'database "no_such_database" does not exist' in result.stderr
    assert "IVR_DATABASE_URL" in result.stderr
