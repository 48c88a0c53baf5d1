"""Where callers' audio goes: one socket a call. The kernel stamps the first packet; nobody has to read it
while calls are measured."""

import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Self

SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; Python's socket module does not name it."""
_TIMESPEC = struct.Struct("@qq")
_PACKET = 400
"""Bytes; the audio of 20 ms has 172."""


class Sink:
    """So many UDP ports of ``address``. A context manager."""

    def __init__(self, address: str, count: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(count):
                one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._sockets.append(one)
                one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                # Room for the first packets only: the kernel drops the rest of the call.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                one.setblocking(False)
                one.bind((address, 0))
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> Sequence[int]:
        return [one.getsockname()[1] for one in self._sockets]

    def first_packets(self) -> list[float | None]:
        """When the first packet came to each port: seconds since 1970; ``None`` where none came."""
        return [_first(one) for one in self._sockets]

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _first(one: socket.socket) -> float | None:
    try:
        _, notes, _, _ = one.recvmsg(_PACKET, socket.CMSG_SPACE(_TIMESPEC.size))
    except BlockingIOError:
        return None
    for level, kind, data in notes:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return None
