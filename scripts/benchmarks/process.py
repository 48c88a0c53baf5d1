"""What a process on this machine has used, as the kernel counts it."""

import asyncio
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

_PAGE = resource.getpagesize()


class BenchError(RuntimeError):
    """The bench cannot go on; the text is the one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Size:
    """``resident`` in bytes; ``handles`` are open files and sockets."""

    resident: int
    handles: int
    threads: int


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of the process, also of those that ended: utime + stime of ``/proc/PID/stat``,
    but in nanoseconds where that counts hundredths of a second (clock_getcpuclockid(3))."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError as error:
        raise BenchError(f"process {pid} is gone in the middle of a measurement") from error


def size(pid: int) -> Size:
    process = Path("/proc") / str(pid)
    try:
        return Size(
            resident=int((process / "statm").read_text().split()[1]) * _PAGE,
            handles=len(os.listdir(process / "fd")),
            threads=len(os.listdir(process / "task")),
        )
    except OSError as error:
        raise BenchError(f"process {pid} is gone in the middle of a measurement") from error


def raise_file_limit() -> None:
    """As many open files as this user may have: callers' sockets here, channels in Asterisk."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def end(process: asyncio.subprocess.Process, seconds: float = 5.0) -> None:
    """End a process of ours: asked first, then killed."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
