"""The FastAGI server: Asterisk asks, the engine answers with one advice, the connection is closed.

Whatever goes wrong here, the connection is closed without an advice and the dialplan's lifeline takes the
caller. Every wait has a deadline, so no peer, however broken, costs more than its own socket.

Waking up costs the engine more than answering does. Asterisk sends its headers line by line, so the kernel is
told to wake us once, when most of them are there; and the engine ends its side of the connection with the
command, so that Asterisk's reply comes together with its own end. Nobody waits for these: they are read
together with those of other calls.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from ivr.asterisk.agi_commands import check_reply, decode, set_advice
from ivr.asterisk.failures import place
from ivr.errors import AgiError, AgiHangup
from ivr.vocabulary import AgiScript

HEADER_SECONDS = 2.0
HEADER_BYTES = 32_768
"""Of all headers together. Asterisk substitutes an application's arguments in a buffer of 8 KB."""
HEADER_COUNT = 200
REPLY_SECONDS = 2.0
"""Asterisk sets a variable in microseconds; later than this, something is wrong."""
REPLIES_SECONDS = 0.2
"""So often at the most replies are read."""
CONNECTIONS = 1000
"""So many are served at once; more are closed at once: the callers go on by the lifeline."""
LOW_WATER = 128
"""Bytes. Asterisk's headers are never so few (their names alone are some 250); a peer that sends fewer is
heard when it closes, or dropped at the deadline."""
_END = b"\n\n"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Question:
    """What the dialplan asks. ``arguments`` are AGI's, empty ones at the end included; ``call_id`` is the
    Uniqueid of the channel that asks, ``channel`` its name."""

    script: AgiScript
    arguments: tuple[str, ...]
    call_id: str
    channel: str


Answer = Callable[[Question], str]
"""Gives the advice for a question (see ``ivr.vocabulary.Advice``). It may not wait for anything."""


class AgiServer:
    """Listens on ``host:port`` (0: any free port) and lets ``answer`` answer."""

    def __init__(self, host: str, port: int, answer: Answer) -> None:
        self._host = host
        self.port = port
        """The port that is listened on, once started."""
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._serving: set[_Conversation] = set()
        self._replies = _Replies()
        self._all_done = asyncio.Event()

    @property
    def in_progress(self) -> int:
        """Connections being served now."""
        return len(self._serving)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        listening = socket.create_server((self._host, self.port), backlog=CONNECTIONS)
        # Both hold for the connections that come of it.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(HEADER_SECONDS))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, LOW_WATER)
        listening.setblocking(False)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Conversation(self._answer, self._serving, self._replies, self._all_done), sock=listening
        )
        self.port = listening.getsockname()[1]

    async def drain(self, seconds: float) -> None:
        """Refuse new questions; those under way may take up to ``seconds`` to finish."""
        if self._server is not None:
            self._server.close()
        self._all_done.clear()
        if self._serving:
            try:
                await asyncio.wait_for(self._all_done.wait(), seconds)
            except TimeoutError:
                log.warning("agi_questions_cut", in_progress=len(self._serving))

    async def close(self) -> None:
        """Refuse new questions and break off those under way: their callers go on by the lifeline."""
        if self._server is not None:
            self._server.close()
        for conversation in tuple(self._serving):
            conversation.break_off()


class _Replies:
    """Conversations that have given their answer, and read what Asterisk says to it all at once."""

    def __init__(self) -> None:
        self._unread: list[_Conversation] = []

    def read_later(self, conversation: "_Conversation") -> None:
        if not self._unread:
            asyncio.get_running_loop().call_later(REPLIES_SECONDS, self._read)
        self._unread.append(conversation)

    def _read(self) -> None:
        unread, self._unread = self._unread, []
        for conversation in unread:
            conversation.read_reply()


class _Conversation(asyncio.Protocol):
    """One connection: headers, one answer, its reply."""

    _transport: asyncio.Transport
    _deadline: asyncio.TimerHandle

    def __init__(
        self, answer: Answer, serving: set["_Conversation"], replies: _Replies, all_done: asyncio.Event
    ) -> None:
        self._answer = answer
        self._serving = serving
        self._replies = replies
        self._all_done = all_done
        self._heard = bytearray()
        self._advised = False
        self._over = False
        self._call = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._deadline = asyncio.get_running_loop().call_later(HEADER_SECONDS, self._too_late)
        if len(self._serving) >= CONNECTIONS:
            log.error("agi_connection_refused", in_progress=len(self._serving))
            self._end()
            return
        self._serving.add(self)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._heard += data
        if len(self._heard) > HEADER_BYTES:
            self._end(AgiError(f"The headers, or a reply, are longer than {HEADER_BYTES} bytes."))
        elif self._advised:
            pass  # the reply, which is read at its end
        elif (end := self._heard.find(_END)) >= 0:
            headers = bytes(self._heard[:end])
            del self._heard[: end + len(_END)]
            self._answer_to(headers)
        else:  # the rest may be less than the low-water mark
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def eof_received(self) -> None:
        self._peer_closed()

    def connection_lost(self, _: Exception | None) -> None:
        self._peer_closed()
        self._deadline.cancel()
        self._serving.discard(self)
        if not self._serving:
            self._all_done.set()

    def read_reply(self) -> None:
        if not self._over:
            self._transport.resume_reading()

    def break_off(self) -> None:
        """Close at once, whatever is under way."""
        self._over = True
        self._transport.abort()

    def _answer_to(self, raw: bytes) -> None:
        try:
            question = read_question(raw)
            self._call = question.call_id
            advice = self._answer(question)
            self._transport.write(set_advice(advice))
        except AgiError as error:
            self._end(error)
        except Exception as error:
            log.error("agi_question_failed", call=self._call, **place(error))
            self._end()
        else:
            self._advised = True
            self._deadline.cancel()
            self._deadline = asyncio.get_running_loop().call_later(REPLY_SECONDS, self._too_late)
            self._transport.write_eof()
            self._transport.pause_reading()
            self._replies.read_later(self)

    def _peer_closed(self) -> None:
        if self._over:
            return
        if not self._advised:
            self._end(
                AgiHangup("The peer closed before the end of its headers (a port scan or health check?).")
            )
            return
        try:
            check_reply(bytes(self._heard))
        except AgiError as error:
            self._end(error)
        else:
            self._end()

    def _too_late(self) -> None:
        what = "reply" if self._advised else "headers"
        self._end(AgiError(f"Asterisk's {what} did not come in time."))

    def _end(self, error: AgiError | None = None) -> None:
        if isinstance(error, AgiHangup):
            log.info("agi_peer_gone", call=self._call, reason=str(error))
        elif error is not None:
            log.warning("agi_failed", call=self._call, reason=str(error))
        self._over = True
        self._transport.close()


def read_question(raw: bytes) -> Question:
    """The question in Asterisk's ``agi_*`` lines. Raises :class:`AgiError`.

    Of a header that comes twice the first counts: what a caller could inject with an argument stands behind
    what Asterisk wrote itself.
    """
    lines = decode(raw).split("\n")
    if len(lines) > HEADER_COUNT:
        raise AgiError(f"More than {HEADER_COUNT} headers.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if colon:
            headers.setdefault(name, value)
    script = headers.get("agi_network_script", "").partition("?")[0].strip("/")
    if script not in _SCRIPTS:
        raise AgiError(f"The dialplan asks {script[:40]!r}; it may ask {', '.join(AgiScript)}.")
    return Question(
        AgiScript(script),
        _arguments(headers),
        headers.get("agi_uniqueid", ""),
        headers.get("agi_channel", ""),
    )


def _arguments(headers: Mapping[str, str]) -> tuple[str, ...]:
    arguments: list[str] = []
    while (value := headers.get(f"agi_arg_{len(arguments) + 1}")) is not None:
        arguments.append(value)
    return tuple(arguments)


_SCRIPTS = frozenset(AgiScript)
