"""The menu: whatever is pressed, or not pressed, the caller is soon with a person, by the way he chose."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from house import House, until
from sentences import said, share_said
from stack.phones.baresip import Answering, PhoneCall
from stack.tones import RATE, heard, samples_of

OPERATORS = tuple(f"op{number}" for number in range(1, 7))
PATIENCE = 60.0
PACE = 1.5
"""Seconds between an answer or a key and the next key: every menu is still being spoken then."""
CLEAR = 0.5
"""Of what was played nearly all is found; of what was not less than half, words that come twice."""
LOUD = 1000.0
"""Effective value (of 32767) that speech on the telephone should have: 30 dB below full scale."""

Menu = tuple[str, str, int]
"""Menu, language, wrong keys so far."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A caller's way: the keys, the menus after the first one, and the decision."""

    keys: str
    menus: Sequence[Menu]
    pressed: str
    """What led to the decision."""
    category: str
    language: str = "id"
    cannot_speak: bool = False


WALKS = (
    Walk("1", (), "1", "fire"),
    Walk("2", (), "2", "medical"),
    Walk("3", (), "3", "security"),
    Walk("4", (), "4", "disaster"),
    Walk("51", [("other", "id", 0)], "1", "accident"),
    Walk("55", [("other", "id", 0)], "5", "consultation"),
    # A person at once, and somebody who cannot speak: also from the further menu.
    Walk("0", (), "0", "unknown"),
    Walk("50", [("other", "id", 0)], "0", "unknown"),
    Walk("8", (), "8", "unknown", cannot_speak=True),
    Walk("58", [("other", "id", 0)], "8", "unknown", cannot_speak=True),
    # The next language; once round all of them is as good as a wrong key.
    Walk("*2", [("main", "en", 0)], "2", "medical", "en"),
    Walk("*0", [("main", "en", 0)], "0", "unknown", "en"),
    Walk("*51", [("main", "en", 0), ("other", "en", 0)], "1", "accident", "en"),
    Walk("5*2", [("other", "id", 0), ("other", "en", 0)], "2", "missing", "en"),
    Walk("**1", [("main", "en", 0), ("main", "id", 1)], "1", "fire"),
    Walk("***", [("main", "en", 0), ("main", "id", 1), ("main", "en", 1)], "silence", "unknown", "en"),
    # One wrong key is forgiven, two lead to a person, also across menus. # is a key like any other.
    Walk("71", [("main", "id", 1)], "1", "fire"),
    Walk("79", [("main", "id", 1)], "9", "unknown"),
    Walk("#1", [("main", "id", 1)], "1", "fire"),
    Walk("##", [("main", "id", 1)], "#", "unknown"),
    Walk("A#", [("main", "id", 1)], "#", "unknown"),
    Walk("759", [("main", "id", 1), ("other", "id", 1)], "9", "unknown"),
    # Silence.
    Walk("", (), "silence", "unknown"),
    Walk("5", [("other", "id", 0)], "silence", "unknown"),
    Walk("*", [("main", "en", 0)], "silence", "unknown", "en"),
    Walk("6", [("main", "id", 1)], "silence", "unknown"),
)


async def follow(house: House, walks: Sequence[Walk]) -> None:
    """Let all callers walk at once, and compare the record with their ways. An operator answers each."""
    already = len(house.calls())
    calls = [await house.call(keys=[(PACE, key) for key in walk.keys], patience=PATIENCE) for walk in walks]
    results = await asyncio.gather(*(call.result() for call in calls))
    await house.ended(already + len(walks))
    for walk, result in zip(walks, results, strict=True):
        row = house.call_by(result.call_id)
        assert (row["result"], row["reason"], row["detail"]) == ("answered", "operator", "person"), walk
        assert (row["category"], row["language"], row["lifeline"]) == (walk.category, walk.language, None), (
            walk
        )
        story = house.story(row["call_id"])
        menus = [told.data for told in story if told.kind == "menu"]
        walked = [(menu["menu"], menu["language"], menu["wrong_keys"]) for menu in menus]
        assert walked == [("main", "id", 0), *walk.menus], walk
        keys = [told.data["key"] for told in story if told.data.get("key")]
        assert keys == [*walk.keys[: len(walk.menus)], walk.pressed], walk
        decision = next(told.data for told in story if told.kind == "decision")
        assert decision.get("cannot_speak", False) == walk.cannot_speak, walk
        assert not walk.cannot_speak or (decision["rule"], decision["priority"]) == ("cannot speak", 8), walk


async def test_every_key_and_every_silence_leads_where_it_should(build: Any) -> None:
    """Twenty-six callers at once, each with keys of his own: the record has every menu he was given and what
    made him leave the last one. An operator answers each, also who asks for information, though no operator
    on duty serves that queue."""
    house = await build(operators=OPERATORS)
    await house.staff(len(OPERATORS))
    await follow(house, WALKS)


async def test_the_menu_is_heard_and_a_key_stops_it_in_any_moment(build: Any) -> None:
    """Five citizens with sound. One hears the whole menu and presses in the silence after it. Two press in
    its first instant, by RFC 4733 and by SIP INFO, one in the middle. One asks for English with *. What each
    heard is found in what his phone and what the house recorded: loud, and not a word more after his key."""
    house = await build(operators=OPERATORS)
    phones = await house.phones(*OPERATORS, tones=dict.fromkeys(OPERATORS, 1000.0))
    for phone in phones:
        phone.answering = Answering(after=0.1)
    await house.on_duty(*OPERATORS)
    menu = {language: house.settings.prompts / language / "menu-main.wav" for language in ("id", "en")}
    silence = seconds(menu["id"]) + 1.0
    citizens = {
        "patient": [(silence, "3")],
        "rfc4733": [(0.0, "1")],
        "info": [(0.0, "1")],
        "middle": [(3.0, "2")],
        "foreigner": [(1.5, "*"), (5.5, "4")],
    }

    async def place(number: int, name: str) -> PhoneCall:
        """Press each key when so many seconds have been heard."""
        phone = await house.carrier(user=f"+62811000000{number}", keys_by_info=name == "info")
        call = await (await phone.dial("112")).established()
        for after, key in citizens[name]:
            await until(lambda: seconds(call.recording) > after, f"{name} heard {after} s", 30)  # noqa: B023
            await call.press(key)
        await until(lambda: heard(call.recording, 1000, 2), f"{name} hears the operator", 20)
        await call.hang_up()
        return call

    placed = await asyncio.gather(*(place(number, name) for number, name in enumerate(citizens)))
    await house.ended(len(citizens))
    calls = dict(zip(citizens, placed, strict=True))
    rows = {name: house.call_of(f"+62811000000{number}") for number, name in enumerate(citizens)}
    assert {name: (row["result"], row["category"], row["language"]) for name, row in rows.items()} == {
        "patient": ("answered", "security", "id"),
        "rfc4733": ("answered", "fire", "id"),
        "info": ("answered", "fire", "id"),
        "middle": ("answered", "medical", "id"),
        "foreigner": ("answered", "disaster", "en"),
    }
    for name, language, begin, end, was_heard in (
        ("patient", "id", 0, None, True), ("patient", "en", 0, None, False),
        ("rfc4733", "id", 0.5, None, False), ("info", "id", 0.5, None, False),
        ("middle", "id", 0, 2.5, True), ("middle", "id", 6, None, False),
        ("foreigner", "id", 0, 1.2, True), ("foreigner", "id", 5, None, False),
        ("foreigner", "en", 0, 3, True), ("foreigner", "en", 7, None, False),
    ):  # fmt: skip
        for recording in (calls[name].recording, house.recording(rows[name]["call_id"])):
            share = share_said(recording, menu[language], begin, end)
            assert (share > CLEAR) == was_heard, (name, language, begin, end, share)
    for name in ("patient", "middle"):
        recording = calls[name].recording
        begin = int(said(recording, menu["id"], 1)[0] * RATE)
        spoken = samples_of(recording)[begin : begin + 2 * RATE]
        assert float(np.sqrt(np.mean(spoken**2))) > LOUD


async def test_menus_that_cannot_be_played_still_take_keys(build: Any) -> None:
    """The files of all menus are lost or broken after the engine has looked at them, one missing, one empty,
    one cut off, one no sound. Callers hear nothing, but a key in that silence counts, and so does none. Then
    even the directory is gone, with the music on hold: the same."""
    house = await build(operators=OPERATORS)
    await house.staff(len(OPERATORS))
    prompts = house.settings.prompts
    for name, content in (
        ("id/menu-main", None),
        ("id/menu-other", 0),
        ("en/menu-main", 30),
        ("en/menu-other", -1),
    ):
        (file,) = (path for path in prompts.glob(f"{name}.*.wav") if not path.is_symlink())
        whole = file.read_bytes()
        file.unlink()
        if content is not None:
            file.write_bytes(whole[:content] if content >= 0 else b"x" * len(whole))
    await follow(house, UNHEARD)
    shutil.rmtree(prompts)
    await follow(house, UNHEARD[:2])


UNHEARD = (
    Walk("3", (), "3", "security"),
    Walk("", (), "silence", "unknown"),
    Walk("51", [("other", "id", 0)], "1", "accident"),
    Walk("5", [("other", "id", 0)], "silence", "unknown"),
    Walk("*3", [("main", "en", 0)], "3", "security", "en"),
    Walk("*", [("main", "en", 0)], "silence", "unknown", "en"),
    Walk("*51", [("main", "en", 0), ("other", "en", 0)], "1", "accident", "en"),
    Walk("*5", [("main", "en", 0), ("other", "en", 0)], "silence", "unknown", "en"),
)


def seconds(sound: Path) -> float:
    return len(samples_of(sound)) / RATE
