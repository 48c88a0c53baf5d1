"""One Asterisk process of a stack: started, asked, stopped."""

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stack.clock import SettableClock
from stack.installed import asterisk_binary

LONGEST_CALL = 24 * 3600.0
"""Seconds."""


class AsteriskError(RuntimeError):
    """Asterisk did not start or does not answer; the text has the end of its console."""


class Asterisk:
    """An Asterisk on the configuration in ``etc``, in a session of its own: Ctrl-C does not reach it."""

    def __init__(self, etc: Path, console: Path, clock: SettableClock | None = None) -> None:
        """``console`` is the file for what Asterisk prints, ``clock`` what it takes for the time."""
        self.etc = etc
        self.console = console
        self.wrapper: Sequence[str] = ()
        """Words before the program when it is started: what changes its surroundings and becomes it."""
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise AsteriskError("Asterisk was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, seconds: float = 30.0) -> None:
        """Start it and return when it has booted fully."""
        self.console.parent.mkdir(parents=True, exist_ok=True)
        with self.console.open("ab") as console:
            # Never -c: with no terminal it spins on its prompt and fills the disk.
            self._process = await asyncio.create_subprocess_exec(
                *self.wrapper,
                str(asterisk_binary()),
                "-C",
                str(self.etc / "asterisk.conf"),
                "-f",
                "-n",
                env=None if self._clock is None else {**os.environ, **self._clock.environment()},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                umask=0o077,  # Its event log and recordings are callers' data.
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.running:
                raise AsteriskError(f"Asterisk ended while starting.\n{self._console_end()}")
            try:
                await self.rx("core waitfullybooted", deadline - time.monotonic())
                return
            except AsteriskError:
                await asyncio.sleep(0.05)
        raise AsteriskError(f"Asterisk was not ready after {seconds:.0f} s.\n{self._console_end()}")

    async def rx(self, command: str, seconds: float = 10.0) -> str:
        """What Asterisk's command line answers to ``command``."""
        process = await asyncio.create_subprocess_exec(
            str(asterisk_binary()),
            "-C",
            str(self.etc / "asterisk.conf"),
            "-rx",
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), seconds)
        except (TimeoutError, asyncio.CancelledError) as error:
            process.kill()
            await process.wait()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise AsteriskError(f"no answer to '{command}' within {seconds:.0f} s") from None
        text = output.decode(errors="replace")
        if process.returncode:
            raise AsteriskError(f"'{command}': {text.strip()}")
        return text

    def command_line(self, command: str) -> str:
        """What a person types in a shell for :meth:`rx`."""
        words = (str(asterisk_binary()), "-C", str(self.etc / "asterisk.conf"), "-rx", command)
        return shlex.join(words)

    async def channels(self) -> list[str]:
        """The names of all channels that exist now."""
        output = await self.rx("core show channels concise")
        return [line.partition("!")[0] for line in output.splitlines() if "!" in line]

    async def calls(self) -> int:
        """How many calls are up."""
        for line in (await self.rx("core show channels count")).splitlines():
            number, _, rest = line.partition(" ")
            if rest.startswith("active call"):
                return int(number)
        raise AsteriskError("'core show channels count' does not name the active calls")

    async def wait(self) -> int:
        """Wait until the process ends; its exit status."""
        if self._process is None:
            raise AsteriskError("Asterisk was not started")
        return await self._process.wait()

    async def stop_after_calls(self) -> None:
        """Ask it to end as soon as no call is up; returns when it has, however long that takes.

        Asterisk answers this command only when it is done, and other commands meanwhile.
        """
        with suppress(AsteriskError):
            await self.rx("core stop when convenient", LONGEST_CALL)
        await self.wait()

    async def stop(self, seconds: float = 5.0) -> None:
        """End it now, with its calls; kill it if it does not go."""
        if self._process is None or not self.running:
            return
        try:
            await self.rx("core stop now", seconds)
        except AsteriskError:
            self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None and self.running:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def pause(self) -> None:
        """Stop the process where it stands (SIGSTOP), as if the machine hung."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # It ended by itself a moment ago.
            os.kill(self.pid, number)

    def _console_end(self) -> str:
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-20:])
