"""What a process holds, as the kernel counts it, and what the engine says of itself."""

import asyncio
import os
import re
import urllib.request
from contextlib import suppress

from turmoil.facts import Weight


def handles(pid: int) -> int:
    """Open files and sockets; 0 of a process that is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


async def weight(pid: int, health_port: int) -> Weight:
    """Of an engine."""
    return Weight(handles(pid), await asyncio.to_thread(metric, health_port, "siaga_tasks"))


def metric(health_port: int, name: str) -> int | None:
    """A gauge without labels, from ``/metrics``; None when nobody answers."""
    with suppress(OSError):
        with urllib.request.urlopen(f"http://127.0.0.1:{health_port}/metrics", timeout=3) as answer:
            found = re.search(rf"^{name} (\d+)", answer.read().decode(), re.MULTILINE)
        return int(found[1]) if found else None
    return None
