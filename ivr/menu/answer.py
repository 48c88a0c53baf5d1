"""The advice for a caller's next step, as text for the dialplan. Pure: the engine and the lifeline's compiler
answer by the same functions."""

from collections.abc import Callable, Iterable, Mapping

from ivr.intake.numbers import dialled_forms
from ivr.menu.prompts_needed import accept_prompt, menu_prompt
from ivr.menu.walk import MenuState, start
from ivr.routing.advice import encode_menu_advice, encode_plan_advice
from ivr.routing.model import CallerClass, Decision, Facts, Stage
from ivr.routing.rules import Rules

PromptPath = Callable[[str, str], str]
"""(language, prompt name) → the file as the dialplan wants it: below the directory of prompts, without its
ending."""


def menu_advice(rules: Rules, state: MenuState, prompt: PromptPath, entry: str, caller: str) -> str:
    """Play this menu. ``state`` names a menu and a language of the rules."""
    return encode_menu_advice(
        menu=state.menu,
        language=state.language,
        wrong=state.wrong,
        silence_seconds=rules.menus[state.menu].silence_seconds,
        prompt=prompt(state.language, menu_prompt(state.menu)),
        entry=entry,
        caller=caller,
        rules=rules.digest,
    )


def first_menus(rules: Rules, prompt: PromptPath) -> Mapping[str, str]:
    """What can be dialled → the menu that a call to it begins with, unless it was redirected to us; ``""``
    where it begins with no menu. Who calls is not known here: as without the engine, he is taken for a
    number."""

    def first(entry: str) -> str:
        state = start(rules, entry)
        if not isinstance(state, MenuState):
            return ""
        return menu_advice(rules, state, prompt, entry, CallerClass.NUMBER)

    return {form: first(entry) for form, entry in dialled_forms(rules.city.area_code).items()}


def plan_advice(
    rules: Rules, facts: Facts, decision: Decision, stages: Iterable[Stage], prompt: PromptPath
) -> str:
    """Carry out this plan of this decision."""
    return encode_plan_advice(
        stages,
        priority=decision.priority,
        category=facts.category,
        language=facts.language,
        accept_prompt=spoken_to_lines(rules, facts.category, prompt),
        cannot_speak=facts.cannot_speak,
        penalty=rules.language(facts.language).penalty,
        entry=facts.entry,
        caller=facts.caller,
    )


def spoken_to_lines(rules: Rules, category: str, prompt: PromptPath) -> str:
    """What somebody at an agency's line hears: always in the first language."""
    return prompt(rules.default_language.id, accept_prompt(category))
