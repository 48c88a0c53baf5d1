"""``scripts/run``: the stack in the foreground, and Ctrl-C."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from house import REPOSITORY, House, until
from stack.phones.baresip import Answering


@asynccontextmanager
async def running(house: House) -> AsyncIterator[asyncio.subprocess.Process]:
    """``python -m stack.run`` on a house of which nothing runs yet."""
    await house.build()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stack.run"),
        env={**house.environment, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'scripts'}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        await until(lambda: house.health().get("status") == "ok", "the stack is ready", 60)
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 30)
        # Nothing of it is ours to stop any more; this ends phones and gives back ports and files.
        await house.__aexit__(None, None, None)


async def test_ctrl_c_cuts_nobody_and_records_to_the_end(spoken: Path) -> None:
    """An operator talks with a citizen. Ctrl-C: they talk on; another who calls now goes by the plain
    dialplan. When both have hung up everything ends by itself, and the record has both ends."""
    house = House(prompts=spoken)
    async with running(house) as process:
        phones = await house.phones("op1", "op2")
        for name in ("op1", "op2"):
            phones[name].answering = Answering()
        await house.on_duty("op1", "op2")
        first = await house.call("113", patience=60)
        await until(lambda: phones["op1"].active or phones["op2"].active, "somebody rings")
        await until(lambda: any(call["human_at"] for call in house.calls()), "the first one talks")

        process.send_signal(signal.SIGINT)
        await until(lambda: house.health().get("status") == "bad", "the engine takes no new call")
        second = await house.call("112", patience=60)
        await until(lambda: sum(bool(call["human_at"]) for call in house.calls()) == 2, "both talk", 30)
        assert process.returncode is None
        for caller in (second, first):
            await caller.hang_up()
        assert await asyncio.wait_for(process.wait(), 30) == 0
        calls = house.calls()
        assert [call["result"] for call in calls] == ["answered", "answered"]
        assert [call["lifeline"] for call in calls] == [None, "declined"]
        assert all(call["ended_at"] for call in calls)


async def test_a_second_ctrl_c_ends_it_now(spoken: Path) -> None:
    """Somebody in a hurry: calls are cut, the processes are gone, and the record says how the call ended."""
    house = House(prompts=spoken)
    async with running(house) as process:
        await house.call("112", patience=60)
        await until(lambda: house.calls(), "the call is in the record")
        process.send_signal(signal.SIGINT)
        await until(lambda: house.health().get("status") == "bad", "it is stopping")
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0
        assert house.calls()[0]["ended_at"]
