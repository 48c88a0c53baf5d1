"""A clock for one Asterisk that can be set ahead and back while it runs: libfaketime and a file."""

from collections.abc import Mapping
from pathlib import Path

from stack.installed import phones


class SettableClock:
    """The machine's time and so many seconds, in ``file``. Only the clock on the wall: what waits by the
    monotonic one goes on as before, as when somebody sets a machine's time. What waits for a moment of the
    clock on the wall inside the C library (a timed wait on a condition) waits on unchanged: there a real
    jump does more."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """From now on it is so many seconds later than it is."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    def environment(self) -> Mapping[str, str]:
        """What a process that lives by this clock is started with. Raises :class:`FileNotFoundError` when
        libfaketime is missing, with the remedy."""
        library = phones().faketime
        if not library.is_file():
            raise FileNotFoundError("libfaketime is missing: run scripts/setup --phones")
        return {
            "LOADER_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
