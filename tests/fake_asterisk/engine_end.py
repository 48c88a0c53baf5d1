"""The engine's end of a manager link under test: it remembers what the link told it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from ivr.asterisk.ami_link import AmiLink, LinkLimits
from ivr.asterisk.ami_messages import AmiMessage
from tests.fake_asterisk.manager_peer import DEADLINE, SECRET, USERNAME, FakeManager

QUICK = LinkLimits(
    connect=2.0, ping_every=30.0, ping_answer=2.0, first_delay=0.01, longest_delay=0.02, mailbox=20_000
)


class EngineEnd:
    """``seen``: what came, in order: ``up``, ``down``, and of each event its ``Name`` header or its kind.
    After ``up`` it asks what is true now for as long as ``open_for_events`` is not set."""

    def __init__(self, port: int, limits: LinkLimits, secret: str) -> None:
        self.seen: list[str] = []
        self.events: list[AmiMessage] = []
        self.raising = False
        self.open_for_events = asyncio.Event()
        self.open_for_events.set()
        self.link = AmiLink(
            "127.0.0.1", port, USERNAME, secret, self._on_event, self._on_up, self._on_down, limits
        )

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - conditions look at the link's state, too
                await asyncio.sleep(0.002)

    async def until_seen(self, *expected: str) -> None:
        """Wait until exactly this has come; on failure say what has."""
        with suppress(TimeoutError):
            await self.until(lambda: len(self.seen) >= len(expected))
        assert self.seen == list(expected)

    def _on_event(self, event: AmiMessage) -> None:
        self.events.append(event)
        self.seen.append(event.get("Name", event["Event"]))
        if self.raising:
            raise RuntimeError("no idea what to do about +620000000001")

    async def _on_up(self) -> None:
        self.seen.append("up")
        await self.open_for_events.wait()

    async def _on_down(self) -> None:
        self.seen.append("down")


@asynccontextmanager
async def linked(
    asterisk: FakeManager, limits: LinkLimits = QUICK, *, secret: str = SECRET, wait: bool = True
) -> AsyncIterator[EngineEnd]:
    """An engine linked to ``asterisk``; with ``wait`` the link is up."""
    engine = EngineEnd(asterisk.port, limits, secret)
    await engine.link.start()
    try:
        if wait:
            await engine.until(lambda: "up" in engine.seen)
        yield engine
    finally:
        await engine.link.close()
