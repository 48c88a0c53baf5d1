"""The one AGI command that the engine gives, and Asterisk's reply to it. Pure."""

import re

from ivr.errors import AgiError, AgiHangup
from ivr.vocabulary import Variable

LONGEST_COMMAND = 4000
"""Bytes. The dialplan's functions see the first 4091 of a variable (tried on 22.10.1): a longer advice would
lose its end mark there and count as none."""

_REPLY = re.compile(r"(?P<code>\d{3})[ -](?:result=(?P<result>\S*))?")
_TRYING = "100"
_DONE = ("200", "1")
_DEAD_CHANNEL = "511"
_HANGUP = "HANGUP"
"""Before the reply: the caller has hung up. Behind it: Asterisk ends every session so."""


def set_advice(advice: str) -> bytes:
    """The command that gives ``advice`` to the dialplan; :class:`AgiError` if it does not fit a line."""
    line = f"SET VARIABLE {Variable.ADVICE.value} {quote(advice)}".encode(errors="replace") + b"\n"
    if len(line) > LONGEST_COMMAND:
        raise AgiError(
            f"An AGI command is one line of at most {LONGEST_COMMAND} bytes; this has {len(line)}."
        )
    return line


def quote(argument: str) -> str:
    """``argument`` as one AGI word. A line break would be a second command: refused with AgiError."""
    if any(sign in argument for sign in "\r\n\0"):
        raise AgiError(
            "An AGI argument may not contain a line break or NUL; clean the value before sending it."
        )
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def check_reply(said: bytes) -> None:
    """``said`` is all that Asterisk said after the command, until it closed.

    Raises :class:`AgiHangup` when the caller or the socket is gone, :class:`AgiError` when the advice was not
    taken.
    """
    *lines, _ = decode(said).split("\n")
    for line in lines:
        if line == _HANGUP:
            raise AgiHangup("The caller hung up while the engine was asked.")
        match = _REPLY.match(line)
        if match is None:
            raise AgiError(f"Not an AGI reply: {line[:40]!r}. Is the peer an Asterisk?")
        code, result = match["code"], match["result"]
        if code == _TRYING:
            continue
        if code == _DEAD_CHANNEL:
            raise AgiHangup("The caller hung up while the engine was asked.")
        if (code, result) != _DONE:
            raise AgiError(
                f"Asterisk did not take the advice ({line[:40]!r}): compare its version with "
                "docs/asterisk-link.md."
            )
        return
    raise AgiHangup("Asterisk closed the AGI connection: the caller or the dead-man's switch ended it.")


def decode(raw: bytes) -> str:
    """UTF-8, or Latin-1 where it is not: no byte that a caller sends makes a text unreadable."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
