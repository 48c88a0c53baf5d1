"""What scripts/run does when a process ends, without the processes."""

import asyncio
from pathlib import Path

import pytest
from stack import supervisor
from stack.asterisk import AsteriskError
from stack.installation import Installation, InstallationError
from stack.ports import PortBlock
from stack.supervisor import Supervisor, alone


class Dying:
    """A process that ends at once each time, and cannot be started the second time."""

    def __init__(self) -> None:
        self.starts = 0
        self.killed = 0
        self.enough = asyncio.Event()

    async def wait(self) -> int:
        return 1

    async def start(self) -> None:
        self.starts += 1
        if self.starts == 2:
            raise AsteriskError("no room")
        if self.starts == 4:
            self.enough.set()

    async def kill(self) -> None:
        self.killed += 1


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    with PortBlock() as ports:
        return Installation.private(tmp_path / "state", ports)


async def test_a_process_that_ends_is_started_again_more_and_more_slowly(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.004)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(supervisor.asyncio, "sleep", noted)
    process = Dying()
    keeper = asyncio.create_task(Supervisor(installation)._keep("Asterisk", process))
    async with asyncio.timeout(10):
        await process.enough.wait()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    assert pauses[:4] == [0.002, 0.004, 0.004, 0.004]
    assert process.killed == 1
    assert "no room" in capsys.readouterr().out


def test_two_stacks_do_not_share_a_state(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(InstallationError, match="in use"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_a_private_installation_takes_nothing_from_the_one_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_DATABASE_URL", "postgresql+asyncpg://elsewhere/real")
    monkeypatch.setenv("IVR_TRUNK_SERVER", "carrier.example")
    monkeypatch.setenv("IVR_TOOLS", "/tools")
    with PortBlock() as ports:
        installation = Installation.private(tmp_path, ports, step_seconds="1.5")
    assert installation.settings.database.startswith("sqlite")
    assert installation.settings.trunk_server == ""
    assert installation.settings.step_seconds == 1.5
    assert installation.environment["IVR_TOOLS"] == "/tools"
    assert "IVR_DATABASE_URL" not in installation.environment
