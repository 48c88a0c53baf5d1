"""The compiled rules, put to a real Asterisk: each question gets the engine's advice, in any time zone."""

import csv
import json
from collections.abc import Iterator
from datetime import date, datetime
from itertools import product
from pathlib import Path

import pytest
from house import House, until

from ivr.menu.answer import menu_advice, plan_advice
from ivr.menu.walk import Chosen, MenuState, start
from ivr.render.spoken import prompt_paths
from ivr.routing.decide import decide, plan
from ivr.routing.hours import hours_of
from ivr.routing.model import Facts
from ivr.routing.rules import Rules
from ivr.routing.service_state import service_state

Case = tuple[str, str, str, str, datetime]
"""Category (with ``!`` when the caller cannot speak), language, entry, how it is asked, time."""


def cases(rules: Rules) -> Iterator[Case]:
    """Every category in every language from every entry at every kind of hour."""
    kinds = hours_of(rules.schedules.values(), rules.city.zone, date(2026, 11, 1)).kinds.values()
    categories = (*rules.categories, "unknown!")
    yield from (
        (category, language, entry, "chosen", at)
        for category, language, entry, at in product(categories, rules.languages, rules.numbers, kinds)
    )
    yield from (("", "", entry, "dialled", at) for entry, at in product(rules.numbers, kinds))


def dialplan(rules: Rules, every: list[Case]) -> str:
    """One number that asks all of it and writes each advice into the event log."""
    name = f"lifeline-{rules.digest}"
    lines = ["[from-trunk]", "exten => everything,1,Answer()"]
    for number, (category, language, entry, how, at) in enumerate(every):
        plain = category.removesuffix("!").replace("-", "_")
        chosen = f"{'s' if category.endswith('!') else 'c'}.{plain}.{language}"
        asked = chosen if how == "chosen" else "intake"
        lines += [
            f" same => n,MSet(IVR_AT={at.timestamp():.0f},IVR_ENTRY={entry},IVR_CALLER=number)",
            f" same => n,MSet(LIFE_DIALLED={entry},LIFE_HEADERS=,IVR_ADVICE=)",
            f" same => n,Gosub({name},{asked},1)",
            f" same => n,CELGenUserEvent(case,{number}|${{IVR_ADVICE}})",
        ]
    return "\n".join([*lines, " same => n,CELGenUserEvent(case,all)", " same => n,Hangup()", ""])


def advice(rules: Rules, house: House, case: Case, operators: int) -> str:
    category, language, entry, how, at = case
    step = (
        start(rules, entry)
        if how == "dialled"
        else Chosen(category.removesuffix("!"), language, None, category.endswith("!"))  # type: ignore[arg-type]
    )
    prompt = prompt_paths(house.settings, rules)
    if isinstance(step, MenuState):
        return menu_advice(rules, step, prompt, entry, "number")
    known = {
        "entry": entry,
        "category": step.category,
        "language": step.language,
        "cannot_speak": step.cannot_speak,
        "operators": operators,
    }
    facts = Facts(**known)
    facts = Facts(**known, service_state=service_state(rules, facts, at))
    decision = decide(rules, facts, at)
    return plan_advice(rules, facts, decision, plan(rules, decision, facts, at), prompt)


def answers(file: Path) -> list[str]:
    with file.open(newline="") as opened:
        return [json.loads(row[2])["extra"] for row in csv.reader(opened) if row[0] == "case"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"])
async def test_asterisk_decides_as_the_engine_wherever_its_clock_is(
    spoken: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """Asterisk runs in a time zone. First nobody is on duty, then one operator whose phone is there and one
    who pauses: every category, language, entry and kind of hour is asked, and each advice is the engine's,
    letter by letter."""
    monkeypatch.setenv("TZ", zone)
    house = House(prompts=spoken)
    try:
        await house.build()
        rules = house.prepared.rules
        every = list(cases(rules))
        extensions = house.settings.etc / "extensions.conf"
        extensions.write_text(extensions.read_text() + "\n" + dialplan(rules, every))
        await house.asterisk.start()
        log = house.state / "asterisk/log/cel-custom/master.csv"
        for operators in (0, 1):
            if operators:
                await house.phones("op1", "op2")
                await house.on_duty("op1", "op2")
                await house.asterisk.rx("queue pause member PJSIP/op2")
            log.unlink(missing_ok=True)
            await house.call("everything")
            await until(lambda: log.exists() and answers(log)[-1:] == ["all"], "all is answered", 120)
            given = dict(one.split("|", 1) for one in answers(log)[:-1])
            assert len(given) == len(every)
            for number, case in enumerate(every):
                assert given[str(number)] == advice(rules, house, case, operators), (zone, operators, case)
    finally:
        await house.__aexit__(None, None, None)
