"""The engine's side of the speech worker: one process, one job at a time, each with a deadline."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import ivr
from ivr.errors import PromptError

WORKER_COMMAND = (sys.executable, "-m", "ivr.prompts")
JOB_SECONDS = 30.0
"""A sentence takes about 10 ms; the first one also loads the libraries, perhaps on a busy machine."""
DEATHS_ALLOWED = 3
"""So many workers may die one after the other; then it is not the text."""


@dataclass(frozen=True, slots=True)
class Job:
    """Make one file. ``voice`` is an espeak-ng voice, or ``None`` for the hold music, which has no text."""

    path: str
    text: str = ""
    voice: str | None = None


class WorkerLostError(PromptError):
    """The workers die whatever they are given; there is no point in going on."""


class Worker:
    """``async with Worker() as worker: await worker.make(job)``. Starts with the first job and again after a
    death, so that one text which kills the library costs only itself."""

    def __init__(self, command: Sequence[str] = WORKER_COMMAND, job_seconds: float = JOB_SECONDS) -> None:
        self._command = command
        self._job_seconds = job_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._deaths = 0

    async def make(self, job: Job) -> None:
        """Make one file.

        Raises :class:`PromptError` when it was not made, :class:`WorkerLostError` when no other will be.
        """
        try:
            answer = await asyncio.wait_for(self._ask(job), self._job_seconds)
        except TimeoutError:
            await self._end()
            self._count(f"the speech worker did not answer within {self._job_seconds:g} s")
        except OSError as error:  # it cannot be started, or died between two jobs
            await self._end()
            self._count(f"the speech worker cannot be used: {error.strerror or error}")
        else:
            if not answer:
                self._count(f"the speech worker died ({await self._end(grace_seconds=1)})")
            self._deaths = 0
            if problem := json.loads(answer)["error"]:
                raise PromptError(problem)

    async def _ask(self, job: Job) -> bytes:
        process = self._process or await self._start()
        assert process.stdin  # noqa: S101 (both are pipes)
        assert process.stdout  # noqa: S101
        process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        with suppress(ConnectionError):  # then reading tells what happened
            await process.stdin.drain()
        return await process.stdout.readline()

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        package_parent = str(Path(ivr.__file__).parent.parent)
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=os.environ | {"PYTHONPATH": package_parent, "OPENBLAS_NUM_THREADS": "1"},
        )
        return self._process

    def _count(self, what: str) -> None:
        self._deaths += 1
        if self._deaths >= DEATHS_ALLOWED:
            raise WorkerLostError(f"{what}, {self._deaths} times one after the other: see ivr doctor")
        raise PromptError(what)

    async def _end(self, grace_seconds: float = 0) -> str:
        """End the process and say how it ended. One that is dying may do so by itself for the grace."""
        process, self._process = self._process, None
        if process is None:
            return "not started"
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_seconds)
        with suppress(ProcessLookupError):
            process.kill()
        _, noise = await process.communicate()
        last = noise.decode(errors="replace").strip().splitlines()[-1:]
        return ": ".join([f"exit status {process.returncode}", *last])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
