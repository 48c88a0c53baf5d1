"""One baresip as a process: its account and configuration, its start and end, its commands and events.

It is steered over its ``ctrl_tcp`` module with JSON in netstrings.
"""

import asyncio
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.installed import phones
from stack.ports import PortBlock
from stack.tones import make_tone

TONE_SECONDS = 120
"""A phone speaks its tone so long in each call; then it is silent."""


class PhoneError(RuntimeError):
    """The phone did not do what was asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """A phone's account. Without ``password`` it does not register (a caller on the trunk)."""

    user: str
    server: str
    """``address:port`` of the PBX."""
    password: str | None = None
    tone_hz: float | None = None
    """What it says in a call; None: silence, sent as audio all the same."""
    keys_by_info: bool = False
    """Whether keys are sent as SIP INFO, not as RFC 4733."""


class BaresipProcess:
    """A baresip with one account, in a private directory. ``event`` is called with each event it tells,
    ``address`` is where its SIP is."""

    def __init__(
        self, account: Account, ports: PortBlock, event: Callable[[dict[str, Any]], None], *, address: str
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="phone-"))
        self._account = account
        self._event = event
        self._address = address
        self._sip_port = ports.pair()
        self._control_port = ports.port()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tokens = itertools.count(1)
        self._turn = asyncio.Lock()
        self._beside: set[asyncio.Task[None]] = set()

    async def start(self, seconds: float = 10.0) -> None:
        """Start it; commands and events pass when this returns."""
        self._write_configuration()
        with (self.directory / "output.log").open("ab") as output:
            # Paths are relative to the private directory: baresip's configuration knows no quotes.
            self._process = await asyncio.create_subprocess_exec(
                *(str(phones().baresip), "-f", "."),
                cwd=self.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while True:
            try:
                reader, self._writer = await asyncio.open_connection("127.0.0.1", self._control_port)
                break
            except OSError:
                if self._process.returncode is not None or time.monotonic() > deadline:
                    output_end = (self.directory / "output.log").read_text(errors="replace")[-2000:]
                    await self.stop()
                    raise PhoneError(f"baresip did not start:\n{output_end}") from None
                await asyncio.sleep(0.02)
        self._reader = asyncio.create_task(self._read(reader))

    async def stop(self) -> None:
        """End it (calls are hung up, the registration withdrawn) and remove its directory."""
        tasks = [*self._beside, *([self._reader] if self._reader else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 3)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._writer is not None:
            self._writer.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def kill(self) -> None:
        """End it without a word to anybody."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Let ``work`` go on beside the process; it is cancelled when the process is stopped."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def command(self, command: str, parameters: str = "", seconds: float = 5.0) -> str:
        """Send one command of baresip's; its answer. :class:`PhoneError` when it refuses."""
        if self._writer is None:
            raise PhoneError("baresip was not started")
        token = str(next(self._tokens))
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        data = json.dumps({"command": command, "params": parameters, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(data), data))
        try:
            result = await asyncio.wait_for(answer, seconds)
        finally:
            del self._answers[token]
        if not result.get("ok"):
            raise PhoneError(f"{command} {parameters}: {result.get('data', '').strip() or 'refused'}")
        return str(result.get("data", ""))

    async def command_on(self, call_id: str, command: str, parameters: str = "") -> str:
        """A command on one call. baresip acts on its current call, and one that was just dialled is not it
        until the other side has answered something: so it is set each time."""
        async with self._turn:
            await self.command("callfind", call_id)
            return await self.command(command, parameters)

    def _write_configuration(self) -> None:
        account = self._account
        (self.directory / "modules").symlink_to(phones().baresip_modules)
        make_tone(self.directory / "says.wav", account.tone_hz or 0, TONE_SECONDS)
        modules = ("g711", "aufile", "account", "menu", "ctrl_tcp", "debug_cmd")
        lines = (
            "poll_method epoll",
            f"sip_listen {self._address}:{self._sip_port}",
            "audio_path .",
            "audio_player aufile,hears.wav",
            "audio_source aufile,says.wav",
            "audio_alert aufile,alert.wav",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            "ausrc_channels 1",
            "auplay_channels 1",
            "rtp_timeout 0",
            "module_path modules",
            *(f"module {name}.so" for name in modules),
            f"ctrl_tcp_listen 127.0.0.1:{self._control_port}",
        )
        (self.directory / "config").write_text("".join(f"{line}\n" for line in lines))
        (self.directory / "contacts").touch()
        registration = "regint=0"
        if account.password is not None:
            registration = f"auth_user={account.user};auth_pass={account.password};regint=60"
        (self.directory / "accounts").write_text(
            f"<sip:{account.user}@{account.server}>;{registration};answermode=manual"
            f";dtmfmode={'info' if account.keys_by_info else 'rtpevent'}\n"
        )

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                size = await reader.readuntil(b":")
                data = await reader.readexactly(int(size[:-1]) + 1)
            except (asyncio.IncompleteReadError, ConnectionError):
                return  # baresip ended.
            # A caller's name stands in it as its bytes came, in whatever encoding.
            message = json.loads(data[:-1].decode(errors="replace"))
            if message.get("response"):
                answer = self._answers.get(message.get("token", ""))
                if answer is not None and not answer.done():
                    answer.set_result(message)
            else:
                self._event(message)
