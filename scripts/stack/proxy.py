"""TCP between two programs of a stack, to be held, cut, frozen, slowed or falsified."""

import asyncio
import contextlib
from collections.abc import Callable


class Proxy:
    """Listens on ``port`` of 127.0.0.1 and passes on to ``target``, once it was opened."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.delay = 0.0
        """Seconds by which each thing that the target says comes late."""
        self.says: Callable[[bytes], bytes] | None = None
        """What is passed on in place of what the target says; then the connection closes."""
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._links: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def linked(self) -> bool:
        """Whether a connection stands."""
        return bool(self._links)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", self.port)

    def cut(self) -> None:
        """End all connections; new ones are refused."""
        if self._server is not None:
            self._server.close()
        self._abort()

    def freeze(self) -> None:
        """Nothing passes any more, and no connection ends: half-open."""
        self._flows.clear()

    def flow(self) -> None:
        """What did not pass passes now."""
        self._flows.set()

    def thaw(self) -> None:
        """What did not pass never will; new connections do."""
        self._abort()
        self._flows.set()

    def _abort(self) -> None:
        for link in self._links:
            link.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._links |= {writer, back}
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass_on(reader, back), self._pass_back(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
        self._close(writer)

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                await asyncio.sleep(self.delay)
                if self.says is not None:
                    writer.write(self.says(data))
                    break
                writer.write(data)
        self._close(writer)

    def _close(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        self._links.discard(writer)
