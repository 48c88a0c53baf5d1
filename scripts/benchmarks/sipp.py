"""SIPp for many calls: callers on the trunk, and operators' phones that answer."""

import asyncio
import csv
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.installed import phones
from stack.phones.scenario import (
    CALLERS_FILE,
    TrunkAnswer,
    TrunkCall,
    answer_scenario,
    caller_scenario,
)
from stack.phones.sipp import Message, read_messages
from stack.ports import free_port

from benchmarks.process import BenchError, end

LOG = "messages.log"
STATISTICS = "statistics.csv"
PATIENCE = 30.0
"""Seconds that calls may take beyond their own length until SIPp gives up."""


@dataclass(frozen=True, slots=True)
class Totals:
    """``created``: calls begun. What is neither ``well`` nor ``failed`` had not ended."""

    created: int
    well: int
    failed: int


class Sipp:
    """One SIPp process in a private directory. With ``traced`` it keeps every message with its time."""

    def __init__(
        self, scenario: bytes, arguments: Sequence[str], files: Mapping[str, str], *, traced: bool
    ) -> None:
        self._directory: Path | None = None
        self.scenario = scenario
        self._arguments = arguments
        self.files = files
        self._traced = traced
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="siaga-bench-sipp-"))
        (self._directory / "scenario.xml").write_bytes(self.scenario)
        injected: list[str] = []
        for name, text in self.files.items():
            (self._directory / name).write_text(text)
            injected += ["-inf", name]
        trace = ("-trace_msg", "-message_file", LOG, "-message_overwrite", "true") if self._traced else ()
        self._process = await asyncio.create_subprocess_exec(
            *(str(phones().sipp), "-sf", "scenario.xml", *injected, "-nostdin", "-aa"),
            *("-cid_str", "%u-%p-%r@%s", "-timer_resol", "1"),
            *("-trace_stat", "-stf", STATISTICS, "-fd", "1", *trace, *self._arguments),
            cwd=self._directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=(self._directory / "stderr").open("wb"),
            # So that the times of the log are UTC.
            env={"TZ": "UTC0", "TERM": "dumb"},
        )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None:
            await end(self._process)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _file(self, name: str) -> Path:
        assert self._directory is not None, "SIPp was not started"
        return self._directory / name

    def log_size(self) -> int:
        path = self._file(LOG)
        return path.stat().st_size if path.exists() else 0

    def messages(self, offset: int = 0) -> list[Message]:
        """What was sent and received since the log had ``offset`` bytes."""
        with self._file(LOG).open("rb") as log:
            log.seek(offset)
            return read_messages(log.read())

    def totals(self) -> Totals:
        path = self._file(STATISTICS)
        rows = list(csv.DictReader(path.open(), delimiter=";")) if path.exists() else []
        if not rows:
            said = self._file("stderr").read_text(errors="replace").strip().splitlines()
            raise BenchError(f"SIPp placed no call: {said[-1] if said else 'it said nothing'}")
        last = rows[-1]
        return Totals(
            int(last["TotalCallCreated"]), int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
        )


def operators(address: str, port: int, ring_seconds: float, *, traced: bool) -> Sipp:
    """All operators' phones in one process: each call rings so long, is answered, and lasts until the caller
    hangs up."""
    scenario = answer_scenario(TrunkAnswer(ring_for=ring_seconds, patience=3600))
    return Sipp(scenario, ("-i", address, "-p", str(port)), {}, traced=traced)


def callers(
    call: TrunkCall,
    numbers: Sequence[str],
    per_second: float,
    target: str,
    address: str,
    *,
    audio_ports: Sequence[int] = (),
    traced: bool,
) -> Sipp:
    """One call from each of ``numbers``; with ``audio_ports`` each has its audio sent to its own port."""
    scenario = caller_scenario(call, many=True)
    rows = list(numbers)
    if audio_ports:
        scenario = scenario.replace(b"[media_port]", f'[field1 file="{CALLERS_FILE}"]'.encode())
        rows = [f"{number};{port}" for number, port in zip(numbers, audio_ports, strict=True)]
    length = sum(wait for wait, _ in call.keys) + (call.hang_up_after or call.patience)
    limit = len(numbers) / per_second + length + PATIENCE
    return Sipp(
        scenario,
        (
            *(target, "-i", address, "-p", str(free_port(address)), "-m", str(len(numbers))),
            *("-l", str(len(numbers)), "-r", str(per_second), "-timeout", f"{limit:.0f}s"),
        ),
        {CALLERS_FILE: "\n".join(["SEQUENTIAL", *rows, ""])},
        traced=traced,
    )
