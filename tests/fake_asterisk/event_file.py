"""Asterisk's file of channel events, written as Asterisk writes it (asterisk-conf/cel.conf: mappings)."""

from collections.abc import Mapping
from pathlib import Path

from ivr.asterisk.ami_messages import AmiMessage
from tests.fake_asterisk.recorded import messages


def line(event: Mapping[str, str]) -> bytes:
    """The line that the file has for this event of the link."""
    fields = [
        event.get("UserDefType") or event["EventName"],
        event["Timestamp"],
        event["Extra"],
        event["UniqueID"],
        event["LinkedID"],
        event["Channel"],
        event["CallerIDnum"],
        "",
        event["Exten"],
        event["Context"],
        event.get("Peer", ""),
    ]
    return b",".join(b'"' + field.replace('"', '""').encode() + b'"' for field in fields) + b"\n"


def recorded_events(name: str, copy: str = "") -> list[AmiMessage]:
    """The channel events of a recording; ``copy`` makes them those of another call."""
    found = [message for message in messages(name) if message["Event"] == "CEL"]
    for message in found:
        for header in ("UniqueID", "LinkedID"):
            message[header] = f"siaga{copy}-{message[header]}"
    return found


def append(folder: Path, *lines: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "master.csv").open("ab") as file:
        file.write(b"".join(lines))
