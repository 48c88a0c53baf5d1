"""Waiting for an operator: who is rung, what the caller hears, and what happens when a phone fails."""

import asyncio
import csv
import wave
from collections.abc import Callable
from typing import Any

import pytest
from house import House, rules_with, until
from sentences import said
from stack.phones.baresip import Answering, Phone, PhoneCall
from stack.phones.sipp import TrunkCaller
from stack.tones import heard

RING_SECONDS = 12
"""``timeout`` in asterisk-conf/queues.conf."""
SLACK = 4.0
"""Seconds for everything else, on a busy machine."""


async def talking(house: House, phone: Phone, dialled: str = "110") -> tuple[TrunkCaller, PhoneCall]:
    """A citizen's call that is answered here by hand."""
    citizen = await house.call(dialled=dialled, patience=150)
    ringing = await phone.incoming(30)
    await ringing.accept()
    await ringing.established()
    return citizen, ringing


def states(house: House) -> list[str]:
    """Where the callers are, in the order of their arrival."""
    return [row["state"] for row in house.calls()]


def rung(house: House, phone: str) -> int:
    """How often Asterisk rang this phone, by its own file of channel events."""
    path = house.settings.root / "asterisk" / "log" / "cel-custom" / "master.csv"
    with path.open(newline="") as file:
        rows = [",".join(row) for row in csv.reader(file)]
    return sum("CHAN_START" in row and f"PJSIP/{phone}-" in row for row in rows)


@pytest.mark.parametrize("lost_power", [False, True], ids=["rings for ever", "lost power"])
async def test_a_phone_that_never_answers_keeps_no_caller_from_a_free_one(
    house: House, lost_power: bool
) -> None:
    """The engine is dead and one of two operators' phones never answers: it rings for ever, or has lost its
    power and answers nothing at all. Two citizens ask for a person, one after the other: one of them is rung
    first at the dead phone, whose turn it is. Each is ringing at the free phone within one ring time."""
    phones = await house.phones("op1", "op2")
    await house.on_duty("op1", "op2")
    await house.kill_engine()
    if lost_power:
        await phones["op1"].vanish()

    for _ in range(2):
        citizen = await house.call(dialled="112", keys=[(0.5, "0")])
        await citizen.answered()
        await house.take(phones["op2"], RING_SECONDS + SLACK)
        assert (await citizen.result()).ended_by == "them"
    assert rung(house, "op1") >= 1, "the dead phone was never tried"
    assert rung(house, "op2") == 2


async def test_a_caller_who_sends_no_audio_reaches_a_person_and_is_not_cut(house: House) -> None:
    """A citizen's phone sends no audio at all. It waits for an operator, who talks into the silence for
    60 s: the call stands until the operator hangs up, and its recording holds all of it."""
    phones = await house.phones("op1", tones={"op1": 1000})
    await house.on_duty("op1")
    citizen, talk = await talking(house, phones["op1"], dialled="112")
    with pytest.raises(TimeoutError):
        await talk.closed(60)
    await talk.hang_up()

    assert (await citizen.result()).ended_by == "them"
    row = (await house.ended(1))[0]
    assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "person")
    recording = house.recording(row["call_id"])
    assert heard(recording, 1000, 55)
    with wave.open(str(recording)) as file:
        assert file.getnframes() / file.getframerate() > 60


async def test_a_declined_call_goes_to_the_next_operator(build: Callable[..., Any]) -> None:
    """The first operator declines and the second has told the phone not to disturb: the third answers.
    Nobody is paused for it: an operator may be the only one at night."""
    names = ("op1", "op2", "op3")
    house: House = await build(operators=names)
    phones = await house.phones(*names)
    await house.on_duty(*names)
    await phones["op2"].command("dnd", "true")
    citizen = await house.call(dialled="110")
    await (await phones["op1"].incoming()).hang_up()
    await house.take(phones["op3"])

    assert (await citizen.result()).ended_by == "them"
    row = await house.only_call()
    assert (row["result"], row["operator"]) == ("answered", "op3")
    rang = [told.data["phone"] for told in house.story(row["call_id"]) if told.kind == "ringing"]
    assert rang == ["op1", "op2", "op3"]
    assert "paused" not in (await house.members()).lower()


async def test_the_caller_of_a_phone_that_died_goes_first(house: House) -> None:
    """Both operators talk, and a caller whose house burns waits. One operator's phone loses its power: within
    seconds the citizen, whose report was less urgent, waits again, and the dead phone is rung no more. When
    the other operator is free, that citizen goes first, then the fire."""
    phones = await house.phones("op1", "op2")
    await house.on_duty("op1", "op2")
    await talking(house, phones["op1"])
    other, _ = await talking(house, phones["op2"])
    await house.call(dialled="113", patience=150)
    await until(lambda: states(house) == ["talking", "talking", "queue"], "the third caller waits")
    lost, _, fire = (row["call_id"] for row in house.calls())

    await phones["op1"].vanish()
    await until(lambda: "talk-end" in house.kinds(lost), "Asterisk found the call dead", 20)

    async def known_dead() -> bool:
        return "(Unavailable)" in await house.members() and states(house) == ["queue", "talking", "queue"]

    await until(known_dead, "Asterisk found the phone dead", 20)
    phones["op2"].answering = Answering(hang_up_after=1)
    await other.hang_up()
    await house.ended(3, 30)

    rings = [told.data["phone"] for told in house.story(lost) if told.kind == "ringing"]
    assert rings == ["op1", "op2"]
    talks = [told for told in house.story(lost) if told.kind == "operator-answered"]
    assert [told.data["phone"] for told in talks] == ["op1", "op2"]
    follows = [told.data["follows"] for told in house.story(lost) if told.kind == "talk-end"]
    assert follows == ["requeue", "hangup"]
    burning = [told for told in house.story(fire) if told.kind == "operator-answered"]
    assert [told.data["phone"] for told in burning] == ["op2"]
    assert talks[1].at < burning[0].at


async def test_a_waiting_caller_hears_the_message_and_music_again_and_again(house: House) -> None:
    """While the only operator talks, a citizen waits: the message at once, then music, and after about 12 s
    the message again. The operator answers, and they talk. When what was heard came is read from the call's
    recording, which loses nothing on the way."""
    phones = await house.phones("op1", tones={"op1": 1000})
    await house.on_duty("op1")
    early, _ = await talking(house, phones["op1"])
    citizen = await house.carrier()
    call = await citizen.dial("110")
    await call.established()
    await asyncio.sleep(18)
    phones["op1"].answering = Answering()
    await early.hang_up()
    await until(lambda: heard(call.recording, 1000), "the citizen hears the operator", 20)
    await call.hang_up()

    waited = (await house.ended(2))[1]
    hold = house.settings.prompts / "hold"
    message, music = hold / "id" / "1-message.wav", hold / "id" / "2-music.wav"
    assert said(call.recording, message, 1.2), "the citizen heard the message"
    kept = house.recording(waited["call_id"])
    first, second = said(kept, message)
    assert first < 2
    assert 10 < second - first < 15
    assert any(first < at < second for at in said(kept, music))


async def test_no_announcement_delays_an_answer(build: Callable[..., Any]) -> None:
    """The message on hold is long. The operator becomes free while a citizen hears its first words, and
    answers: the citizen hears the operator, and never the message's end, as the call's recording tells."""
    text = "hold: Jangan tutup telepon. Petugas segera menjawab."
    house: House = await build(routing=rules_with((text, text + " Tetap tenang." * 12)))
    phones = await house.phones("op1", tones={"op1": 1000})
    await house.on_duty("op1")
    early, _ = await talking(house, phones["op1"])
    citizen = await house.carrier()
    call = await citizen.dial("110")
    await call.established()
    message = house.settings.prompts / "hold" / "id" / "1-message.wav"
    await until(lambda: len(house.calls()) == 2, "the call is in the record")
    kept = house.recording(house.calls()[1]["call_id"])
    await until(lambda: said(kept, message, 1.2), "the message began")
    phones["op1"].answering = Answering()
    await early.hang_up()
    await until(lambda: heard(call.recording, 1000, 2), "the citizen hears the operator", 30)
    await call.hang_up()

    await house.ended(2)
    assert said(kept, message, 1.2)
    assert said(kept, message) == []
