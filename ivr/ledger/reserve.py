"""Room on the disk for the journal when others (recordings, logs) have filled the disk."""

import os
from pathlib import Path

import structlog

BYTES = 16 * 2**20
"""About 20,000 entries with their calls: an hour of a busy centre."""
_ROOM = 4
"""The file is made where so many times its size is free: it must not be what fills the disk."""
_ZEROS = bytes(2**20)

_log = structlog.get_logger(__name__)


class Reserve:
    """A file that is written out, so that its blocks are taken; ``size`` 0: none is kept. Methods block."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.used = False
        """It was given up, and is not made again yet."""

    @property
    def wanted(self) -> bool:
        return self._size > 0 and not self._is_there()

    def keep(self) -> None:
        """Make it, if it is not there and there is room."""
        if not self.wanted:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize >= _ROOM * self._size:
                self._write()
                self.used = False
        except OSError as error:
            _log.error("ledger-reserve-not-made", error=str(error))
            self._path.unlink(missing_ok=True)

    def give_up(self) -> bool:
        """Free its room; False when there is none to free."""
        if self._size == 0 or not self._is_there():
            return False
        self._path.unlink()
        self.used = True
        _log.critical(
            "disk-full",
            freed=self._size,
            remedy="make room now: the record has only this left",
        )
        return True

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_size >= self._size
        except OSError:
            return False

    def _write(self) -> None:
        with self._path.open("wb") as file:
            for start in range(0, self._size, len(_ZEROS)):
                file.write(_ZEROS[: self._size - start])
            file.flush()
            os.fsync(file.fileno())
