"""Dialplan as text: contexts, extensions, steps, and the limits that Asterisk sets to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LONGEST_STEP = 3000
"""Letters. A line of a configuration file may have 8,192, a variable's value and an expression 4,096."""
MOST_PAIRS = 12
"""Variables set by one MSet, which takes 24."""


def plain(name: str) -> str:
    """A menu, language or category as part of an extension's name. Asterisk takes ``a-1`` and ``a1`` for the
    same extension; no name has an underscore."""
    return name.replace("-", "_")


@dataclass
class Context:
    """Extensions in the order in which they were added. A jump to one that is not there goes back without
    an advice, and the hand-written plan of last resort serves."""

    name: str
    _lines: list[str] = field(default_factory=list)

    def add(self, extension: str, *steps: str) -> None:
        """``n(label),…`` in place of a step gives it a label."""
        for place, step in enumerate(steps):
            if len(step) > LONGEST_STEP:
                raise ValueError(f"a step of {len(step)} letters in {self.name},{extension}: {step[:80]}…")
            begin = f"exten => {extension},1," if place == 0 else " same => "
            self._lines.append(begin + (step if place == 0 or step.startswith("n(") else f"n,{step}"))

    def text(self) -> str:
        return "\n".join((f"[{self.name}]", "exten => i,1,Return()", *self._lines, ""))


def exists(context: str, extension: str) -> str:
    return f"$[0${{DIALPLAN_EXISTS({context},{extension},1)}} = 1]"


def any_of(terms: Sequence[str]) -> str:
    """An expression without its ``$[ ]``; nothing holds of none."""
    return "0" if not terms else terms[0] if len(terms) == 1 else f"({' | '.join(terms)})"


def all_of(terms: Sequence[str]) -> str:
    return "1" if not terms else terms[0] if len(terms) == 1 else f"({' & '.join(terms)})"


def set_all(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Steps that set the variables in order. No value may need one that is set here."""
    steps: list[str] = []
    held: list[str] = []
    for name, value in pairs:
        pair = f"{name}={value}"
        if held and (len(held) == MOST_PAIRS or sum(map(len, held)) + len(pair) > LONGEST_STEP // 2):
            steps.append(f"MSet({','.join(held)})")
            held = []
        held.append(pair)
    return [*steps, f"MSet({','.join(held)})"] if held else steps
