"""The FastAGI server: Asterisk asks, the engine answers with one advice, the connection is closed.

Whatever goes wrong here, the connection is closed without an advice and the dialplan's lifeline takes the
caller. Every wait has a deadline, so no peer, however broken, costs more than its own socket.

Waking up costs the engine more than answering does, so a question wakes it once. The kernel tells us of a
connection when its first line is there. The question stands in the second of some twenty lines that Asterisk
writes one by one: mostly it is answered as soon as that line is read. The raw facts of the call stand in the
last line, and are waited for where the engine does not know the call. (In the address, that second line, they
would be personal data in Asterisk's log whenever the engine is away.) The engine ends its side of the
connection with the command; the other lines, Asterisk's reply and its own end are read later, together with
those of other calls.
"""

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from ivr.asterisk.agi_commands import check_reply, decode, set_advice
from ivr.asterisk.failures import place
from ivr.errors import AgiError, AgiHangup
from ivr.vocabulary import AgiScript

HEADER_SECONDS = 2.0
HEADER_BYTES = 32_768
"""Of headers and reply together. Asterisk substitutes an application's arguments in a buffer of 8 KB."""
REPLY_SECONDS = 2.0
"""Asterisk sets a variable in microseconds; later than this, something is wrong."""
REPLIES_SECONDS = 0.2
"""So often at the most replies are read."""
UNREAD = 100
"""When so many wait to be read, each further one has the oldest read first: they count among the
connections."""
CONNECTIONS = 1000
"""So many are served at once; more are closed at once: the callers go on by the lifeline."""
ACCEPTS = 16
"""So many connections are taken at once; then others have their turn."""
NO_HANDLES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NO_HANDLES_SECONDS = 1.0
"""When the machine has no handle for a connection, so long until the next try."""
_SCRIPT = b"agi_network_script: "
"""The name of the line that holds the question. Nothing of a caller's stands before it."""
_FACTS = b"\nagi_arg_1: "
"""The name of the line that holds the raw facts: the last of all."""
_END = b"\n\n"
_READ_BYTES = 4096

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Question:
    """What the dialplan asks. ``arguments`` may be empty texts; ``call_id`` is the Uniqueid of the channel
    that asks. ``raw_facts`` (:class:`ivr.vocabulary.IntakeField`): ``None`` until they have come."""

    script: AgiScript
    arguments: tuple[str, ...]
    call_id: str
    raw_facts: str | None = None


Answer = Callable[[Question], str | None]
"""Gives the advice for a question (see ``ivr.vocabulary.Advice``); ``None`` where it takes the raw facts, and
these have not come: then it is asked again with them. It may not wait for anything."""


class AgiServer:
    """Listens on ``host:port`` (0: any free port) and lets ``answer`` answer."""

    def __init__(self, host: str, port: int, answer: Answer) -> None:
        self._host = host
        self.port = port
        """The port that is listened on, once started."""
        self._answer = answer
        self._listening: socket.socket | None = None
        self._serving: set[_Conversation] = set()
        self._unread: deque[_Conversation] = deque()
        """Those that have their answer, and whose reply is read later."""
        self._all_done = asyncio.Event()

    @property
    def in_progress(self) -> int:
        """Connections being served now."""
        return len(self._serving)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._listening = socket.create_server((self._host, self.port), backlog=CONNECTIONS)
        self._listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(HEADER_SECONDS))
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self._take_connections()

    async def drain(self, seconds: float) -> None:
        """Refuse new questions; those under way may take up to ``seconds`` to finish."""
        self._refuse_connections()
        self._all_done.clear()
        if self._serving:
            try:
                await asyncio.wait_for(self._all_done.wait(), seconds)
            except TimeoutError:
                log.warning("agi_questions_cut", in_progress=len(self._serving))

    async def close(self) -> None:
        """Refuse new questions and break off those under way: their callers go on by the lifeline."""
        self._refuse_connections()
        for conversation in tuple(self._serving):
            conversation.end()

    def _take_connections(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def _refuse_connections(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _accept(self) -> None:
        for _ in range(ACCEPTS):
            if self._listening is None:
                return
            try:
                # As accept() does it, but for looking its own family and type up each time.
                handle, _address = self._listening._accept()  # type: ignore[attr-defined]
            except OSError as error:
                if error.errno in NO_HANDLES:
                    log.error("agi_no_handles", error=error.strerror, remedy="raise the limit of open files")
                    loop = asyncio.get_running_loop()
                    loop.remove_reader(self._listening)
                    loop.call_later(NO_HANDLES_SECONDS, self._take_connections)
                    return
                if isinstance(error, BlockingIOError):
                    return
                continue  # this one is gone already
            peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=handle)
            if len(self._serving) >= CONNECTIONS:
                log.error("agi_connection_refused", in_progress=len(self._serving))
                peer.close()
                continue
            conversation = _Conversation(peer, self._answer, self._answered, self._over)
            self._serving.add(conversation)
            conversation.begin()

    def _answered(self, conversation: "_Conversation") -> None:
        if not self._unread:
            asyncio.get_running_loop().call_later(REPLIES_SECONDS, self._read_replies)
        elif len(self._unread) >= UNREAD and not (oldest := self._unread.popleft()).read_reply():
            self._unread.append(oldest)
        self._unread.append(conversation)

    def _read_replies(self) -> None:
        self._unread = deque(conversation for conversation in self._unread if not conversation.read_reply())
        if self._unread:
            asyncio.get_running_loop().call_later(REPLIES_SECONDS, self._read_replies)

    def _over(self, conversation: "_Conversation") -> None:
        self._serving.discard(conversation)
        if not self._serving:
            self._all_done.set()


class _Conversation:
    """One connection: a question, one answer, its reply."""

    def __init__(
        self,
        peer: socket.socket,
        answer: Answer,
        answered: Callable[["_Conversation"], None],
        over: Callable[["_Conversation"], None],
    ) -> None:
        self._peer = peer
        self._answer = answer
        self._answered = answered
        self._tell_over = over
        self._heard = bytearray()
        self._waiting: asyncio.TimerHandle | None = None
        """For the rest of the question, until the deadline."""
        self._reply_until = 0.0
        self._over = False
        self._call = ""
        self._wants_facts = False

    def begin(self) -> None:
        self._hear()
        if not self._over and not self._reply_until:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._peer, self._hear)
            self._waiting = loop.call_later(HEADER_SECONDS, self._too_late, "question")

    def read_reply(self) -> bool:
        """Read what has come meanwhile. Whether this conversation is over."""
        while not self._over:
            received = self._receive()
            if received is None:
                if asyncio.get_running_loop().time() >= self._reply_until:
                    self._too_late("reply")
                break
            if not received:
                self._check_reply()
        return self._over

    def end(self, error: AgiError | None = None) -> None:
        """Close now, whatever is under way."""
        if self._over:
            return
        if isinstance(error, AgiHangup):
            log.info("agi_peer_gone", call=self._call, reason=str(error))
        elif error is not None:
            log.warning("agi_failed", call=self._call, reason=str(error))
        self._over = True
        self._stop_waiting()
        self._peer.close()
        self._tell_over(self)

    def _hear(self) -> None:
        while not self._over and not self._reply_until:
            received = self._receive()
            if received is None:
                return
            line, facts = _line(self._heard), _facts(self._heard)
            if line is not None and (facts is not None or not self._wants_facts):
                self._reply_to(line, facts)
            elif not received:
                self.end(AgiHangup("The peer closed before its question (a port scan or health check?)."))
            elif facts is not None:
                self.end(AgiError("Headers without agi_network_script: is the peer an Asterisk?"))

    def _receive(self) -> bytes | None:
        """What has come; ``b""`` at its end, ``None`` when nothing has come yet. Ends the conversation when
        it is too much."""
        try:
            received = self._peer.recv(_READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:  # reset by the peer
            return b""
        self._heard += received
        if len(self._heard) > HEADER_BYTES:
            self.end(AgiError(f"The headers, or a reply, are longer than {HEADER_BYTES} bytes."))
        return received

    def _reply_to(self, line: bytes, facts: str | None) -> None:
        try:
            question = replace(read_question(line), raw_facts=facts)
            self._call = question.call_id
            advice = self._answer(question)
            if advice is None and facts is None:
                self._wants_facts = True
                return
            self._say(set_advice(advice or ""))
        except AgiError as error:
            self.end(error)
        except Exception as error:
            log.error("agi_question_failed", call=self._call, **place(error))
            self.end()
        else:
            self._stop_waiting()
            with suppress(OSError):  # the peer has closed, and its end is read with the others'
                self._peer.shutdown(socket.SHUT_WR)
            self._reply_until = asyncio.get_running_loop().time() + REPLY_SECONDS
            self._answered(self)

    def _say(self, command: bytes) -> None:
        try:
            sent = self._peer.send(command, socket.MSG_DONTWAIT)
        except OSError as error:
            raise AgiHangup(f"The peer closed before its advice ({error.strerror}).") from error
        if sent < len(command):
            raise AgiError("The kernel has no room for an advice.")

    def _check_reply(self) -> None:
        _, _, reply = bytes(self._heard).partition(_END)
        try:
            check_reply(reply)
        except AgiError as error:
            self.end(error)
        else:
            self.end()

    def _too_late(self, what: str) -> None:
        self.end(AgiError(f"Asterisk's {what} did not come in time."))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            asyncio.get_running_loop().remove_reader(self._peer)


def _line(heard: bytearray) -> bytes | None:
    """The whole line that holds the question, without its name; ``None``: it is not there yet."""
    start = heard.find(_SCRIPT)
    end = heard.find(b"\n", start)
    return bytes(heard[start + len(_SCRIPT) : end]) if 0 <= start < end else None


def _facts(heard: bytearray) -> str | None:
    """The raw facts once everything has come, empty where there are none; ``None`` before."""
    end = heard.find(_END)
    if end < 0:
        return None
    _, name, facts = bytes(heard[:end]).rpartition(_FACTS)
    return decode(facts) if name else ""


def read_question(line: bytes) -> Question:
    """The question in ``<script>/<call id>/<argument>/<argument>…``, as dialplan/ask.conf writes it after the
    engine's address. Raises :class:`AgiError`."""
    script, _, rest = decode(line).partition("/")
    if script not in _SCRIPTS:
        raise AgiError(f"The dialplan asks {script[:40]!r}; it may ask {', '.join(AgiScript)}.")
    call_id, _, arguments = rest.partition("/")
    if not call_id:
        raise AgiError(f"The question {script!r} does not name its call: see dialplan/ask.conf.")
    return Question(AgiScript(script), tuple(arguments.split("/")) if arguments else (), call_id)


_SCRIPTS = frozenset(AgiScript)
