"""The file in which rows wait while the database cannot take them: JSON lines, synced, in order.

All methods block; the writer calls them in a thread. The file holds personal data of callers and is readable
by its owner only.
"""

import errno
import stat
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.ledger import synced
from ivr.ledger.reserve import Reserve
from ivr.ledger.rows import Row

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows read from the journal, in order. ``unreadable`` are torn or foreign lines; ``end`` is the offset
    behind the last line read."""

    rows: tuple[Row, ...]
    unreadable: tuple[bytes, ...]
    end: int


class Journal:
    def __init__(self, path: Path, reserve_bytes: int = 0) -> None:
        self.path = path
        self.reserve = Reserve(path.with_name("reserve"), reserve_bytes)
        self.refused_path = path.with_name(path.name + ".refused")
        """Where lines go that can never be stored, for a person to look at."""
        self._done = 0
        self._lock = threading.Lock()
        self.size = self._measure()
        """Bytes that wait to be stored."""

    def append(self, rows: Sequence[Row]) -> None:
        """Write the rows behind the others and sync; on a full disk in the room that is reserved for them.
        Raises :class:`OSError`; then none of them is there."""
        data = b"".join(row.to_line() for row in rows)
        try:
            self._append(self.path, data)
        except OSError as error:
            if error.errno not in _FULL or not self.reserve.give_up():
                raise
            self._append(self.path, data)
        self.size = self._measure()

    def read(self, most: int) -> Chunk:
        """The next ``most`` lines that are not done. Raises :class:`OSError`."""
        rows: list[Row] = []
        unreadable: list[bytes] = []
        if self._regular_size() is None:  # somebody removed it
            return Chunk((), (), 0)
        with self.path.open("rb") as file:
            file.seek(self._done)
            for _ in range(most):
                line = file.readline()
                if not line:
                    break
                try:
                    if not line.endswith(b"\n"):
                        raise ValueError("torn")
                    rows.append(Row.from_line(line))
                except ValueError:
                    if line.strip():
                        unreadable.append(line)
            return Chunk(tuple(rows), tuple(unreadable), file.tell())

    def done(self, chunk: Chunk) -> None:
        """The rows of ``chunk`` are in the database. When all are, the file is removed; where that fails they
        are stored again after a restart, which changes nothing."""
        self._done = chunk.end
        self.size = self._measure()
        if self.size == 0 and self._regular_size() is not None:
            self.path.unlink(missing_ok=True)
            self._done = 0

    def refuse(self, lines: Sequence[bytes]) -> None:
        """Keep lines that can never be stored. Raises :class:`OSError`."""
        self._append(self.refused_path, b"".join(line.rstrip(b"\n") + b"\n" for line in lines))

    def _measure(self) -> int:
        return max(0, (self._regular_size() or 0) - self._done)

    def _regular_size(self) -> int | None:
        """``None`` when there is no such file or it is a device: there is nothing to read or remove then."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _append(self, path: Path, data: bytes) -> None:
        with self._lock:
            synced.append(path, data)
