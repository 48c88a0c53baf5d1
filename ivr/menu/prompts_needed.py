"""Every text of the rules that has to be spoken."""

from collections.abc import Mapping

from ivr.menu.text import menu_text
from ivr.routing.rules import Rules


def menu_prompt(menu: str) -> str:
    return f"menu-{menu}"


def accept_prompt(category: str) -> str:
    return f"accept-{category}"


def prompts_needed(rules: Rules) -> Mapping[tuple[str, str], str]:
    """(language, prompt name) → text.

    A language that has recordings only has no text of its own: for a recording that is missing, the first
    language's prompt is played. What operators and agencies hear exists in the first language only.
    """
    first = rules.default_language
    needed: dict[tuple[str, str], str] = {}
    for language in rules.languages.values():
        if language.recorded:
            continue
        for name, menu in rules.menus.items():
            needed[language.id, menu_prompt(name)] = menu_text(rules, menu, language)
        for name, text in language.texts.items():
            needed[language.id, name] = text
    for category in rules.categories:
        needed[first.id, accept_prompt(category)] = first.accept.replace("{what}", first.words[category])
    return needed
