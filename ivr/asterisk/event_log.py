"""Asterisk's own file of channel events (log/cel-custom/master.csv, see asterisk-conf/cel.conf), read only.

Asterisk writes an event into the file before it sends it over AMI (it asks its CEL backends one after the
other, in the order of a hash of their names; test_missed_calls.py looks at each event), and opens the file
for each: so it may be renamed at any time. Renamed ones (``master.csv.*``) are read before it, oldest first.

What stands in the file may be torn by a power cut, and callers wrote part of it. Nothing stops the reading:
what is no event is counted and left out.
"""

import os
import re
import stat
from collections.abc import Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ivr.asterisk.agi_commands import decode
from ivr.asterisk.translate import translate
from ivr.calls.events import CallEvent, OperatorChanged, OperatorLeft
from ivr.errors import AmiError
from ivr.vocabulary import Step

NAME = "master.csv"
BLOCK_BYTES = 262_144
"""Read at once: some 1,200 events."""
LONGEST_EVENT = 65_536
"""Bytes without the beginning of another event, or its own end, are no event."""

_BEGIN = re.compile(rb'"[A-Za-z_-]{1,40}","\d{9,12}\.\d{1,6}",')
"""An event's type and time. No caller can write this into a field: in it each quote is doubled."""
_FIELD = '"((?:[^"]++|"")*+)"'
_FIELDS = re.compile(",".join([_FIELD] * 11))
_EVENT = re.compile(_FIELDS.pattern.encode() + rb'(?:,"(?:[^"]++|"")*+")*+\r?\n')
_CALL = 5
"""The field of an event with its call's id."""
_NOTHING = b"\0\r\n\t "
"""Around events: a file system fills with NUL what a power cut left unwritten."""
_STEPS = frozenset(step.value for step in Step)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the log: the file, whatever its name is now, and the byte."""

    inode: int
    offset: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the log, in order. ``unreadable``: so many pieces of it are no events; ``end`` is the place
    behind the last event read."""

    events: tuple[CallEvent, ...]
    unreadable: int
    end: Place


class EventLog:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def end(self) -> Place | None:
        """Where the next event will be written; ``None`` while there is no file. Raises :class:`OSError`."""
        try:
            found = (self._directory / NAME).stat()
        except FileNotFoundError:
            return None
        return Place(found.st_ino, found.st_size)

    def read(
        self, since: Place | None = None, until: Place | None = None, of: Container[str] | None = None
    ) -> Iterator[Piece]:
        """All that was written from ``since`` (``None``, or not found: from the oldest file's beginning) up
        to ``until`` (``None``: the end as it is now). Blocks. Raises :class:`OSError`, also when ``until`` is
        gone. An event that is being written is left for the next time. ``of``: the calls whose events are
        wanted; all when left out."""
        with ExitStack() as opened:
            files = [(file, os.fstat(file.fileno())) for file in self._open(opened)]
            first, offset = 0, 0
            for number, (_, found) in enumerate(files):
                if since is not None and found.st_ino == since.inode and since.offset <= found.st_size:
                    first, offset = number, since.offset
            last = len(files) - 1
            if until is not None:
                inodes = [found.st_ino for _, found in files]
                if until.inode not in inodes:
                    raise FileNotFoundError(f"{NAME} was removed while it was read")
                last = inodes.index(until.inode)
            for number in range(first, last + 1):
                file, found = files[number]
                end = until.offset if until is not None and number == last else found.st_size
                yield from _pieces(file, found.st_ino, offset, end, of, complete=number < len(files) - 1)
                offset = 0

    def _open(self, opened: ExitStack) -> Iterator[BinaryIO]:
        """The files, oldest first, each once."""
        paths = [path for path in self._directory.glob(f"{NAME}.*") if path.suffix != ".gz"]
        paths.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        seen = set()
        for path in (*paths, self._directory / NAME):
            try:
                # A pipe without a writer would block for ever.
                file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
            except FileNotFoundError:
                continue
            opened.enter_context(file)
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{path.name} is no file")
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                yield file


def _pieces(
    file: BinaryIO, inode: int, offset: int, end: int, of: Container[str] | None, *, complete: bool
) -> Iterator[Piece]:
    """``complete``: nothing will be written into this file any more."""
    file.seek(offset)
    rest = b""
    place = offset
    while place < end:
        block = file.read(min(BLOCK_BYTES, end - place))
        if not block:
            break
        place += len(block)
        events, unreadable, rest = _events(rest + block, of)
        if len(rest) > LONGEST_EVENT:
            unreadable, rest = unreadable + 1, b""
        yield Piece(tuple(events), unreadable, Place(inode, place - len(rest)))
    if complete and rest.strip(_NOTHING):
        yield Piece((), 1, Place(inode, place))


def _events(text: bytes, of: Container[str] | None) -> tuple[list[CallEvent], int, bytes]:
    """The events of ``text``, how much of it is none, and the beginning of one at the end."""
    begins = [found.start() for found in _BEGIN.finditer(text)]
    events: list[CallEvent] = []
    unreadable = 0
    if not begins:
        # Perhaps the first bytes of an event; what is long is none, and is told by whoever calls.
        return events, 0, text.strip(_NOTHING) and text
    unreadable += bool(text[: begins[0]].strip(_NOTHING))
    for begin, after in zip(begins, (*begins[1:], len(text)), strict=True):
        found = _EVENT.match(text, begin, after)
        if found is None:
            if after == len(text):
                return events, unreadable, text[begin:]
            unreadable += 1
            continue
        tail = text[found.end() : after]
        event = _read(found) if of is None or decode(found[_CALL]) in of else None
        if isinstance(event, AmiError):
            unreadable += 1
        elif event is not None:
            events.append(event)
        if after == len(text):
            return events, unreadable, tail.strip(_NOTHING) and tail
        unreadable += bool(tail.strip(_NOTHING))
    return events, unreadable, b""


def _read(found: re.Match[bytes]) -> CallEvent | AmiError | None:
    """The event as it would have come live."""
    # Decoded as a whole: field by field is half of what an event costs.
    [fields] = _FIELDS.findall(decode(found.group()))
    kind, time, extra, unique, linked, channel, number, _, exten, context, _ = (
        field.replace('""', '"') if '"' in field else field for field in fields
    )
    step = kind in _STEPS
    headers = {
        "Event": "CEL",
        "EventName": "USER_DEFINED" if step else kind,
        "Timestamp": time,
        "CallerIDnum": number,
        "Exten": exten,
        "Context": context,
        "Channel": channel,
        "UniqueID": unique,
        "LinkedID": linked,
        "Extra": extra,
    }
    if step:
        headers["UserDefType"] = kind
    try:
        event = translate(headers)
    except AmiError as error:
        return error
    return None if isinstance(event, OperatorChanged | OperatorLeft) else event
