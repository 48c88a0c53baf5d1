"""A caller's way through Ambon's menus: every key, every language, no way without an end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.menu.definition import CHOICE_KEYS, LONGEST_SPEECH
from ivr.menu.prompts_needed import prompts_needed
from ivr.menu.text import menu_text, speech_seconds
from ivr.menu.walk import Chosen, ChosenBy, MenuState, press, start
from ivr.routing.loader import load, load_file
from ivr.routing.rules import CALLER_TEXTS, STAFF_TEXTS
from ivr.vocabulary import SILENCE

FILE = Path(__file__).parents[2] / "routing.yaml"
RULES = load_file(FILE)
MAIN = MenuState("main", "id")
KEYS = (*"0123456789*#", SILENCE)


@pytest.mark.parametrize(
    ("entry", "step"),
    [
        ("112", MAIN),
        ("911", MenuState("main", "en")),
        ("other", MAIN),
        ("never heard of", MAIN),
        ("110", Chosen("security", "id", ChosenBy.ENTRY)),
        ("113", Chosen("fire", "id", ChosenBy.ENTRY)),
        ("115", Chosen("missing", "id", ChosenBy.ENTRY)),
        ("118", Chosen("medical", "id", ChosenBy.ENTRY)),
        ("119", Chosen("medical", "id", ChosenBy.ENTRY)),
    ],
)
def test_what_a_call_begins_with(entry: str, step: MenuState | Chosen) -> None:
    assert start(RULES, entry) == step


@pytest.mark.parametrize(
    ("state", "key", "step"),
    [
        (MAIN, "1", Chosen("fire", "id", ChosenBy.KEY)),
        (MAIN, "4", Chosen("disaster", "id", ChosenBy.KEY)),
        (MAIN, "5", MenuState("other", "id")),
        (MenuState("main", "en", 1), "5", MenuState("other", "en", 1)),
        (MenuState("other", "en", 1), "1", Chosen("accident", "en", ChosenBy.KEY)),
        (MAIN, "0", Chosen("unknown", "id", ChosenBy.PERSON)),
        (MAIN, SILENCE, Chosen("unknown", "id", ChosenBy.SILENCE)),
        (MAIN, "8", Chosen("unknown", "id", ChosenBy.CANNOT_SPEAK, cannot_speak=True)),
        (MAIN, "6", MenuState("main", "id", 1)),
        (MAIN, "9", MenuState("main", "id", 1)),
        (MAIN, "#", MenuState("main", "id", 1)),
        (MAIN, "", MenuState("main", "id", 1)),
        (MAIN, "A", MenuState("main", "id", 1)),
        (MAIN, "11", MenuState("main", "id", 1)),
        (MenuState("main", "id", 1), "#", Chosen("unknown", "id", ChosenBy.WRONG_KEYS)),
        (MenuState("main", "id", 7), "#", Chosen("unknown", "id", ChosenBy.WRONG_KEYS)),
        (MAIN, "*", MenuState("main", "en")),
        (MenuState("other", "id", 1), "*", MenuState("other", "en", 1)),
        (MenuState("main", "en"), "*", MenuState("main", "id", 1)),
        (MenuState("main", "en", 1), "*", Chosen("unknown", "id", ChosenBy.WRONG_KEYS)),
        (MenuState("main", "xx"), "1", Chosen("fire", "id", ChosenBy.KEY)),
        (MenuState("gone", "en"), "1", Chosen("unknown", "en", ChosenBy.NO_MENU)),
    ],
)
def test_one_key(state: MenuState, key: str, step: MenuState | Chosen) -> None:
    assert press(RULES, state, key) == step


@given(st.sampled_from(sorted(RULES.numbers)), st.lists(st.sampled_from(KEYS), min_size=8, max_size=8))
def test_a_walk_ends_after_a_bounded_number_of_keys(entry: str, keys: list[str]) -> None:
    step = start(RULES, entry)
    for key in keys:
        if isinstance(step, Chosen):
            break
        step = press(RULES, step, key)
    # Two menus deep, twice round two languages: fewer than eight keys.
    assert isinstance(step, Chosen)
    assert step.category in RULES.categories
    assert step.language in RULES.languages


@given(st.text(max_size=10), st.text(max_size=5), st.integers(-5, 50), st.text(max_size=5))
def test_any_state_that_the_dialplan_may_send_has_an_answer(
    menu: str, language: str, wrong: int, key: str
) -> None:
    step = press(RULES, MenuState(menu, language, wrong), key)
    assert step.language in RULES.languages


def test_the_speech_of_a_menu_names_its_own_keys() -> None:
    for language in RULES.languages.values():
        for menu in RULES.menus.values():
            text = menu_text(RULES, menu, language)
            places = [
                text.index(f"{language.words[target]}, {language.keys[int(key) - 1]}.")
                for key, target in menu.choices.items()
            ]
            assert places == sorted(places)
            assert speech_seconds(text) <= LONGEST_SPEECH


def test_what_ambons_menu_says() -> None:
    assert menu_text(RULES, RULES.menus["main"], RULES.languages["id"]) == (
        "Satu satu dua. Tekan: Kebakaran, satu. Ambulans, dua. Polisi, tiga. Bencana, empat. Lainnya, lima. "
        "English, star."
    )
    assert menu_text(RULES, RULES.menus["other"], RULES.languages["en"]).startswith("Press: Accident, one.")


def test_every_key_word_of_a_language_belongs_to_one_key() -> None:
    for language in RULES.languages.values():
        assert len(set(language.keys)) == len(CHOICE_KEYS)


def test_which_prompts_are_needed() -> None:
    needed = prompts_needed(RULES)
    expected = {("id", name) for name in (*CALLER_TEXTS, *STAFF_TEXTS)}
    expected |= {("en", name) for name in CALLER_TEXTS}
    expected |= {(language, f"menu-{menu}") for language in ("id", "en") for menu in ("main", "other")}
    expected |= {("id", f"accept-{category}") for category in RULES.categories}
    assert set(needed) == expected
    assert needed["id", "accept-fire"] == "112. Kebakaran. Tekan 1 terima, 2 ulang, 9 tolak."
    assert all(text.strip() and "{" not in text for text in needed.values())


def test_a_language_of_recordings_has_no_text_but_is_a_language() -> None:
    text = FILE.read_text("utf-8").replace("  # abs: {recorded: yes} ", "  abs: {recorded: yes} ")
    rules = load(text, "routing.yaml")
    assert list(rules.languages) == ["id", "en", "abs"]
    assert "abs" not in {language for language, _ in prompts_needed(rules)}
    assert press(rules, MenuState("main", "en"), "*") == MenuState("main", "abs")
    assert press(rules, MenuState("main", "abs"), "*") == MenuState("main", "id", 1)
