"""A caller's way through the menus, one key at a time. Pure; the state comes with each question.

Whatever is pressed, the walk ends at a category or at a person after a bounded number of keys: a menu leads
only to further menus (the loader refuses loops), a wrong key counts, and so does going once round all
languages.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from ivr.intake.numbers import OTHER
from ivr.menu.definition import CANNOT_SPEAK_KEY, LANGUAGE_KEY, PERSON_KEY, WRONG_KEYS
from ivr.routing.rules import UNKNOWN, Rules
from ivr.vocabulary import SILENCE


@dataclass(frozen=True, slots=True)
class MenuState:
    """The caller hears this menu in this language and has pressed so many wrong keys."""

    menu: str
    language: str
    wrong: int = 0


class ChosenBy(StrEnum):
    """How a walk ended."""

    ENTRY = "entry"
    """The number dialled says it all: 113 is fire."""
    KEY = "key"
    PERSON = "person"
    """0: a person at once."""
    CANNOT_SPEAK = "cannot-speak"
    SILENCE = "silence"
    WRONG_KEYS = "wrong-keys"
    NO_MENU = "no-menu"
    """The rules of the caller's menu have no such menu: a variable was garbled."""


@dataclass(frozen=True, slots=True)
class Chosen:
    category: str
    language: str
    by: ChosenBy
    cannot_speak: bool = False


Step = MenuState | Chosen


def start(rules: Rules, entry: str) -> Step:
    """What a call to this entry begins with. An entry that the file does not list is ``other``."""
    number = rules.numbers.get(entry, rules.numbers[OTHER])
    language = number.language or rules.default_language.id
    if number.menu is not None:
        return MenuState(number.menu, language)
    return Chosen(number.category or UNKNOWN, language, ChosenBy.ENTRY)


def press(rules: Rules, state: MenuState, key: str) -> Step:
    """``key`` is one of ``0-9 * #`` or :data:`ivr.vocabulary.SILENCE`; anything else is a wrong key."""
    menu = rules.menus.get(state.menu)
    language = rules.language(state.language).id
    if menu is None:
        return Chosen(UNKNOWN, language, ChosenBy.NO_MENU)
    if key in menu.choices:
        target = menu.choices[key]
        if target in rules.menus:
            return MenuState(target, language, state.wrong)
        return Chosen(target, language, ChosenBy.KEY)
    match key:
        case _ if key == PERSON_KEY:
            return Chosen(UNKNOWN, language, ChosenBy.PERSON)
        case _ if key == CANNOT_SPEAK_KEY:
            return Chosen(UNKNOWN, language, ChosenBy.CANNOT_SPEAK, cannot_speak=True)
        case _ if key == SILENCE:
            return Chosen(UNKNOWN, language, ChosenBy.SILENCE)
        case _ if key == LANGUAGE_KEY:
            return _next_language(rules, replace(state, language=language))
    return _wrong(state, language)


def _next_language(rules: Rules, state: MenuState) -> Step:
    order = tuple(rules.languages)
    following = order[(order.index(state.language) + 1) % len(order)]
    # Coming back to the first language, nobody understood any of them.
    if following == order[0]:
        return _wrong(state, following)
    return replace(state, language=following)


def _wrong(state: MenuState, language: str) -> Step:
    if state.wrong + 1 >= WRONG_KEYS:
        return Chosen(UNKNOWN, language, ChosenBy.WRONG_KEYS)
    return MenuState(state.menu, language, state.wrong + 1)
