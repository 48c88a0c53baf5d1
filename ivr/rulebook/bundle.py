"""A routing.yaml with the files that it includes: read, named and put in place as one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ivr.errors import IvrError
from ivr.routing.examine import accept
from ivr.routing.include import bundle, digest_of, found
from ivr.routing.loader import load_bundle
from ivr.routing.rules import Rules


@dataclass(frozen=True, slots=True)
class Bundle:
    """``main`` is the file itself; ``included`` the others, each by its path relative to it."""

    main: bytes
    included: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """Names the content of all files, right or wrong: 12 hexadecimal digits."""
        return digest_of({**self.included, "": self.main}, "")

    def load(self, path: Path) -> Rules:
        """The rules; ``path`` is named in the problems. Raises :class:`ivr.routing.problems.RoutingError`."""
        return load_bundle({**self.included, path.name: self.main}, str(path))

    def accept(self, path: Path) -> Rules:
        """The same for rules that have not been in force yet: refused, too, when some call would not surely
        end at a human."""
        return accept({**self.included, path.name: self.main}, str(path), datetime.now(UTC))


def read_bundle(path: Path) -> Bundle:
    """What stands at ``path`` now. Raises :class:`RoutingError` when it cannot be read."""
    files = bundle(path)
    return Bundle(files.pop(path.name), files)


def put_in_place(new: Bundle, path: Path, before: Bundle | None) -> None:
    """Make ``new`` what stands at ``path``, ``path`` itself last; files that only ``before`` included go.

    Everything is on disk beside its place before the first file is replaced: a full disk changes nothing.
    Raises :class:`IvrError` then.
    """
    if path.name in new.included:
        raise IvrError(
            f"The file includes one that is called {path.name}, which is the name of IVR_ROUTING itself: "
            "give the included file another name."
        )
    here = {name for name, _ in found(path, new.main)} - set(new.included)
    if strays := sorted(here - set(before.included if before else ())):
        raise IvrError(
            f"{', '.join(strays)}: in {path.parent}, and the new rules would include it though the file you "
            "apply does not: take it away, or put it beside your file too."
        )
    files = [(path.parent / name, data) for name, data in new.included.items()]
    files.append((path.resolve(), new.main))  # a link stays one
    staged: list[tuple[Path, Path]] = []
    try:
        for target, data in files:
            if _holds(target, data):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.append((_stage(target, data), target))
        for temporary, target in staged:
            temporary.replace(target)
        for name in before.included if before else ():
            if name not in new.included:
                (path.parent / name).unlink(missing_ok=True)
    except OSError as error:
        raise IvrError(
            f"{path.parent} cannot be written ({error.strerror}); the rules stay as they were. Free space, "
            "or let this user write there."
        ) from error
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _stage(target: Path, data: bytes) -> Path:
    """The new content beside its place, with the rights of the file that stands there."""
    try:
        mode = target.stat().st_mode & 0o777
    except OSError:
        mode = 0o640
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with open(temporary, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
