"""Asterisk takes over new configuration under calls, and starts with damaged one: nobody is cut, and whoever
calls reaches a person."""

import asyncio
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from each_state import WAITING_AND_TALKING, place_calls
from house import REPOSITORY, House, until
from stack.phones.baresip import Answering

DIRECT = (REPOSITORY / "routing.yaml").read_text().replace("mode: direct_if_swamped", "mode: direct")
"""The city's rules, but agencies are rung at once."""

RELOADS = (
    "dialplan reload",
    "module reload res_pjsip.so",
    "module reload app_queue.so",
    "module reload res_musiconhold.so",
    "manager reload",
    "core reload",
)

SHORT_TALK = Answering(after=0.1, hang_up_after=0.3)


async def test_everything_is_reloaded_under_calls_in_each_step(build: Callable[..., Any]) -> None:
    """Eight calls: one being asked about (the engine hangs for a moment), in the menu, waiting, waiting for
    information, rung for at an operator and at an agency, an agency that listens, a talk. Dialplan, SIP,
    queues and all the rest are reloaded. All calls are there afterwards, each goes on from where it was, and
    each talks with a person."""
    house: House = await build(routing=DIRECT)
    phones = await house.phones("op1", "op2", "damkar-1", "dinkes-1")
    phones["op1"].answering = phones["dinkes-1"].answering = Answering()
    calls = await place_calls(house, *WAITING_AND_TALKING, ("an agency listens", "2", "lines", None))
    citizen = await house.carrier(user="+628120000000")
    menu = await citizen.dial("112")
    await menu.established()
    await until(lambda: house.call_of("+628120000000").get("state") == "menu", "the menu plays")
    await until(lambda: phones["dinkes-1"].active[0].established_at, "the agency listens")
    house.signal_engine(signal.SIGSTOP)
    await house.call("777", caller="+628120000001")  # no number of ours: its menu is asked for
    await until(lambda: trunk_channels(house, 8), "eight calls")
    before = await house.asterisk.channels()
    for command in RELOADS:
        await house.asterisk.rx(command)
    after = await house.asterisk.channels()
    assert callers(before) == callers(after)
    house.signal_engine(signal.SIGCONT)

    await phones["dinkes-1"].active[0].press("1")
    await phones["damkar-1"].active[0].accept()
    await menu.press("0")
    for phone in phones:
        phone.answering = SHORT_TALK
    await phones["damkar-1"].active[0].established()
    await phones["damkar-1"].active[0].press("1")
    for who in ("rings at an agency", "an agency listens"):
        await until(lambda who=who: house.call_of(calls[who])["state"] == "talking", f"{who}: talks")
    for name in ("op1", "damkar-1", "dinkes-1"):
        await phones[name].active[0].hang_up()
    await house.ended(8, 40)
    for row in house.calls():
        assert (row["result"], row["detail"]) == ("answered", "person"), house.kinds(row["call_id"])


def callers(channels: list[str]) -> set[str]:
    return {channel for channel in channels if channel.startswith("PJSIP/trunk-")}


async def trunk_channels(house: House, count: int) -> bool:
    return len(callers(await house.asterisk.channels())) == count


def damages(text: str, cuts: int) -> Iterator[tuple[str, str | None]]:
    """The file is not there, empty, or ends in the middle of a line, at so many places."""
    yield "missing", None
    yield "empty", ""
    ends = [line.end() for line in re.finditer(r".*=.*", text)]
    for end in ends[:: -max(1, len(ends) // cuts)][:cuts]:
        cut = text[: end - 4]
        yield f"ends with {cut.splitlines()[-1]}", cut


@pytest.mark.parametrize(
    ("file", "cuts"), [("globals.conf", 4), ("lines.conf", 3), ("queues.conf", 2), ("musiconhold.conf", 1)]
)
async def test_asterisk_starts_with_a_damaged_file(build: Callable[..., Any], file: str, cuts: int) -> None:
    """Asterisk starts with one of its generated files missing, empty, or cut off in the middle of a line. One
    citizen asks for a person, another for the fire brigade, and each talks with somebody: an operator, or
    somebody at a line of the agency."""
    house: House = await build(routing=DIRECT, operators=("op1",))
    phones = await house.phones("op1", "damkar-1")
    phones["op1"].answering = SHORT_TALK
    phones["damkar-1"].answering = Answering(after=0.1, keys=((0.3, "1"),), hang_up_after=0.3)
    await house.on_duty("op1")
    await house.rules_in_asterisk()
    path = house.settings.generated / file
    whole = path.read_text()
    for number, (how, text) in enumerate(damages(whole, cuts)):
        await house.asterisk.stop()
        damage(path, text)
        await house.asterisk.start()
        callers = [f"+6281100{number:02}00{key}" for key in range(2)]
        calls = [
            await house.call(caller=caller, keys=[(0.3, str(key))]) for key, caller in enumerate(callers)
        ]
        results = await asyncio.gather(*(call.result() for call in calls))
        assert [result.ended_by for result in results] == ["them", "them"], how
        for caller in callers:
            steps = {step for step, _ in house.steps(caller)}
            assert steps & {"operator-answered", "line-accepted"}, (how, house.steps(caller))


def damage(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
