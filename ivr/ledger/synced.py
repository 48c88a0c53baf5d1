"""Lines behind the others of a file, on disk when it returns."""

import os
import stat
from pathlib import Path


def append(path: Path, data: bytes) -> None:
    """Write whole lines behind what is there and sync; blocks. Raises :class:`OSError`; then none is there.

    The file is readable by its owner only. Of several at once in one process the caller sees to the order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        before = os.fstat(file).st_size
        if before and os.pread(file, 1, before - 1) != b"\n":
            data = b"\n" + data  # the last line was torn by a crash; ours must not continue it
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        except OSError:
            if before or stat.S_ISREG(os.fstat(file).st_mode):
                os.ftruncate(file, before)
            raise
    finally:
        os.close(file)
    if new:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
