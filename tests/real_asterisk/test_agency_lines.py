"""Agencies' lines: who is rung, what is heard there, and who gets the caller."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from house import House, rules_with, until
from recorded import Told, in_order
from sentences import said
from stack.phones.baresip import Answering, PhoneCall
from stack.phones.scenario import TrunkAnswer
from stack.phones.sipp import CallResult, TrunkAnswerer
from stack.tones import heard

ACCEPT = Answering(keys=[(0.5, "1")])
DECLINE = Answering(keys=[(0.5, "9")])
VOICEMAIL = Answering()
"""Picks up, speaks, presses nothing."""
RINGS = None
DIAL_TONE = 425
"""Hertz: asterisk-conf/indications.conf."""


def of_lines(story: list[Told]) -> list[tuple[str, ...]]:
    """What the lines did, in order: kind, line and how."""
    return [
        (told.kind, *(str(told.data[key]) for key in ("line", "how", "status") if key in told.data))
        for told in story
        if told.kind.startswith("line-")
    ]


async def hear_each_other(caller: PhoneCall, hz: float, person: PhoneCall, person_hz: float) -> None:
    await until(lambda: heard(caller.recording, person_hz, 4), f"{person.phone.user} is heard", 30)
    await until(lambda: heard(person.recording, hz, 4), f"{person.phone.user} hears the caller", 30)


async def test_the_second_line_takes_the_call_when_nobody_accepts_at_the_first(
    build: Callable[..., Any],
) -> None:
    """No operator is on duty, so the rules ring the agencies at once. Four calls at the same time, to four
    agencies whose first line does not accept: it rings and nobody answers; a voicemail answers; somebody
    declines with 9; its phone is not there. At each second line somebody presses 1, and the two hear each
    other and nobody else, at the phones and in the recording. The ledger tells it, in order."""
    rules = rules_with(
        ("lines: [damkar-1 15s,", "lines: [damkar-1 2s,"),
        ("lead: [basarnas, polresta]", "mode: direct_if_swamped\n    lead: [basarnas, polresta]"),
    )
    house: House = await build(routing=rules)
    # category: keys, first line's phone, what is told of it, second line
    first_lines: dict[str, tuple[str, str, list[tuple[str, ...]], str]] = {
        "fire": ("1", "damkar-1", [("line-failed", "damkar-1", "NOANSWER")], "damkar-2"),
        "medical": (
            *("2", "dinkes-1"),
            [("line-answered", "dinkes-1"), ("line-declined", "dinkes-1", "silence")],
            "dinkes-2",
        ),
        "disaster": (
            *("4", "bpbd-1"),
            [("line-answered", "bpbd-1"), ("line-declined", "bpbd-1", "9")],
            "bpbd-2",
        ),
        "missing": ("52", "", [("line-failed", "basarnas-1", "CHANUNAVAIL")], "basarnas-2"),
    }
    caller_hz = dict(zip(first_lines, (1600, 1750, 1900, 2050), strict=True))
    agency_hz = dict(zip(first_lines, (2200, 2350, 2500, 2650), strict=True))
    phones = await house.phones(
        *(first for _, first, _, _ in first_lines.values() if first),
        *(second for *_, second in first_lines.values()),
        tones={second: agency_hz[category] for category, (*_, second) in first_lines.items()},
    )
    phones["damkar-1"].answering = RINGS
    phones["dinkes-1"].answering = VOICEMAIL
    phones["bpbd-1"].answering = DECLINE
    for *_, second in first_lines.values():
        phones[second].answering = ACCEPT

    async def one_call(category: str) -> dict[str, Any]:
        keys, _, _, second = first_lines[category]
        number = f"+62811000{caller_hz[category]}"
        citizen = await house.carrier(caller_hz[category], number)
        call = await (await citizen.dial("112")).established()
        await call.press(keys, pause=1)
        person = await (await phones[second].incoming(60)).established()
        # Rung from the address at which it registered, not from the trunk's.
        assert person.peer == f"sip:{number}@{house.settings.phones_address}"
        await hear_each_other(call, caller_hz[category], person, agency_hz[category])
        await call.hang_up()
        await person.closed()
        for hz in {*caller_hz.values(), *agency_hz.values()} - {caller_hz[category], agency_hz[category]}:
            assert not heard(call.recording, hz)
            assert not heard(person.recording, hz)
        await until(lambda: house.call_of(number).get("ended_at"), f"{category} has ended in the record")
        return house.call_of(number)

    rows = await asyncio.gather(*(one_call(category) for category in first_lines))
    for (category, (_, _, told_of_first, second)), row in zip(first_lines.items(), rows, strict=True):
        assert (row["category"], row["line"]) == (category, second)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "agency", "caller")
        story = house.story(row["call_id"])
        assert in_order(
            (told.kind for told in story),
            *("trunk", "menu", "decision", "lines", "stage-end", "lines", "ringing"),
            *("line-answered", "line-accepted", "ended"),
        )
        decision = next(told.data for told in story if told.kind == "decision")
        assert (decision["mode"], "queue" in house.kinds(row["call_id"])) == ("direct", False)
        assert of_lines(story) == [*told_of_first, ("line-answered", second), ("line-accepted", second)]
        recording = house.recording(row["call_id"])
        assert heard(recording, caller_hz[category], 2)
        assert heard(recording, agency_hz[category], 2)
    sentence = house.settings.prompts / "id" / "accept-medical.wav"
    assert len(said(phones["dinkes-1"].calls[0].recording, sentence)) == 3


def calls_of(answerer: TrunkAnswerer) -> list[CallResult]:
    """Without Asterisk's questions whether it is there."""
    return [result for result in answerer.results() if result.messages[0].method == "INVITE"]


async def test_each_line_is_rung_and_accepted_as_its_entry_says(build: Callable[..., Any]) -> None:
    """Four calls at the same time. A line with accept=answer and dtmf= hears the digits and then the caller,
    no sentence. A line with number= is rung through the carrier's trunk with its plus, although the carrier
    did not answer when it was asked whether it is there; it hears its digits as SIP INFO, and accepts with
    the key 1, as SIP INFO too. At a usual line somebody presses 2 in the middle of the sentence, hears it
    from its beginning, and then accepts. At the last one the sentence's file is lost: a dial tone asks for
    the key."""
    carrier = TrunkAnswerer(TrunkAnswer(keys=[(2.0, "1")]))
    rules = rules_with(
        ("lines: [damkar-1 15s,", "lines: [damkar-1 15s accept=answer dtmf=2w5,"),
        ("lines: [dinkes-1 15s,", "lines: [dinkes-hp 15s number=+629110000118 dtmf=42,"),
    )
    house: House = await build(routing=rules, trunk_server=f"{carrier.address}:{carrier.port}")
    sentences = house.settings.prompts / "id"
    phones = await house.phones(
        *("damkar-1", "bpbd-1", "polresta-1"),
        tones={"damkar-1": 2200, "bpbd-1": 2350, "polresta-1": 2500},
    )
    phones["damkar-1"].answering = VOICEMAIL
    # In the middle of the sentence of 5 s, and in the 3 s of silence after its second time.
    phones["bpbd-1"].answering = Answering(keys=[(2.0, "2"), (6.0, "1")])

    async def at_a_line_that_accepts_by_answering() -> None:
        call = await (await (await house.carrier(1600, "+62811")).dial("112")).established()
        await call.press("1")
        person = await (await phones["damkar-1"].incoming(30)).established()
        await hear_each_other(call, 1600, person, 2200)
        await person.hang_up()
        await call.closed()
        assert person.keys_heard == "25"
        assert not said(person.recording, sentences / "accept-fire.wav", 1)

    async def at_a_number() -> None:
        async with carrier:
            await carrier.start()
            call = await house.call(caller="+62812", keys=[(0.5, "2")])
            await until(lambda: house.call_of("+62812").get("state") == "talking", "somebody accepts", 30)
            await call.hang_up()
            await until(lambda: [one.ended_by for one in calls_of(carrier)] == ["them"], "it ends there", 30)
        (rung,) = calls_of(carrier)
        assert rung.messages[0].first_line.startswith("INVITE sip:+629110000118@")
        digits = [message.body.splitlines()[0].strip() for message in rung.received("INFO")]
        assert digits == ["Signal=4", "Signal=2"]

    async def at_a_usual_line() -> None:
        call = await (await (await house.carrier(1900, "+62813")).dial("112")).established()
        await call.press("4")
        person = await (await phones["bpbd-1"].incoming(30)).established()
        await hear_each_other(call, 1900, person, 2350)
        await call.hang_up()
        await person.closed()
        sentence = sentences / "accept-disaster.wav"
        assert (len(said(person.recording, sentence, 1.5)), len(said(person.recording, sentence))) == (2, 1)

    async def at_a_line_without_a_sentence() -> None:
        call = await (await (await house.carrier(2050, "+62814")).dial("112")).established()
        await call.press("3")
        person = await phones["polresta-1"].incoming(30)
        for file in sentences.glob("accept-security*"):
            file.unlink()
        await person.accept()
        await person.established()
        await until(lambda: heard(person.recording, DIAL_TONE), "a dial tone is heard", 30)
        await person.press("1")
        await hear_each_other(call, 2050, person, 2500)
        await call.hang_up()
        await person.closed()

    # One after the other: sentences are looked for in recordings, and a phone that has to wait drops sound.
    for one in (
        at_a_line_that_accepts_by_answering,
        at_a_number,
        at_a_usual_line,
        at_a_line_without_a_sentence,
    ):
        await one()
    await house.ended(4)
    for number, line, ended_by in (
        ("+62811", "damkar-1", "person"),
        ("+62812", "dinkes-hp", "caller"),
        ("+62813", "bpbd-1", "caller"),
        ("+62814", "polresta-1", "caller"),
    ):
        row = house.call_of(number)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "agency", ended_by)
        assert row["line"] == line
        told = [entry for entry in of_lines(house.story(row["call_id"])) if line in entry]
        assert told == [("line-answered", line), ("line-accepted", line)]


async def test_of_lines_that_ring_together_the_first_that_accepts_gets_the_caller(
    build: Callable[..., Any],
) -> None:
    """Four lines of the police ring together. At one somebody picks up and hangs up again while the sentence
    is told; a voicemail answers and hears it, too; the others ring on. Then somebody answers and presses 1:
    that one talks with the caller. The fourth stops ringing, and the voicemail is sent away without having
    heard the caller."""
    lines = ("lines: [polresta-1 20s,", "lines: [polresta-1 20s, polresta-3 20s, polresta-4 20s,")
    house: House = await build(routing=rules_with(lines))
    names = ("polresta-1", "polresta-2", "polresta-3", "polresta-4")
    phones = await house.phones(*names, tones={"polresta-2": 2200})
    phones["polresta-1"].answering = VOICEMAIL
    phones["polresta-4"].answering = Answering(hang_up_after=1)
    citizen = await house.carrier(1600)
    call = await (await citizen.dial("110")).established()
    voicemail = await (await phones["polresta-1"].incoming(30)).established()
    await (await phones["polresta-4"].incoming(30)).closed()
    person, ringing = [await phones[name].incoming(30) for name in ("polresta-2", "polresta-3")]
    await until(lambda: said(voicemail.recording, _security(house), 1.5), "the voicemail hears the sentence")
    await person.accept()
    await person.established()
    await until(lambda: said(person.recording, _security(house), 1.5), "so does a person")
    assert ringing.closed_at is None
    await person.press("1")
    await hear_each_other(call, 1600, person, 2200)
    await ringing.closed()
    await voicemail.closed(20)
    assert not heard(voicemail.recording, 1600)
    assert (call.closed_at, person.closed_at) == (None, None)
    await person.hang_up()
    await call.closed()
    row = await house.only_call()
    assert (row["result"], row["reason"], row["detail"]) == ("answered", "agency", "person")
    assert (row["agency"], row["line"]) == ("polresta", "polresta-2")
    told = of_lines(house.story(row["call_id"]))
    assert set(told[:2]) == {("line-answered", "polresta-1"), ("line-answered", "polresta-4")}
    assert told[2:] == [
        ("line-answered", "polresta-2"),
        ("line-accepted", "polresta-2"),
        ("line-declined", "polresta-1", "gone"),
    ]


def _security(house: House) -> Path:
    return house.settings.prompts / "id" / "accept-security.wav"
