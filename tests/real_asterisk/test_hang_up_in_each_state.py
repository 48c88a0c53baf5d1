"""Whoever hangs up, and wherever the call is: the record says how it ended, and nothing is left behind."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from house import REPOSITORY, House, until
from recorded import in_order
from stack.phones.baresip import Answering
from stack.phones.scenario import Ending
from stack.phones.sipp import TrunkCaller

DIRECT = (REPOSITORY / "routing.yaml").read_text().replace("mode: direct_if_swamped", "mode: direct")
"""The city's rules, but agencies are rung at once: so that every state can be had side by side."""

LONG_ENOUGH = 5.5
"""A caller who leaves after so many seconds was no short call (ivr.calls.endings.SHORT_SECONDS)."""


@dataclass(frozen=True, slots=True)
class Case:
    who: str
    keys: str
    state: str
    """Where the call is when somebody hangs up."""
    ending: tuple[str, str, str]
    """Result, reason and detail."""
    last: tuple[str, ...]
    """The last entries of its story, others between them."""
    by: str | None = None
    """The phone that hangs up; otherwise the caller does."""


CASES = (
    Case(
        "talks with an operator", "0", "talking", ("answered", "operator", "caller"),
        ("operator-answered", "ended"),
    ),
    Case("is rung for", "0", "ringing", ("abandoned", "ringing", "caller"), ("queue", "ringing", "ended")),
    Case("waits, others are rung for", "0", "queue", ("abandoned", "in-queue", "caller"), ("queue", "ended")),
    Case(
        "waits for information", "55", "queue", ("abandoned", "in-queue", "caller"),
        ("menu", "menu", "decision", "queue", "ended"),
    ),
    Case("rings at an agency", "1", "lines", ("abandoned", "at-lines", "caller"), ("ringing", "ended")),
    Case(
        "an agency listens", "2", "lines", ("abandoned", "at-lines", "caller"),
        ("line-answered", "ended", "line-declined"),
    ),
    Case(
        "talks with an agency", "3", "talking", ("answered", "agency", "caller"), ("line-accepted", "ended")
    ),
    Case("hears a menu", "", "menu", ("abandoned", "in-menu", "caller"), ("trunk-answered", "ended")),
    Case(
        "an operator hangs up", "0", "talking", ("answered", "operator", "person"),
        ("operator-answered", "talk-end", "ended"), by="op3",
    ),
    Case(
        "an agency hangs up", "4", "talking", ("answered", "agency", "person"),
        ("line-accepted", "talk-end", "ended"), by="bpbd-1",
    ),
)  # fmt: skip


async def test_somebody_hangs_up_wherever_the_call_is(build: Callable[..., Any]) -> None:
    """Ten calls side by side, each held where the table says: in the menu, waiting while nobody rings for it,
    waiting outside the queue that keeps an operator free, while an operator's or an agency's phone rings,
    while the agency listens to its sentence, talking. Then all are hung up, and each ending is told as it
    was. The agency that still listens is told that the caller has gone."""
    house: House = await build(routing=DIRECT, operators=("op1", "op2", "op3"))
    phones = await house.phones("op1", "op2", "op3", "damkar-1", "dinkes-1", "polresta-1", "bpbd-1")
    for name in ("op1", "op3", "dinkes-1"):
        phones[name].answering = Answering()
    for name in ("polresta-1", "bpbd-1"):
        phones[name].answering = Answering(keys=((0.3, "1"),))
    callers = {case.who: f"+62811000{number:04}" for number, case in enumerate(CASES)}
    calls: dict[str, TrunkCaller] = {}

    async def place(case: Case) -> None:
        caller = callers[case.who]
        calls[case.who] = await house.call(caller=caller, keys=[(0.3, key) for key in case.keys])
        await in_state(house, caller, case.state, 20)

    # One operator after the other, so that it is known who talks with whom and who rings.
    in_turn = {"an operator hangs up": "op3", "talks with an operator": "op1", "is rung for": "op2"}
    for who, operator in in_turn.items():
        await house.on_duty(operator)
        await place(next(case for case in CASES if case.who == who))
    await asyncio.gather(*(place(case) for case in CASES if case.who not in in_turn))
    listening = house.call_of(callers["an agency listens"])["call_id"]
    await until(lambda: "line-answered" in house.kinds(listening), "the agency listens")
    await asyncio.sleep(LONG_ENOUGH)

    async def hang_up(case: Case) -> None:
        if case.by is None:
            await calls[case.who].hang_up()
        else:
            await phones[case.by].active[0].hang_up()
            assert (await calls[case.who].result()).ended_by == "them"

    # Who waits goes first: an operator who becomes free is rung for who waits still.
    waiting = [case for case in CASES if case.ending[1] == "in-queue"]
    await asyncio.gather(*map(hang_up, waiting))
    await asyncio.gather(*(calls[case.who].result() for case in waiting))
    await asyncio.gather(*(hang_up(case) for case in CASES if case not in waiting))
    await house.ended(len(CASES))
    await until(lambda: "line-declined" in house.kinds(listening), "the agency heard that the caller is gone")
    for case in CASES:
        assert ending(house, callers[case.who]) == case.ending, case.who
        kinds = house.kinds(house.call_of(callers[case.who])["call_id"])
        assert in_order(kinds, *case.last), (case.who, kinds)
    declined = next(told for told in house.story(listening) if told.kind == "line-declined")
    assert declined.data == {"line": "dinkes-1", "how": "gone"}


async def test_a_caller_leaves_at_once(build: Callable[..., Any]) -> None:
    """Some callers give up before or in the moment of the answer (CANCEL), one while the engine, which hangs,
    is asked, one in the first words of the menu. All are short calls, told apart by where they were."""
    house: House = await build()
    in_menu, at_intake = "+628110000001", "+628110000002"
    gave_up = {
        f"+6281100001{number:02}": await house.call(
            caller=f"+6281100001{number:02}", hang_up_after=number / 200, ending=Ending.CANCEL
        )
        for number in range(8)
    }
    statuses = {caller: (await call.result()).statuses for caller, call in gave_up.items()}
    await house.call(caller=in_menu)
    await in_state(house, in_menu, "menu")
    house.signal_engine(signal.SIGSTOP)
    await asyncio.gather(*(call.hang_up() for call in house.callers))
    left = await house.call("777", caller=at_intake, hang_up_after=0.5)  # a menu that it must ask for
    await left.result()
    house.signal_engine(signal.SIGCONT)
    await house.ended(10)

    assert ending(house, in_menu) == ("short", "in-menu", "caller")
    assert ending(house, at_intake) == ("short", "at-intake", "caller")
    # Who gives up before the dialplan's first steps has left no number yet.
    nameless = [row for row in house.calls() if not house.caller_of(row["call_id"]).get("number")]
    assert all((row["result"], row["reason"]) == ("short", "before-answer") for row in nameless)
    unknown = [caller for caller in statuses if not house.call_of(caller)]
    assert len(unknown) == len(nameless)
    for caller, seen in statuses.items():
        if caller in unknown:
            assert 487 in seen
            continue
        # A CANCEL that crosses our answer inside Asterisk: the channel was up, the caller hears 487 even so.
        where = {"before-answer", "at-intake"} if 487 in seen else {"at-intake", "in-menu"}
        result, reason, detail = ending(house, caller)
        assert (result, detail) == ("short", "caller")
        assert reason in where, (caller, seen)


async def test_a_phone_dies_in_mid_call(build: Callable[..., Any]) -> None:
    """An operator's phone loses its power in mid-call: the caller is back in the queue within the phone's
    rtp_timeout of 5 s, ahead of one who came later, and talks with another operator. The phone of that one
    dies, too, in the next call, and nobody else is there: that caller gives up, which is told as such."""
    house: House = await build()
    first, second = await house.phones("op1"), await house.phones("op2")
    first["op1"].answering = second["op2"].answering = Answering()
    caller, other, waits = "+628110000001", "+628110000002", "+628110000003"
    calls = {}
    for who, operator, state in ((caller, "op1", "talking"), (other, "op2", "talking"), (waits, "", "queue")):
        if operator:
            await house.on_duty(operator)
        calls[who] = await house.call(caller=who, keys=[(0.3, "0")])
        await in_state(house, who, state)
    await first["op1"].vanish()
    await house.off_duty("op1")  # Somebody saw that it is dark; Asterisk would ask it for 20 s more.
    await in_state(house, caller, "queue", 20)
    await calls[other].hang_up()
    await in_state(house, caller, "talking")
    assert house.call_of(waits)["state"] == "queue"
    await calls[caller].hang_up()
    await in_state(house, waits, "talking")
    await second["op2"].vanish()
    await until(lambda: house.call_of(waits)["state"] != "talking", "waits again", 20)
    await calls[waits].hang_up()
    await house.ended(3)
    assert ending(house, caller) == ("answered", "operator", "caller")
    assert ending(house, waits) == ("answered", "operator", "left-waiting-again")
    kinds = house.kinds(house.call_of(caller)["call_id"])
    assert in_order(kinds, *("operator-answered", "talk-end", "queue", "operator-answered", "ended")), kinds


async def test_callers_vanish_without_a_word(build: Callable[..., Any]) -> None:
    """Two callers lose their network, one talking, one waiting: the carrier is asked by session timer whether
    the call still stands (here every 45 s, which is the least there is, in place of 90), and after SIP's own
    patience (here 6 s in place of 32) both calls end. The talk was ended by the network; of a caller who only
    waited Asterisk keeps no cause: to the record that one left."""
    house: House = await build()
    conf = house.settings.etc / "pjsip.conf"
    text = conf.read_text().replace("timers_sess_expires=180", "timers_sess_expires=90")
    conf.write_text(text.replace("type=system\n", "type=system\ntimer_t1=100\ntimer_b=6400\n"))
    await house.asterisk.stop()
    await house.asterisk.start()
    phones = await house.phones("op1")
    await house.on_duty("op1")
    await house.engine_ready()
    phones["op1"].answering = Answering()
    talks, waits = "+628110000001", "+628110000002"
    for caller, state in ((talks, "talking"), (waits, "queue")):
        call = await house.call(caller=caller, keys=[(0.3, "0")], ending=Ending.VANISH, hang_up_after=1.0)
        await in_state(house, caller, state)
        await call.result()
    phones["op1"].answering = None
    await house.ended(2, 90)
    assert ending(house, talks) == ("answered", "operator", "network")
    result, _, detail = ending(house, waits)
    assert (result, detail) == ("abandoned", "caller")


async def in_state(house: House, caller: str, state: str, seconds: float = 10.0) -> None:
    await until(lambda: house.call_of(caller).get("state") == state, f"{caller}: {state}", seconds)


def ending(house: House, caller: str) -> tuple[str, str, str]:
    row = house.call_of(caller)
    return row["result"], row["reason"], row["detail"]
