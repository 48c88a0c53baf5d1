"""Operators come on duty and leave it, by the keys of their phones."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from house import PIN, House, rules_with, until
from stack.phones.baresip import Phone, PhoneCall
from stack.phones.baresip_process import PhoneError

WRONG = "1357"


async def asked(house: House, phone: str) -> bool:
    """Whether the phone's owner is being asked for the PIN."""
    channels = (await house.asterisk.rx("core show channels concise")).splitlines()
    return any(line.startswith(f"PJSIP/{phone}-") and "!Read!" in line for line in channels)


async def try_pin(house: House, call: PhoneCall, pin: str) -> None:
    """Enter the PIN when it is asked for."""
    phone = call.phone.user
    await until(lambda: asked(house, phone), "the PIN is asked for")
    await call.press(f"{pin}#")

    async def taken() -> bool:
        return not await asked(house, phone)

    await until(taken, "the PIN is taken")


async def dial(phone: Phone, code: str) -> PhoneCall:
    call = await phone.dial(code)
    return await call.established()


async def log_in(house: House, phone: Phone, *pins: str) -> None:
    """``*11`` and the PINs one after the other, until Asterisk hangs up."""
    call = await dial(phone, "*11")
    for pin in pins:
        await try_pin(house, call, pin)
    await call.closed()


async def on_duty(house: House, count: int) -> None:
    """Wait until the engine says so."""
    await until(lambda: house.health().get("operators_on_duty") == count, f"{count} on duty", 40)


async def member(house: House, phone: str, queue: str = "emergency") -> str:
    """The phone's line in ``queue show``; empty when it is no member."""
    lines = (await house.members(queue)).splitlines()
    return next((line.strip() for line in lines if f"PJSIP/{phone}" in line), "")


async def pins_copied(house: House, phone: str) -> None:
    """Wait until Asterisk's own database has the phone's PIN."""

    async def there() -> bool:
        return f"/operator/{phone}/queues" in await house.asterisk.rx(f"database show operator/{phone}")

    await until(there, f"Asterisk knows the PIN of {phone}")


async def test_a_shift_from_log_in_to_log_out(house: House) -> None:
    """An operator mistypes the PIN, logs in, takes a citizen's call, pauses, is not rung, resumes, pauses
    again and logs in again, which ends the pause. Asterisk is restarted: the operator is still on duty and
    takes the next call. Then the operator logs out. The engine's count follows each step."""
    phone = (await house.phones("op1"))["op1"]
    await pins_copied(house, "op1")
    await on_duty(house, 0)

    await log_in(house, phone, WRONG, PIN)
    assert "(dynamic)" in await member(house, "op1")
    await on_duty(house, 1)
    await talk_once(house, phone)

    await (await dial(phone, "*13")).closed()
    assert "(paused" in await member(house, "op1")
    await on_duty(house, 0)
    nobody = await house.call(dialled="110")
    await until(lambda: "JOINEMPTY" in stage_ends(house, 2), "the queue is passed")
    await nobody.hang_up()
    assert len(phone.calls) == 3, "a paused operator is not rung"

    await (await dial(phone, "*13")).closed()
    assert "(paused" not in await member(house, "op1")
    await on_duty(house, 1)
    await (await dial(phone, "*13")).closed()
    await on_duty(house, 0)
    await log_in(house, phone, PIN)
    assert "(paused" not in await member(house, "op1")
    await on_duty(house, 1)

    await house.asterisk.stop()
    await until(lambda: house.health().get("status") != "ok", "the engine has lost Asterisk")
    await house.asterisk.start()
    assert await member(house, "op1")
    await house.engine_ready(40)
    await on_duty(house, 1)
    await talk_once(house, phone)

    await (await dial(phone, "*12")).closed()
    assert await member(house, "op1") == ""
    await on_duty(house, 0)
    results = [(row["result"], row["reason"]) for row in await house.ended(3)]
    assert results[0] == results[2] == ("answered", "operator")


async def talk_once(house: House, phone: Phone) -> None:
    """A citizen's call rings here, is answered and over."""
    citizen = await house.call(dialled="110")
    await house.take(phone)
    assert (await citizen.result()).ended_by == "them"


def stage_ends(house: House, number: int) -> list[str]:
    """How the stages of the call of this number (1 is the first) have ended so far."""
    ids = [row["call_id"] for row in house.calls()][number - 1 : number]
    return [told.data["status"] for id_ in ids for told in house.story(id_) if told.kind == "stage-end"]


async def test_wrong_pins_end_the_call_and_then_close_the_log_in(house: House) -> None:
    """After three wrong PINs Asterisk hangs up. After two more, five in all, the phone's log-in is closed for
    five minutes, also for the right PIN; another phone's is not. When the time is over, the right PIN is
    taken again, and so it is although five were wrong before."""
    phones = await house.phones("op1", "op2")
    await pins_copied(house, "op1")
    await pins_copied(house, "op2")

    await log_in(house, phones["op1"], WRONG, "", "246")
    assert await member(house, "op1") == ""
    await log_in(house, phones["op1"], WRONG, "24682468")
    until_when = int((await house.asterisk.rx("database get operator/op1 locked")).split()[-1])
    assert until_when == pytest.approx(time.time() + 300, abs=30)

    refused = await dial(phones["op1"], "*11")
    await refused.press(f"{PIN}#")
    await refused.closed()
    assert await member(house, "op1") == ""
    await log_in(house, phones["op2"], PIN)
    assert await member(house, "op2")

    await house.asterisk.rx(f"database put operator/op1 locked {int(time.time()) - 1}")
    await log_in(house, phones["op1"], PIN)
    assert await member(house, "op1")
    await on_duty(house, 2)


async def ivr(house: House, *arguments: str) -> str:
    """Run a command of ours beside the running house; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr", *arguments),
        env={**house.environment, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_an_operator_is_added_and_removed_while_calls_are_taken(house: House) -> None:
    """An admin adds an operator of two queues beside running calls: the phone registers, its PIN logs it in
    to both with its penalty, and it is rung. An operator's talk is not disturbed by either. Then the admin
    removes the new one: no PIN logs the phone in, no call rings it, and it cannot register again."""
    first = (await house.phones("op1"))["op1"]
    await pins_copied(house, "op1")
    await log_in(house, first, PIN)
    citizen = await house.call(dialled="110", patience=120)
    talk = await first.incoming()
    await talk.accept()
    await talk.established()

    await ivr(
        house,
        *("operator", "add", "op9", "--name", "Operator Sembilan", "--pin", "97531", "--penalty", "3"),
        *("--queue", "emergency", "--queue", "supervisors"),
    )
    listed = await ivr(house, "operator", "list")
    assert "Operator Sembilan" in listed
    assert "emergency, supervisors" in listed
    phone = (await house.phones("op9"))["op9"]
    await log_in(house, phone, PIN, "97531")
    for queue in ("emergency", "supervisors"):
        assert "penalty 3" in await member(house, "op9", queue), queue
    await on_duty(house, 2)
    await talk_once(house, phone)

    await ivr(house, "operator", "remove", "op9")
    assert "op9" not in await ivr(house, "operator", "list")
    await on_duty(house, 1)
    with pytest.raises(PhoneError):
        await dial(phone, "*11")
    with pytest.raises(PhoneError):
        await house.phones("op9")
    assert "/operator/op9" not in await house.asterisk.rx("database show operator")
    for queue in ("emergency", "supervisors"):
        assert await member(house, "op9", queue) == "", queue

    assert talk.closed_at is None
    await citizen.hang_up()
    await house.ended(2)


async def test_a_language_is_kept_for_operators_who_speak_it(build: Callable[..., Any]) -> None:
    """English is for operators with a penalty of 5 or more. Both are free: an English call rings the one who
    speaks it, an Indonesian call the other. When nobody on duty speaks English, an English call goes to an
    operator who does not, rather than to none."""
    house: House = await build(
        routing=rules_with(('first_menu: "One one two.', 'penalty: 5-10\n    first_menu: "One one two.'))
    )
    phones = await house.phones("op1", "op2")
    await house.on_duty("op1")
    await house.asterisk.rx("queue add member PJSIP/op2 to emergency penalty 5")

    await english(house, phones["op2"])
    assert phones["op1"].calls == []
    await talk_once(house, phones["op1"])
    assert len(phones["op2"].calls) == 1
    await house.off_duty("op2")
    await english(house, phones["op1"])
    calls = await house.ended(3)
    assert [row["operator"] for row in calls] == ["op2", "op1", "op1"]
    assert [row["language"] for row in calls] == ["en", "id", "en"]


async def english(house: House, phone: Phone) -> None:
    """A call to 911 that asks for a person rings here, is answered and over."""
    citizen = await house.call(dialled="911", keys=[(0.2, "0")])
    await house.take(phone)
    assert (await citizen.result()).ended_by == "them"
