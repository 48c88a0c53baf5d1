"""What is known of a number moves its call in the queue: on a real call, from the phone to the record."""

import asyncio
import sys
from typing import Any

from house import House, until

CALLER = "+628110000001"


async def ivr(house: House, *arguments: str) -> str:
    """What a person's command says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr", *arguments),
        env=house.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_who_reached_nobody_goes_first_and_who_was_marked_goes_last(house: House) -> None:
    """Nobody is on duty. A citizen reports a fire on 113, gives up, and calls again: the second call goes
    ahead of other fires. The engine is killed and started: the third still does. An operator marks the number
    three times: a few seconds later the fourth call goes behind, is answered all the same, and the fifth is
    no redial."""
    waits: list[dict[str, Any]] = []
    for again in range(3):
        citizen = await house.call("113", caller=CALLER)
        await until(lambda: house.call_of(CALLER).get("state") in {"queue", "lines"}, "the caller waits")
        waits.append(decision(house))
        await citizen.hang_up()
        await house.ended(again + 1)
        if again == 1:
            await house.kill_engine()
            await house.start_engine()
    assert [wait["priority"] for wait in waits] == [9, 12, 12]
    assert [wait["facts"]["redial_seconds"] is None for wait in waits] == [True, False, False]
    assert "calls again" in waits[1]["because"]

    for row in house.calls():
        await ivr(house, "caller", "mark", row["call_id"], "prank", "--by", "op1")
    assert (await ivr(house, "caller", "marks")).count("…0001") == 3
    await house.staff(1)
    marks: list[tuple[int, bool]] = []

    async def marked() -> bool:
        citizen = await house.call("113", caller=CALLER)
        assert (await citizen.result()).ended_by == "them"
        facts = decision(house)["facts"]
        marks.append((facts["prank_marks"], facts["redial_seconds"] is None))
        return marks[-1][0] == 3

    await until(marked, "the engine knows the marks", 30)
    assert decision(house)["priority"] in {5, 8}  # 9 − 4, and + 3 if it was the first call since
    citizen = await house.call("113", caller=CALLER)
    assert (await citizen.result()).ended_by == "them"
    last = decision(house)
    assert (last["priority"], last["facts"]["redial_seconds"]) == (5, None)
    rows = await house.ended(3 + len(marks) + 1)
    assert [row["result"] for row in rows[3:]] == ["answered"] * (len(marks) + 1)


def decision(house: House) -> dict[str, Any]:
    """Of the newest call."""
    call = house.call_of(CALLER)["call_id"]
    (told,) = [told for told in house.story(call) if told.kind == "decision"]
    return dict(told.data)
