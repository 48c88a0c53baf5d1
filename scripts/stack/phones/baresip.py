"""baresip: phones that register, ring, answer by script, speak a tone, press keys and keep what they hear.

Each phone is a process of its own (:mod:`stack.phones.baresip_process`): a baresip with several accounts
dials with whichever it thinks fits.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack.phones.baresip_process import Account, BaresipProcess, PhoneError
from stack.ports import PortBlock

KEY_SECONDS = 0.15
"""How long a key is held down, and the pause after it."""
NOT_TRIED = "not tried yet"


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
        self._process = BaresipProcess(account, ports, self._event, address=address)
        self._ringing: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._registered = asyncio.Event()

    @property
    def user(self) -> str:
        return self.account.user

    @property
    def directory(self) -> Path:
        """Where it keeps what it heard."""
        return self._process.directory

    @property
    def active(self) -> list[PhoneCall]:
        return [call for call in self.calls if call.closed_at is None]

    async def start(self, seconds: float = 10.0) -> Self:
        """Start it; its registration is under way when this returns (:meth:`registered`)."""
        await self._process.start(seconds)
        if self.account.password is not None:
            self._process.beside(self._look_at_registration())
        return self

    async def stop(self) -> None:
        """End it (calls are hung up, the registration withdrawn) and remove its directory."""
        await self._process.stop()

    async def vanish(self) -> None:
        """End it without a word to anybody, as a phone that lost power."""
        await self._process.kill()
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
                self._process.beside(self._answer(call, how))

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
        return await self._process.command(command, parameters, seconds)

    async def command_on(self, call: PhoneCall, command: str, parameters: str = "") -> str:
        """The same, for one call."""
        return await self._process.command_on(call.id, command, parameters)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

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
                self._process.beside(self._answer(call, self.answering))
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
