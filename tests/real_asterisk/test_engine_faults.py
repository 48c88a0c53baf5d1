"""Whatever is wrong with the engine, the caller reaches a person, and the shift can change."""

import asyncio
import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broken_engine import Asked, BrokenEngine, Fault
from house import PIN, House, until
from recorded import as_asterisk_has_it, in_order
from stack.phones.baresip import Answering, Phone

SHORT_TALK = Answering(after=0.1, hang_up_after=0.2)


def plan(stages: str, *, version: str = "2", kind: str = "plan", end: str = "end") -> str:
    return f"{version}|{kind}|{stages}|6|unknown|id|id/accept-unknown||||112|number|{end}"


def menu(prompt: str = "id/no-such-prompt") -> str:
    return f"2|menu|main|id|0|1|{prompt}|112|number|0123456789ab|end"


QUEUE = plan("q:emergency:60")


def says(text: str, then_hangs: float = 0.0) -> Fault:
    async def fault(asked: Asked) -> None:
        await asked.say(text)
        await asyncio.sleep(then_hangs)

    return fault


def advises(advice: str, after: float = 0.0) -> Fault:
    async def fault(asked: Asked) -> None:
        await asyncio.sleep(after)
        await asked.advise(advice)

    return fault


async def babbles(asked: Asked) -> None:
    while True:
        await asked.say("NOOP and so on\n" * 100)


async def spouts(asked: Asked) -> None:
    while True:
        await asked.say(bytes(range(256)) * 100)


async def has_no_prompt(asked: Asked) -> None:
    await asked.advise(menu() if asked.number == 1 else QUEUE)


@dataclass(frozen=True, slots=True)
class Case:
    fault: Fault
    lifeline: str | None
    """Why the call goes on without the engine; None: it follows the advice, and gets to a person all the
    same."""
    questions: int = 1


CASES: Mapping[str, Case] = {
    "closes": Case(says(""), "no-answer"),
    "closes-in-mid-command": Case(says("SET VARIABLE IVR_ADV"), "no-answer"),
    "closes-in-mid-advice": Case(says('SET VARIABLE IVR_ADVICE "2|plan|q:emergency:45'), "no-answer"),
    "half-a-command": Case(says("SET VARIABLE IVR_ADV\n", 1), "no-answer"),
    "open-quotation-mark": Case(says('SET VARIABLE IVR_ADVICE "2|plan|q:emergency\n', 1), "no-answer"),
    "no-end-mark": Case(advises(plan("q:emergency:60", end="")), "no-answer"),
    "no-advice-but-text": Case(advises("Selamat pagi"), "no-answer"),
    "3-MB-of-text": Case(advises("2|plan|" + "x" * 3_000_000), "no-answer"),
    "another-version": Case(advises(plan("q:emergency:60", version="3")), "nonsense"),
    "another-kind": Case(advises(plan("q:emergency:60", kind="song")), "nonsense"),
    "too-few-fields": Case(advises("2|plan|q:emergency:60|end"), "nonsense"),
    "quotes": Case(advises(plan('q:\\"emergency\\":60 ${SHELL(date)} $[1 / 0]')), None),
    "names-nothing-there": Case(advises(plan("q:nowhere:45+i:nowhere:45:1+l:no-line&none:15+x:y:z")), None),
    "an-empty-plan": Case(advises(plan("")), None),
    "a-plan-of-100-failures": Case(advises(plan("+".join(["l:none:1"] * 100))), None),
    "a-prompt-that-is-missing": Case(has_no_prompt, None, questions=2),
    "only-ever-menus": Case(advises(menu()), "nonsense", questions=13),
    "says-nothing": Case(says("", 60), "timeout"),
    "never-stops-talking": Case(babbles, "timeout"),
    "never-stops-spouting": Case(spouts, "timeout"),
    # 2.5 s, 2.5 s, and of the third question what is left of 6 s.
    "slow-at-each-step": Case(advises(menu(), after=2.5), "timeout", questions=3),
}


async def test_an_engine_that_answers_wrongly_lets_the_call_through(build: Callable[..., Any]) -> None:
    """A server in the engine's place is wrong in one way per number dialled; all are dialled at once. Every
    caller talks with an operator; where the advice could not be followed, the dialplan says why, in the
    record and in Asterisk's own file alike. A slow engine is cut off by Asterisk's own clock."""
    operators = ("op1", "op2", "op3", "op4")
    house: House = await build(operators=operators)
    phones = await house.phones(*operators)
    await house.on_duty(*operators)
    for name in operators:
        phones[name].answering = SHORT_TALK
    port = house.free_port()
    await house.asterisk.rx(f"dialplan set global IVR_ENGINE agi://127.0.0.1:{port}")
    await house.asterisk.rx("dialplan set global IVR_FAILURES 1000")  # Each call shall meet its own fault.
    callers = {dialled: f"+6281100000{number:02}" for number, dialled in enumerate(CASES)}
    async with BrokenEngine(port, {dialled: case.fault for dialled, case in CASES.items()}) as engine:
        calls = [
            await house.call(dialled, caller=caller, keys=[(0.4, "1")] * (CASES[dialled].questions - 1))
            for dialled, caller in callers.items()
        ]
        results = await asyncio.gather(*(call.result() for call in calls))
        asked = dict(engine.asked)
    assert [result.ended_by for result in results] == ["them"] * len(CASES)
    await house.ended(len(CASES))
    for dialled, case in CASES.items():
        row = house.call_of(callers[dialled])
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "person"), dialled
        assert row["lifeline"] == case.lifeline, dialled
        assert house.without_engine(callers[dialled]) == ([case.lifeline] if case.lifeline else []), dialled
        assert asked[dialled] == case.questions, dialled
    (odd,) = house.rows("SELECT * FROM ledger WHERE kind = 'unexpected'")
    assert odd["call_id"] == house.call_of(callers["names-nothing-there"])["call_id"]
    house.expect_unexpected = True


async def test_a_first_menu_that_is_not_of_the_rules_in_force_is_asked_for(house: House) -> None:
    """The generated globals are of an earlier day, cut off, or empty; or the number is not ours, or the call
    was redirected. The engine is asked then, and the caller is with an operator by the key all the same."""
    phones = await house.phones("op1")
    phones["op1"].answering = SHORT_TALK
    await house.on_duty("op1")
    await house.rules_in_asterisk()
    sound = (await house.asterisk.rx("dialplan show globals")).partition("IVR_FIRST_112=")[2].split()[0]
    cases: Mapping[str, tuple[str, dict[str, str]]] = {
        "of other rules": (sound.replace(house.prepared.rules.digest, "0123456789ab"), {}),
        "cut off": (sound[:-4], {}),
        "of another version": ("1" + sound[1:], {}),
        "empty": ("", {}),
        "redirected": (sound, {"Diversion": "<sip:110@carrier.example>"}),
        "sound": (sound, {}),
    }
    for number, (case, (value, headers)) in enumerate(cases.items()):
        await house.asterisk.rx(f'dialplan set global IVR_FIRST_112 "{value}"')
        caller = f"+62811000000{number}"
        call = await house.call(caller=caller, headers=headers, keys=[(0.4, "0")])
        assert (await call.result()).ended_by == "them", case
        steps = [step for step, _ in house.steps(caller)]
        assert steps[: steps.index("stage")] == (["first-menu"] if case == "sound" else []), case
    rows = await house.ended(len(cases))
    assert [row["operator"] for row in rows] == ["op1"] * len(cases)
    assert [row["entry"] for row in rows] == [*["112"] * 4, "110", "112"]


async def test_a_killed_engine_lets_the_call_through_and_the_shift_change(house: House) -> None:
    """The engine is killed while a caller hears the menu. The caller's key then leads to the operators by the
    plain dialplan, and so does a new call. Nobody is on duty: an operator logs in by phone, pauses and
    resumes, and takes the first; another logs in and takes the second. The engine comes back in mid-call: it
    has both calls with all that happened, who came on duty, and then their ends."""
    phones = await house.phones("op1", "op2")
    citizen = await house.carrier(user="+628110000001")
    first = await citizen.dial("112")
    await first.established()
    await until(lambda: house.call_of("+628110000001").get("state") == "menu", "the menu plays")
    await pins_are_copied(house)
    believed = house.state / "ledger" / "asterisk-log.json"
    await until(believed.exists, "who was on duty is written down")
    await house.kill_engine()
    await log_in(phones["op1"])
    assert "PJSIP/op1" in await house.members()
    await dial_code(phones["op1"], "*13")
    assert "(paused" in await house.members()
    await first.press("1")
    second = await house.call(caller="+628110000002")
    await until(lambda: house.without_engine("+628110000001"), "the key leads on without the engine")
    phones["op1"].answering = phones["op2"].answering = Answering()
    await dial_code(phones["op1"], "*13")
    assert "(paused" not in await house.members()
    await until(lambda: len(phones["op1"].active) == 1, "op1 talks", 20)
    await log_in(phones["op2"])
    await until(lambda: len(phones["op2"].active) == 1, "op2 talks", 20)
    for caller in ("+628110000001", "+628110000002"):
        assert house.without_engine(caller) == ["no-answer"]

    await house.start_engine()
    await until(lambda: [row["state"] for row in house.calls()] == ["talking"] * 2, "both are found")
    # Beside the talk, as a second call of that phone: baresip does not always tell of its end, Asterisk does.
    code = await phones["op2"].dial("*12")
    await code.established()
    await until(lambda: no_code_is_dialled(house), "the code is over")
    assert "PJSIP/op2" not in await house.members()
    assert len(await house.asterisk.channels()) == 4
    await first.hang_up()
    await second.hang_up()
    await house.ended(2)
    rows = [house.call_of(caller) for caller in ("+628110000001", "+628110000002")]
    for row in rows:
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "caller")
    assert {row["operator"] for row in rows} == {"op1", "op2"}
    for row in rows:
        story = house.kinds(row["call_id"])
        assert in_order(story, "trunk", "trunk-answered", "lifeline", "queue", "operator-answered", "ended")
    as_asterisk_has_it(house)
    assert not house.rows("SELECT * FROM ledger WHERE kind LIKE '%-after-reconnect'")
    corrected = house.rows("SELECT data FROM ledger WHERE kind = 'operator-corrected' ORDER BY seq")
    assert [json.loads(row["data"]) for row in corrected] == [
        {"phone": phone, "queue": "emergency", "was": "off-duty", "is": "on-duty"} for phone in ("op1", "op2")
    ]


async def pins_are_copied(house: House) -> None:
    """The engine has brought the operators' PINs to Asterisk, which asks for them from now on."""

    async def copied() -> bool:
        return (await house.asterisk.rx("database show operator")).count("/pin") == 2

    await until(copied, "Asterisk has the PINs")


async def log_in(phone: Phone) -> None:
    await dial_code(phone, "*11", f"{PIN}#")


async def dial_code(phone: Phone, code: str, keys: str = "") -> None:
    call = await phone.dial(code)
    await call.established()
    await call.press(keys)
    await call.closed()


async def no_code_is_dialled(house: House) -> bool:
    channels = (await house.asterisk.rx("core show channels concise")).splitlines()
    return not any(channel.split("!")[2].startswith("*") for channel in channels)


async def test_a_hung_engine_holds_nobody(build: Callable[..., Any]) -> None:
    """The engine hangs (SIGSTOP). Five callers at once hear the menu and press a key. Two of them wait their
    3 s for it, the others do not join them (IVR_ENGINE_CALLS=2); all reach an operator, one of whom logs in
    meanwhile. So does a sixth while nobody knows how long a question may take. When the engine wakes up it
    puts down what happened."""
    house: House = await build(operators=("op1", "op2"), engine_calls="2")
    phones = await house.phones("op1", "op2")
    await house.on_duty("op1")
    phones["op1"].answering = phones["op2"].answering = SHORT_TALK
    await pins_are_copied(house)
    house.signal_engine(signal.SIGSTOP)
    callers = [f"+62811000000{number}" for number in range(5)]
    calls = [await house.call(caller=caller, keys=[(0.5, "0")]) for caller in callers]
    await log_in(phones["op2"])
    results = await asyncio.gather(*(call.result() for call in calls))
    assert [result.ended_by for result in results] == ["them"] * 5
    reasons = sorted(reason for caller in callers for reason in house.without_engine(caller))
    assert reasons == ["bulkhead"] * 3 + ["timeout"] * 2
    await house.asterisk.rx('dialplan set global IVR_STEP_MS ""')  # As a file that was cut off would.
    callers.append("+628110000005")
    last = await house.call(caller=callers[-1])
    assert (await last.result()).ended_by == "them"
    assert house.without_engine(callers[-1]) == ["timeout"]
    house.signal_engine(signal.SIGCONT)
    await house.ended(6)
    for caller in callers:
        row = house.call_of(caller)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "person")
        assert [row["lifeline"]] == house.without_engine(caller)


async def test_an_engine_that_is_told_to_stop_lets_the_menus_end(house: House) -> None:
    """SIGTERM while a caller hears the menu: the caller still chooses, in a sub-menu, too, and the engine
    decides; a call that comes meanwhile goes by the plain dialplan. Then the engine ends."""
    phones = await house.phones("op1", "op2")
    phones["op1"].answering = phones["op2"].answering = Answering()
    await house.on_duty("op1", "op2")
    citizen = await house.carrier(user="+628110000001")
    first = await citizen.dial("112")
    await first.established()
    await until(lambda: house.call_of("+628110000001").get("state") == "menu", "the menu plays")
    house.signal_engine(signal.SIGTERM)
    await until(lambda: house.health().get("status") != "ok", "the engine drains")
    second = await house.call(caller="+628110000002", keys=[(0.4, "0")])
    await until(lambda: house.without_engine("+628110000002"), "the new call goes on without the engine")
    await first.press("51")
    await house.engine_ended()
    assert house.call_of("+628110000001")["category"] == "accident"
    assert house.without_engine("+628110000002") == ["declined"]
    await until(lambda: phones["op1"].active and phones["op2"].active, "both talk")
    await house.start_engine()
    await first.hang_up()
    await second.hang_up()
    rows = await house.ended(2)
    assert [(row["result"], row["detail"]) for row in rows] == [("answered", "caller")] * 2
    story = house.kinds(house.call_of("+628110000001")["call_id"])
    assert in_order(story, "menu", "menu", "decision", "ended"), story
