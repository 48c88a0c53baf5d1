"""A small reader and runner of the dialplan that ``ivr.lifeline`` writes, and of no other.

It lets tests look at a hundred thousand calls in the time in which Asterisk looks at a hundred. That it reads
dialplan as Asterisk does is held by the test that puts the same questions to a real one.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

MOST_STEPS = 2000
_EXTENSION = re.compile(r"exten => ([^,]+),1,(.*)")
_SAME = re.compile(r" same => n(?:\((\w+)\))?,(.*)")
_TOKEN = re.compile(r'\s*("[^"]*"|[\w.+*/-]+|>=|<=|!=|=~|[=<>&|+*()-])')
_COMPARE: Mapping[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
    "<=": operator.le,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
}


@dataclass
class Dialplan:
    """Contexts → extensions → steps, each a label (or none), an application and its argument."""

    contexts: dict[str, dict[str, list[tuple[str | None, str, str]]]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Dialplan":
        plan = cls()
        extensions: dict[str, list[tuple[str | None, str, str]]] = {}
        steps: list[tuple[str | None, str, str]] = []
        for line in text.splitlines():
            if not line or line.startswith(";"):
                continue
            if line.startswith("["):
                extensions = plan.contexts.setdefault(line[1:-1], {})
            elif match := _EXTENSION.fullmatch(line):
                assert match[1].replace("-", "") not in extensions, f"twice: {line}"
                steps = extensions[match[1].replace("-", "")] = [(None, *_application(match[2]))]
            else:
                match = _SAME.fullmatch(line)
                assert match, f"not read: {line}"
                steps.append((match[1], *_application(match[2])))
        return plan

    def broken_jumps(self) -> list[str]:
        """Every jump whose target stands there as it is, and does not exist."""
        return [
            argument
            for context, extensions in self.contexts.items()
            for steps in extensions.values()
            for _, application, argument in steps
            if application in ("Goto", "GotoIf") and "${" not in argument.rpartition("?")[2]
            if not self._leads_somewhere(argument.rpartition("?")[2], context)
        ]

    def _leads_somewhere(self, target: str, context: str) -> bool:
        *where, priority = target.split(",")
        context, extension = where if len(where) == 2 else (context, where[0])
        steps = self.contexts.get(context, {}).get(extension.replace("-", ""), [])
        return bool(steps) if priority == "1" else priority in [label for label, _, _ in steps]

    def exists(self, context: str, extension: str) -> bool:
        return extension.replace("-", "") in self.contexts.get(context, {})


def _application(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\w+)\((.*)\)", text)
    assert match, f"not read: {text}"
    return match[1], match[2].replace("\\;", ";")


@dataclass
class Run:
    """One call in it. ``operators`` are there; ``IVR_AT`` among the variables is the time."""

    plan: Dialplan
    variables: dict[str, str]
    operators: int = 0
    visited: list[str] = field(default_factory=list)

    def gosub(self, context: str, extension: str) -> str:
        """What ``IVR_ADVICE`` is when the dialplan returns. An :class:`AssertionError` where Asterisk would
        hang up."""
        place = 0
        for _ in range(MOST_STEPS):
            steps = self.plan.contexts[context].get(extension.replace("-", ""))
            if steps is None:
                extension, place = "i", 0
                continue
            assert place < len(steps), f"falls off the end of {context},{extension}"
            _, application, raw = steps[place]
            self.visited.append(f"{context},{extension},{place + 1}")
            argument = self.substitute(raw)
            place += 1
            match application:
                case "Return":
                    return self.variables.get("IVR_ADVICE", "")
                case "Set":
                    name, _, value = argument.partition("=")
                    self.variables[name] = value
                case "MSet":
                    assert '"' not in argument
                    pairs = argument.split(",")
                    assert len(pairs) <= 24
                    for name, _, value in (pair.partition("=") for pair in pairs):
                        self.variables[name] = value
                case "Goto" | "GotoIf":
                    target: str | None = argument
                    if application == "GotoIf":
                        condition, _, target = argument.partition("?")
                        target = target if _true(condition) else None
                    if target:
                        context, extension, place = self._go(target, context)
                case "Gosub":
                    there, _, most = argument.removesuffix(")").partition(",s,1(")
                    assert there == "lifeline-operators"
                    self.variables["LIFE_OPERATORS"] = str(min(self.operators, int(most)))
                case _:
                    raise AssertionError(application)
        raise AssertionError("it never returns")

    def _go(self, target: str, context: str) -> tuple[str, str, int]:
        *where, priority = target.split(",")
        context, extension = where if len(where) == 2 else (context, where[0])
        assert context in self.plan.contexts, context
        if priority == "1":
            return context, extension, 0
        labels = [label for label, _, _ in self.plan.contexts[context][extension]]
        return context, extension, labels.index(priority)

    def substitute(self, text: str) -> str:
        made, at = [], 0
        while at < len(text):
            if text[at : at + 2] in ("${", "$["):
                close = "}" if text[at + 1] == "{" else "]"
                end = _closing(text, at + 1, text[at + 1], close)
                inner = self.substitute(text[at + 2 : end])
                assert len(inner) < 4000
                made.append(self._value(inner) if close == "}" else evaluate(inner))
                at = end + 1
            else:
                made.append(text[at])
                at += 1
        return "".join(made)

    def _value(self, text: str) -> str:
        match = re.fullmatch(r"([A-Z_]+)\((.*)\)", text)
        if match is None:
            return self.variables.get(text, "")
        arguments = match[2].split(",")
        match match[1]:
            case "IF":
                condition, _, rest = match[2].partition("?")
                return rest.split(":")[0 if _true(condition) else 1]
            case "DIALPLAN_EXISTS":
                return str(int(self.plan.exists(*arguments[:2])))
            case "REPLACE":
                return self.variables.get(arguments[0], "").replace(arguments[1], arguments[2])
            case "STRFTIME":
                at = datetime.fromtimestamp(int(arguments[0]), ZoneInfo(arguments[1]))
                return at.strftime(arguments[2])
        raise AssertionError(text)


def _closing(text: str, begin: int, opens: str, closes: str) -> int:
    depth = 0
    for at in range(begin, len(text)):
        depth += (text[at] == opens) - (text[at] == closes)
        if depth == 0:
            return at
    raise AssertionError(f"never closed: {text[begin:]}")


def _true(text: str) -> bool:
    return text.strip() not in ("", "0")


def evaluate(text: str) -> str:
    """An expression, its variables already put in. Only what the lifeline writes."""
    tokens = _TOKEN.findall(text)
    assert "".join(tokens) == re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text), f"not read: {text}"
    value, rest = _or(tokens)
    assert not rest, f"not read: {text}"
    return str(value)


def _or(tokens: list[str]) -> tuple[object, list[str]]:
    left, tokens = _and(tokens)
    while tokens and tokens[0] == "|":
        right, tokens = _and(tokens[1:])
        left = left if _true(str(left)) else right
    return left, tokens


def _and(tokens: list[str]) -> tuple[object, list[str]]:
    left, tokens = _compare(tokens)
    while tokens and tokens[0] == "&":
        right, tokens = _compare(tokens[1:])
        left = left if _true(str(left)) and _true(str(right)) else 0
    return left, tokens


def _compare(tokens: list[str]) -> tuple[object, list[str]]:
    left, tokens = _sum(tokens)
    if tokens and tokens[0] == "=~":
        found = re.search(tokens[1][1:-1], str(left))
        return (found[1] if found else ""), tokens[2:]
    if tokens and tokens[0] in _COMPARE:
        how = _COMPARE[tokens[0]]
        right, tokens = _sum(tokens[1:])
        if isinstance(left, int) != isinstance(right, int):
            left, right = str(left), str(right)
        return int(how(left, right)), tokens
    return left, tokens


def _sum(tokens: list[str]) -> tuple[object, list[str]]:
    left, tokens = _product(tokens)
    while tokens and tokens[0] in "+-":
        right, after = _product(tokens[1:])
        assert isinstance(left, int)
        assert isinstance(right, int)
        left, tokens = (left + right if tokens[0] == "+" else left - right), after
    return left, tokens


def _product(tokens: list[str]) -> tuple[object, list[str]]:
    left, tokens = _atom(tokens)
    while tokens and tokens[0] == "*":
        right, tokens = _atom(tokens[1:])
        assert isinstance(left, int)
        assert isinstance(right, int)
        left *= right
    return left, tokens


def _atom(tokens: list[str]) -> tuple[object, list[str]]:
    assert tokens, "an operand is missing"
    if tokens[0] == "(":
        value, rest = _or(tokens[1:])
        assert rest[:1] == [")"]
        return value, rest[1:]
    text = tokens[0].strip('"')
    return (int(text) if re.fullmatch(r"-?\d+", text) else text), tokens[1:]
