"""Rules change under calls: nobody is cut, each call goes on as it was decided, new ones are decided anew."""

import asyncio
import re
import urllib.request
from collections.abc import Callable
from typing import Any

from each_state import WAITING_AND_TALKING, place_calls
from house import REPOSITORY, House, until
from stack.phones.baresip import Answering

CITY = (REPOSITORY / "routing.yaml").read_text()
DIRECT = (
    CITY.replace("mode: direct_if_swamped", "mode: direct")
    .replace("damkar-1 15s", "damkar-1 120s")
    .replace("5: other, silence: 3s", "5: other, silence: 10s")
)
"""Agencies are rung at once; the brigade's first line rings, and the menu waits, as long as a test needs."""

MORE = (
    DIRECT.replace(
        "  leaders:\n    name",
        "  pelni:\n    name: {id: Pelni, en: Shipping}\n    lines: [pelni-1 20s]\n  leaders:\n    name",
    )
    .replace("    lead: perkim\n", "    mode: direct\n    lead: pelni\n    queue: harbour\n")
    .replace("  information: {", "  harbour: {ring_for: 20s, overflow: [20s emergency]}\n  information: {")
)
"""One agency, its line and a queue more."""
OTHER_OVERFLOW = MORE.replace("[45s supervisors, 75s lead, 2m last_resort]", "[50s lead, 3m last_resort]")
LESS = (
    OTHER_OVERFLOW.replace(", damkar-2 20s, damkar-radio 10s accept=answer]", "]")
    .replace("    queue: information\n", "")
    .replace("  information: {ring_for: 20s, keep_free: 1, overflow: [5m emergency]}", "  # information")
    .replace("main: {1: fire, 2: medical,", "main: {1: medical, 2: fire,")
)
"""The brigade's other lines and a queue are gone, and two keys of the menu have changed places."""

SHORT_TALK = Answering(after=0.1, hang_up_after=0.3)


def draft(house: House, text: str) -> str:
    path = house.state / "draft.yaml"
    path.write_text(text)
    return str(path)


async def trunk_channels(house: House) -> set[str]:
    return {channel for channel in await house.asterisk.channels() if channel.startswith("PJSIP/trunk-")}


def decision(house: House, caller: str) -> Any:
    """The data of the decision about this caller's call; None as long as there is none."""
    call = house.call_of(caller)
    told = [told for told in house.story(call["call_id"]) if told.kind == "decision"] if call else []
    return told[-1].data if told else None


async def test_three_changes_under_calls_cut_nobody(build: Callable[..., Any]) -> None:
    """Calls talk, ring, wait in two queues, ring at the fire brigade and listen to the menu. The rules change
    three times: by a command something is added, in place the overflow is changed, by a command lines and a
    queue go and two keys of the menu change places. All calls are there after each change, and go on as they
    were decided: the brigade's second line is rung though the file has it no more, the queue that is gone is
    answered, and the caller in the menu gets what the key meant in the menu they heard. New calls go by the
    new rules. When the old calls have ended, Asterisk has nothing left of what only they named."""
    house: House = await build(routing=DIRECT)
    first = house.health()["rules"]["digest"]
    phones = await house.phones("op1", "op2", "damkar-1", "damkar-2")
    phones["op1"].answering = Answering()
    phones["damkar-2"].answering = Answering(after=0.1, keys=((0.3, "1"),), hang_up_after=0.3)
    calls = await place_calls(house, *WAITING_AND_TALKING)
    before = await trunk_channels(house)
    assert len(before) == 5

    said = await house.ivr("apply", draft(house, MORE), "--reason", "Pelni joins", "--author", "chief")
    assert "live for new calls" in said
    assert await trunk_channels(house) == before
    new = await house.phones("pelni-1")  # its phone can register
    new["pelni-1"].answering = Answering(after=0.1, keys=((0.3, "1"),), hang_up_after=0.3)
    ship = await house.call(caller="+628130000001", keys=[(0.2, "5"), (0.2, "4")])
    assert (await ship.result()).ended_by == "them"
    assert decision(house, "+628130000001")["agencies"][0]["lines"] == ["pelni-1"]

    house.settings.routing.write_text(OTHER_OVERFLOW)
    await until(lambda: house.health()["rules"]["version"] == 3, "what was edited in place is live")
    assert await trunk_channels(house) == before
    edited = house.health()["rules"]["digest"]

    citizen = await house.carrier(user="+628120000000")
    menu = await citizen.dial("112")
    await menu.established()
    await until(lambda: house.call_of("+628120000000").get("state") == "menu", "the menu plays")
    before = await trunk_channels(house)
    assert len(before) == 6
    said = await house.ivr("apply", draft(house, LESS), "--reason", "Damkar moves")
    assert "live for new calls" in said
    assert await trunk_channels(house) == before
    lines = house.settings.generated / "lines.conf"
    assert "exten => damkar-2," in lines.read_text()

    await menu.press("1")
    await until(lambda: decision(house, "+628120000000"), "the caller in the menu has chosen")
    in_menu = decision(house, "+628120000000")
    assert (in_menu["category"], in_menu["rules"]) == ("fire", edited)
    fresh = await house.call(caller="+628130000002", keys=[(0.2, "1")], hang_up_after=0.5)
    await fresh.result()
    await until(lambda: decision(house, "+628130000002"), "a new caller has chosen")
    anew = decision(house, "+628130000002")
    assert (anew["category"], anew["rules"]) == ("medical", house.health()["rules"]["digest"])

    await until(lambda: len(phones["damkar-1"].active) == 2, "both ring at the brigade's first line")
    for who, rings in zip(
        (calls["rings at an agency"], "+628120000000"), list(phones["damkar-1"].active), strict=True
    ):
        await rings.accept()
        await rings.established()
        await rings.press("9")
        await until(lambda who=who: house.call_of(who).get("ended_at"), f"{who} has ended")
        assert house.call_of(who)["line"] == "damkar-2"
    for name in ("op1", "op2"):
        phones[name].answering = SHORT_TALK
    await phones["op2"].active[0].accept()
    await until(lambda: house.connected("op2"), "op2 is connected")
    for name in ("op1", "op2"):
        await phones[name].active[0].hang_up()
    await house.ended(8, 60)
    for caller, rules in (*((caller, first) for caller in calls.values()), ("+628120000000", edited)):
        row = house.call_of(caller)
        assert (row["result"], row["detail"]) == ("answered", "person"), house.kinds(row["call_id"])
        assert decision(house, caller)["rules"] == rules
    assert house.call_of(calls["waits for information"])["operator"]

    await until(lambda: "damkar-2" not in lines.read_text(), "what only old calls named is gone")

    async def gone() -> bool:
        return "No such queue" in await house.members("information")

    await until(gone, "the queue is gone from Asterisk")
    history = await house.ivr("history")
    assert re.search(r"2 .*applied +│ chief +│ Pelni joins", history)
    assert "edited in place" in history


def metrics_of(house: House) -> str:
    url = f"http://127.0.0.1:{house.settings.health_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


async def test_a_broken_file_is_refused_and_everybody_sees_it(build: Callable[..., Any]) -> None:
    """Somebody saves a file with a mistake. The rules in force stay and callers are served by them; health,
    metrics, doctor, history and log (once) tell of it. A command with the same mistake changes nothing. The
    roll-back mends it."""
    house: House = await build(routing=CITY, operators=("op1",))
    await house.staff(1)
    broken = CITY.replace("lead: damkar", "lead: damkr")
    house.settings.routing.write_text(broken)
    await until(lambda: house.health()["rules"]["refused"], "it is refused")
    part = house.health()["parts"]["routing"]
    assert part["status"] == "warn"
    assert "did you mean damkar" in part["text"]
    metrics = await asyncio.to_thread(metrics_of, house)
    assert "siaga_routing_refused 1.0" in metrics
    assert re.search(r'siaga_routing_info\{digest="[0-9a-f]{12}",version="1"\} 1.0', metrics)
    assert "did you mean damkar" in await house.ivr("doctor")
    assert "refused" in (await house.ivr("history")).split("version")[1]
    caller = await house.call(keys=[(0.2, "1")])
    assert (await caller.result()).ended_by == "them"
    assert (await house.only_call())["operator"] == "op1"
    said = await house.ivr("apply", draft(house, broken), "--reason", "typing", status=1)
    assert "draft.yaml:" in said
    assert "did you mean damkar" in said
    said = await house.ivr("rollback", "--reason", "a mistake")
    assert "live for new calls" in said
    assert house.settings.routing.read_text() == CITY
    assert house.health()["parts"]["routing"]["status"] == "ok"
    assert house.engine_log().count("routing_refused") == 1


async def test_asterisk_is_away_and_comes_back_during_an_apply(build: Callable[..., Any]) -> None:
    """What the new rules name must be in Asterisk first: while it is away they wait and say so. When it is
    back they go live, and the new agency is rung."""
    house: House = await build(routing=DIRECT)
    await house.asterisk.stop()
    applying = asyncio.create_task(house.ivr("apply", draft(house, MORE), "--reason", "Pelni joins"))
    await until(lambda: "AMI" in house.health()["rules"]["waiting"], "it waits for Asterisk", 30)
    assert house.health()["rules"]["version"] == 1
    await house.asterisk.start()
    assert "live for new calls" in await applying
    await pelni_answers(house)


async def test_an_engine_killed_in_the_middle_of_an_apply_leaves_nothing_half_done(
    build: Callable[..., Any],
) -> None:
    """Its parts of Asterisk's configuration are written, Asterisk hangs and has not read them: there the
    engine is killed. A caller who waits in the queue notices nothing. The next engine lets Asterisk read what
    it has not, and the new agency is rung."""
    house: House = await build(routing=DIRECT, operators=("op1",))
    phones = await house.phones("op1")
    await house.on_duty("op1")
    waits = await house.call(caller="+628110000007", keys=[(0.2, "0")])
    await until(lambda: house.call_of("+628110000007").get("state") == "ringing", "a caller waits")
    before = await trunk_channels(house)
    house.asterisk.pause()
    house.settings.routing.write_text(MORE)
    await until((house.settings.routing_state / "to-reload.json").exists, "the parts are written")
    await house.kill_engine()
    house.asterisk.resume()
    assert "no existence" in await house.asterisk.rx("dialplan show pelni-1@lines")
    await house.start_engine()
    await until(lambda: house.health()["rules"]["version"] == 2, "the new rules are in force")
    await until(lambda: not (house.settings.routing_state / "to-reload.json").exists(), "Asterisk has read")
    assert await trunk_channels(house) == before
    await pelni_answers(house)
    await house.take(phones["op1"])
    assert (await waits.result()).ended_by == "them"


async def pelni_answers(house: House) -> None:
    phones = await house.phones("pelni-1")
    phones["pelni-1"].answering = Answering(after=0.1, keys=((0.3, "1"),), hang_up_after=0.3)
    caller = await house.call(caller="+628130000001", keys=[(0.2, "5"), (0.2, "4")])
    assert (await caller.result()).ended_by == "them"
    await until(lambda: house.call_of("+628130000001").get("agency") == "pelni", "the agency had it")


async def test_an_agency_out_of_service_is_not_rung_until_it_is_back(build: Callable[..., Any]) -> None:
    """The brigade's radio is broken: for the next fire the plan has none of its lines. The state of the
    centre is set by hand. The record has both. The brigade is back: the next fire rings there."""
    house: House = await build(routing=DIRECT, operators=("op1",))
    await house.staff(1)
    phones = await house.phones("damkar-1")
    phones["damkar-1"].answering = Answering(after=0.1, keys=((0.3, "1"),), hang_up_after=0.3)
    await house.ivr("agency", "out", "damkar", "--until", "23:59", "--reason", "radio broken")
    await house.ivr("service", "partial", "--reason", "no radio")
    await until(lambda: house.health()["out_of_service"] == ["damkar"], "the engine knows")
    await (await house.call(caller="+628110000001", keys=[(0.2, "1")])).result()
    told = decision(house, "+628110000001")
    assert told["facts"]["out_of_service"] == ["damkar"]
    assert told["facts"]["service_state"] == "Partial"
    assert "damkar" not in told["plan"]
    await until(lambda: house.call_of("+628110000001")["operator"] == "op1", "an operator had it")
    assert "radio broken" in await house.ivr("agency", "list")
    await house.ivr("agency", "back", "damkar")
    await house.ivr("service", "auto")
    await until(lambda: house.health()["out_of_service"] == [], "the engine knows")
    await (await house.call(caller="+628110000002", keys=[(0.2, "1")])).result()
    await until(lambda: house.call_of("+628110000002")["line"] == "damkar-1", "the brigade had it")
    assert decision(house, "+628110000002")["facts"]["service_state"] == "Normal"
