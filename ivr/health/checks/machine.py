"""The machine beneath: its name, clock, time zones, disk and limits."""

import ctypes
import os
import re
import resource
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from ivr.health.checks.scene import Scene, Verdict, worst
from ivr.health.status import Level
from ivr.render.install import repository

NAME_SECONDS = 2.0
"""A host name must resolve within this: where it does not, every call stands still in DNS for seconds."""
ZONES = Path("/usr/share/zoneinfo")
"""Where Asterisk (main/stdtime/localtime.c) looks; Python brings its own."""
FIRST_YEAR = 2026
"""This software is not older: a clock that says less was never set."""
BYTES_A_SECOND = 16_000
"""Of one recording: 8 kHz, 16 bit, mono; about 1 MB a minute."""
DISK_WARN, DISK_BAD = 5_000_000_000, 500_000_000
"""Bytes. The first is 87 hours of recordings, three hours of 30 calls at once; the last a tenth of it."""
INODES_WARN, INODES_BAD = 50_000, 1_000
"""A call takes one, of which a busy day has thousands."""
HANDLES = 4096
"""A call may take 4 legs of 2 handles each and a recording: 400 calls at once."""

_UNSYNCHRONISED = 0x40
_ADJTIMEX_ERROR = 5


def check_host_name(_scene: Scene) -> Verdict:
    """The machine's own name resolves, quickly."""
    name = socket.gethostname()
    began = time.monotonic()
    failed: list[str] = []

    def resolve() -> None:
        try:
            socket.getaddrinfo(name, None)
        except OSError as error:
            failed.append(error.strerror or type(error).__name__)

    resolving = Thread(target=resolve, daemon=True)
    resolving.start()
    resolving.join(NAME_SECONDS)
    remedy = f"→ tambahkan ke / add to /etc/hosts: 127.0.1.1 {name}"
    if resolving.is_alive():
        return Level.BAD, (
            f"'{name}' tidak ditemukan dalam {NAME_SECONDS:.0f} detik, setiap panggilan tertahan / "
            f"does not resolve within {NAME_SECONDS:.0f} s, every call stalls {remedy}"
        )
    if failed:
        return Level.BAD, (
            f"'{name}' tidak ditemukan, setiap panggilan dapat tertahan / does not resolve, every call may "
            f"stall: {failed[0]} {remedy}"
        )
    return Level.OK, f"{name} ({(time.monotonic() - began) * 1000:.0f} ms)"


def check_time_zone(scene: Scene) -> Verdict:
    """The city's zone is known to Asterisk; that Python knows it, the check of routing.yaml has shown."""
    if scene.book is None:
        return Level.WARN, "tidak diperiksa / not checked → ivr check"
    zone = scene.book.rules.city.zone.key
    if not (ZONES / zone).is_file():
        return Level.WARN, (
            f"{ZONES / zone} tidak ada, Asterisk akan memakai UTC / is missing, Asterisk would take UTC → "
            "apt install tzdata (tzdata-legacy)"
        )
    return Level.OK, f"{zone}, {datetime.now(scene.book.rules.city.zone):%Y-%m-%d %H:%M}"


def check_clock(_scene: Scene) -> Verdict:
    """The year is possible, and somebody (NTP) tells the kernel what time it is. How far the clock is off
    cannot be known without the network."""
    now = datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now.year < FIRST_YEAR:
        return Level.BAD, f"{shown}: salah / wrong → setel jam / set the clock; apt install chrony"
    synchronised = clock_is_synchronised()
    if synchronised is None:
        return Level.OK, f"{shown} (sinkron: tidak diketahui / synchronised: not known)"
    if not synchronised:
        return Level.WARN, (
            f"{shown}, tidak disinkronkan, waktu di catatan bisa salah / not synchronised, times in the "
            "record may be wrong → apt install chrony (kontainer: pada hosnya / container: on its host)"
        )
    return Level.OK, f"{shown}, sinkron / synchronised"


class _Timex(ctypes.Structure):
    """The head of ``struct timex`` (adjtimex(2)); the rest is room for the kernel to write in."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def clock_is_synchronised() -> bool | None:
    """What the kernel says; None where it does not tell."""
    timex = _Timex()  # modes 0: only read
    try:
        result = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    if result < 0:
        return None
    return result != _ADJTIMEX_ERROR and not timex.status & _UNSYNCHRONISED


def check_disk(scene: Scene) -> Verdict:
    """Room for recordings and record."""
    places = {_existing(path) for path in (scene.settings.root, scene.settings.recordings)}
    rooms = {path.stat().st_dev: os.statvfs(path) for path in sorted(places)}
    problems = [problem for room in rooms.values() for problem in _tight(room)]
    least = min(room.f_bavail * room.f_frsize for room in rooms.values())
    hours = least / BYTES_A_SECOND / 3600
    return worst(problems, f"{least / 1e9:.1f} GB bebas / free: {hours:.0f} jam rekaman / hours of recording")


def _tight(room: os.statvfs_result) -> Iterator[Verdict]:
    free = room.f_bavail * room.f_frsize
    remedy = "→ beri ruang, atau IVR_STATE di disk lain / make room, or IVR_STATE on another disk"
    if free < DISK_WARN:
        yield (
            Level.BAD if free < DISK_BAD else Level.WARN,
            f"{free / 1e6:.0f} MB bebas, satu menit rekaman ± 1 MB / free, a minute of recording takes "
            f"± 1 MB {remedy}",
        )
    if room.f_files and room.f_favail < INODES_WARN:  # Some file systems have no fixed number (0).
        level = Level.BAD if room.f_favail < INODES_BAD else Level.WARN
        yield level, f"{room.f_favail} inode bebas / inodes free {remedy}"


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above that exists: there it would be made."""
    return next(place for place in (path, *path.parents) if place.exists())


def check_file_handles(scene: Scene) -> Verdict:
    """How many files and sockets Asterisk may open."""
    pid = scene.asterisk_process()
    limit = _limit_of(pid) if pid else None
    if limit is None:
        limit = _limit_at_start()
    if limit < HANDLES:
        return Level.WARN, (
            f"{limit} < {HANDLES}: tidak cukup untuk banyak panggilan / too few for many calls → "
            "ulimit -n 65536, LimitNOFILE=65536 (systemd)"
        )
    return Level.OK, str(limit)


def _limit_of(pid: int) -> int | None:
    try:
        found = re.search(r"^Max open files\s+(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


def _limit_at_start() -> int:
    """Asterisk raises its limit to ``maxfiles`` of asterisk.conf if it may, and else keeps what it got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (2**31 if limit == resource.RLIM_INFINITY else limit for limit in (soft, hard))
    text = (repository() / "asterisk-conf" / "asterisk.conf").read_text()
    wished = int(found[1]) if (found := re.search(r"^maxfiles=(\d+)", text, re.MULTILINE)) else soft
    return wished if hard >= wished else soft
