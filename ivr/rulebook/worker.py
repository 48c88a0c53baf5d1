"""The engine's side of the process that makes rules ready: started before it is needed, one job at a time,
each with a deadline."""

import asyncio
import os
import pickle
import struct
import sys
from contextlib import suppress
from pathlib import Path

import ivr
from ivr.errors import IvrError
from ivr.rulebook.taking import Answer, Job

JOB_SECONDS = 180.0
"""Speaking a whole city's prompts may take two minutes on a busy machine."""
LENGTH = struct.Struct("!I")


class Worker:
    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process, so that the first job does not wait for it. Raises :class:`OSError`."""
        if self._process is not None and self._process.returncode is None:
            return
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr.rulebook"),
            stdin=pipe,
            stdout=pipe,
            env=os.environ
            | {"PYTHONPATH": str(Path(ivr.__file__).parent.parent), "OPENBLAS_NUM_THREADS": "1"},
        )

    async def take(self, job: Job) -> Answer:
        """Do a job. Raises :class:`IvrError` when the process is lost or takes too long; the next job gets a
        new one."""
        try:
            async with asyncio.timeout(JOB_SECONDS):
                await self.start()
                return await self._ask(job)
        except TimeoutError as error:
            await self.close()
            raise IvrError(f"the rules were not ready within {JOB_SECONDS:.0f} s") from error
        except (OSError, EOFError) as error:
            status = await self.close(grace_seconds=1.0)
            raise IvrError(f"the process that makes rules ready ended (status {status})") from error

    async def close(self, grace_seconds: float = 0.0) -> int | None:
        """End the process, whatever it does: every file it writes is whole or not there. One that is dying
        may do so by itself for the grace: to kill it then would hide how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        with suppress(TimeoutError):
            return await asyncio.wait_for(process.wait(), grace_seconds)
        with suppress(ProcessLookupError):
            process.kill()
        return await process.wait()

    async def _ask(self, job: Job) -> Answer:
        process = self._process
        assert process is not None and process.stdin and process.stdout  # noqa: S101, PT018 (both are pipes)
        data = pickle.dumps(job)
        process.stdin.write(LENGTH.pack(len(data)) + data)
        with suppress(ConnectionError):  # then reading tells what happened
            await process.stdin.drain()
        head = await process.stdout.readexactly(LENGTH.size)
        answer = await process.stdout.readexactly(LENGTH.unpack(head)[0])
        taken: Answer = await asyncio.to_thread(pickle.loads, answer)
        return taken
