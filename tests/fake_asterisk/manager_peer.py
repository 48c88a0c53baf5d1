"""Plays Asterisk's manager interface over a real socket."""

import asyncio
from collections.abc import Callable

Frame = dict[str, str]
Replies = list[str]
"""Frames to send back, each as text without its end."""

DEADLINE = 5.0
"""After so many seconds a test that waits has failed."""

USERNAME, SECRET = "engine", "s3cret"


class FakeManager:
    """Knows Login, Ping and nothing else; a test adds answers, takes them away, and sends events."""

    def __init__(self) -> None:
        self.received: list[Frame] = []
        self.answers: dict[str, Callable[[Frame], Replies]] = {"Login": _login, "Ping": _pong}
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.connections: list[asyncio.StreamWriter] = []
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> "FakeManager":
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        self.cut()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """The network fails: every connection is gone."""
        for writer in self.connections:
            writer.transport.abort()
        self.connections.clear()

    def send(self, *frames: str | bytes) -> None:
        """Send frames over the newest connection."""
        for frame in frames:
            self.write((frame if isinstance(frame, bytes) else frame.encode()) + b"\r\n\r\n")

    def write(self, raw: bytes) -> None:
        self.connections[-1].write(raw)

    def actions(self, name: str) -> list[Frame]:
        return [frame for frame in self.received if frame["Action"] == name]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds; it is looked at after each action that arrives."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: bool(condition()))

    async def until_received(self, name: str, count: int = 1) -> None:
        await self.until(lambda: len(self.actions(name)) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        writer.write(self.banner)
        try:
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                lines = raw.decode().removesuffix("\r\n\r\n").split("\r\n")
                frame = dict(line.split(": ", 1) for line in lines)
                self.received.append(frame)
                answer = self.answers.get(frame["Action"])
                for reply in answer(frame) if answer else []:
                    writer.write(f"{reply}\r\nActionID: {frame['ActionID']}\r\n\r\n".encode())
                async with self._changed:
                    self._changed.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def success(*_: object) -> Replies:
    return ["Response: Success"]


def _login(frame: Frame) -> Replies:
    if (frame.get("Username"), frame.get("Secret")) == (USERNAME, SECRET):
        return ["Response: Success\r\nMessage: Authentication accepted"]
    return ["Response: Error\r\nMessage: Authentication failed"]


def _pong(_: Frame) -> Replies:
    return ["Response: Success\r\nPing: Pong"]
