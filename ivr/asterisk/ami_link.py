"""The link to Asterisk's manager interface: one connection after the other, events in order, actions once.

When the link drops, every pending action fails at once and none is repeated; ``on_up`` of the next connection
is the place to ask Asterisk what is true now (``ivr.asterisk.resync``). Events wait in one bounded mailbox
and are handed out one at a time, so a storm of them delays no answer to a caller for longer than one slice.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum

import structlog

from ivr.asterisk.ami_connection import AmiConnection
from ivr.asterisk.ami_messages import AmiAction, AmiMessage, Headers
from ivr.asterisk.failures import place
from ivr.errors import AmiError, AmiRefused

SLICE = 1000
"""So many events are handled before other tasks of the engine get their turn: some 10 ms. More than one
read of the socket brings (256 KiB, about 600 events), so that a storm alone never fills the mailbox."""
CATCH_UP = 200
"""So many events are handled on the way to an answer to a caller: some 2 ms."""

log = structlog.get_logger()


class LinkPhase(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    """No connection; the next attempt comes by itself."""
    REFUSED = "refused"
    """Asterisk is there but does not accept our name or secret."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link is. ``since`` (aware, UTC) it is up, or is not; ``reason`` says why it is not.

    Counted from the engine's start: connections after the first, events received, overflows of the mailbox.
    ``waiting``: events in the mailbox now.
    """

    phase: LinkPhase
    since: datetime
    reason: str
    reconnects: int
    events: int
    overflows: int
    waiting: int


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Seconds, but for ``mailbox``: the number of events that may wait for their turn. When one more comes,
    the link is dropped and made anew: a fresh look at Asterisk is worth more than an incomplete history."""

    connect: float = 3.0
    ping_every: float = 2.0
    ping_answer: float = 3.0
    first_delay: float = 0.2
    longest_delay: float = 5.0
    mailbox: int = 20_000


class _Mark(Enum):
    UP = "up"
    DOWN = "down"


class AmiLink:
    """``on_up`` is awaited when the link is up, before any event of it; then ``on_event`` is called for each
    event, in order; then ``on_down`` is awaited when it is lost. What they raise is logged and stops nothing.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        secret: str,
        on_event: Callable[[AmiMessage], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], Awaitable[None]],
        limits: LinkLimits | None = None,
    ) -> None:
        self._address = (host, port)
        self._login = (username, secret)
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._limits = limits or LinkLimits()
        self._connection: AmiConnection | None = None
        self._mailbox: deque[AmiMessage | _Mark] = deque()
        self._mail = asyncio.Event()
        self._waiting_for_callback = False
        self._announced = False
        """``on_up`` was called, ``on_down`` not yet."""
        self._tasks: list[asyncio.Task[None]] = []
        self._phase, self._since, self._reason = LinkPhase.DOWN, datetime.now(UTC), "not started"
        self._connections = self._events = self._overflows = 0

    @property
    def state(self) -> LinkState:
        return LinkState(
            phase=self._phase,
            since=self._since,
            reason=self._reason,
            reconnects=max(0, self._connections - 1),
            events=self._events,
            overflows=self._overflows,
            waiting=len(self._mailbox),
        )

    async def start(self) -> None:
        """Begin connecting, and go on for ever; returns at once."""
        self._tasks = [asyncio.create_task(self._stay_connected()), asyncio.create_task(self._deliver())]

    async def close(self) -> None:
        """End the link; nothing reconnects afterwards."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._enter(LinkPhase.DOWN, "closed")

    async def action(self, name: str, headers: Headers | None = None, seconds: float = 2.0) -> AmiMessage:
        """Send one action once and return its reply, waiting at most ``seconds``.

        Raises :class:`AmiRefused` when Asterisk says no, :class:`AmiError` when the link is or goes down or
        no reply comes in time.
        """
        return (await self._ask(AmiAction(name, headers), seconds))[0]

    async def list_action(
        self,
        name: str,
        complete_event: str,
        headers: Headers | None = None,
        seconds: float = 5.0,
    ) -> list[AmiMessage]:
        """Send an action that is answered by a list of events, the last one ``complete_event``; returns those
        before it. Raises as :meth:`action`."""
        messages = await self._ask(AmiAction(name, headers, complete_event), seconds)
        return messages[1:-1]

    def drop(self, reason: str) -> None:
        """Give this connection up and make a new one: when what is known of Asterisk cannot be trusted."""
        if self._connection is not None:
            self._connection.drop(reason)

    async def _ask(self, action: AmiAction, seconds: float) -> list[AmiMessage]:
        if self._connection is None:
            raise AmiError(f"{action.name} was not sent: the link to Asterisk is down ({self._reason}).")
        return await self._connection.ask(action, seconds)

    async def _stay_connected(self) -> None:
        limits, delay = self._limits, self._limits.first_delay
        while True:
            connected = asyncio.get_running_loop().time()
            await self._connect_once()
            if asyncio.get_running_loop().time() - connected > limits.longest_delay:
                delay = limits.first_delay
            # The jitter keeps several engines from knocking at the same moment.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311
            delay = min(delay * 2, limits.longest_delay)

    async def _connect_once(self) -> None:
        """One connection from its beginning to its end."""
        limits = self._limits
        self._enter(LinkPhase.CONNECTING, self._reason)
        connection = AmiConnection(*self._address)
        keeper: asyncio.Task[None] | None = None
        try:
            await connection.open(limits.connect)
            await connection.authenticate(*self._login, limits.connect)
            self._connection = connection
            self._connections += 1
            self._enter(LinkPhase.UP, "")
            self._post(_Mark.UP)
            connection.deliver_to(self._receive)
            keeper = asyncio.create_task(connection.keep_alive(limits.ping_every, limits.ping_answer))
            self._enter(LinkPhase.DOWN, await connection.lost)
        except AmiRefused as error:
            self._enter(
                LinkPhase.REFUSED, f"{error} Compare the account in manager.conf with the engine's secret."
            )
        except AmiError as error:
            self._enter(LinkPhase.DOWN, str(error))
        finally:
            connection.drop("the link is closed")
            if keeper is not None:
                keeper.cancel()
                self._post(_Mark.DOWN)
            self._connection = None

    def _enter(self, phase: LinkPhase, reason: str) -> None:
        if (phase is LinkPhase.UP) != (self._phase is LinkPhase.UP):
            self._since = datetime.now(UTC)
        self._phase, self._reason = phase, reason
        if phase is LinkPhase.UP:
            log.info("ami_up", reconnects=max(0, self._connections - 1))
        elif phase is LinkPhase.REFUSED:
            log.error("ami_login_refused", reason=reason)
        elif phase is LinkPhase.DOWN:
            log.warning("ami_down", reason=reason)

    def _receive(self, event: AmiMessage) -> None:
        self._events += 1
        if len(self._mailbox) >= self._limits.mailbox:
            self._overflows += 1
            self._mailbox.clear()
            reason = f"more than {self._limits.mailbox} events waited: handling them is too slow"
            log.error("ami_overflow", overflows=self._overflows, reason=reason)
            self.drop(reason)
        elif self._may_hand_out_now():
            self._hand_out(event)  # to wake a task for it would cost as much as the event
        else:
            self._post(event)

    def _may_hand_out_now(self) -> bool:
        in_order = self._announced and not self._mailbox and not self._waiting_for_callback
        return in_order and self._connection is not None and self._connection.few

    def _post(self, mail: AmiMessage | _Mark) -> None:
        self._mailbox.append(mail)
        self._mail.set()

    def catch_up(self) -> None:
        """Hand out at once what has come from Asterisk, up to :data:`CATCH_UP` events: for who must decide by
        what is true now. Without effect while ``on_up`` or ``on_down`` is awaited."""
        if self._connection is not None:
            self._connection.catch_up()
        for _ in range(CATCH_UP):
            mail = self._mailbox[0] if self._mailbox else None
            if self._waiting_for_callback or not isinstance(mail, AmiMessage):
                return
            self._mailbox.popleft()
            self._hand_out(mail)

    async def _deliver(self) -> None:
        handled = 0
        while True:
            while self._mailbox:
                mail = self._mailbox.popleft()
                if isinstance(mail, AmiMessage):
                    self._hand_out(mail)
                elif mail is _Mark.UP:
                    self._announced = True
                    await self._call(self._on_up)
                elif self._announced:
                    self._announced = False
                    await self._call(self._on_down)
                handled += 1
                if handled % SLICE == 0:
                    await asyncio.sleep(0)
            self._mail.clear()
            await self._mail.wait()

    def _hand_out(self, event: AmiMessage) -> None:
        try:
            self._on_event(event)
        except Exception as error:
            log.error("ami_callback_failed", mail=event.get("Event", "?"), **place(error))

    async def _call(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._waiting_for_callback = True
        try:
            await callback()
        except Exception as error:
            log.error("ami_callback_failed", mail=callback.__name__, **place(error))
        finally:
            self._waiting_for_callback = False
