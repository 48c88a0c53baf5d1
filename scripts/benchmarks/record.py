"""What the engine's record says of calls, read as anybody can: by SQL, with nothing of ours in between."""

import asyncio
import sqlite3

from benchmarks.ground import Ground

PATIENCE = 15.0
"""Seconds in which the ends of the last calls are written."""
LOOK_EVERY = 0.2


async def newly_whole(ground: Ground, before: int, count: int) -> int:
    """Of ``count`` calls placed since ``before`` those that are whole, waiting until all are."""
    for _ in range(int(PATIENCE / LOOK_EVERY)):
        now = whole(ground)
        if now >= before + count:
            break
        await asyncio.sleep(LOOK_EVERY)
    return now - before


def whole(ground: Ground) -> int:
    """How many calls of this run the engine served, an operator answered, and have ended."""
    path = ground.installation.settings.database.removeprefix("sqlite+aiosqlite:///")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
        found = connection.execute(
            "SELECT count(*) FROM calls WHERE ended_at IS NOT NULL AND lifeline IS NULL "
            "AND result = 'answered' AND reason = 'operator'"
        ).fetchone()[0]
    connection.close()
    return int(found)
