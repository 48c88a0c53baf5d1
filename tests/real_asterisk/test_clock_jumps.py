"""Somebody sets the clock an hour ahead or back, while calls are in every state. Asterisk measures its waits
by it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from each_state import place_calls
from house import House, until
from stack.phones.baresip import Answering

CALLS = (
    ("talks", "0", "talking", "op1"),
    ("is rung for", "0", "ringing", "op2"),
    ("waits", "0", "queue", None),
    ("chooses", "", "menu", None),
)
LATER = "+628110000009"
AHEAD, BACK = 3600, -3600


async def house_with_calls(build: Callable[..., Any]) -> tuple[House, dict[str, str]]:
    house: House = await build(own_clock=True, operators=("op1", "op2", "op3"))
    phones = await house.phones("op1", "op2")
    phones["op1"].answering = Answering()
    return house, await place_calls(house, *CALLS)


async def all_get_through(house: House, calls: dict[str, str]) -> None:
    """An operator comes on duty, and everybody who waits comes to him, in the order of their answers. Nobody
    is lost, and the talk goes on."""
    await until(lambda: stages(house, calls["chooses"]), "silence led out of the menu", 60)
    (phone,) = await house.phones("op3")
    phone.answering = Answering(after=0.1, hang_up_after=0.5)
    # Nobody is rung for when he comes: a phone that rings unanswered keeps its caller from another's phone.
    await house.off_duty("op2")
    await asyncio.sleep(1.5)  # until each ringing that has begun is in the record
    await until(lambda: rings_no_more(house, calls["is rung for"]), "op2 rings no more", 30)
    await house.on_duty("op3")
    waiting = {who: caller for who, caller in calls.items() if who != "talks"}
    for who, caller in waiting.items():
        await until(lambda caller=caller: house.call_of(caller).get("ended_at"), f"{who}: over", 60)
    assert house.call_of(calls["talks"])["state"] == "talking"
    await house.callers[0].hang_up()
    for row in await house.ended(len(calls)):
        assert row["result"] == "answered"
        written = [told["recorded_at"] for told in rows_of(house, row)]
        assert written == sorted(written)
        await until(lambda row=row: "recording-saved" in house.kinds(row["call_id"]), "its recording", 20)
        assert "recording-alarm" not in house.kinds(row["call_id"])
    assert sorted(waiting, key=lambda who: answer_in_the_record(house, calls[who])) == list(waiting)
    assert house.call_of(calls["talks"])["operator"] == "op1"


def rings_no_more(house: House, caller: str) -> bool:
    kinds = house.kinds(house.call_of(caller)["call_id"])
    return kinds.count("ringing") == kinds.count("leg-ended")


def rows_of(house: House, row: dict[str, Any]) -> list[dict[str, Any]]:
    return house.rows("SELECT * FROM ledger WHERE call_id = ? ORDER BY seq", row["call_id"])


def answer_in_the_record(house: House, caller: str) -> int:
    entries = rows_of(house, house.call_of(caller))
    return int(next(entry["seq"] for entry in entries if entry["kind"] == "operator-answered"))


def stages(house: House, caller: str) -> list[str]:
    """The numbers of the stages that this caller has begun."""
    story = house.story(house.call_of(caller)["call_id"])
    return [told.data["number"] for told in story if told.kind in ("queue", "lines")]


def jumps(house: House) -> list[int]:
    """In minutes, as they stand in the record."""
    found = house.rows("SELECT data FROM ledger WHERE kind = 'clock-jumped' AND call_id = ''")
    return [round(json.loads(row["data"])["seconds"] / 60) for row in found]


async def test_an_hour_ahead(build: Callable[..., Any]) -> None:
    """Asterisk's queue says at once that the callers have waited long enough. They are put back at the same
    stage and place: no line of last resort is rung for them."""
    house, calls = await house_with_calls(build)
    assert house.clock is not None
    house.clock.set(AHEAD)
    for who in ("is rung for", "waits"):
        await until(lambda who=who: len(stages(house, calls[who])) > 1, f"{who}: the stage begins again", 20)
    await all_get_through(house, calls)
    for who in ("is rung for", "waits"):
        assert stages(house, calls[who]) == ["1", "1"]
    assert jumps(house) == [60]


async def test_an_hour_back(build: Callable[..., Any]) -> None:
    """Asterisk would try an operator's phone again an hour later. The engine sees it and lets the callers
    begin their stages again; and whoever calls now does not overtake them."""
    house, calls = await house_with_calls(build)
    assert house.clock is not None
    house.clock.set(BACK)
    await until(lambda: jumps(house), "the engine noticed", 20)
    assert jumps(house) == [-60]
    calls["came later"] = LATER
    await house.call(caller=LATER, keys=[(0.2, "0")], patience=120)
    await all_get_through(house, calls)
