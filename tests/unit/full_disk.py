"""Run by a test in a mount namespace of its own: database and journal on a small disk that gets full."""

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ledger_place import FAST, Place, entry, until

from ivr.ledger.anchor import Anchors
from ivr.ledger.verify import verify
from ivr.ledger.writer import LedgerWriter
from ivr.store.upgrade import upgrade

SIZE = 8 * 2**20
RESERVE = 2**20


def fill(file: Path) -> None:
    """As recordings do: to the last block."""
    with suppress(OSError), file.open("ab", buffering=0) as recording:
        while True:
            recording.write(bytes(4096))


async def main(folder: Path) -> None:
    async with Place(folder, f"sqlite+aiosqlite:///{folder / 'record.sqlite3'}") as place:
        await upgrade(place.url)
        tuning = replace(FAST, reserve_seconds=0.01)
        writer = LedgerWriter(place.engine(0.01), place.journal, tuning=tuning, reserve_bytes=RESERVE)
        writer.start()
        writer.record(entry(0))
        await until(lambda: writer.status().stored == 1 and (folder / "reserve").exists())
        recording = folder / "recording"
        fill(recording)
        said = {}
        for number in range(1, 400):
            writer.record(entry(number))
            if number % 20 == 0:
                await until(lambda: not writer.status().queued)
                said["journal_on_the_full_disk"] = said.get("journal_on_the_full_disk") or (
                    writer.status().journal_bytes > 0
                )
        said["reserve_given_up"] = writer.status().disk_full
        recording.unlink()
        await until(lambda: writer.status().journal_bytes == 0 and not writer.status().queued)
        writer._wake.set()
        await until(lambda: not writer.status().disk_full)
        said["numbers"] = await place.numbers()
        async with place.engine().connect() as connection:
            said["whole"] = (await verify(connection, Anchors())).whole
        said["reserve_made_again"] = (folder / "reserve").stat().st_size == RESERVE
        said["lost"] = writer.status().lost
        await writer.close()
    print(json.dumps(said))


subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", sys.argv[1]], check=True)
asyncio.run(main(Path(sys.argv[1])))
