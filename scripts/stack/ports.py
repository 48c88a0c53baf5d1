"""Free ports for many stacks side by side, also those of other processes.

A block is claimed by listening on its first port for as long as it is used: the kernel then lets nobody else
have it, and gives it back however its owner ends. Blocks lie below the ports that Linux hands out by itself.
"""

import socket
from types import TracebackType
from typing import Self

FIRST = 20000
LAST = 32000
BLOCK = 400
SIGNALLING = 150
"""Ports of a block for single uses (a phone takes three); the rest is for audio (two a leg: 125 legs)."""
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class PortBlock:
    """A block of 400 ports that nobody else has. A context manager; :meth:`close` gives it back."""

    def __init__(self) -> None:
        for first in range(FIRST, LAST, BLOCK):
            guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                guard.bind(("127.0.0.1", first))
                guard.listen(1)
            except OSError:
                guard.close()
                continue
            self._guard = guard
            self._next = first + 1
            self._end = first + SIGNALLING
            self.rtp_start = first + SIGNALLING
            self.rtp_end = first + BLOCK - 1
            return
        raise RuntimeError(f"all ports from {FIRST} to {LAST} are in use: end other test stacks")

    def port(self) -> int:
        """A port that is free now for UDP and TCP on our loopback addresses; never the same twice."""
        while self._next < self._end:
            port, self._next = self._next, self._next + 1
            if _free(port):
                return port
        raise RuntimeError(f"more than {SIGNALLING} ports were asked of one block")

    def pair(self) -> int:
        """The first of two free ports in a row: a phone takes the next one for TLS without being asked."""
        first = self.port()
        while (second := self.port()) != first + 1:
            first = second
        return first

    def environment(self) -> dict[str, str]:
        """The engine's settings for a stack of its own: every port, as ``IVR_*`` variables."""
        settings = {
            f"IVR_{name}_PORT": str(self.port())
            for name in ("TRUNK", "PHONES", "AGI", "AMI", "HEALTH", "CAPTURE")
        }
        return settings | {"IVR_RTP_START": str(self.rtp_start), "IVR_RTP_END": str(self.rtp_end)}

    def close(self) -> None:
        self._guard.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _free(port: int) -> bool:
    for address in ADDRESSES:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


class HeldPort:
    """A free UDP port for a caller's own end, which nobody else is given until :meth:`close`: the TCP port of
    the same number, which no caller needs, is held for it."""

    def __init__(self, address: str) -> None:
        while True:
            self._guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._guard.bind((address, 0))
            self.number: int = self._guard.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((address, self.number))
                    return
                except OSError:
                    self._guard.close()

    def close(self) -> None:
        self._guard.close()


def free_port(address: str = "127.0.0.1") -> int:
    """A UDP port that the kernel considers free on this address now. It may give it to others, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
