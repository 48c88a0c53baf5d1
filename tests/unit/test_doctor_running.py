"""The doctor asks a running Asterisk and engine, played here over real sockets."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from ivr.health.checks.ami import FORBIDDEN, NEEDED, check_ami, check_engine
from ivr.health.checks.configuration import check_routing
from ivr.health.checks.modules import listed_modules
from ivr.health.checks.running import ask_asterisk, ask_engine
from ivr.health.checks.scene import Asterisk, Engine, Scene
from ivr.health.metrics import Metrics
from ivr.health.server import HealthServer
from ivr.health.status import Level, Part
from ivr.settings import Settings
from tests.fake_asterisk.manager_peer import FakeManager, Frame, Replies, success

SECRET = "0123456789abcdef"


def settings_for(tmp_path: Path, ami_port: int = 1, health_port: int = 1) -> Settings:
    (tmp_path / "secrets").mkdir(exist_ok=True)
    for account in ("engine", "reload"):
        (tmp_path / "secrets" / f"ami-{account}").write_text(SECRET + "\n")
    return Settings(state=tmp_path, ami_port=ami_port, health_port=health_port)


def scene(settings: Settings, asterisk: Asterisk | None = None, engine: Engine | None = None) -> Scene:
    return Scene(settings, None, None, asterisk, engine, None)


def play_asterisk(manager: FakeManager, *, without: Iterable[str] = ()) -> None:
    """Let both accounts in; each has the rights it needs; the modules ``without`` are not loaded."""
    user = ""

    def login(frame: Frame) -> Replies:
        nonlocal user
        user = frame["Username"]
        return (
            success() if frame["Secret"] == SECRET else ["Response: Error\r\nMessage: Authentication failed"]
        )

    def commands(_: Frame) -> Replies:
        listed = [f"{name}: Does it.  (Priv: any)" for name in sorted(NEEDED[user])]
        return ["\r\n".join(["Response: Success", *listed])]

    def module(frame: Frame) -> Replies:
        return ["Response: Error\r\nMessage: Module not loaded"] if frame["Module"] in without else success()

    manager.answers |= {
        "Login": login,
        "ListCommands": commands,
        "ModuleCheck": module,
        "Getvar": lambda _: ["Response: Success\r\nVariable: IVR_LIFELINE\r\nValue: 0123456789ab"],
        "CoreSettings": lambda _: ["Response: Success\r\nAsteriskVersion: 22.10.1+dfsg"],
    }


async def test_an_asterisk_that_is_well_is_well(tmp_path: Path) -> None:
    async with FakeManager() as manager:
        play_asterisk(manager)
        settings = settings_for(tmp_path, manager.port)
        asterisk = await ask_asterisk(settings)
    assert asterisk == Asterisk(dict(NEEDED), {}, "22.10.1+dfsg", frozenset(), "0123456789ab")
    assert check_ami(scene(settings, asterisk))[0] is Level.OK


async def test_every_module_is_asked_for_and_those_not_loaded_are_found(tmp_path: Path) -> None:
    async with FakeManager() as manager:
        play_asterisk(manager, without={"app_exec.so"})
        settings = settings_for(tmp_path, manager.port)
        asterisk = await ask_asterisk(settings)
    assert asterisk is not None
    assert asterisk.not_loaded == {"app_exec.so"}
    assert [frame["Module"] for frame in manager.actions("ModuleCheck")] == listed_modules(settings)


async def test_only_questions_are_asked_of_asterisk(tmp_path: Path) -> None:
    async with FakeManager() as manager:
        play_asterisk(manager)
        await ask_asterisk(settings_for(tmp_path, manager.port))
    asked = {frame["Action"] for frame in manager.received}
    assert asked == {"Login", "ListCommands", "CoreSettings", "ModuleCheck", "Getvar"}


async def test_a_refused_log_in_is_bad_and_shows_no_secret(tmp_path: Path) -> None:
    async with FakeManager() as manager:
        play_asterisk(manager)
        settings = settings_for(tmp_path, manager.port)
        (settings.secrets / "ami-engine").write_text("an-old-secret")
        asterisk = await ask_asterisk(settings)
    level, text = check_ami(scene(settings, asterisk))
    assert level is Level.BAD
    assert "engine" in text
    assert "ivr render" in text
    assert "an-old-secret" not in text


async def test_a_missing_secret_of_a_running_asterisk_is_bad(tmp_path: Path) -> None:
    async with FakeManager() as manager:
        play_asterisk(manager)
        settings = settings_for(tmp_path, manager.port)
        (settings.secrets / "ami-reload").unlink()
        asterisk = await ask_asterisk(settings)
    level, text = check_ami(scene(settings, asterisk))
    assert level is Level.BAD
    assert "ami-reload" in text


async def test_another_program_on_the_port_is_no_asterisk(tmp_path: Path) -> None:
    async with FakeManager() as manager:
        manager.banner = b"220 mail.example ESMTP\r\n"
        settings = settings_for(tmp_path, manager.port)
        assert await ask_asterisk(settings) is None


async def test_an_asterisk_that_hangs_is_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("ivr.health.checks.running.SECONDS", 0.05)
    async with FakeManager() as manager:
        manager.answers.clear()
        assert await ask_asterisk(settings_for(tmp_path, manager.port)) is None


def test_no_asterisk_is_a_warning(tmp_path: Path) -> None:
    level, text = check_ami(scene(settings_for(tmp_path)))
    assert level is Level.WARN
    assert "scripts/run" in text


def test_an_asterisk_process_that_does_not_answer_is_bad(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Scene, "asterisk_process", lambda _: 4711)
    level, text = check_ami(scene(settings_for(tmp_path)))
    assert level is Level.BAD
    assert "4711" in text


@pytest.mark.parametrize(
    ("account", "action"),
    [(account, action) for account, names in FORBIDDEN.items() for action in sorted(names)],
)
def test_a_right_too_many_is_bad(tmp_path: Path, account: str, action: str) -> None:
    rights = NEEDED | {account: NEEDED[account] | {action}}
    level, text = check_ami(scene(settings_for(tmp_path), Asterisk(rights, {})))
    assert level is Level.BAD
    assert f"{account} boleh terlalu banyak / may too much: {action}" in text


@pytest.mark.parametrize(
    ("account", "action"),
    [(account, action) for account, names in NEEDED.items() for action in sorted(names)],
)
def test_a_right_too_few_is_bad(tmp_path: Path, account: str, action: str) -> None:
    rights = NEEDED | {account: NEEDED[account] - {action}}
    level, text = check_ami(scene(settings_for(tmp_path), Asterisk(rights, {})))
    assert level is Level.BAD
    assert f"{account} tidak boleh / may not: {action}" in text


async def test_a_running_engine_says_how_it_is(tmp_path: Path, unused_tcp_port: int) -> None:
    parts = (Part("routing", Level.OK, "abc"), Part("asterisk", Level.BAD, "down since noon"))
    server = HealthServer(unused_tcp_port, Metrics(), lambda: (parts, {}))
    await server.start()
    try:
        engine = await ask_engine(settings_for(tmp_path, health_port=unused_tcp_port))
    finally:
        await server.close()
    assert engine is not None
    level, text = check_engine(scene(settings_for(tmp_path), engine=engine))
    assert level is Level.BAD
    assert text == "asterisk: down since noon"


@pytest.mark.parametrize("answer", ["<html>", "[]", '{"parts": 3}', '{"parts": {"a": {"status": "fine"}}}'])
async def test_another_program_on_the_health_port_is_no_engine(
    tmp_path: Path, unused_tcp_port: int, answer: str
) -> None:
    async def tell(_: web.Request) -> web.Response:
        return web.Response(text=answer, content_type="application/json")

    application = web.Application()
    application.add_routes([web.get("/health", tell)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        assert await ask_engine(settings_for(tmp_path, health_port=unused_tcp_port)) is None
    finally:
        await runner.cleanup()


async def test_no_engine_is_a_warning(tmp_path: Path, unused_tcp_port: int) -> None:
    settings = settings_for(tmp_path, health_port=unused_tcp_port)
    assert await ask_engine(settings) is None
    level, text = check_engine(scene(settings))
    assert level is Level.WARN
    assert "scripts/run" in text


@pytest.mark.parametrize(
    ("rules", "level"), [("0123456789ab", Level.OK), ("", Level.OK), ("ba9876543210", Level.WARN)]
)
def test_an_asterisk_that_goes_by_other_rules_is_told(tmp_path: Path, rules: str, level: Level) -> None:
    book: Any = SimpleNamespace(refused=(), rules=SimpleNamespace(digest="0123456789ab", rules=()))
    asterisk = Asterisk({}, {}, rules=rules)
    found, text = check_routing(Scene(settings_for(tmp_path), book, None, asterisk, None, None))
    assert found is level
    assert ("restart the engine" in text) == (level is Level.WARN)
