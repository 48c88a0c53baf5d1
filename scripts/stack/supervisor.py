"""Keeping Asterisk and the engine of one installation alive, and ending them without cutting a call."""

import asyncio
import fcntl
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from stack.asterisk import Asterisk, AsteriskError
from stack.engine import EngineError
from stack.installation import Installation, InstallationError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between the end of a process and its next start; doubled each time."""
STEADY = 60.0
"""A process that ran so long starts again after the first pause."""
COUNT_EVERY = 2.0
"""Seconds between two looks at how many calls are up."""


def say(text: str) -> None:
    print(text, flush=True)


class Process(Protocol):
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def kill(self) -> None: ...


class Supervisor:
    """Keeps Asterisk and the engine of one installation running until :meth:`stop` is asked."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start both. Without the engine calls go by the plain dialplan: only Asterisk must start."""
        say("Menyiapkan konfigurasi dan suara / Preparing configuration and prompts …")
        await self._installation.render()
        await self._installation.asterisk.start()
        await self._installation.engine.start()
        self._keepers = [
            asyncio.create_task(self._keep("Asterisk", self._installation.asterisk)),
            asyncio.create_task(self._keep("Mesin / engine", self._installation.engine)),
        ]
        try:
            await self._installation.engine.ready()
        except EngineError as error:
            say(f"Panggilan berjalan tanpa mesin / Calls go on without the engine: {error}")

    async def stop(self, at_once: asyncio.Event) -> None:
        """Let Asterisk end with its last call, or now when ``at_once`` is set; the engine records it."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        asterisk, engine = self._installation.asterisk, self._installation.engine
        engine.drain()
        hurry = asyncio.create_task(at_once.wait())
        try:
            if asterisk.running:
                await _last_call(asterisk, hurry)
            await asterisk.stop()
            await engine.stop(1 if at_once.is_set() else self._installation.settings.drain_seconds + 5)
        finally:
            hurry.cancel()

    async def _keep(self, name: str, process: Process) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            status = await process.wait()
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY else min(pause * 2, LONGEST_PAUSE)
            say(f"{name} berhenti / ended ({status}); mulai lagi / starts again: {pause:.0f} s")
            await asyncio.sleep(pause)
            try:
                await process.start()
            except (AsteriskError, OSError) as error:
                say(f"{name}: {error}")
                await process.kill()


async def _last_call(asterisk: Asterisk, hurry: asyncio.Task[bool]) -> None:
    """Let Asterisk end with its last call; return when it has, or when somebody is in a hurry."""
    ended = asyncio.create_task(asterisk.stop_after_calls())
    told = None
    try:
        while True:
            done, _ = await asyncio.wait(
                {ended, hurry}, timeout=COUNT_EVERY, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return
            with suppress(AsteriskError):
                calls = await asterisk.calls()
                if calls != told:
                    say(
                        f"{calls} panggilan masih tersambung / calls still up; "
                        "Ctrl-C lagi memutusnya / once more cuts them"
                    )
                told = calls
    finally:
        ended.cancel()


class Signals:
    """Ctrl-C, SIGTERM and the end of the terminal: the first asks to stop, the second to stop now."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.at_once = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._came)

    def _came(self) -> None:
        (self.at_once if self.stop.is_set() else self.stop).set()


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold a state directory; a second stack on it would fight for its files."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallationError(
                f"{state} is in use by another scripts/run: end that one, or set another IVR_STATE and ports"
            ) from None
        yield


async def refuse_leftover(asterisk: Asterisk) -> None:
    """An Asterisk that outlived its supervisor may hold calls: it is not touched."""
    if not (asterisk.etc / "asterisk.conf").exists():
        return
    try:
        calls = await asterisk.calls()
    except AsteriskError:
        return
    raise InstallationError(
        f"an Asterisk of an earlier run is still up with {calls} calls. Let it end with them: "
        f"'{asterisk.command_line('core stop when convenient')}', then start again"
    )
