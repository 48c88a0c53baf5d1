"""When no agency can help, or not to the end: the caller still comes to a person."""

import asyncio
from collections.abc import Callable
from typing import Any

from house import House, rules_with, until
from recorded import in_order
from sentences import said, share_said
from stack.phones.baresip import Answering, Phone
from stack.phones.scenario import TrunkAnswer
from stack.phones.sipp import TrunkAnswerer
from stack.tones import heard
from test_agency_lines import ACCEPT, DECLINE, RINGS, VOICEMAIL, calls_of, hear_each_other, of_lines

from ivr.calls.endings import SHORT_SECONDS

FIRE = "  - rule: fire\n    when: {category: fire}\n    mode: "
DIRECT = (f"{FIRE}direct_if_swamped", f"{FIRE}direct")
"""Fire rings its agency at once although operators are on duty."""


async def test_when_all_lines_fail_the_operator_gets_the_call(build: Callable[..., Any]) -> None:
    """The rules ring the agency at once, and none of its seven lines can help: busy; rings and nobody
    answers; declines; hangs up while the sentence is told; no phone; a phone that redirects the call to a
    place of its own choice; a number while there is no way out to the carrier. The operator on duty gets the
    call, both hear each other, and nobody was called at the place of the redirection."""
    elsewhere = TrunkAnswerer(TrunkAnswer(), address="127.0.0.1")
    astray = f"sip:somewhere@{elsewhere.address}:{elsewhere.port}"
    redirecting = TrunkAnswerer(TrunkAnswer(ring_for=0.2, status=302, contact=astray), address="127.0.0.1")
    lines = (
        "lines: [damkar-busy 9s, damkar-rings 2s, damkar-declines 9s, damkar-leaves 9s, damkar-no-phone 9s, "
        "damkar-redirects 9s, damkar-number 9s number=+629110000113]"
    )
    rules = rules_with(("lines: [damkar-1 15s, damkar-2 20s, damkar-radio 10s accept=answer]", lines), DIRECT)
    house: House = await build(routing=rules)
    phones = await house.phones(
        *("op1", "damkar-busy", "damkar-rings", "damkar-declines", "damkar-leaves"), tones={"op1": 2200}
    )
    await house.on_duty("op1")
    phones["op1"].answering = Answering()
    phones["damkar-rings"].answering = RINGS
    phones["damkar-declines"].answering = DECLINE
    phones["damkar-leaves"].answering = Answering(hang_up_after=1)
    async with elsewhere, redirecting:
        await asyncio.gather(elsewhere.start(), redirecting.start())
        await give_address(house, "damkar-redirects", f"sip:damkar@{redirecting.address}:{redirecting.port}")
        citizen = await house.carrier(1600)
        call = await (await citizen.dial("112")).established()
        await call.press("1")
        await (await phones["damkar-busy"].incoming(30)).hang_up()
        person = await (await phones["op1"].incoming(40)).established()
        await hear_each_other(call, 1600, person, 2200)
        await call.hang_up()
        (redirected,) = calls_of(redirecting)
        assert redirected.statuses[-1] == 302
        assert calls_of(elsewhere) == []
    row = await house.only_call()
    assert (row["result"], row["reason"], row["operator"]) == ("answered", "operator", "op1")
    story = house.story(row["call_id"])
    assert of_lines(story) == [
        ("line-failed", "damkar-busy", "BUSY"),
        ("line-failed", "damkar-rings", "NOANSWER"),
        ("line-answered", "damkar-declines"),
        ("line-declined", "damkar-declines", "9"),
        ("line-answered", "damkar-leaves"),
        ("line-failed", "damkar-no-phone", "CHANUNAVAIL"),
        ("line-failed", "damkar-redirects", "BUSY"),
        ("line-failed", "damkar-number", "CHANUNAVAIL"),
    ]
    assert in_order((told.kind for told in story), "decision", *["lines"] * 7, "queue", "operator-answered")


async def give_address(house: House, phone: str, contact: str) -> None:
    """A phone that does not register: it is there as soon as it answers Asterisk's question."""
    await house.rules_in_asterisk()
    path = house.settings.generated / "pjsip-phones.conf"
    section = f"[{phone}](phone-aor)\n"
    assert section in path.read_text()
    path.write_text(path.read_text().replace(section, f"{section}contact={contact}\n"))
    await house.asterisk.rx("module reload res_pjsip.so")

    async def there() -> bool:
        contacts = await house.asterisk.rx("pjsip show contacts")
        return any(contact in line and " Avail " in line for line in contacts.splitlines())

    await until(there, f"{phone} is there", 30)


async def test_a_caller_who_leaves_while_the_agency_listens_is_put_to_nobody(
    build: Callable[..., Any],
) -> None:
    """Two agencies are told what it is when their callers hang up. One presses 1 then, the other nothing:
    neither gets anybody. Both are told that the caller has gone, and their phones are free again. The calls
    count as abandoned at the lines."""
    house: House = await build()
    phones = await house.phones("damkar-1", "dinkes-1")
    callers = {"damkar-1": ("+62811", "1"), "dinkes-1": ("+62812", "2")}

    async def one(line: str) -> None:
        number, key = callers[line]
        call = await house.call(caller=number, keys=[(0.5, key)])
        ringing = await phones[line].incoming(30)
        # Later than what counts as a short call.
        await until(lambda: house.call_of(number).get("state") == "lines", "the line rings")
        await asyncio.sleep(SHORT_SECONDS)
        await ringing.accept()
        await ringing.established()
        sentence = house.settings.prompts / "id" / f"accept-{'fire' if key == '1' else 'medical'}.wav"
        await until(lambda: said(ringing.recording, sentence, 1.5), "the sentence is told", 30)
        await call.hang_up()
        await until(lambda: house.call_of(number).get("ended_at"), "the call has ended in the record")
        if key == "1":
            await ringing.press("1")
        await ringing.closed(20)
        gone = house.settings.prompts / "id" / "caller-gone.wav"
        assert share_said(ringing.recording, gone) > 0.5

    await asyncio.gather(*(one(line) for line in callers))
    for line, (number, _) in callers.items():
        row = house.call_of(number)
        assert (row["result"], row["reason"], row["detail"]) == ("abandoned", "at-lines", "caller")
        expected = [("line-answered", line), ("line-declined", line, "gone")]
        call_id = row["call_id"]
        await until(
            lambda call_id=call_id, expected=expected: of_lines(house.story(call_id)) == expected,
            "it is told",
        )


async def test_a_caller_whose_agency_phone_dies_goes_back_ahead_of_all_others(
    build: Callable[..., Any],
) -> None:
    """An agency talks with a caller; one operator came on duty and talks with a second caller, a third one,
    just as urgent, waits. Then the agency's phone loses its power. Its caller is waiting again, ahead of the
    third, reaches the operator as soon as the second call ends, and both hear each other. Then the third
    has its turn."""
    house: House = await build()
    agency = await house.phones("damkar-1", tones={"damkar-1": 2200})
    operator = await house.phones("op1", tones={"op1": 2350})
    agency["damkar-1"].answering = ACCEPT
    citizen = await house.carrier(1600, "+62811")
    call = await (await citizen.dial("112")).established()
    await call.press("1")
    await hear_each_other(call, 1600, await (await agency["damkar-1"].incoming(30)).established(), 2200)

    await house.on_duty("op1")
    second = await house.call(caller="+62812", keys=[(0.5, "0")])
    with_second = await answer(operator["op1"])
    third = await house.call(caller="+62813", keys=[(0.5, "1")])
    await until(lambda: house.call_of("+62813").get("state") == "queue", "the third one waits")

    await agency["damkar-1"].vanish()
    await until(lambda: house.call_of("+62811").get("state") == "queue", "the first one waits again", 30)
    await second.hang_up()
    await with_second.closed()
    with_first = await answer(operator["op1"])
    await hear_each_other(call, 1600, with_first, 2350)
    await call.hang_up()
    await with_first.closed()
    with_third = await answer(operator["op1"])
    await with_third.hang_up()
    await third.result()

    await house.ended(3)
    row = house.call_of("+62811")
    assert (row["result"], row["reason"], row["detail"]) == ("answered", "agency", "caller")
    assert (row["line"], row["operator"]) == ("damkar-1", "op1")
    story = house.story(row["call_id"])
    assert in_order(
        (told.kind for told in story),
        *("line-accepted", "talk-end", "queue", "operator-answered", "ended"),
    )
    assert next(told.data["follows"] for told in story if told.kind == "talk-end") == "requeue"
    recording = house.recording(row["call_id"])
    assert [hz for hz in (1600, 2200, 2350) if not heard(recording, hz)] == []


async def answer(phone: Phone, seconds: float = 30) -> Any:
    call = await phone.incoming(seconds)
    await call.accept()
    return await call.established()


async def test_a_line_that_asterisk_does_not_know_is_passed(build: Callable[..., Any]) -> None:
    """The generated file of lines is lost and the dialplan is loaded again. A line whose phone has its name
    still rings, because its phone is an agency's. A line that was a number is told as unknown, and so is one
    named like an operator's phone: the plan goes on without them, to the operators."""
    house: House = await build(
        routing=rules_with(
            DIRECT,
            (
                "lines: [damkar-1 15s, damkar-2 20s,",
                "lines: [damkar-hp 9s number=+629110000113, damkar-2 2s,",
            ),
            ("damkar-radio 10s accept=answer]", "op2 2s number=+629110000114]"),
        ),
    )
    await house.rules_in_asterisk()
    (house.settings.generated / "lines.conf").unlink()
    await house.asterisk.rx("dialplan reload")
    phones = await house.phones("op1", "op2", "damkar-2")
    await house.on_duty("op1")
    call = await house.call(keys=[(0.5, "1")])
    rings = await phones["damkar-2"].incoming(30)
    person = await answer(phones["op1"])
    await rings.closed()
    await until(lambda: house.calls()[0]["state"] == "talking", "the operator talks")
    assert phones["op2"].calls == []
    await person.hang_up()
    await call.result()
    row = await house.only_call()
    assert (row["result"], row["reason"], row["operator"]) == ("answered", "operator", "op1")
    assert of_lines(house.story(row["call_id"])) == [
        ("line-failed", "damkar-hp", "UNKNOWN"),
        ("line-failed", "damkar-2", "NOANSWER"),
        ("line-failed", "op2", "UNKNOWN"),
    ]


async def test_nobody_is_there_at_all_and_the_caller_is_kept_until_somebody_is(
    build: Callable[..., Any],
) -> None:
    """No operator, no agency's phone, not even those of last resort. The caller hears again and again that
    somebody will answer, with music between, through the plan of the call and that of last resort in turn.
    When a phone of last resort is there at last, it gets the call."""
    house: House = await build()
    citizen = await house.carrier(1600)
    call = await (await citizen.dial("112")).established()
    await call.press("1")
    stay = house.settings.prompts / "id" / "stay.wav"

    def rounds() -> list[int]:
        rows = house.calls()
        story = house.story(rows[0]["call_id"]) if rows else []
        return [int(str(told.data["round"])) for told in story if "round" in told.data]

    await until(lambda: max(rounds(), default=0) >= 3, "the third round begins", 40)
    await until(
        lambda: len(said(call.recording, stay)) >= 2, "the caller heard twice that somebody will answer"
    )
    phones = await house.phones("piket-112", tones={"piket-112": 2200})
    phones["piket-112"].answering = VOICEMAIL
    person = await (await phones["piket-112"].incoming(30)).established()
    await hear_each_other(call, 1600, person, 2200)
    await person.hang_up()
    await call.closed()
    row = await house.only_call()
    assert (row["result"], row["reason"], row["detail"]) == ("answered", "last-resort", "person")
    assert row["line"] == "piket-112"
    assert rounds() == sorted(rounds())
