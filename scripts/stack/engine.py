"""One engine process (``ivr serve``) of a stack: started, asked whether it is ready, stopped."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path


class EngineError(RuntimeError):
    """The engine did not start; its own output says why."""


class Engine:
    """The engine with these settings, in a session of its own: Ctrl-C does not reach it."""

    def __init__(
        self, environment: Mapping[str, str], health_port: int, *, output: Path | None = None
    ) -> None:
        """``output`` is a file for the engine's log; None: where ours goes."""
        self._environment = environment
        self._health_port = health_port
        self._output = output
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise EngineError("the engine was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process; :meth:`ready` tells when it serves."""
        output = None
        if self._output is not None:
            self._output.parent.mkdir(parents=True, exist_ok=True)
            output = self._output.open("ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ivr", "serve"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(self._environment),
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()

    async def ready(self, seconds: float = 30.0) -> None:
        """Wait until ``/health`` says that calls are handled. :class:`EngineError` if the process ends."""
        deadline = time.monotonic() + seconds
        while await self.health() != 200:
            if not self.running:
                raise EngineError(f"the engine ended while starting; see {self._output or 'its output'}")
            if time.monotonic() > deadline:
                raise EngineError(f"the engine was not ready after {seconds:.0f} s; ask it: ivr doctor")
            await asyncio.sleep(0.1)

    async def health(self) -> int | None:
        """The HTTP status of ``/health``: 200 well, 503 not; None when nobody answers within a second."""
        writer = None
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._health_port)
                writer.write(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return int((await reader.readline()).split()[1])
        except (OSError, TimeoutError, ValueError, IndexError):
            return None
        finally:
            if writer is not None:
                writer.close()

    async def wait(self) -> int:
        """Wait until the process ends; its exit status."""
        if self._process is None:
            raise EngineError("the engine was not started")
        return await self._process.wait()

    def terminate(self) -> None:
        """Ask it to drain and end (SIGTERM)."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)

    def drain(self) -> None:
        """Let new calls go by the plain dialplan; it goes on recording those that are up (SIGUSR1)."""
        if self.running:
            os.kill(self.pid, signal.SIGUSR1)

    async def stop(self, seconds: float = 15.0) -> None:
        """Let it drain and end; kill it if it does not."""
        if self._process is None:
            return
        self.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it in mid-sentence."""
        if self._process is not None and self.running:
            os.kill(self.pid, signal.SIGKILL)
            await self._process.wait()

    def pause(self) -> None:
        """Stop the process where it stands (SIGSTOP): its sockets stay open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
