"""A disk of a few megabytes that can really be full, without root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


@asynccontextmanager
async def small_disk(megabytes: int) -> AsyncIterator[Path]:
    """A directory on a disk of its own: a tmpfs in a mount namespace of a process that only waits, reached
    through ``/proc``. Skips the test where a container forbids it."""
    script = f"mount -t tmpfs -o size={megabytes}m none /mnt && echo ready && exec cat"
    holder = await asyncio.create_subprocess_exec(
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stderr is not None
    if await holder.stdout.readline() != b"ready\n":
        pytest.skip(f"no disk of one's own here: {(await holder.stderr.read()).decode().strip()}")
    try:
        yield Path(f"/proc/{holder.pid}/root/mnt")
    finally:
        holder.terminate()
        await holder.wait()
