"""What the engine must find again after it was killed: how far Asterisk's event log is in the record, and who
was on duty as far as it knew.

A small file, written now and then. One that is old, torn or lost costs a longer reading of the log, and no
truth; without it no difference between the rosters of before and after can be told.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ivr.asterisk.event_log import Place
from ivr.queueing.shifts import Duties, Duty

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """``read_to``: of every call with an event before this place all events of then are in the record, and
    the call has ended. ``duties`` is ``None`` where no roster was known yet."""

    read_to: Place | None = None
    duties: Duties | None = field(default=None)


def load(path: Path) -> Bookmark:
    """The bookmark; an empty one when there is none, or none that can be read. Blocks."""
    try:
        found = json.loads(path.read_bytes())
        place, told = found["read_to"], found["duties"]
        return Bookmark(
            None if place is None else Place(int(place["inode"]), int(place["offset"])),
            None if told is None else {(queue, phone): Duty(duty) for queue, phone, duty in told},
        )
    except FileNotFoundError:
        return Bookmark()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("bookmark-unreadable", error=type(error).__name__, instead="the whole event log is read")
        return Bookmark()


def save(path: Path, bookmark: Bookmark) -> None:
    """Replace it. Blocks. Raises :class:`OSError`; then the old one stays."""
    place = bookmark.read_to
    text = json.dumps(
        {
            "read_to": None if place is None else {"inode": place.inode, "offset": place.offset},
            "duties": None if bookmark.duties is None else _told(bookmark.duties),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


def _told(duties: Mapping[tuple[str, str], Duty]) -> list[list[str]]:
    return [[queue, phone, str(duty)] for (queue, phone), duty in duties.items()]
