"""Looking at files of recordings. All of it blocks: to be called in a thread."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.calls.call import Call
from ivr.recordings.rules import HEADER_BYTES, places

_DATA_SIZE = slice(40, 44)


@dataclass(frozen=True, slots=True)
class Found:
    """``file`` is relative to the directory of recordings. ``closed``: Asterisk has written the last byte and
    put the length into the header."""

    file: str
    size: int
    closed: bool


def sizes(root: Path, calls: Sequence[Call]) -> list[int | None]:
    """The size of each call's recording; ``None`` where there is none."""
    return [size for call in calls for _, size in [_first(root, call)]]


def find(root: Path, call: Call) -> Found | None:
    file, size = _first(root, call)
    return None if size is None else Found(file, size, _closed(root / file, size))


def free_bytes(*directories: Path) -> int:
    """What an ordinary user may still write below the directories, on the fullest of their disks."""
    rooms = (os.statvfs(_existing(directory)) for directory in directories)
    return min(room.f_bavail * room.f_frsize for room in rooms)


def _first(root: Path, call: Call) -> tuple[str, int | None]:
    for file in places(call):
        try:
            return file, (root / file).stat().st_size
        except OSError:
            continue
    return "", None


def _closed(path: Path, size: int) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError:
        return False
    return int.from_bytes(header[_DATA_SIZE], "little") == size - HEADER_BYTES


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
