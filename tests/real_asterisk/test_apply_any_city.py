"""Whatever rules a city writes, as long as they are accepted: Asterisk loads them, and no call is cut."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cities import oddly_named_cities
from house import House, rules_with, until
from hypothesis import HealthCheck, Phase, assume, given, settings
from stack.phones.baresip import Answering

from ivr.routing.examine import accept
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Line, Queue, Ring, Rules
from ivr.vocabulary import TRUNK_ENDPOINT

CITIES = 10
HEARD_AGAIN = (2, 5, 8)
"""At these the caller in the menu takes the next language, so that no silence takes the caller to a person; a
fourth time would."""

FIRST = rules_with(
    ("5: other, silence: 3s", "5: other, silence: 10s"),
    ("  en:\n", "  en:\n    penalty: 5-5\n"),
    ("overflow: [45s supervisors, 75s lead, 2m last_resort]", "overflow: [10m last_resort]"),
    ("friday-prayer: [20s supervisors, 40s lead, 80s last_resort]", "friday-prayer: [10m last_resort]"),
    ("iftar: [20s supervisors, 40s lead, 80s last_resort]", "iftar: [10m last_resort]"),
    ("{ring_for: 20s, keep_free: 1, overflow: [5m emergency]}", "{overflow: [10m emergency]}"),
)
"""Callers wait in two queues as long as a test needs; those who speak English, for operators who do."""

TALKS, WAITS, ASKS, IN_MENU = FIRST_CALLERS = tuple(f"+62811000000{number}" for number in range(4))
OPERATORS = ("op1", "op2", "op3")
SHORT_TALK = Answering(after=0.1, hang_up_after=0.3)


def accepted(text: str) -> Rules | None:
    try:
        return accept({"routing.yaml": text.encode()}, "routing.yaml", datetime.now(UTC))
    except RoutingError:
        return None


def made_up_cities() -> dict[str, Rules]:
    """Text → rules; the same ones in every run."""
    found: dict[str, Rules] = {}

    @settings(
        max_examples=CITIES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(oddly_named_cities())
    def draw(text: str) -> None:
        rules = accepted(text)
        assume(rules is not None and text not in found)
        assert rules
        found[text] = rules

    draw()
    return found


class Loaded:
    """What Asterisk itself says that it has."""

    def __init__(self, queues: str, lines: str, endpoints: str, music: str) -> None:
        shown = re.findall(r"^(\S+) has \d+ calls \(max (\w+)\) in '(\w+)' strategy", queues, re.MULTILINE)
        self.queues = {name: (most, strategy) for name, most, strategy in shown}
        self.lines = dict(re.findall(r"'(\S+)' => +1\. Set\(LINE_DIAL=(.*)\) ", lines))
        self.phones = set(re.findall(r"^ Endpoint: +([^\s/<]+)", endpoints, re.MULTILINE))
        self.music = set(re.findall(r"^Class: hold-(\w+)", music, re.MULTILINE))

    @classmethod
    async def by(cls, house: House) -> "Loaded":
        commands = ("queue show", "dialplan show lines", "pjsip show endpoints", "moh show classes")
        return cls(*[await house.asterisk.rx(command) for command in commands])


def as_shown(queue: Queue) -> tuple[str, str]:
    if queue.keep_free:
        return "1", "rrmemory"
    return "unlimited", "ringall" if queue.ring is Ring.TOGETHER else "rrmemory"


def as_dialled(line: Line) -> str:
    return f"PJSIP/{line.phone}" if line.phone else f"PJSIP/{line.number}@{TRUNK_ENDPOINT}"


def phones_of(rules: Rules) -> set[str]:
    return {line.phone for line in rules.lines.values() if line.phone}


async def has_loaded(house: House, rules: Rules) -> None:
    """Asterisk has all that these rules name, perhaps beside what earlier ones named."""
    loaded = await Loaded.by(house)
    assert loaded.queues.items() >= {name: as_shown(queue) for name, queue in rules.queues.items()}.items()
    assert loaded.lines.items() >= {name: as_dialled(line) for name, line in rules.lines.items()}.items()
    assert loaded.phones >= phones_of(rules)
    assert loaded.music >= set(rules.languages)


def complaints(house: House) -> set[tuple[str, str]]:
    """Asterisk's warnings and errors that belong to no call: level and text."""
    log = (house.state / "asterisk/log/messages").read_text(errors="replace")
    return set(re.findall(r"^\[[^]]*\] (WARNING|ERROR)\[\d+\] (.*)$", log, re.MULTILINE))


async def first_channels(house: House) -> set[str]:
    """Those of callers and of op1, who talks: a phone that is rung gets a new one each time."""
    names = await house.asterisk.channels()
    return {name for name in names if name.startswith(("PJSIP/trunk-", "PJSIP/op1-"))}


def decided_by(house: House, caller: str) -> set[str]:
    """Digests of the rules by which this caller's call was decided."""
    call_id = house.call_of(caller).get("call_id", "")
    return {told.data["rules"] for told in house.story(call_id) if told.kind == "decision"}


async def test_any_accepted_city_loads_and_no_call_is_cut(build: Callable[..., Any]) -> None:
    """One caller talks, one waits in layer 1, one in a queue that only the first city has, one listens to the
    menu. Ten made-up cities go live one after the other, saved in place. Asterisk has every queue, line,
    phone and language of each, without a complaint; the calls are there with the same channels; and a new
    caller who asks for a person by the new menu talks with an operator. At last the caller in the menu
    chooses what the first city's menu said. Those who waited are answered, and then Asterisk has what the
    last city names and nothing else."""
    cities = made_up_cities()
    assert len(cities) == CITIES
    house: House = await build(routing=FIRST, operators=OPERATORS)
    plain_start = complaints(house)
    first = house.health()["rules"]["digest"]
    phones = await house.phones(*OPERATORS)
    phones["op1"].answering = Answering()
    phones["op3"].answering = SHORT_TALK
    await house.on_duty("op1")
    await house.on_duty("op1", queue="information")
    await house.asterisk.rx("queue add member PJSIP/op2 to emergency penalty 5")
    for caller, keys, state in ((TALKS, "0", "talking"), (WAITS, "*0", "ringing"), (ASKS, "55", "queue")):
        await house.call(caller=caller, keys=[(0.2, key) for key in keys], patience=300)
        await until(lambda caller=caller, state=state: house.call_of(caller).get("state") == state, state)
    menu = await (await house.carrier(user=IN_MENU)).dial("112")
    await menu.established()
    await until(lambda: house.call_of(IN_MENU).get("state") == "menu", "the menu plays")
    await house.on_duty("op3")
    before = await first_channels(house)
    assert len(before) == 5

    for number, (text, rules) in enumerate(cities.items()):
        house.settings.routing.write_text(text)
        await until(lambda rules=rules: house.health()["rules"]["digest"] == rules.digest, "it is live", 20)
        assert house.health()["parts"]["routing"]["status"] == "ok"
        await has_loaded(house, rules)
        assert complaints(house) <= plain_start, text
        assert await first_channels(house) == before, text
        assert house.call_of(IN_MENU)["state"] == "menu"
        if number in HEARD_AGAIN:
            await menu.press("*")
        for name, queue in rules.queues.items():
            if not queue.keep_free:
                await house.on_duty("op3", queue=name)
        new = f"+62813000000{number}"
        call = await house.call(caller=new, keys=[(0.2, "0")])
        assert (await call.result()).ended_by == "them", text
        await until(lambda new=new: house.call_of(new).get("ended_at"), "the new call is in the record")
        assert house.call_of(new)["operator"] == "op3", text
        assert decided_by(house, new) == {rules.digest}

    await menu.press("1")
    talks, rings = phones["op1"].active, phones["op2"].active
    phones["op1"].answering = phones["op2"].answering = SHORT_TALK
    for ring in rings:
        await ring.accept()
        await until(lambda: house.connected("op2"), "op2 is connected")
    for talk in (*talks, *rings):
        await talk.hang_up()
    await house.ended(len(FIRST_CALLERS) + CITIES, 30)
    for caller in FIRST_CALLERS:
        row = house.call_of(caller)
        assert (row["result"], row["detail"]) == ("answered", "person"), house.kinds(row["call_id"])
        assert decided_by(house, caller) == {first}
    assert house.call_of(IN_MENU)["category"] == "fire"

    async def only_the_last() -> bool:
        loaded = await Loaded.by(house)
        return (loaded.queues.keys(), loaded.lines.keys(), loaded.phones) == (
            rules.queues.keys(),
            rules.lines.keys(),
            phones_of(rules) | {*OPERATORS, TRUNK_ENDPOINT},
        )

    await until(only_the_last, "Asterisk has the last city only", 20)
