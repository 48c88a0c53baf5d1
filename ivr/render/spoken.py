"""Which prompt file a set of rules speaks with: rules and prompts meet here."""

from collections.abc import Mapping
from functools import partial

from ivr.menu.answer import PromptPath
from ivr.menu.prompts_needed import prompts_needed
from ivr.prompts import DEFAULT_VOICES, load_catalogue
from ivr.routing.rules import Rules
from ivr.settings import Settings


def voices(rules: Rules) -> Mapping[str, str | None]:
    """Language → espeak-ng voice; ``None`` for a language that has recordings only."""
    return {
        name: None if language.recorded else DEFAULT_VOICES.get(name, name)
        for name, language in rules.languages.items()
    }


def prompt_paths(settings: Settings, rules: Rules) -> PromptPath:
    """The prompts of these rules that are there now, as an advice names them."""
    needed = prompts_needed(rules)
    catalogue = load_catalogue(needed, settings.prompts, settings.recorded, voices(rules))
    return partial(catalogue.advised, settings.prompts)
