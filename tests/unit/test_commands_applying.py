"""``ivr apply``, ``ivr rollback`` and ``ivr history`` as an admin sees them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from stack.ports import free_port
from typer.testing import CliRunner, Result

from ivr.cli import app
from ivr.commands import applying
from ivr.rulebook.bundle import read_bundle

GOOD = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")


@pytest.fixture
def draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("IVR_ROUTING", str(tmp_path / "routing.yaml"))
    monkeypatch.setenv("IVR_HEALTH_PORT", str(free_port()))
    path = tmp_path / "draft.yaml"
    path.write_text(GOOD)
    return path


def ivr(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def test_without_an_engine_it_says_that_the_rules_are_live_at_its_start(draft: Path) -> None:
    first = ivr("apply", str(draft), "--reason", "start", "--author", "chief")
    assert first.exit_code == 0, first.output
    assert "version 1" in first.output
    assert "live at its start" in first.output
    draft.write_text(GOOD.replace("priority: 9", "priority: 10"))
    ivr("apply", str(draft), "--reason", "fire first", "--author", "chief")
    back = ivr("rollback", "--author", "chief")
    assert "content of version 1" in back.output
    assert (draft.parent / "routing.yaml").read_text() == GOOD
    told = json.loads(ivr("history", "--json").output)
    assert [(event["version"], event["action"], event["author"], event["of"]) for event in told] == [
        (3, "rolled-back", "chief", 1),
        (2, "applied", "chief", None),
        (1, "applied", "chief", None),
    ]
    assert "fire first" in ivr("history").output


def test_every_problem_is_told_and_nothing_changes(draft: Path) -> None:
    draft.write_text(GOOD.replace("lead: damkar", "lead: damkr").replace("lead: perkim", "lead: perkm"))
    refused = ivr("apply", str(draft), "--reason", "x")
    assert refused.exit_code == 1
    assert refused.stderr.count("did you mean") == 2
    assert not (draft.parent / "routing.yaml").exists()


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_must_be_given(draft: Path, reason: str) -> None:
    refused = ivr("apply", str(draft), "--reason", reason)
    assert refused.exit_code == 1
    assert "say why" in refused.stderr


def test_a_roll_back_of_nothing_says_so(draft: Path) -> None:
    refused = ivr("rollback")
    assert refused.exit_code == 1
    assert "no version yet" in refused.stderr


async def engine_says(draft: Path, monkeypatch: pytest.MonkeyPatch, *answers: Mapping[str, Any]) -> None:
    """Apply the draft while an engine gives these answers, one after the other, and then the last one."""
    left = list(answers)

    async def health(_: web.Request) -> web.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        empty = {"version": 1, "digest": "", "refused": None, "problems": [], "waiting": ""}
        return web.json_response({"rules": {**empty, **answer}}, status=503)

    port = free_port()
    monkeypatch.setenv("IVR_HEALTH_PORT", str(port))
    application = web.Application()
    application.add_routes([web.get("/health", health)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    settings = applying.load_settings()
    done = applying.install.apply(settings, draft, "chief", "x", applying.datetime.now(applying.UTC))
    try:
        await applying._tell(settings, done)
    finally:
        await runner.cleanup()


async def test_it_waits_until_the_engine_says_that_the_rules_are_live(
    draft: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = read_bundle(draft).digest
    waits = {"waiting": "No AMI at 127.0.0.1:5038"}
    await engine_says(draft, monkeypatch, {}, waits, waits, {"digest": digest, "version": 1})
    said = capsys.readouterr().out
    assert said.count("No AMI") == 1
    assert "live for new calls" in said


async def test_what_the_engine_refuses_is_told_as_a_failure(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = {"refused": read_bundle(draft).digest, "problems": ["op1: both an operator's phone"]}
    with pytest.raises(applying.IvrError, match="op1: both"):
        await engine_says(draft, monkeypatch, {}, refuses)


async def test_an_engine_that_goes_by_another_file_is_not_waited_for_for_ever(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "LIVE_SECONDS", 0.2)
    with pytest.raises(applying.IvrError, match="IVR_STATE"):
        await engine_says(draft, monkeypatch, {})
