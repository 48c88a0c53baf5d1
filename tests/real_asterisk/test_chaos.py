"""The command scripts/chaos itself: it does not call a lost call well, and it leaves nothing running. Whether
the product stands the faults is told by the command, which scripts/test runs at its end."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from house import REPOSITORY, until
from turmoil.__main__ import main
from turmoil.city import City
from turmoil.faults import FAULTS, Fault


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Asterisk's control socket stands below it, and the path of a socket has a limit."""
    with tempfile.TemporaryDirectory(prefix="112-") as directory:
        yield Path(directory)


@asynccontextmanager
async def calls_cut(city: City) -> AsyncIterator[None]:
    await city.asterisk.rx("channel request hangup all")
    yield


def test_a_lost_call_is_a_loss(
    tmp_path: Path,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A fault that hangs up everybody: each caller without a person yet, and the talk, are told as lost, but
    no later caller; the status is 1, and the logs are there."""
    monkeypatch.setitem(FAULTS, "calls-cut", Fault("calls-cut", "Everybody is hung up.", calls_cut))
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    monkeypatch.setattr(structlog, "configure", lambda **_: None)
    file = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["chaos", "--only", "calls-cut", "--json", str(file)])
    assert main() == 1
    (outcome,) = json.loads(file.read_text())
    lost = {loss["column"]: loss for loss in outcome["losses"] if loss["short"] in ("no human", "cut")}
    assert set(lost) == {"trunk", "menu", "queue", "ringing", "talking", "agency"}
    assert (Path(outcome["logs"]) / "engine.log").exists()
    assert f"(call {lost['queue']['call']})" in capsys.readouterr().out


async def test_ctrl_c_leaves_nothing_running(short_path: Path) -> None:
    """The command is interrupted while phones and Asterisk run: it says so, and no process of it is left."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "turmoil", "--only", "engine-killed"),
        env={**os.environ, "TMPDIR": str(short_path), "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/scripts"},
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    await until(lambda: len(processes_in(short_path)) > 8, "Asterisk and phones run", 60)
    command.send_signal(signal.SIGINT)
    _, said = await asyncio.wait_for(command.communicate(), 60)
    assert command.returncode == 130, said.decode()
    assert "stopped" in said.decode()
    assert processes_in(short_path) == []
    assert os.listdir(short_path) == []


def processes_in(directory: Path) -> list[str]:
    """Processes that run there, or on a configuration there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            if str(directory) in words or (process / "cwd").readlink().is_relative_to(directory):
                found.append(words.replace("\0", " "))
        except OSError:
            continue
    return found
