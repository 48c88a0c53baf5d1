"""What a menu says: made from the categories' words and the keys' words, so that the two cannot disagree."""

from ivr.menu.definition import Menu
from ivr.routing.rules import Language, Rules

LETTERS_A_SECOND = 16.5
PAUSE_SECONDS = 0.2
"""Both from espeak-ng at 175 words a minute, Indonesian and English menus: within 6 % of what it speaks."""


def menu_text(rules: Rules, menu: Menu, language: Language) -> str:
    """The whole speech of a menu in a language that has texts. Every choice must have its word."""
    choices = " ".join(
        language.choice.replace("{what}", language.words[target]).replace(
            "{key}", language.keys[int(key) - 1]
        )
        for key, target in menu.choices.items()
    )
    begins_a_call = any(number.menu == menu.name for number in rules.numbers.values())
    return (language.first_menu if begins_a_call else language.further_menu).replace("{choices}", choices)


def speech_seconds(text: str) -> float:
    """About how long the text takes to say. The length of what was rendered is the truth."""
    return len(text) / LETTERS_A_SECOND + PAUSE_SECONDS * sum(text.count(mark) for mark in ".,:;?!")
