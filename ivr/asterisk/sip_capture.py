"""Which INVITEs Asterisk refused before a channel existed, from its own SIP capture.

Nothing else tells: the channel event log begins with a channel, and neither the log of messages nor that of
security has a 488 (tried on 22.10.1). Asterisk's modules ``res_hep`` and ``res_hep_pjsip`` send every SIP
message to a UDP port of the engine (HEP version 3, github.com/sipcapture/HEP). A filter in the kernel drops
all but final refusals, so that a normal call wakes nobody here. What is refused while the engine is away is
not counted.
"""

import asyncio
import ctypes
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address

from ivr.calls.refused import InviteRefused

USER_AGENT = b"Siaga112"
"""What Asterisk calls itself in each response that it sends (``user_agent`` in asterisk-conf/pjsip.conf): the
refusals that it *receives*, of a phone that is busy, bear another name or none."""

_IPV4_TO, _IPV6_TO, _SECONDS, _MICROSECONDS, _MESSAGE, _ABOUT = 0x04, 0x06, 0x09, 0x0A, 0x0F, 0x11
"""Types of HEP's chunks. What a message is about: its channel's name, or its Call-ID while there is none
(``uuid_type=channel`` in asterisk-conf/hep.conf)."""

_STATUS = re.compile(rb"SIP/2\.0 ([4-6]\d\d) ")


def refused_invite(datagram: bytes) -> InviteRefused | None:
    """The refusal that ``datagram`` tells of. ``None`` for everything else, whatever the bytes are."""
    chunks = dict(_chunks(datagram))
    message = chunks.get(_MESSAGE, b"")
    status = _STATUS.match(message)
    if status is None:
        return None
    lines = message.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)
    }
    call_id = headers.get(b"call-id", b"")
    if not headers.get(b"cseq", b"").endswith(b"INVITE") or headers.get(b"server") != USER_AGENT:
        return None
    # A channel's own refusal says why (res_pjsip_rfc3326), also when sent again after the channel's end.
    if chunks.get(_ABOUT) != call_id or b"reason" in headers:
        return None
    with suppress(ValueError, KeyError, struct.error, OverflowError, OSError):
        seconds, micros = (struct.unpack(">I", chunks[which])[0] for which in (_SECONDS, _MICROSECONDS))
        at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
        return InviteRefused(
            at, int(status[1]), call_id, ip_address(chunks.get(_IPV4_TO) or chunks[_IPV6_TO])
        )
    return None


def _chunks(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """``HEP3``, length; then chunks of vendor (0), type, length with these six bytes, and value."""
    place = 6 if datagram.startswith(b"HEP3") else len(datagram)
    while place + 6 <= len(datagram):
        vendor, kind, length = struct.unpack_from(">HHH", datagram, place)
        if length < 6:
            return
        if vendor == 0:
            yield kind, datagram[place + 6 : place + length]
        place += length


class SipCapture(asyncio.DatagramProtocol):
    """Listens at ``port`` (UDP, loopback). ``refused`` is called for each refusal, also one sent again."""

    def __init__(self, port: int, refused: Callable[[InviteRefused], None]) -> None:
        self._port = port
        self._refused = refused
        self._transport: asyncio.BaseTransport | None = None

    @property
    def listens(self) -> bool:
        return self._transport is not None

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            _refusals_only(own)
            own.bind(("127.0.0.1", self._port))
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, sock=own
            )
        except OSError:
            own.close()
            raise

    def datagram_received(self, data: bytes, _addr: object) -> None:
        refused = refused_invite(data)
        if refused is not None:
            self._refused(refused)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


_ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of Linux (asm-generic/socket.h), which Python has no name for."""
_ABOUT_CHUNK = 8 + 93
"""Where the chunk before the message begins, with IPv4: after UDP's header and HEP's first chunks."""
_LOAD_2, _LOAD_4_FROM, _LOAD_1_FROM, _TO_INDEX = 0x28, 0x40, 0x50, 0x07
_JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x15, 0x35, 0x06
_PROGRAM = (
    # (operation, steps to jump if true, if false, value). What is not where it is expected passes.
    (_LOAD_2, 0, 0, _ABOUT_CHUNK + 2),
    (_JUMP_EQUAL, 0, 6, _ABOUT),
    (_LOAD_2, 0, 0, _ABOUT_CHUNK + 4),
    (_TO_INDEX, 0, 0, 0),
    (_LOAD_4_FROM, 0, 0, _ABOUT_CHUNK + 6),
    (_JUMP_EQUAL, 0, 3, int.from_bytes(b"SIP/")),
    (_LOAD_1_FROM, 0, 0, _ABOUT_CHUNK + 6 + len("SIP/2.0 ")),
    (_JUMP_AT_LEAST, 0, 1, ord("4")),
    (_RETURN, 0, 0, 0xFFFF),
    (_RETURN, 0, 0, 0),
)


def _refusals_only(own: socket.socket) -> None:
    """Let the kernel drop what is no final refusal. Without it (a sandbox forbids it) all is looked at."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _PROGRAM))
    with suppress(OSError):
        program = struct.pack("@HP", len(_PROGRAM), ctypes.addressof(code))
        own.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
