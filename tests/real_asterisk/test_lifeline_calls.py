"""Real callers without an engine: menus, categories and hours go on, and nobody is ever hung up on."""

import asyncio
import re
import signal
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from broken_engine import Asked, BrokenEngine
from house import REPOSITORY, House, until
from recorded import in_order
from stack.phones.baresip import Answering, PhoneCall

from ivr.intake.numbers import dialled_forms, entry_of
from ivr.menu.walk import MenuState, start
from ivr.routing.advice import MenuAdvice
from ivr.vocabulary import IntakeField

DIRECT = (
    (REPOSITORY / "routing.yaml")
    .read_text()
    .replace("mode: direct_if_swamped", "mode: direct")
    .replace("5: other, silence: 3s", "5: other, silence: 10s")
)
"""Agencies are rung at once, and the first menu waits as long as a test needs."""
OTHER_KEYS = DIRECT.replace("main: {1: fire, 2: medical,", "main: {1: medical, 2: fire,")
ACCEPTS = Answering(after=0.1, keys=((0.3, "1"),), hang_up_after=0.3)


def told(house: House, caller: str, step: str) -> list[list[str]]:
    return [extra.split("|") for found, extra in house.steps(caller) if found == step]


def accepted(house: House, caller: str) -> list[str]:
    return [extra for found, extra in house.steps(caller) if found == "line-accepted"]


ADVISED = {"first-menu", "lifeline-menu", "lifeline-plan"}


def advised(house: House, caller: str) -> bool:
    log = house.state / "asterisk/log/cel-custom/master.csv"
    return log.exists() and any(step in ADVISED for step, _ in house.steps(caller))


async def in_menu(house: House, dialled: str, caller: str, *, engine: bool = True) -> PhoneCall:
    citizen = await house.carrier(user=caller)
    call = await citizen.dial(dialled)
    await call.established()
    if not engine:
        await until(lambda: told(house, caller, "first-menu"), "the menu plays")
    else:
        await until(lambda: house.call_of(caller).get("state") == "menu", "the menu plays")
    return call


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
async def test_callers_in_menus_of_two_languages_go_on_where_they_were(
    build: Callable[..., Any], fault: signal.Signals
) -> None:
    """One caller hears the Indonesian menu, one the English one. The engine is killed, or hangs. The first
    presses 5, hears the second menu, and presses 1: an accident; the other one presses 1: a fire. Both reach
    the agency. So does who dials 113, and who calls 112 now and takes the next language. The engine comes
    back, and the record has what it saw."""
    house: House = await build(routing=DIRECT, operators=())
    phones = await house.phones("damkar-1", "dinkes-1")
    phones["damkar-1"].answering = phones["dinkes-1"].answering = ACCEPTS
    first = await in_menu(house, "112", "+628110000001")
    second = await in_menu(house, "911", "+628110000002")
    house.signal_engine(fault)
    await first.press("5")
    await second.press("1")
    await until(lambda: told(house, "+628110000001", "lifeline-menu"), "the second menu plays")
    await first.press("1")
    await first.closed()
    await second.closed()
    fire = await house.call("113", caller="+628110000003")
    await fire.result()
    last = await in_menu(house, "112", "+628110000004", engine=False)
    await last.press("*")
    await until(lambda: told(house, "+628110000004", "lifeline-menu"), "the next language plays")
    await last.press("2")
    await last.closed()

    digest = (house.settings.generated / "globals.conf").read_text().split("IVR_LIFELINE=")[1].split()[0]
    wanted = {
        "+628110000001": ("1", "accident", "id", "dinkes-1"),
        "+628110000002": ("1", "fire", "en", "damkar-1"),
        "+628110000003": ("", "fire", "id", "damkar-1"),
        "+628110000004": ("2", "medical", "en", "dinkes-1"),
    }
    for caller, (key, category, language, line) in wanted.items():
        (reason,) = told(house, caller, "lifeline")
        assert reason[0] in ("timeout", "circuit", "no-answer"), caller
        (plan,) = told(house, caller, "lifeline-plan")
        assert (plan[0], plan[1], plan[9], plan[10]) == (key, digest, category, language), plan
        assert accepted(house, caller) == [line]
    (offered,) = told(house, "+628110000001", "lifeline-menu")
    assert offered[:6] == ["5", "2", "menu", "other", "id", "0"]

    if fault is signal.SIGKILL:
        return
    house.signal_engine(signal.SIGCONT)
    await house.ended(4)
    for caller, (key, category, language, line) in wanted.items():
        row = house.call_of(caller)
        assert (row["category"], row["language"], row["line"]) == (category, language, line)
        assert (row["result"], row["reason"]) == ("answered", "agency")
        (entry,) = [one for one in house.story(row["call_id"]) if one.kind == "lifeline-plan"]
        assert (entry.source, entry.data.get("key", ""), entry.data["rules"]) == ("asterisk", key, digest)
    shown = await house.ivr("call", house.call_of("+628110000001")["call_id"])
    assert "decision without the engine" in shown
    assert "category=accident" in shown


async def test_the_lifeline_is_there_after_asterisk_was_restarted_too(build: Callable[..., Any]) -> None:
    """The engine is dead and Asterisk is restarted. A citizen presses 2 in the menu and reaches the health
    agency."""
    house: House = await build(routing=DIRECT, operators=())
    await house.rules_in_asterisk()
    await house.kill_engine()
    await house.asterisk.stop()
    await house.asterisk.start()
    phones = await house.phones("dinkes-1")
    phones["dinkes-1"].answering = ACCEPTS
    citizen = await house.call(caller="+628110000001", keys=[(0.4, "2")])
    assert (await citizen.result()).ended_by == "them"
    assert accepted(house, "+628110000001") == ["dinkes-1"]
    assert in_order([step for step, _ in house.steps("+628110000001")], "first-menu", "lifeline-plan")


async def test_a_key_means_what_the_caller_heard_also_when_the_rules_change(
    build: Callable[..., Any],
) -> None:
    """Without an engine two citizens hear the menu. An engine comes with rules in which two keys have changed
    places. The first presses 1: fire, as heard, though this engine never knew that menu. It dies again. The
    second presses 1: fire, too; who calls now and presses 1 gets an ambulance."""
    house: House = await build(routing=DIRECT, operators=())
    phones = await house.phones("damkar-1", "dinkes-1")
    phones["damkar-1"].answering = phones["dinkes-1"].answering = ACCEPTS
    await house.rules_in_asterisk()
    before = house.health()["rules"]["digest"]
    await house.kill_engine()
    first = await in_menu(house, "112", "+628110000000", engine=False)
    early = await in_menu(house, "112", "+628110000001", engine=False)
    house.settings.routing.write_text(OTHER_KEYS)
    await house.start_engine()
    await house.rules_in_asterisk()
    now = house.health()["rules"]["digest"]
    await first.press("1")
    await first.closed()
    await house.kill_engine()
    await early.press("1")
    await early.closed()
    late = await house.call(caller="+628110000002", keys=[(0.4, "1")])
    await late.result()
    assert before != now
    (alive,), (heard,), (anew,) = (
        told(house, f"+62811000000{number}", "lifeline-plan") for number in range(3)
    )
    assert (alive[1], alive[9]) == (heard[1], heard[9]) == (before, "fire")
    assert (anew[1], anew[9]) == (now, "medical")
    assert accepted(house, "+628110000000") == accepted(house, "+628110000001") == ["damkar-1"]
    assert accepted(house, "+628110000002") == ["dinkes-1"]


DIALLED: tuple[tuple[str, dict[str, str]], ...] = (
    ("112", {}),
    ("0911112", {}),
    ("+62911118", {}),
    ("62911113;phone-context=x", {}),
    ("911", {}),
    ("911911", {}),
    ("1", {}),
    ("h", {}),
    ("1%2212", {}),
    ("1(1)2,1", {}),
    ("11%5C2", {}),
    ("sos", {"Diversion": "<sip:110@carrier.example>;reason=unconditional"}),
    ("112", {"Diversion": '"a, (b) \\"${EPOCH}" <sip:+62811234567@x>, <tel:0911113>;counter=1'}),
    ("112", {"History-Info": "<sip:112@x>;index=1, <sips:+62911118@x>;index=1.1"}),
    ("113", {"Diversion": "<sip:110@carrier.example>"}),
    ("112", {"Diversion": "<sip:1100@carrier.example>"}),
)


async def test_the_number_dialled_is_understood_without_the_engine_too(house: House) -> None:
    """Numbers with area code, parameters, letters and signs, and calls that were redirected: menu or category
    are as the engine would have it. Where the number alone says which menu, nobody is asked. The next engine
    finds out who called, and Asterisk's own log does not tell."""
    area = house.prepared.rules.city.area_code
    await house.kill_engine()
    for number, (dialled, headers) in enumerate(DIALLED):
        caller = f"+6281100000{number:02}"
        citizen = await house.call(dialled, caller=caller, headers=headers)
        await until(lambda caller=caller: advised(house, caller), f"{dialled}: the lifeline answers")
        await citizen.hang_up()
        raw = {
            IntakeField.DIALLED: unquote(dialled).replace("(", "").replace(")", ""),
            IntakeField.DIVERSION: headers.get("Diversion", ""),
            IntakeField.HISTORY_INFO: headers.get("History-Info", ""),
        }
        entry = entry_of(raw, area)
        step = start(house.prepared.rules, entry)
        if isinstance(step, MenuState):
            asked = bool(headers) or dialled not in dialled_forms(area)
            (offered,) = told(house, caller, "lifeline-menu" if asked else "first-menu")
            menu = MenuAdvice.read(offered[1:] if asked else offered[:-1])
            assert (menu.menu, menu.language, menu.entry) == (step.menu, step.language, entry), dialled
            assert bool(house.without_engine(caller)) == asked, dialled
        else:
            (plan,) = told(house, caller, "lifeline-plan")
            assert (plan[9], plan[10], plan[15]) == (step.category, step.language, entry), dialled
    log = (house.state / "asterisk/log/messages").read_text()
    assert "agi://" in log, "Asterisk says where nobody answered"
    sign = b64encode(b":+62811000").decode()[:12]
    assert sign in (house.state / "asterisk/log/cel-custom/master.csv").read_text()
    assert sign not in log
    await house.start_engine()
    for number, row in enumerate(await house.ended(len(DIALLED))):
        (intake,) = [one.data for one in house.story(row["call_id"]) if one.kind == "intake"]
        assert (intake["entry"], intake["caller"]) == (row["entry"], "number"), DIALLED[number]


async def test_nobody_is_there_and_the_caller_is_never_hung_up_on(house: House) -> None:
    """No engine, no operator, no phone that is registered. A citizen who asks for a person is told to stay
    and the lines are tried round after round, every second one the last resort. At last somebody picks up."""
    await house.kill_engine()
    await house.call(caller="+628110000001", keys=[(0.4, "0")], patience=120)
    log = house.state / "asterisk/log/cel-custom/master.csv"
    await until(lambda: log.exists() and rounds(house)[-2:] == ["3", "4"], "the fourth round", 60)
    stages = [one[1:3] for one in told(house, "+628110000001", "stage")]
    assert stages[:4] == [
        ["q", "emergency"],
        ["q", "supervisors"],
        ["l", "piket-112"],
        ["l", "pos-satpol"],
    ]
    assert ["TIMEOUT"] not in stages
    phones = await house.phones("piket-112")
    phones["piket-112"].answering = Answering(hang_up_after=0.3)
    await until(lambda: accepted(house, "+628110000001") == ["piket-112"], "somebody is there", 40)
    assert (await house.callers[0].result()).ended_by == "them"


def rounds(house: House) -> list[str]:
    return list(dict.fromkeys(one[4] for one in told(house, "+628110000001", "stage")))


async def test_a_lifeline_that_was_cut_off_still_leads_to_a_person(build: Callable[..., Any]) -> None:
    """No engine, and the compiled rules are missing, empty, or cut off in different places, once within the
    last context. Whoever calls reaches the operator, or, where they are whole, the agency."""
    house: House = await build(routing=DIRECT, operators=("op1",))
    phones = await house.phones("op1", "damkar-1")
    phones["op1"].answering = Answering(after=0.1, hang_up_after=0.3)
    phones["damkar-1"].answering = ACCEPTS
    await house.on_duty("op1")
    await house.rules_in_asterisk()
    await house.kill_engine()
    path = house.settings.generated / "lifeline.conf"
    whole = path.read_text()
    last = re.search(r"\[lifeline-\w+-whole\]", whole)
    assert last is not None
    texts = [None, "", *(whole[: len(whole) * part // 5 + 7] for part in range(1, 5))]
    texts += [whole[: last.end() - 4], whole[: last.end() + 12], whole]
    for number, text in enumerate(texts):
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        await house.asterisk.rx("dialplan reload")
        caller = f"+62811000000{number}"
        citizen = await house.call("113", caller=caller)
        assert (await citizen.result()).ended_by == "them", number
        steps = [step for step, _ in house.steps(caller)]
        if text == whole:
            assert accepted(house, caller) == ["damkar-1"]
        else:
            assert "operator-answered" in steps, number
            assert "lifeline-plan" not in steps, number


async def test_after_repeated_failures_calls_skip_the_engine_until_it_answers_one(house: House) -> None:
    """The engine hangs for three calls. The next ones do not ask it, until the time for another try has come
    (here: the clock went back, as if it had been tried in the future). It answers, and all calls ask it
    again."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering(after=0.1, hang_up_after=0.2)
    await house.on_duty("op1")
    port = house.free_port()
    globals_ = {"ENGINE": f"agi://127.0.0.1:{port}", "STEP_MS": "300", "RETRY_SECONDS": "600"}
    for name, value in globals_.items():
        await house.asterisk.rx(f"dialplan set global IVR_{name} {value}")

    async def hangs(asked: Asked) -> None:
        await asyncio.sleep(60)

    async def answers(asked: Asked) -> None:
        await asked.advise("2|plan|q:emergency:60|6|unknown|id|id/accept-unknown||||112|number|end")

    async def call(number: int, dialled: str) -> list[str]:
        citizen = await house.call(dialled, caller=f"+62811000000{number}", keys=[(0.3, "0")])
        assert (await citizen.result()).ended_by == "them"
        return house.without_engine(f"+62811000000{number}")

    async with BrokenEngine(port, {"112": hangs, "113": answers}) as engine:
        for number in range(3):
            assert await call(number, "112") == ["timeout"]
        assert await call(3, "112") == ["circuit"]
        assert await call(4, "113") == ["circuit"]
        assert engine.asked == {"112": 3}
        await house.asterisk.rx("dialplan set global IVR_TRIED 4000000000")
        assert await call(5, "113") == []
        assert await call(6, "113") == []
        assert await call(7, "112") == ["timeout"]
        assert engine.asked == {"112": 4, "113": 2}
