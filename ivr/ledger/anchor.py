"""The file that says where the chain's head stood: outside the database, so that a cut tail is found.

JSON lines of three forms: where the head stood, that what had been anchored was not there any more (``cut``),
and that somebody accepted this (``accepted``). What is before an acceptance proves nothing any more. All
functions block.
"""

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.ledger import synced
from ivr.ledger.chain import Head
from ivr.render.files import write_atomic


@dataclass(frozen=True, slots=True)
class Anchored:
    """The chain's last entry was this one then."""

    seq: int
    hash: str
    at: datetime

    def to_json(self) -> dict[str, object]:
        return {"at": self.at.isoformat(), "seq": self.seq, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class Cut:
    """``anchored`` was not in the database any more; the head was ``found`` instead."""

    anchored: Anchored
    found: Head | None
    at: datetime

    def to_json(self) -> dict[str, object]:
        found = None if self.found is None else {"seq": self.found.seq, "hash": self.found.hash}
        return {"at": self.at.isoformat(), "cut": self.anchored.to_json(), "found": found}


@dataclass(frozen=True, slots=True)
class Accepted:
    """``by`` knows why entries are missing: what was anchored until then need not be there."""

    reason: str
    by: str
    at: datetime

    def to_json(self) -> dict[str, object]:
        return {"at": self.at.isoformat(), "accepted": self.reason, "by": self.by}


Line = Anchored | Cut | Accepted


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the file says, oldest first. ``unreadable`` lines: a power cut leaves one."""

    lines: tuple[Line, ...] = ()
    unreadable: int = 0

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        return tuple(line for line in self.lines if isinstance(line, Accepted))

    @property
    def newest(self) -> Anchored | None:
        return next((line for line in reversed(self.lines) if isinstance(line, Anchored)), None)

    @property
    def in_force(self) -> tuple[Anchored | Cut, ...]:
        """What still has to be in the database, and what is missing there and nobody accepted."""
        lines: list[Anchored | Cut] = []
        for line in self.lines:
            if isinstance(line, Accepted):
                lines.clear()
            else:
                lines.append(line)
        return tuple(lines)

    @property
    def cut(self) -> Cut | None:
        """The first that nobody accepted."""
        return next((line for line in self.in_force if isinstance(line, Cut)), None)


def read(path: Path) -> Anchors:
    """Empty when there is no such file. Raises :class:`OSError`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Anchors()
    lines: list[Line] = []
    unreadable = 0
    for text in data.split(b"\n"):
        if not text.strip():
            continue
        try:
            lines.append(_line(json.loads(text)))
        except (ValueError, KeyError, TypeError):
            unreadable += 1
    return Anchors(tuple(lines), unreadable)


def append(path: Path, lines: Iterable[Line]) -> None:
    """Raises :class:`OSError`; then none of them is there."""
    with _alone(path):
        synced.append(path, _text(lines).encode())


def thin(path: Path) -> None:
    """Keep the first anchored head of each hour and the newest; cuts and acceptances stay. Raises
    :class:`OSError`; the file is whole then."""
    with _alone(path):
        anchors = read(path)
        kept: list[Line] = []
        hour = None
        for line in anchors.lines:
            if isinstance(line, Anchored):
                before, hour = hour, line.at.replace(minute=0, second=0, microsecond=0)
                if hour == before and line is not anchors.newest:
                    continue
            kept.append(line)
        write_atomic(path, _text(kept), 0o600)


def _text(lines: Iterable[Line]) -> str:
    return "".join(json.dumps(line.to_json()) + "\n" for line in lines)


def _line(value: dict[str, object]) -> Line:
    at = datetime.fromisoformat(str(value["at"]))
    if at.tzinfo is None:
        raise ValueError("without zone")
    match value:
        case {"accepted": str(reason), "by": str(by)}:
            return Accepted(reason, by, at)
        case {"cut": dict(anchored), "found": None}:
            return Cut(_anchored(anchored), None, at)
        case {"cut": dict(anchored), "found": {"seq": int(seq), "hash": str(hash)}}:
            return Cut(_anchored(anchored), Head(seq, hash), at)
    return _anchored(value)


def _anchored(value: dict[str, object]) -> Anchored:
    match value:
        case {"seq": int(seq), "hash": str(hash), "at": str(at)}:
            return Anchored(seq, hash, datetime.fromisoformat(at))
    raise ValueError("not a line of this file")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """The engine thins while a command may add an acceptance; the kernel drops the lock with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
