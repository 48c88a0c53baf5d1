"""SIPp: a caller on the carrier's trunk, many of them at once, and the carrier's side of calls from the PBX.

Runs as an ordinary user: without audio, with keys by SIP INFO. What happened is read from SIPp's own log of
the messages on the wire, with its times.
"""

import asyncio
import re
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.installed import phones
from stack.phones.scenario import (
    CALLERS_FILE,
    SIGNS,
    SIGNS_FILE,
    TrunkAnswer,
    TrunkCall,
    answer_scenario,
    caller_scenario,
)
from stack.ports import HeldPort, free_port

TRUNK_ADDRESS = "127.0.0.2"
"""Where the carrier calls from: the default of IVR_TRUNK_PEERS."""
POLL = 0.05
"""Seconds between two looks at SIPp's log."""


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message as SIPp saw it."""

    at: datetime
    sent: bool
    text: str
    """Bytes that are not UTF-8 stand as surrogates."""

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0].strip()

    @property
    def status(self) -> int | None:
        """Of a response; None of a request."""
        found = re.match(r"SIP/2\.0 (\d{3})", self.first_line)
        return int(found[1]) if found else None

    @property
    def method(self) -> str:
        """Of a request, or of the request that a response belongs to."""
        if self.status is None:
            return self.first_line.partition(" ")[0]
        return self.header("CSeq").rpartition(" ")[2]

    @property
    def body(self) -> str:
        return self.text.replace("\r\n", "\n").partition("\n\n")[2]

    def header(self, name: str) -> str:
        """The first value of this header; empty when there is none."""
        found = re.search(
            rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text, re.MULTILINE | re.IGNORECASE
        )
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What happened to one call, seen from the carrier's side."""

    call_id: str
    """SIP Call-ID."""
    messages: tuple[Message, ...]

    @property
    def started_at(self) -> datetime:
        return self.messages[0].at

    @property
    def answered_at(self) -> datetime | None:
        """When 200 to the INVITE was seen."""
        return next((m.at for m in self.messages if m.status == 200 and m.method == "INVITE"), None)

    @property
    def statuses(self) -> tuple[int, ...]:
        """The responses to the INVITE in their order."""
        return tuple(m.status for m in self.messages if m.status is not None and m.method == "INVITE")

    @property
    def ended_by(self) -> str | None:
        """``us`` or ``them`` for who sent BYE first; None when nobody did."""
        bye = next((m for m in self.messages if m.status is None and m.method == "BYE"), None)
        return None if bye is None else "us" if bye.sent else "them"

    @property
    def ended_at(self) -> datetime | None:
        """When BYE was seen, or the final refusal."""
        for message in self.messages:
            if message.status is None and message.method == "BYE":
                return message.at
            if message.method == "INVITE" and (message.status or 0) >= 300:
                return message.at
        return None

    def received(self, method: str) -> tuple[Message, ...]:
        """The requests of this method that came from the other side."""
        return tuple(m for m in self.messages if not m.sent and m.status is None and m.method == method)


class SippError(RuntimeError):
    """SIPp did not run; the text has what it said."""


class _Sipp:
    """One SIPp process in a private directory."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._port: HeldPort | None = None
        self._directory: Path | None = None
        self._final: bytes | None = None
        self._error = ""

    async def _launch(self, scenario: bytes, arguments: Sequence[str], callers: Sequence[str] = ()) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="sipp-"))
        (self._directory / "scenario.xml").write_bytes(scenario)
        options: list[str] = []
        for name, lines in ((SIGNS_FILE, [SIGNS]), (CALLERS_FILE, list(callers))):
            if lines:
                (self._directory / name).write_text("\n".join(["SEQUENTIAL", *lines, ""]))
                options += ["-inf", name]
        self._process = await asyncio.create_subprocess_exec(
            *(
                str(phones().sipp),
                "-sf",
                "scenario.xml",
                *options,
                "-nostdin",
                "-aa",
                "-cid_str",
                "%u-%p-%r@%s",
            ),
            *("-trace_msg", "-message_file", "messages.log", "-message_overwrite", "true"),
            *("-trace_err", "-error_file", "errors.log"),
            *arguments,
            cwd=self._directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def stop(self) -> None:
        """End it now; a call in progress is left as it is."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._collect()

    async def _finish(self, seconds: float) -> None:
        """Wait for its own end, at most so long."""
        if self._process is None:
            raise SippError("SIPp was not started")
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            await self.stop()

    def _own_port(self, address: str) -> int:
        """A port for this process until it has ended: a hundred start side by side."""
        self._port = HeldPort(address)
        return self._port.number

    def _collect(self) -> None:
        """Keep what the directory holds and remove it; give the port back."""
        if self._port is not None:
            self._port.close()
        if self._directory is None:
            return
        self._final = self._log()
        errors = self._directory / "errors.log"
        self._error = errors.read_text(errors="replace") if errors.exists() else ""
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory = None

    def _log(self) -> bytes:
        if self._directory is None:
            return self._final or b""
        log = self._directory / "messages.log"
        return log.read_bytes() if log.exists() else b""

    def results(self) -> list[CallResult]:
        """The calls so far, in order of their first message."""
        calls: dict[str, list[Message]] = {}
        for message in read_messages(self._log()):
            calls.setdefault(message.header("Call-ID"), []).append(message)
        return [CallResult(call_id, tuple(messages)) for call_id, messages in calls.items()]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class TrunkCaller(_Sipp):
    """One call from the carrier's trunk: :meth:`start` it, then follow it. An async context manager."""

    def __init__(self, call: TrunkCall, target: str, *, address: str = TRUNK_ADDRESS) -> None:
        """``target`` is the trunk's ``address:port``; ``address`` is where the call comes from."""
        super().__init__()
        self._call = call
        self._target = target
        self._address = address

    async def start(self) -> Self:
        call = self._call
        self._limit = (
            sum(seconds for seconds, _ in call.keys) + max(call.hang_up_after or 0, call.patience) + 40
        )
        port = self._own_port(self._address)
        await self._launch(
            caller_scenario(call),
            (
                self._target,
                "-i",
                self._address,
                "-p",
                str(port),
                "-m",
                "1",
                "-timeout",
                f"{self._limit:.0f}s",
            ),
        )
        return self

    async def answered(self, seconds: float = 10.0) -> datetime:
        """When the call was answered; :class:`SippError` if it ended before, or :class:`TimeoutError`."""
        async with asyncio.timeout(seconds):
            while True:
                over = self._process is None or self._process.returncode is not None
                for result in self.results():
                    if result.answered_at:
                        return result.answered_at
                if over:
                    self._collect()
                    raise SippError(f"the call ended without an answer: {self._ends()} {self._error}")
                await asyncio.sleep(POLL)

    async def hang_up(self) -> CallResult:
        """Hang up now (BYE, or CANCEL before the answer), whatever the call's description says."""
        # The first signal stops new calls, the second ends those there are; on a busy machine two that come
        # together count as one.
        for _ in range(int(5 / POLL)):
            if self._process is None or self._process.returncode is not None:
                break
            self._process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(POLL)
        await self._finish(5)
        return self._result()

    async def result(self) -> CallResult:
        """Wait for the end of the call, which every description has."""
        await self._finish(self._limit + 5)
        return self._result()

    def _result(self) -> CallResult:
        results = self.results()
        if not results:
            raise SippError(f"SIPp sent nothing: {self._error or 'see its scenario'}")
        return results[0]

    def _ends(self) -> str:
        return ", ".join(str(result.statuses) for result in self.results()) or "no message"


async def place(call: TrunkCall, target: str, *, address: str = TRUNK_ADDRESS) -> CallResult:
    """Place one call and wait for its end."""
    async with TrunkCaller(call, target, address=address) as caller:
        await caller.start()
        return await caller.result()


class TrunkLoad(_Sipp):
    """Many calls of one description from one process, one per number of ``callers``."""

    def __init__(
        self,
        call: TrunkCall,
        callers: Sequence[str],
        target: str,
        *,
        per_second: float = 10.0,
        address: str = TRUNK_ADDRESS,
    ) -> None:
        super().__init__()
        self._call = replace(call, caller="", from_header=None)
        self._callers = tuple(callers)
        self._target = target
        self._rate = per_second
        self._address = address

    async def start(self) -> Self:
        keys = sum(seconds for seconds, _ in self._call.keys)
        count = len(self._callers)
        one = keys + max(self._call.hang_up_after or 0, self._call.patience) + 40
        self._limit = one + count / self._rate
        # SIPp starts calls once in -rp milliseconds; a rate below 1 a second is so exact, too.
        await self._launch(
            caller_scenario(self._call, many=True),
            (
                *(self._target, "-i", self._address, "-p", str(self._own_port(self._address))),
                *(
                    "-m",
                    str(count),
                    "-l",
                    str(count),
                    "-r",
                    "1",
                    "-rp",
                    str(max(1, round(1000 / self._rate))),
                ),
                *("-timeout", f"{self._limit:.0f}s"),
            ),
            self._callers,
        )
        return self

    async def result(self) -> list[CallResult]:
        """Wait for the end of all calls; in the order of ``callers``."""
        await self._finish(self._limit + 5)
        return self.results()


class TrunkAnswerer(_Sipp):
    """The carrier's side of calls from the PBX: answers, refuses or only rings. An async context manager."""

    def __init__(self, answer: TrunkAnswer, *, address: str = TRUNK_ADDRESS, port: int | None = None) -> None:
        super().__init__()
        self._answer = answer
        self.address = address
        self.port = port or free_port(address)

    async def start(self) -> Self:
        await self._launch(answer_scenario(self._answer), ("-i", self.address, "-p", str(self.port)))
        return self


_SEPARATOR = re.compile(rb"^-{20,} (\d{4}-\d\d-\d\d[T\t ]\d\d:\d\d:\d\d\.\d+)Z?\s*$", re.MULTILINE)


def read_messages(log: bytes) -> list[Message]:
    """The messages of SIPp's log (``-trace_msg``), whose times are UTC where they end with Z."""
    parts = _SEPARATOR.split(log)
    messages = []
    for time, content in zip(parts[1::2], parts[2::2], strict=True):
        head, _, text = content.lstrip(b"\r\n").partition(b"\n")
        at = datetime.fromisoformat(time.decode().replace("\t", "T")).replace(tzinfo=UTC)
        if b" message " in head:
            body = text.decode(errors="surrogateescape").lstrip("\r\n")
            messages.append(Message(at, b" sent" in head, body))
    return messages
