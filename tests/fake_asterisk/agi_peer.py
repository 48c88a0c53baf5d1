"""Plays an Asterisk that asks a question over FastAGI, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

DEADLINE = 5.0
CALL_ID = "siaga-1795294816.0"


class AskingAsterisk:
    """Asterisk's end of one AGI connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def command(self) -> str:
        """The next command of the engine; empty when the engine closed instead."""
        async with asyncio.timeout(DEADLINE):
            try:
                return (await self.reader.readline()).decode().removesuffix("\n")
            except ConnectionResetError:
                return ""

    def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\n" for line in lines).encode())

    async def closed(self) -> bytes:
        """Wait until the engine closes; what it still said."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def advice(self) -> str | None:
        """Take the advice as Asterisk does; ``None`` when the engine closed without one."""
        command = await self.command()
        if not command:
            return None
        words = split_words(command)
        assert words[:3] == ["SET", "VARIABLE", "IVR_ADVICE"], command
        self.say("200 result=1")
        assert await self.closed() == b""
        self.writer.write_eof()
        return words[3]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[AskingAsterisk]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield AskingAsterisk(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def asking(
    port: int, script: str, *arguments: str, headers: bytes = b""
) -> AsyncIterator[AskingAsterisk]:
    """Connect and send the headers of a question; ``headers`` are further ones, as raw lines."""
    async with connected(port) as asterisk:
        asterisk.writer.write(question(script, port, *arguments, headers=headers))
        yield asterisk


def question(script: str, port: int, *arguments: str, headers: bytes = b"") -> bytes:
    """The headers of a question, as Asterisk sends them."""
    asked = "/".join((script, CALL_ID, *arguments))
    lines = [
        "agi_network: yes",
        f"agi_network_script: {asked}",
        f"agi_request: agi://127.0.0.1:{port}/{asked}",
        "agi_channel: PJSIP/trunk-00000001",
        "agi_language: en",
        "agi_type: PJSIP",
        f"agi_uniqueid: {CALL_ID}",
        "agi_version: 22.10.1",
        "agi_callerid: +620000000001",
    ]
    return "".join(f"{line}\n" for line in lines).encode() + headers + b"\n"


def split_words(command: str) -> list[str]:
    """A command's words by the rules of ``parse_args`` in Asterisk's res_agi.c: quotes group, a backslash
    takes the next sign as it is."""
    words: list[str] = []
    word: list[str] | None = None
    quoted = escaped = False
    for sign in command:
        if escaped:
            word = [*(word or []), sign]
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
            word = word or []
        elif sign in " \t" and not quoted:
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [*(word or []), sign]
    if word is not None:
        words.append("".join(word))
    return words
