"""Who is compared: Siaga 112, a static dialplan, and the same call on three other engines."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import flow
from benchmarks.process import BenchError, end

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """``number`` is dialled on the trunk; calls come from ``address``. ``module`` is the peer's engine;
    the static dialplan has none, ours is started by the installation."""

    id: str
    title: str
    number: str
    module: str | None = None
    address: str = "127.0.0.3"


SIAGA = Contestant("siaga", "Siaga 112", "112", address="127.0.0.2")
STATIC = Contestant("static", "static dialplan", "static")
PANORAMISK = Contestant(
    "panoramisk", "plain panoramisk FastAGI", "panoramisk", "benchmarks.peers.panoramisk_agi"
)
PYST2 = Contestant("pyst2", "pyst2 AGI, threading server", "pyst2", "benchmarks.peers.pyst2_agi")
ARI = Contestant("ari", "ARI application on aiohttp", "ari", "benchmarks.peers.ari")
ALL: Sequence[Contestant] = (STATIC, SIAGA, PANORAMISK, PYST2, ARI)


class Peer:
    """The engine of one peer, in a process of its own."""

    def __init__(
        self, contestant: Contestant, flow_file: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._contestant = contestant
        self._flow_file = flow_file
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and return when it takes calls."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._contestant.module or "", str(self._flow_file)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=dict(self._environment),
                start_new_session=True,
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                said = (await self._process.stdout.readline()).decode().strip()
        except TimeoutError:
            said = ""
        if said != flow.READY:
            end_of_log = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise BenchError(f"{self._contestant.title} did not start: {' '.join(end_of_log) or 'no word'}")

    async def stop(self) -> None:
        if self._process is not None:
            await end(self._process)


def filled(file: str, values: Mapping[str, object]) -> str:
    """A file of ``peers/`` with the places and ports of this run in it."""
    text = (Path(__file__).parent / "peers" / file).read_text()
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text
