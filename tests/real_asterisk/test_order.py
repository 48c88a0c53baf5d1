"""In which order waiting callers are answered."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from typing import Any, NamedTuple

from house import House, rules_with, until
from stack.phones.baresip import Answering, Phone

CHOICES = (
    *(("1",), ("2",), ("3",), ("4",), ("0",), ("8",)),
    *(("5", "1"), ("5", "2"), ("5", "3"), ("5", "4")),
)
"""Keys to the person: the five priorities from 9 (fire) to 3 (hearse), with and without a second menu."""
PRIORITIES = {9: 9, 8: 6, 7: 3, 6: 6, 4: 3, 3: 3}
"""How many of thirty calls have which priority, each choice taken three times."""
CLOSE = 0.5
"""Seconds. The order counts tenths of a second in the dialplan; the ledger has the moment of the channel's
event. Calls answered closer together than this may be taken in either order."""


class Turn(NamedTuple):
    """A call and its place in the order."""

    call_id: str
    priority: int
    answered: datetime
    queued: datetime
    rung: datetime
    """When an operator's phone first rang for it."""

    def goes_before(self, other: "Turn") -> bool:
        """Whether this one has the better right, beyond doubt."""
        if self.priority != other.priority:
            return self.priority > other.priority
        return (other.answered - self.answered).total_seconds() > CLOSE


def turns(house: House) -> list[Turn]:
    """All calls in the order in which operators' phones rang for them."""
    found = []
    for row in house.calls():
        first = {told.kind: told for told in reversed(house.story(row["call_id"]))}
        found.append(
            Turn(
                row["call_id"],
                json.loads(row["snapshot"])["priority"],
                *(at(first[kind].at) for kind in ("trunk-answered", "queue", "ringing")),
            )
        )
    return sorted(found, key=lambda turn: turn.rung)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def occupied(house: House, phone: Phone) -> Callable[[], Any]:
    """Keep an operator in a talk with a citizen of his own; call what is returned to end it."""
    early = await house.call(dialled="110", patience=120)
    talk = await phone.incoming()
    await talk.accept()
    await talk.established()
    await until(lambda: phone.user in {row["operator"] for row in house.calls()}, "the talk is in the record")
    return early.hang_up


def waiting(house: House, count: int) -> Callable[[], bool]:
    """Whether so many calls wait in a queue."""
    return lambda: sum(row["state"] == "queue" for row in house.calls()) == count


def ids(house: House) -> set[str]:
    return {row["call_id"] for row in house.calls()}


def stages(house: House, call_id: str) -> list[str]:
    """The queues in which the caller has waited so far; the last is where he is."""
    return [told.data["queue"] for told in house.story(call_id) if told.kind == "queue"]


async def test_thirty_calls_at_once_go_by_priority_then_by_the_trunks_answer(
    build: Callable[..., Any],
) -> None:
    """Three operators talk while thirty citizens call within seconds and choose ten different things. Who
    was answered first stays longest in the menus, so they come to the queue the other way round. Then the
    operators take them, each for a short talk: every citizen gets one; the priority goes first, then the
    trunk's answer. Three operators who become free at the same moment may take the first three in any order:
    nobody is passed by more than two."""
    names = ("op1", "op2", "op3")
    patient = ("[45s supervisors, 75s lead, 2m last_resort]", "[5m last_resort]")
    house: House = await build(operators=names, routing=rules_with(patient))
    phones = await house.phones(*names)
    await house.on_duty(*names)
    hang_ups = [await occupied(house, phones[name]) for name in names]

    for number, keys in enumerate(CHOICES * 3):
        slowest = 9.0 - 0.28 * number
        await house.call(keys=[(slowest, keys[0]), *((0.5, key) for key in keys[1:])], patience=150)
        await asyncio.sleep(0.1)
    await until(waiting(house, 30), "thirty callers wait in the queue", 30)
    for name in names:
        phones[name].answering = Answering(after=0.05, hang_up_after=0.3)
    await asyncio.gather(*(hang_up() for hang_up in hang_ups))
    calls = await house.ended(33, 120)

    assert {(row["result"], row["reason"]) for row in calls} == {("answered", "operator")}
    assert {row["detail"] for row in calls[3:]} == {"person"}
    order = turns(house)[3:]
    assert Counter(turn.priority for turn in order) == PRIORITIES
    passed_by = [
        [later for later in order[place + 1 :] if later.goes_before(turn)] for place, turn in enumerate(order)
    ]
    assert max(map(len, passed_by)) < len(names), passed_by
    crossed = [one.goes_before(other) and one.queued > other.queued for one, other in permutations(order, 2)]
    assert sum(crossed) > 50, "the order of entering the queue would look the same"


async def test_a_caller_who_overflowed_and_came_back_keeps_the_place(build: Callable[..., Any]) -> None:
    """The only operator talks. A citizen waits for him, overflows to the supervisors, of whom none answers,
    and comes back to the operators' queue. Meanwhile another citizen with the same priority has entered that
    queue, and then one whose house burns. When the operator is free, the fire is taken first, then the one
    who came back, then the other: the order of the trunk's answers, not of entering."""
    house: House = await build(
        routing=rules_with(
            ("[45s supervisors, 75s lead, 2m last_resort]", "[10s supervisors, 12s last_resort]"),
            ("stay: Tetap di telepon. Anda segera disambungkan.", "stay: Tunggu."),
        )
    )
    phones = await house.phones("op1", "op2")
    await house.on_duty("op1")
    await house.on_duty("op2", queue="supervisors")
    hang_up = await occupied(house, phones["op1"])

    async def citizen(dialled: str) -> str:
        """Call, and give the call's id once he waits for the operator."""
        known = ids(house)
        await house.call(dialled=dialled, patience=120)
        new: list[str] = []
        await until(lambda: new.extend(ids(house) - known) or new, "the call arrives")
        await until(lambda: stages(house, new[0]) == ["emergency"], "the caller waits")
        return new[0]

    first = await citizen("110")
    await until(lambda: stages(house, first)[-1] == "supervisors", "the first citizen overflowed", 20)
    assert await phones["op2"].incoming()
    second = await citizen("110")
    await until(lambda: stages(house, first)[-1] == "emergency", "the first citizen came back", 20)
    fire = await citizen("113")
    assert stages(house, first) == ["emergency", "supervisors", "emergency"]
    assert stages(house, second) == ["emergency"]
    phones["op1"].answering = Answering(after=0.05, hang_up_after=0.3)
    await hang_up()
    await house.ended(4, 60)

    answered = {row["call_id"]: at(row["human_at"]) for row in house.calls() if row["operator"] == "op1"}
    assert sorted(answered, key=answered.__getitem__)[1:] == [fire, first, second]
