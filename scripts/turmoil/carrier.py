"""The carrier's own side, as far as a fault needs it: a registrar, and a name server that knows its name."""

import asyncio
import re
import struct

from turmoil.errors import ChaosError

ADDRESS = "127.0.0.3"
NAME = "sip.carrier.invalid"
NAME_SERVER = "127.0.0.253"
NAME_SERVER_PORT = 53
"""There is no other in /etc/resolv.conf."""
TYPE_A = 1


class Registrar(asyncio.DatagramProtocol):
    """Accepts registrations and OPTIONS, refuses everything else: nobody is called through this carrier."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(ADDRESS, self.port)
        )

    def close(self) -> None:
        """From now on nobody is there."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = data.decode(errors="replace")
        method = request.partition(" ")[0]
        if method == "ACK" or not method.isupper() or self._transport is None:
            return
        status = "200 OK" if method in ("REGISTER", "OPTIONS", "CANCEL") else "503 Service Unavailable"
        kept = re.findall(r"^(?:Via|From|Call-ID|CSeq|Contact|Expires):.*\r\n", request, re.MULTILINE)
        to = re.findall(r"^To:.*(?=\r\n)", request, re.MULTILINE)
        lines = [f"SIP/2.0 {status}\r\n", *kept, f"{to[0] if to else 'To: <sip:x>'};tag=carrier\r\n"]
        self._transport.sendto("".join([*lines, "Content-Length: 0\r\n\r\n"]).encode(), address)


class NameServer(asyncio.DatagramProtocol):
    """Says that :data:`NAME` is at :data:`ADDRESS`, until :meth:`fall_silent`: then it takes questions and
    answers none. Where the port needs more rights than we have, it never answers."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._silent = False

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(NAME_SERVER, NAME_SERVER_PORT)
            )
        except PermissionError:
            return
        except OSError as error:
            raise ChaosError(f"{NAME_SERVER}:{NAME_SERVER_PORT} is in use: {error.strerror}") from error

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def fall_silent(self) -> None:
        self._silent = True

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if self._silent or self._transport is None:
            return
        end = data.index(b"\0", 12) + 5
        question, asked = data[12:end], struct.unpack("!H", data[end - 4 : end - 2])[0]
        known = asked == TYPE_A and question.startswith(_encoded(NAME))
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0)
        address_record = struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, 1, 4) + bytes(map(int, ADDRESS.split(".")))
        self._transport.sendto(head + question + (address_record if known else b""), address)


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
