"""The AGI command layer: one command out, its one reply in, whatever the network does in between."""

import asyncio
import re
from dataclasses import dataclass

from panoramisk import fast_agi

from ivr.errors import AgiError, AgiHangup

LONGEST_COMMAND = 4000
"""Bytes. The dialplan's functions see the first 4091 of a variable (tried on 22.10.1): a longer advice would
lose its end mark there and count as none."""

REPLY_SECONDS = 2.0
"""A command that we send is done by Asterisk in microseconds; later than this, something is wrong."""

_REPLY = re.compile(r"(?P<code>\d{3})[ -](?:result=(?P<result>\S*))?(?: \((?P<data>.*)\))?")
_USAGE_FOLLOWS = "520-"
_USAGE_ENDS = "520 "
_NO_USAGE = "not available"
_DEAD_CHANNEL = 511


@dataclass(frozen=True, slots=True)
class AgiReply:
    """``200 result=1 (abc)``: ``data`` is what stands in the brackets: a variable's value, or a mark such as
    ``timeout``; ``None`` without brackets."""

    code: int
    result: str
    data: str | None


def quote(argument: str) -> str:
    """``argument`` as one AGI word. A line break would be a second command: refused with AgiError."""
    if any(sign in argument for sign in "\r\n\0"):
        raise AgiError(
            "An AGI argument may not contain a line break or NUL; clean the value before sending it."
        )
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_reply(line: str) -> AgiReply:
    """The meaning of one line of Asterisk's; a line that is no AGI reply is an AgiError."""
    match = _REPLY.match(line)
    if match is None:
        raise AgiError(f"Not an AGI reply: {line[:40]!r}. Is the peer an Asterisk?")
    return AgiReply(int(match["code"]), match["result"] or "", match["data"])


class AgiSession(fast_agi.Request):  # type: ignore[misc]
    """The socket of one question, after its headers. Asterisk's words are decoded as UTF-8, and as Latin-1
    where they are not."""

    hung_up = False

    async def execute(self, verb: str, *arguments: str, seconds: float = REPLY_SECONDS) -> AgiReply:
        """Send ``verb`` with quoted ``arguments`` and return its reply.

        Raises :class:`AgiHangup` when the caller or the socket is gone, :class:`AgiError` on anything but a
        200 in time.
        """
        command = " ".join([verb, *map(quote, arguments)])
        reply: AgiReply = await self.send_command(command, seconds)
        if reply.code != 200:
            raise AgiError(
                f"Asterisk answered {reply.code} to {verb}: compare its version with docs/asterisk-link.md."
            )
        return reply

    async def send_command(self, command: str, seconds: float = REPLY_SECONDS) -> AgiReply:
        """Send one line as it is (its arguments went through :func:`quote`); any reply code is returned."""
        if self.hung_up:
            raise AgiHangup("The caller has hung up.")
        line = command.encode(errors="replace") + b"\n"
        if line.count(b"\n") > 1 or len(line) > LONGEST_COMMAND:
            raise AgiError(
                f"An AGI command is one line of at most {LONGEST_COMMAND} bytes; this has {len(line)}."
            )
        try:
            async with asyncio.timeout(seconds):
                self.writer.write(line)
                await self.writer.drain()
                reply = await self._read_reply()
        except TimeoutError:
            raise AgiError(f"Asterisk did not answer an AGI command within {seconds} s.") from None
        except OSError as error:
            raise AgiHangup("Asterisk closed the AGI connection.") from error
        if self.hung_up or reply.code == _DEAD_CHANNEL:
            self.hung_up = True
            raise AgiHangup("The caller hung up while the engine was asked.")
        return reply

    async def _read_reply(self) -> AgiReply:
        """The reply that ends the command: ``HANGUP`` and ``100 Trying`` come before it, and a usage text may
        follow its first line."""
        while True:
            line = await self._read_line()
            if line == "HANGUP":
                self.hung_up = True
                continue
            reply = parse_reply(line)
            if reply.code == 100:
                continue
            if line.startswith(_USAGE_FOLLOWS) and _NO_USAGE not in line:
                while not (await self._read_line()).startswith(_USAGE_ENDS):
                    pass
            return reply

    async def _read_line(self) -> str:
        try:
            raw: bytes = await self.reader.readline()
        except ValueError:
            raise AgiError("Asterisk sent an AGI line that is too long.") from None
        if not raw.endswith(b"\n"):
            raise AgiHangup(
                "Asterisk closed the AGI connection: the caller or the dead-man's switch ended it."
            )
        return decode(raw).rstrip("\r\n")


def decode(raw: bytes) -> str:
    """UTF-8, or Latin-1 where it is not: no byte that a caller sends makes a text unreadable."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
