"""What happens to a stack's database and disk, for as long as a ``with`` lasts."""

import contextlib
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.settings import Settings


def database_file(settings: Settings) -> Path:
    """The file of a stack whose database is SQLite."""
    return Path(settings.database.removeprefix("sqlite+aiosqlite:///"))


@contextmanager
def database_locked(settings: Settings) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    with contextlib.closing(sqlite3.connect(database_file(settings))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@contextmanager
def database_slow(settings: Settings) -> Iterator[None]:
    """Every commit waits for somebody else's for more than a second."""
    over = threading.Event()

    def disturb() -> None:
        with contextlib.closing(sqlite3.connect(database_file(settings), timeout=10)) as other:
            while not over.wait(0.05):
                other.execute("BEGIN IMMEDIATE")
                over.wait(1.2)
                other.rollback()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def no_space_for(pid: int) -> Iterator[None]:
    """This process can write no byte more to any file. It must ignore SIGXFSZ, as Python does."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def no_handles_for(pid: int) -> Iterator[None]:
    """This process can open no file and no socket more."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    lowest_free = next(number for number in range(len(used) + 1) if number not in used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
