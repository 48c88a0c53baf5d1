"""When no operator answers: where a call goes next, and that it goes there at once when nobody could."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from house import House, rules_with, until
from recorded import Told, in_order
from sentences import said
from stack.phones.baresip import Answering

OVERFLOW = "[45s supervisors, 75s lead, 2m last_resort]"
PERSON = ((0.2, "0"),)
"""The key that asks for a person: a rule without agencies, so that only queues and last-resort lines ring."""


def stages(story: Sequence[Told]) -> list[tuple[object, str]]:
    """Where the caller waited and how each ended."""
    wheres = [
        told.data.get("queue") or told.data["lines"] for told in story if told.kind in ("queue", "lines")
    ]
    ends = [told.data["status"] for told in story if told.kind == "stage-end"]
    return list(zip(wheres, ends, strict=False))


def rings(story: Sequence[Told]) -> list[str]:
    """The phones that rang, in their order."""
    return [told.data["phone"] for told in story if told.kind == "ringing"]


def story_of(house: House, number: int) -> list[Told]:
    """The story of the call of this number (1 is the first) as far as it is told; empty before it begins."""
    ids = [row["call_id"] for row in house.calls()][number - 1 : number]
    return [told for call_id in ids for told in house.story(call_id)]


async def test_a_call_goes_from_queue_to_queue_to_agency_to_last_resort(build: Callable[..., Any]) -> None:
    """A fire. The operator's phone rings and is not answered, nor is the supervisor's. The fire brigade's
    first line is not answered, its second has no phone, its radio neither; at the last resort somebody picks
    up, and that is enough there. The ledger tells each step."""
    house: House = await build(
        routing=rules_with(
            (OVERFLOW, "[3s supervisors, 6s lead, 30s last_resort]"),
            ("[damkar-1 15s, damkar-2 20s,", "[damkar-1 2s, damkar-2 2s,"),
        )
    )
    phones = await house.phones("op1", "op2", "damkar-1", "piket-112")
    await house.on_duty("op1")
    await house.on_duty("op2", queue="supervisors")
    phones["piket-112"].answering = Answering(hang_up_after=1)
    citizen = await house.call(dialled="113")
    assert (await citizen.result()).ended_by == "them"

    row = await house.only_call()
    assert (row["result"], row["reason"], row["line"]) == ("answered", "last-resort", "piket-112")
    story = house.story(row["call_id"])
    assert stages(story) == [
        ("emergency", "TIMEOUT"),
        ("supervisors", "TIMEOUT"),
        (["damkar-1"], "NOANSWER"),
        (["damkar-2"], "NOANSWER"),
        (["damkar-radio"], "NOANSWER"),
        (["piket-112"], "ANSWER"),
    ]
    failed = [(told.data["line"], told.data["status"]) for told in story if told.kind == "line-failed"]
    assert failed == [
        ("damkar-1", "NOANSWER"),
        ("damkar-2", "CHANUNAVAIL"),
        ("damkar-radio", "CHANUNAVAIL"),
    ]
    assert rings(story) == ["op1", "op2", "damkar-1", "piket-112"]


async def test_a_queue_in_which_nobody_can_answer_is_passed_at_once(house: House) -> None:
    """Nobody is logged in; then one who pauses; then one whose phone was never switched on, and one whose
    phone was switched off. Each time a citizen's call passes both queues without any wait and rings at the
    last resort."""
    phones = await house.phones("op1", "piket-112")
    phones["piket-112"].answering = Answering(hang_up_after=1)

    async def passes(number: int) -> None:
        citizen = await house.call(keys=PERSON)
        assert (await citizen.result()).ended_by == "them"
        await house.ended(number)
        story = story_of(house, number)
        assert stages(story)[:2] == [("emergency", "JOINEMPTY"), ("supervisors", "JOINEMPTY")]
        assert rings(story) == ["piket-112"]

    await passes(1)
    await house.on_duty("op1")
    await house.asterisk.rx("queue pause member PJSIP/op1")
    await passes(2)
    await house.off_duty("op1")
    await house.on_duty("op2")
    await passes(3)
    await house.on_duty("op1")
    await phones["op1"].stop()
    await passes(4)


async def test_callers_move_on_at_once_when_the_last_operator_logs_out(house: House) -> None:
    """The only operator talks and a citizen waits. The operator logs out: the waiting citizen moves on to
    the last resort at once, and the talk goes on."""
    phones = await house.phones("op1", "piket-112")
    await house.on_duty("op1")
    phones["piket-112"].answering = Answering(hang_up_after=1)
    early = await house.call(keys=PERSON)
    talk = await phones["op1"].incoming()
    await talk.accept()
    await talk.established()
    citizen = await house.call(keys=PERSON)
    await until(lambda: "queue" in [told.kind for told in story_of(house, 2)], "the second citizen waits")

    await house.off_duty("op1")
    assert (await citizen.result()).ended_by == "them"
    assert talk.closed_at is None
    await early.hang_up()
    await house.ended(2)
    waited = story_of(house, 2)
    assert stages(waited)[:2] == [("emergency", "LEAVEEMPTY"), ("supervisors", "JOINEMPTY")]
    assert rings(waited) == ["piket-112"]


async def test_information_never_takes_the_last_free_operator(build: Callable[..., Any]) -> None:
    """One operator is free. Citizens who want information wait and hear the message on hold; an emergency
    that comes later is answered. A second operator comes on duty: one phone rings for information, and only
    one, however many wait; an emergency gets the other. The phone that rang is not answered, and as it is now
    the last free one, it does not ring for information again, until the citizens have waited their time and
    overflow to layer 1: then all of them are answered."""
    overflow = ("keep_free: 1, overflow: [5m emergency]", "keep_free: 1, overflow: [40s emergency]")
    house: House = await build(routing=rules_with(overflow))
    phones = await house.phones("op1", "op2")
    both = ("emergency", "information")
    for queue in both:
        await house.on_duty("op1", queue=queue)
    curious = await (await house.carrier()).dial("112")
    await curious.established()
    await curious.press("55", 0.5)
    for _ in range(7):
        await house.call(keys=[(0.2, "5"), (0.7, "5")], patience=150)
    await until(lambda: [row["category"] for row in house.calls()] == ["consultation"] * 8, "eight wait")
    message = house.settings.prompts / "hold" / "id" / "1-message.wav"
    kept = house.recording(house.calls()[0]["call_id"])
    await until(lambda: said(kept, message), "the message on hold is heard", 20)
    await house.call(dialled="110")
    await house.take(phones["op1"])
    assert len(phones["op1"].calls) == 1

    for queue in both:
        await house.on_duty("op2", queue=queue)
    await until(lambda: [phone for phone in phones if phone.active], "one of them is rung")
    (ringing,) = (phone for phone in phones if phone.active)
    (free,) = (phone for phone in phones if not phone.active)
    with pytest.raises(TimeoutError):
        await free.incoming(3)
    emergency = await house.call(dialled="110", patience=150)
    talk = await free.incoming()
    await talk.accept()
    await talk.established()

    last = ringing.active[0]
    await last.closed(30)
    ringing.answering = Answering(hang_up_after=0.5)
    await until(lambda: sum(bool(row["ended_at"]) for row in house.calls()) == 9, "all are answered", 60)
    await emergency.hang_up()
    calls = await house.ended(10)
    assert {(row["result"], row["reason"]) for row in calls} == {("answered", "operator")}
    for row in calls[:8]:
        assert row["operator"] == ringing.user
        story = house.story(row["call_id"])
        assert stages(story) == [("information", "TIMEOUT"), ("emergency", "CONTINUE")]
        assert in_order((told.kind for told in story), *("queue", "queue", "ringing", "operator-answered"))


async def test_the_clock_tells_of_half_time_and_lateness(build: Callable[..., Any]) -> None:
    """Fires have a clock of 10 s here, and accidents too, which ring the agency at once. One fire is talked
    about for longer than that, one only for a moment: for both, half time and lateness are recorded, for
    the second after its end. The accident is accepted by the agency in time: nothing is recorded."""
    house: House = await build(
        routing=rules_with(
            ("notify: fire-heads\n    clock: 5m", "notify: fire-heads\n    clock: 10s"),
            ("clock: 5m\n    priority: 9\n  - rule: brawl", "clock: 10s\n    priority: 9\n  - rule: brawl"),
            (
                "when: {category: accident}\n    mode: direct_if_swamped",
                "when: {category: accident}\n    mode: direct",
            ),
        )
    )
    phones = await house.phones("op1", "op2", "dinkes-1")
    await house.on_duty("op1", "op2")
    phones["op1"].answering = Answering()
    phones["op2"].answering = Answering(hang_up_after=1)
    phones["dinkes-1"].answering = Answering(keys=[(0.5, "1")])
    callers = []
    for number, keys in enumerate(((), (), ((0.2, "5"), (0.7, "1")))):
        callers.append(await house.call(dialled="112" if keys else "113", keys=keys, patience=120))
        await until(lambda wanted=number: len(answered(house)) > wanted, "a person answered", 20)
    await until(lambda: len(clock(house, 1)) == len(clock(house, 2)) == 2, "both clocks have run out", 20)
    for caller in callers:
        await caller.hang_up()
    calls = await house.ended(3)

    assert [(row["reason"], row["operator"] or row["line"]) for row in calls] == [
        ("operator", "op1"),
        ("operator", "op2"),
        ("agency", "dinkes-1"),
    ]
    for number in (1, 2):
        human = datetime.fromisoformat(calls[number - 1]["human_at"])
        told = clock(house, number)
        assert [entry.kind for entry in told] == ["clock-half", "clock-late"]
        after = [(datetime.fromisoformat(entry.at) - human).total_seconds() for entry in told]
        assert after == [5, 10]
    ended = [told.kind for told in story_of(house, 2)].index("ended")
    # The operator's own leg may end a moment after the call: two threads of Asterisk's.
    not_meant = {"recording-saved", "leg-ended"}
    late = [told.kind for told in story_of(house, 2)[ended + 1 :] if told.kind not in not_meant]
    assert late == ["clock-half", "clock-late"]
    assert clock(house, 3) == []


def answered(house: House) -> list[str]:
    return [row["call_id"] for row in house.calls() if row["human_at"]]


def clock(house: House, number: int) -> list[Told]:
    return [told for told in story_of(house, number) if told.kind.startswith("clock")]
