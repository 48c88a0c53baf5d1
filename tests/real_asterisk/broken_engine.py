"""A server in the engine's place that answers the dialplan's questions wrongly, each call in its own way."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ivr.asterisk.agi_server import read_question
from ivr.asterisk.intake_facts import decode_intake
from ivr.vocabulary import IntakeField


@dataclass(frozen=True, slots=True)
class Asked:
    """One question under way. ``number`` counts the questions of its call from 1."""

    script: str
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)
        await self.writer.drain()

    async def advise(self, advice: str) -> None:
        """What a sound engine does, with any advice."""
        await self.say(f'SET VARIABLE IVR_ADVICE "{advice}"\n')
        await self.reader.readline()


Fault = Callable[[Asked], Awaitable[None]]


class BrokenEngine:
    """Listens on ``port`` and is wrong as ``faults`` says for the number that was dialled. When a fault
    returns, the connection is closed. An async context manager."""

    def __init__(self, port: int, faults: Mapping[str, Fault]) -> None:
        self._port = port
        self._faults = faults
        self._serving: set[asyncio.Task[None]] = set()
        self.asked: dict[str, int] = {}
        """Questions so far, by the number dialled."""

    async def __aenter__(self) -> "BrokenEngine":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            raw = await reader.readuntil(b"\n\n")
            headers = dict(line.partition(": ")[::2] for line in raw.decode().splitlines())
            question = read_question(headers["agi_network_script"].encode())
            dialled = decode_intake(headers["agi_arg_1"])[IntakeField.DIALLED]
            self.asked[dialled] = self.asked.get(dialled, 0) + 1
            await self._faults[dialled](Asked(question.script, self.asked[dialled], reader, writer))
        writer.close()
