"""baresip: phones that register, ring, answer by script, speak a tone, press keys and keep what they hear.

Each phone is a process of its own: a baresip with several accounts dials with whichever it thinks fits. It is
steered over its ``ctrl_tcp`` module with JSON in netstrings.
"""

import asyncio
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack.installed import phones
from stack.ports import PortBlock
from stack.tones import make_tone

KEY_SECONDS = 0.15
"""How long a key is held down, and the pause after it."""
NOT_TRIED = "not tried yet"
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


@dataclass(frozen=True, slots=True)
class Answering:
    """How a phone reacts to an incoming call by itself."""

    after: float = 0.2
    """Seconds of ringing."""
    keys: Sequence[tuple[float, str]] = ()
    """(seconds after the answer or the key before, key)."""
    hang_up_after: float | None = None
    """Seconds after the last key; None: the other side shall."""


@dataclass(eq=False)
class PhoneCall:
    """One call of a phone, from its first ringing to its end."""

    phone: "Phone"
    id: str
    incoming: bool
    peer: str
    """SIP URI of the other side, as the phone was shown it."""
    recording: Path
    """What the phone heard: 8 kHz, 16 bit, mono."""
    began: float = field(default_factory=time.time)
    """Seconds since 1970, as ``established_at`` and ``closed_at``."""
    established_at: float | None = None
    closed_at: float | None = None
    reason: str = ""
    """Why it was closed, in baresip's words."""
    keys_heard: str = ""
    """The keys that the other side pressed (RFC 4733)."""
    _established: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _closed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def accept(self) -> None:
        await self.phone.command_on(self, "accept")

    async def hang_up(self) -> None:
        """Hang up, give up or decline; nothing if the call is over already."""
        if self.closed_at is not None:
            return
        try:
            await self.phone.command_on(self, "hangup")
        except PhoneError as error:
            # Refused because the other side was faster: then its end is on the way to us.
            try:
                await self.closed(1)
            except TimeoutError:
                raise error from None

    async def press(self, keys: str, pause: float = KEY_SECONDS) -> None:
        """Press the keys one after the other."""
        for key in keys:
            await self.phone.command_on(self, "sndcode", key)
            await asyncio.sleep(KEY_SECONDS)
            await self.phone.command_on(self, "sndcode", "")
            await asyncio.sleep(pause)

    async def established(self, seconds: float = 10.0) -> Self:
        """Wait until both sides talk; :class:`PhoneError` if the call ends before."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._established, self._closed)]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not done:
            raise TimeoutError(f"{self.phone.user}: no answer within {seconds} s")
        if self.established_at is None:
            raise PhoneError(f"{self.phone.user}: the call ended without an answer: {self.reason}")
        return self

    async def closed(self, seconds: float = 10.0) -> str:
        """Wait for the end of the call; why it ended."""
        async with asyncio.timeout(seconds):
            await self._closed.wait()
        return self.reason


class Phone:
    """One baresip with its account, in a private directory. An async context manager."""

    def __init__(self, account: Account, ports: PortBlock, *, address: str = "127.0.0.1") -> None:
        """``address`` is where the phone is; for a caller on the trunk that of the carrier."""
        self.account = account
        self.answering: Answering | None = None
        """What it does with a call by itself; change it at any time. None never answers."""
        self.calls: list[PhoneCall] = []
        """All calls so far, the present ones too."""
        self.registration = NOT_TRIED
        """What baresip said of it last."""
        self.directory = Path(tempfile.mkdtemp(prefix="phone-"))
        self._address = address
        self._sip_port = ports.pair()
        self._control_port = ports.port()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tokens = itertools.count(1)
        self._turn = asyncio.Lock()
        self._reactions: set[asyncio.Task[None]] = set()
        self._ringing: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._registered = asyncio.Event()

    @property
    def user(self) -> str:
        return self.account.user

    @property
    def active(self) -> list[PhoneCall]:
        return [call for call in self.calls if call.closed_at is None]

    async def start(self, seconds: float = 10.0) -> Self:
        """Start it; its registration is under way when this returns (:meth:`registered`)."""
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
        if self.account.password is not None:
            self._react(self._look_at_registration())
        return self

    async def stop(self) -> None:
        """End the process (calls are hung up, the registration withdrawn) and remove its directory."""
        tasks = [*self._reactions, *([self._reader] if self._reader else [])]
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

    async def vanish(self) -> None:
        """End the process without a word to anybody, as a phone that lost power."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        for call in self.active:
            self._close(call, "the phone is gone")

    async def registered(self, seconds: float = 10.0) -> None:
        """Wait until the PBX has accepted the registration."""
        try:
            async with asyncio.timeout(seconds):
                await self._registered.wait()
        except TimeoutError:
            raise PhoneError(f"{self.user} is not registered: {self.registration}") from None

    def answer(self, how: Answering) -> None:
        """Answer by itself from now on, also what rings already."""
        self.answering = how
        for call in self.active:
            if call.incoming and call.established_at is None:
                self._react(self._answer(call, how))

    async def incoming(self, seconds: float = 10.0) -> PhoneCall:
        """The next call that rings here; each is given once."""
        async with asyncio.timeout(seconds):
            return await self._ringing.get()

    async def dial(self, number: str) -> PhoneCall:
        """Call a number of this PBX (or a full SIP URI); returns while it is being set up."""
        uri = number if number.startswith("sip:") else f"sip:{number}@{self.account.server}"
        answer = await self.command("dial", uri)
        call_id = answer.rpartition("call id:")[2].strip()
        if not call_id:
            raise PhoneError(f"{self.user} cannot dial {uri}: {answer}")
        return self._call(call_id, incoming=False, peer=uri)

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

    async def command_on(self, call: PhoneCall, command: str, parameters: str = "") -> str:
        """A command on one call. baresip acts on its current call, and one that was just dialled is not it
        until the other side has answered something: so it is set each time."""
        async with self._turn:
            await self.command("callfind", call.id)
            return await self.command(command, parameters)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _write_configuration(self) -> None:
        account = self.account
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

    def _event(self, event: dict[str, Any]) -> None:
        kind = event.get("type", "")
        if kind.startswith("REGISTER"):
            self.registration = f"{kind} {event.get('param', '')}"
            if kind == "REGISTER_OK":
                self._registered.set()
            return
        if not kind.startswith("CALL_") or not event.get("id"):
            return
        incoming = event.get("direction") == "incoming"
        call = self._call(event["id"], incoming=incoming, peer=event.get("peeruri", ""))
        if kind == "CALL_INCOMING":
            self._ringing.put_nowait(call)
            if self.answering is not None:
                self._react(self._answer(call, self.answering))
        elif kind == "CALL_ESTABLISHED":
            call.established_at = time.time()
            call._established.set()
        elif kind == "CALL_DTMF_START":
            call.keys_heard += event.get("param", "")
        elif kind == "CALL_CLOSED":
            self._close(call, event.get("param", ""))

    def _call(self, call_id: str, *, incoming: bool, peer: str) -> PhoneCall:
        for call in self.calls:
            if call.id == call_id:
                return call
        call = PhoneCall(self, call_id, incoming, peer, self.directory / "hears.wav")
        self.calls.append(call)
        return call

    def _close(self, call: PhoneCall, reason: str) -> None:
        # The next call would overwrite the recording. (Renamed while open: what is still written goes along.)
        if call.established_at is not None and call.recording.exists():
            call.recording = call.recording.rename(self.directory / f"call-{self.calls.index(call)}.wav")
        call.closed_at = time.time()
        call.reason = reason
        call._closed.set()

    async def _answer(self, call: PhoneCall, how: Answering) -> None:
        await asyncio.sleep(how.after)
        if call.closed_at is not None:
            return
        try:
            await call.accept()
            await call.established()
            for seconds, key in how.keys:
                await asyncio.sleep(seconds)
                await call.press(key)
            if how.hang_up_after is not None:
                await asyncio.sleep(how.hang_up_after)
                await call.hang_up()
        except (PhoneError, TimeoutError):
            if call.closed_at is None:
                raise
            # The call ended under our hands, as calls do.

    async def _look_at_registration(self) -> None:
        """Ask until it is registered: events tell only of what happens after we listen."""
        while not self._registered.is_set():
            for line in (await self.command("reginfo")).splitlines():
                if self.account.user in line and "OK" in line.replace(self.account.user, ""):
                    self._registered.set()
                elif self.account.user in line and self.registration == NOT_TRIED:
                    self.registration = line.strip()
            await asyncio.sleep(0.2)

    def _react(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)


class Baresip:
    """Several phones, by their users' names. An async context manager."""

    def __init__(self, accounts: Sequence[Account], ports: PortBlock, *, address: str = "127.0.0.1") -> None:
        self.phones = {account.user: Phone(account, ports, address=address) for account in accounts}

    def __getitem__(self, user: str) -> Phone:
        return self.phones[user]

    def __iter__(self) -> Iterator[Phone]:
        return iter(self.phones.values())

    async def start(self) -> Self:
        """Start all; returns when each that has a password is registered."""
        try:
            for phone in self:
                await phone.start()
            for phone in self:
                if phone.account.password is not None:
                    await phone.registered()
        except BaseException:
            await self.stop()
            raise
        return self

    async def stop(self) -> None:
        await asyncio.gather(*(phone.stop() for phone in self))

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
