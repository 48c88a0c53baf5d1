"""One AMI connection, from connecting to its loss. It is never used again afterwards: what was pending has
failed, and nothing is sent twice."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

from ivr.asterisk.ami_messages import END_OF_FRAME, AmiAction, AmiMessage
from ivr.errors import AmiError, AmiRefused

FRAME_BOUND = 1_000_000
"""Bytes without an end of frame: the peer is no Asterisk."""
REST_SECONDS = 0.1
"""After reading, so long nothing is read, unless an answer is awaited: a call's events come one by one, and
waking for each costs several times the event itself. Who must know at once calls
:meth:`AmiConnection.catch_up`."""
STORM_BYTES = 16_384
"""When so much came at once, reading goes on without rest."""
READ_BYTES = 65_536
"""More at once would come from and go back to the kernel each time, page by page (mallopt(3))."""
PENDING_BOUND = 1000
"""Actions under way at once on one connection."""
_BANNER = b"Asterisk Call Manager/"
_SHUTTING_DOWN = "Asterisk is shutting down"


class AmiConnection(Manager):  # type: ignore[misc]
    """panoramisk's manager, cut down to a single connection: it neither reconnects nor repeats anything."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host=host, port=port, protocol_factory=lambda: _Protocol(self))
        self._early: list[AmiMessage] = []
        self._on_event: Callable[[AmiMessage], None] = self._early.append
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done, with the reason, when the connection is gone."""
        self.few = False
        """The event that is being handed over came with few others: all of them are handled in no time."""

    async def open(self, seconds: float) -> None:
        """Connect; AmiError when that takes longer than ``seconds`` or fails."""
        where = f"{self.config['host']}:{self.config['port']}"
        try:
            async with asyncio.timeout(seconds):
                _, self.protocol = await asyncio.get_running_loop().create_connection(
                    self.config["protocol_factory"], self.config["host"], self.config["port"]
                )
        except (OSError, TimeoutError) as error:
            raise AmiError(f"No AMI at {where} ({error or 'no answer'}): is Asterisk running?") from error

    async def authenticate(self, username: str, secret: str, seconds: float) -> None:
        """Log in; :class:`AmiRefused` when Asterisk does not know us."""
        await self.ask(AmiAction("Login", {"Username": username, "Secret": secret, "Events": "on"}), seconds)
        self.authenticated = True

    async def ask(self, action: AmiAction, seconds: float) -> list[AmiMessage]:
        """Send once and wait for all that belongs to the answer, the reply first.

        Raises :class:`AmiRefused` when Asterisk says no, :class:`AmiError` when the connection drops or
        nothing came in time: then nobody knows whether the action was done.
        """
        if self.protocol is None or self.protocol.closed:
            raise AmiError(f"{action.name} was not sent: the link to Asterisk is down.")
        if len(self.protocol.responses) >= PENDING_BOUND:
            raise AmiError(
                f"{action.name} was not sent: {PENDING_BOUND} actions are waiting for Asterisk already."
            )
        self.send_action(action)
        self.protocol.end_rest()
        try:
            # Not wait_for: after a pause of the whole process the answer may have come in the same
            # moment as the deadline, and then it counts.
            await asyncio.wait({action.future}, timeout=seconds)
        finally:
            self.protocol.responses.pop(action.id, None)
        if not action.future.done():
            action.future.cancel()
            raise AmiError(f"Asterisk did not answer {action.name} within {seconds} s.")
        messages: list[AmiMessage] = action.future.result()
        if messages[0].get("Response") == "Error":
            raise AmiRefused(
                f"Asterisk refused {action.name}: {messages[0].get('Message', 'no reason given')}."
            )
        return messages

    async def keep_alive(self, every: float, seconds: float) -> None:
        """Ask for a sign of life again and again; a connection that gives none is dropped."""
        while not self.lost.done():
            await asyncio.sleep(every)
            try:
                await self.ask(AmiAction("Ping"), seconds)
            except AmiError as error:
                # An Asterisk that waits for its last call refuses every action, and still tells what happens.
                if _SHUTTING_DOWN not in str(error):
                    self.drop(str(error))

    def drop(self, reason: str) -> None:
        """Close now, whatever is under way; every pending action fails at once."""
        if not self.lost.done():
            self.lost.set_result(reason)
        if self.protocol is not None:
            self.protocol.give_up(reason)

    def deliver_to(self, on_event: Callable[[AmiMessage], None]) -> None:
        """From now on events go to ``on_event``, those that have come already first."""
        self._on_event = on_event
        for event in self._early:
            on_event(event)
        self._early = []

    def catch_up(self) -> None:
        """Read now what has come, without waiting for more."""
        if self.protocol is not None and not self.protocol.closed:
            self.protocol.catch_up()

    def dispatch(self, event: AmiMessage) -> None:
        self._on_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(str(exc or "Asterisk closed the connection"))


class _Protocol(AMIProtocol):  # type: ignore[misc]
    """Frames cut and decoded from bytes, so that a letter at the border of two chunks stays whole, and handed
    on in the order of their arrival."""

    def __init__(self, connection: AmiConnection) -> None:
        self._connection = connection
        self._rest = b""
        """The beginning of a frame."""
        self._resting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.factory = self._connection
        self.encoding = "utf-8"
        # The transport's own, which it does not hand out: to be read from only while the transport rests.
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))

    def data_received(self, data: bytes) -> None:
        self._take(data)
        if self.version is not None and not self.closed and not self._needs_no_rest(len(data)):
            self.transport.pause_reading()
            self._begin_rest()

    def _needs_no_rest(self, received: int) -> bool:
        return bool(self.responses) or received > STORM_BYTES

    def _begin_rest(self) -> None:
        self._resting = asyncio.get_running_loop().call_later(REST_SECONDS, self._rested)

    def _rested(self) -> None:
        """While something comes in each rest, rest follows rest: to be told of the first byte would be one
        wake more each time."""
        received = self.catch_up()
        if self.closed:
            return
        if received and not self._needs_no_rest(received):
            self._begin_rest()
        else:
            self.end_rest()

    def catch_up(self) -> int:
        """Take what has come while resting, now and not in the loop's next round: it is older than whatever
        makes somebody ask. How many bytes that were."""
        if self._resting is None:
            return 0
        data = b""
        with suppress(OSError):  # nothing has come; or the connection is lost, which the transport tells
            data = self._socket.recv(READ_BYTES, socket.MSG_DONTWAIT)
        self._connection.few = len(data) <= STORM_BYTES
        self._take(data)
        self._connection.few = False
        return len(data)

    def end_rest(self) -> None:
        """Read again as soon as something comes."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
            self.transport.resume_reading()

    def _take(self, data: bytes) -> None:
        *frames, self._rest = (self._rest + data).split(END_OF_FRAME)
        if self.version is None:
            frames = self._read_banner(frames)
        if len(self._rest) > FRAME_BOUND:
            self._connection.drop("the peer sends frames without an end: is it an Asterisk?")
        for frame in frames:
            if self.closed:
                return
            self.handle_message(AmiMessage.parse(frame))

    def _read_banner(self, frames: list[bytes]) -> list[bytes]:
        """Asterisk greets with one line, to which the first frame is joined."""
        first = frames[0] if frames else self._rest
        banner, end, after = first.partition(b"\r\n")
        if not end and len(banner) < len(_BANNER):
            return frames
        if not banner.startswith(_BANNER):
            self._connection.drop("the peer does not greet as an Asterisk manager: check the AMI port")
            return []
        if not end:
            return frames
        self.version = banner[len(_BANNER) :].decode("latin-1")
        if frames:
            return [after, *frames[1:]]
        self._rest = after
        return []

    def handle_message(self, message: AmiMessage) -> None:
        action = self.responses.get(message.get("ActionID"))
        if action is not None and ("Response" in message or action.last_event):
            if action.add_message(message):
                self.responses.pop(action.id, None)
        elif "Event" in message:
            self.factory.dispatch(message)

    def close(self) -> None:
        self.give_up("the connection is gone")

    def give_up(self, reason: str) -> None:
        """Fail what is pending and close at once, without waiting for a peer that may not be there."""
        self.closed = True
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        self._socket.close()
        for action in self.responses.values():
            action.fail(AmiError(f"Whether {action.name} was done is unknown: {reason}. It is not repeated."))
        self.responses.clear()
        self.transport.abort()
