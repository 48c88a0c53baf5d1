"""Frames of a real Asterisk."""

from pathlib import Path

from ivr.asterisk.ami_messages import AmiMessage


def frames(name: str) -> list[bytes]:
    """The frames of ``<name>.ami``, without their ends."""
    raw = (Path(__file__).parent / f"{name}.ami").read_bytes()
    return raw.removesuffix(b"\r\n\r\n").split(b"\r\n\r\n")


def messages(name: str) -> list[AmiMessage]:
    return [AmiMessage.parse(frame) for frame in frames(name)]
