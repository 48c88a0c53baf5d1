"""Every text of the rules that was ever in force, and who put it there, when and why.

Below ``IVR_STATE/routing``: ``versions/<number>/`` holds the files of one version, ``history.jsonl`` one line
for each thing that happened to them. All of it is kept: the texts are small, and the record names them.
"""

import errno
import fcntl
import json
import os
import pwd
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from ivr.errors import IvrError
from ivr.render.files import write_atomic
from ivr.rulebook.bundle import Bundle, put_in_place

LOCK_SECONDS = 10.0
"""Another command may take so long to put its version in place."""


class Action(StrEnum):
    APPLIED = "applied"
    """``ivr apply``."""
    ROLLED_BACK = "rolled-back"
    """``ivr rollback``; ``of`` is the earlier version."""
    EDITED = "edited"
    """Somebody changed the file in place."""
    REFUSED = "refused"
    """The file in place was wrong; ``problems`` say why. It got no number."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history. ``digest`` names the content, as the record of calls does; ``main`` is the
    name of the file that includes the others."""

    number: int | None
    digest: str
    action: Action
    author: str
    at: datetime
    reason: str = ""
    main: str = ""
    of: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def origin(self) -> int:
        """The version whose text this is: an earlier one after a roll-back. 0: none."""
        return self.of or self.number or 0


class Versions:
    """All methods block. Whoever writes holds :meth:`lock`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._history = directory / "history.jsonl"
        self._pending = directory / "pending"

    def history(self) -> tuple[Event, ...]:
        """Oldest first. A line that was cut off by a power failure is left out."""
        try:
            lines = self._history.read_bytes().splitlines()
        except OSError:
            return ()
        return tuple(event for line in lines if (event := _event(line)) is not None)

    def current(self) -> Event | None:
        """The version that was put in place last."""
        return next((event for event in reversed(self.history()) if event.number is not None), None)

    def event(self, number: int | None) -> Event | None:
        """How this version came to be."""
        return next((event for event in self.history() if event.number == number), None)

    def bundle(self, event: Event) -> Bundle:
        """The files of a version. Raises :class:`IvrError` when they are not there."""
        root = self._directory / "versions" / str(event.number)
        try:
            files = {
                str(path.relative_to(root)): path.read_bytes()
                for path in sorted(root.rglob("*"))
                if path.is_file()
            }
            return Bundle(files.pop(event.main), files)
        except (OSError, KeyError) as error:
            raise IvrError(f"{root} is not whole: version {event.number} cannot be used any more.") from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One writer at a time, and no reader of half a change. A process that dies lets go.

        Raises :class:`IvrError` after :data:`LOCK_SECONDS`, when nothing can be written, and for a user whose
        files the engine could not read.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._refuse_stranger()
            file = (self._directory / "lock").open("w")
        except OSError as error:
            raise IvrError(
                f"{self._directory} cannot be written ({error.strerror}): free space, or let this user write."
            ) from error
        with file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise IvrError("Another command changes the rules just now: try again.") from None
                    time.sleep(0.05)
            yield

    def _refuse_stranger(self) -> None:
        uid = self._directory.stat().st_uid
        if uid != os.geteuid():
            name = user_name(uid)
            raise IvrError(f"{self._directory} belongs to {name}: do this as that user (sudo -u {name} …).")

    def keep(self, event: Event, bundle: Bundle) -> Event:
        """Keep what stands in place already as a new version: ``event`` with its number. Raises
        :class:`OSError`; then there is none."""
        event = self._numbered(event, bundle)
        self.append(event)
        return event

    def install(self, event: Event, bundle: Bundle, path: Path, before: Bundle | None) -> Event:
        """Keep a new version and put it in place at ``path``, where ``before`` stands; ``event`` with its
        number.

        Raises :class:`OSError` or :class:`IvrError`; then what stood there still does. What a process began
        that was killed in the middle, :meth:`recover` ends.
        """
        event = self._numbered(event, bundle)
        write_atomic(self._pending, _line(event), 0o600)
        try:
            put_in_place(bundle, path, before)
        except BaseException:
            self._pending.unlink(missing_ok=True)
            raise
        self.append(event)
        self._pending.unlink(missing_ok=True)
        return event

    def recover(self, path: Path) -> None:
        """End what a killed process began to put in place. Raises as :meth:`install`."""
        try:
            event = _event(self._pending.read_bytes())
        except FileNotFoundError:
            return
        if event is not None:
            before = self.current()
            put_in_place(self.bundle(event), path, self.bundle(before) if before else None)
            if self.event(event.number) is None:
                self.append(event)
        self._pending.unlink(missing_ok=True)

    def append(self, event: Event) -> None:
        """Raises :class:`OSError`; then nothing was written."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._history, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            line = (b"\n" if torn else b"") + _line(event).encode()
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            except OSError:
                file.truncate(end)
                raise

    def _numbered(self, event: Event, bundle: Bundle) -> Event:
        number = 1 + max((known.number or 0 for known in self.history()), default=0)
        self._write(number, bundle, event.main)
        return replace(event, number=number)

    def _write(self, number: int, bundle: Bundle, main: str) -> None:
        target = self._directory / "versions" / str(number)
        temporary = target.with_name(f".{number}.{os.getpid()}.new")
        shutil.rmtree(target, ignore_errors=True)  # left by a process that died before the history knew it
        try:
            for name, data in {**bundle.included, main: bundle.main}.items():
                path = temporary / name
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _line(event: Event) -> str:
    value = {key: value for key, value in asdict(event).items() if value not in (None, "", ())}
    return json.dumps({**value, "at": event.at.isoformat(timespec="seconds")}, ensure_ascii=False) + "\n"


def _event(line: bytes) -> Event | None:
    try:
        value = json.loads(line)
        return Event(
            **{
                "number": None,
                **value,
                "action": Action(value["action"]),
                "at": datetime.fromisoformat(value["at"]),
                "problems": tuple(value.get("problems", ())),
            }
        )
    except (ValueError, TypeError, KeyError):
        return None
