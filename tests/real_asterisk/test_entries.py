"""Whatever number is dialled on the trunk, the caller reaches an operator, by the way the number asks for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from house import House, until
from sentences import share_said
from stack.tones import RATE, samples_of

OPERATORS = tuple(f"op{number}" for number in range(1, 7))
PATIENCE = 60.0
"""Seconds until a caller who reached nobody gives up: longer than any call here takes."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A number, and what must become of a call to it."""

    number: str
    entry: str
    category: str = "fire"
    """With a menu the caller presses 1, which is fire."""
    menu: bool = True
    language: str = "id"
    headers: Mapping[str, str] = field(default_factory=dict)


def preset(number: str, category: str, entry: str = "", **headers: str) -> Dialled:
    return Dialled(
        number,
        entry or number,
        category,
        menu=False,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


THE_112 = (
    "112",
    "0911112",
    "911112",
    "+62911112",
    "62911112",
    "%31%31%32",
    "%20112",
    "112;phone-context=ambon",
)
"""With the area code of Ambon, which carriers may put before a short number; escaped; with a blank; with a
parameter."""

KNOWN = (
    *(Dialled(number, "112") for number in THE_112),
    Dialled("911", "911", language="en"),
    preset("110", "security"),
    preset("113", "fire"),
    preset("115", "missing"),
    preset("118", "medical"),
    preset("119", "medical"),
    preset("0911110", "security", "110"),
    preset("+62911119", "medical", "119"),
    # Redirected to 112 by the carrier from one of the others.
    preset("112", "fire", "113", Diversion="<sip:113@carrier.example>;reason=unconditional;counter=1"),
    preset("112", "security", "110", Diversion='"Polisi" <tel:+62911110>;reason=user-busy'),
    preset(
        "0911112", "missing", "115", History_Info="<sip:115@a.example>;index=1, <sip:112@a.example>;index=1.1"
    ),
    preset("8001234", "medical", "118", History_Info="<sip:%2B62911118@a.example>;index=1"),
    # Redirected from what is no emergency number, or what nobody can read: 112 it is.
    Dialled("112", "112", headers={"Diversion": "<sip:+62812999000@carrier.example>;reason=unconditional"}),
    Dialled("112", "112", headers={"Diversion": '"<<< sip:113', "History-Info": "%%%;;;,,,"}),
    # The number dialled counts before the redirection.
    preset("119", "medical", "119", Diversion="<sip:110@carrier.example>"),
)

ANYTHING = (
    *("8001234", "02112345678", "+62911", "0911911", "1112", "1120", "1", "9", "#", "*", "*11", "+"),
    # What must not be taken for the dialplan's own extensions h, i, s, t and T.
    *("h", "i", "s", "t", "T", "o", "a", "e"),
    *("sos", "operator", "darurat", "op1", "piket-112", "emergency", "start", "from-operators"),
    # Nothing at all; as long as no number is; and every way of writing what a dialplan might trip over.
    *("", "9" * 200, "x" * 200, "%E2%98%8E", "%F0%9F%9A%92", "dar%FCrat", "a,b", "a;b=c"),
    *("%24%7BEXTEN%7D", "%24%5B1+1%5D", "1%22%2C%3B%7C%5C", "1%2C1)", "(1%2C1", "..", "&+~'"),
)


async def place(house: House, dialled: Sequence[Dialled]) -> list[str]:
    """Place all calls at once, wait for their ends, and compare. Returns the ids of the calls."""
    key = ((1.5, "1"),)
    calls = [
        await house.call(one.number, headers=one.headers, keys=key if one.menu else (), patience=PATIENCE)
        for one in dialled
    ]
    results = await asyncio.gather(*(call.result() for call in calls))
    unanswered = [one.number for one, result in zip(dialled, results, strict=True) if not result.answered_at]
    assert not unanswered
    rows = await house.ended(len(calls))
    assert len(rows) == len(calls)
    ids = []
    for one, result in zip(dialled, results, strict=True):
        assert (result.statuses[-1:], result.ended_by) == ((200,), "them"), one
        row = house.call_by(result.call_id)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "person"), one
        assert (row["entry"], row["category"], row["language"]) == (one.entry, one.category, one.language), (
            one
        )
        assert row["lifeline"] is None, one
        assert row["operator"].startswith("op"), one
        assert ("menu" in house.kinds(row["call_id"])) == one.menu, one
        ids.append(row["call_id"])
    assert len(set(ids)) == len(ids)
    return ids


async def test_known_numbers_and_redirections_lead_where_the_rules_say(build: Any) -> None:
    """Every spelling of 112 by the menu, 911 by the menu in English, the old numbers straight to their
    category, also when the carrier redirected them to 112."""
    house = await build(operators=OPERATORS)
    await house.staff(len(OPERATORS))
    ids = await place(house, KNOWN)
    rules = {
        one.number: told.data["rule"]
        for one, call in zip(KNOWN, ids, strict=True)
        for told in house.story(call)
        if told.kind == "decision"
    }
    assert (rules["110"], rules["115"], rules["118"]) == ("security", "missing person", "ambulance")


async def test_whatever_else_is_dialled_reaches_an_operator(build: Any) -> None:
    """No number, one sign, letters, 200 characters, names of the dialplan's own, and what could upset it."""
    house = await build(operators=OPERATORS)
    await house.staff(len(OPERATORS))
    await place(house, [Dialled(number, "other") for number in ANYTHING])


async def test_who_dials_911_hears_english_and_only_english(house: House) -> None:
    """A foreigner's phone: the whole English menu is heard, nothing of the Indonesian one, and the decision
    knows the language."""
    phones = await house.staff(1)
    foreigner = await house.carrier(hz=440)
    english = house.settings.prompts / "en" / "menu-main.wav"
    call = await (await foreigner.dial("911")).established()
    length = len(samples_of(english))
    await until(lambda: len(samples_of(call.recording)) > length + RATE, "the menu is over", 30)
    await call.press("2")
    await call.closed()
    assert len(phones["op1"].calls) == 1
    assert share_said(call.recording, english) > 0.8
    assert share_said(call.recording, house.settings.prompts / "id" / "menu-main.wav") < 0.5

    row = await house.only_call()
    assert (row["result"], row["language"], row["category"]) == ("answered", "en", "medical")
    decision = next(told for told in house.story(row["call_id"]) if told.kind == "decision")
    assert decision.data["language"] == "en"
