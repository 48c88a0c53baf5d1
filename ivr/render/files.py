"""Files that are complete or not there: written beside their place and renamed into it."""

import os
import secrets
from pathlib import Path

from ivr.errors import SettingsError

_REFUSED = frozenset(";,&|[]{}$\"'\n\r")
"""Characters of a path that would end a value, a file list or an expression in Asterisk's configuration."""


def write_atomic(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write ``text`` to ``path`` unless it stands there already. True if the file changed.

    The old file stays whole until the new one is on disk: a full disk or a power cut leaves one of the two.
    """
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return False
    except OSError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def secret(directory: Path, name: str) -> str:
    """The secret of that name (32 hexadecimal digits), made on first use, readable by its owner only."""
    path = directory / name
    try:
        found = path.read_text().strip()
        if found:
            return found
    except FileNotFoundError:
        pass
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = secrets.token_hex(16)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.made")
    write_atomic(temporary, made + "\n", mode=0o600)
    try:
        # Of two processes at once, the first one's: it may be in use already.
        os.link(temporary, path)
        _sync(path.parent)
        return made
    except FileExistsError:
        found = path.read_text().strip()
        if not found:  # torn by a power cut
            temporary.replace(path)
        return found or made
    finally:
        temporary.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    """What was made there is there after a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_special(path: Path, setting: str) -> None:
    """Refuse a path that Asterisk's configuration or dialplan would misread."""
    bad = sorted(_REFUSED & set(str(path)))
    if bad:
        raise SettingsError(
            f"{setting}: {path} contains {' '.join(bad)}, which Asterisk's configuration cannot hold; "
            "choose a directory without it."
        )
