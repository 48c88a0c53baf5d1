"""The proof that every way through the menus ends, and that 0 and silence lead to a person from each of them.

All of it is walked: every number dialled, every key, every language, every count of wrong keys.
"""

from collections.abc import Mapping

from ivr.menu import walk
from ivr.menu.definition import PERSON_KEY
from ivr.menu.walk import Chosen, MenuState, Step
from ivr.routing.rules import UNKNOWN, Rules
from ivr.vocabulary import SILENCE

_KEYS = (*"123456789*#", PERSON_KEY, SILENCE)

_Ways = Mapping[MenuState, Mapping[str, Step]]
"""From every state that a caller can reach: key → what follows."""


def menu_flaws(rules: Rules) -> dict[str, str]:
    """Menu → why a caller in it may not get to a person. Empty: proved."""
    ways = _ways(rules)
    flaws: dict[str, str] = {}
    for state, following in ways.items():
        for key in (PERSON_KEY, SILENCE):
            step = following[key]
            if not isinstance(step, Chosen) or step.category != UNKNOWN:
                flaws[state.menu] = f"it has no way to a person: {key} does not lead to one"
        for step in following.values():
            if isinstance(step, Chosen) and step.category not in rules.categories:
                flaws[state.menu] = f"it leads to {step.category}, which is no category"
    for state in _endless(ways):
        flaws.setdefault(state.menu, "a caller can go round in it for ever")
    return flaws


def _ways(rules: Rules) -> _Ways:
    ways: dict[MenuState, dict[str, Step]] = {}
    ahead = [walk.start(rules, entry) for entry in rules.numbers]
    while ahead:
        step = ahead.pop()
        if isinstance(step, MenuState) and step not in ways:
            ways[step] = {key: walk.press(rules, step, key) for key in _KEYS}
            ahead += ways[step].values()
    return ways


def _endless(ways: _Ways) -> set[MenuState]:
    """What is left when states from which every key ends, or leads to such a state, are taken away; and then
    those that only lead into what is left."""
    left = set(ways)
    while ending := {state for state in left if left.isdisjoint(ways[state].values())}:
        left -= ending
    while into := left.difference(*[ways[state].values() for state in left]):
        left -= into
    return left
