"""The call as an ARI (Stasis) application on aiohttp: it plays the menu and takes the key; then the dialplan
goes on with the queue, because ARI has none."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.peers.flow import APPLICATION, READY, Flow


class Call:
    """One caller in the application, from StasisStart to the queue."""

    def __init__(self, session: aiohttp.ClientSession, flow: Flow, channel: str) -> None:
        self._session = session
        self._flow = flow
        self._channel = channel
        self._key: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._played = asyncio.Event()

    def pressed(self, key: str) -> None:
        if not self._key.done():
            self._key.set_result(key)

    def played(self) -> None:
        self._played.set()

    async def run(self) -> None:
        playback = f"menu-{self._channel}"
        channel = f"channels/{self._channel}"
        await self._ask("POST", f"{channel}/play/{playback}", media=f"sound:{self._flow.prompt}")
        key = await self._one_key()
        if not self._played.is_set():
            await self._ask("DELETE", f"playbacks/{playback}")
        priority = str(self._flow.priority(key))
        await self._ask("POST", f"{channel}/variable", variable="QUEUE_PRIO", value=priority)
        await self._ask("POST", f"{channel}/continue", context="bench-ari-queue", extension="s", priority="1")

    async def _one_key(self) -> str:
        """The first key, in the menu or in the silence after it; empty when there is none."""
        played = asyncio.ensure_future(self._played.wait())
        either: set[asyncio.Future[Any]] = {self._key, played}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        played.cancel()
        await asyncio.wait({self._key}, timeout=self._flow.silence_seconds)
        return self._key.result() if self._key.done() else ""

    async def _ask(self, method: str, path: str, **parameters: str) -> None:
        async with self._session.request(method, f"/ari/{path}", params=parameters) as answer:
            await answer.read()  # 404: the caller has hung up; nothing is left to do.


class Application:
    def __init__(self, session: aiohttp.ClientSession, flow: Flow) -> None:
        self._session = session
        self._flow = flow
        self._calls: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def see(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "StasisStart":
                channel = event["channel"]["id"]
                self._calls[channel] = Call(self._session, self._flow, channel)
                task = asyncio.create_task(self._calls[channel].run())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case "ChannelDtmfReceived":
                if call := self._calls.get(event["channel"]["id"]):
                    call.pressed(event["digit"])
            case "PlaybackFinished":
                if call := self._calls.get(event["playback"]["target_uri"].removeprefix("channel:")):
                    call.played()
            case "StasisEnd":
                if gone := self._calls.pop(event["channel"]["id"], None):
                    gone.pressed("")


@asynccontextmanager
async def connected(
    flow: Flow,
) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]]:
    account = aiohttp.BasicAuth(APPLICATION, flow.ari_secret)
    base = f"http://127.0.0.1:{flow.port}"
    # No bound on connections: a slow answer to one caller must not hold up another.
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(base, auth=account, connector=connector) as session,
        session.ws_connect("/ari/events", params={"app": APPLICATION}) as events,
    ):
        yield session, events


async def main(flow: Flow) -> None:
    async with connected(flow) as (session, events):
        application = Application(session, flow)
        print(READY, flush=True)
        async for message in events:
            application.see(message.json())


if __name__ == "__main__":
    asyncio.run(main(Flow.read(Path(sys.argv[1]))))
