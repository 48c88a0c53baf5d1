"""Advices and plans as text, exactly as ``ivr.vocabulary`` describes them to the dialplan."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ivr.routing.model import CallerClass, LinesStage, QueueStage, Stage
from ivr.vocabulary import (
    ANY_PENALTY,
    CONTRACT_VERSION,
    END_MARK,
    FIELD_SEPARATOR,
    HIGHEST_PRIORITY,
    LINE_SEPARATOR,
    STAGE_FIELD_SEPARATOR,
    STAGE_SEPARATOR,
    Advice,
)

LONGEST_PLAN = 1200
"""Letters. Asterisk reads an AGI command of at most 2,048; the rest is for the other fields."""
CANNOT_SPEAK_MARK = "cannot-speak"

_NAME = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_FORBIDDEN = re.compile(r'[|"\\\x00-\x1f\x7f]')


def encode_plan(stages: Iterable[Stage]) -> str:
    """Raises :class:`ValueError` for a name or time that a plan cannot carry."""
    return STAGE_SEPARATOR.join(map(_encode_stage, stages))


def decode_plan(text: str) -> tuple[Stage, ...]:
    """The inverse of :func:`encode_plan`. Raises :class:`ValueError` for what that would not have written."""
    return tuple(_decode_stage(stage) for stage in text.split(STAGE_SEPARATOR)) if text else ()


def encode_menu_advice(
    *,
    menu: str,
    language: str,
    wrong: int,
    silence_seconds: int,
    prompt: str,
    entry: str,
    caller: str,
    rules: str,
) -> str:
    """``2|menu|…|end``: play the prompt and wait for one key. ``rules`` is their digest."""
    return _advice(Advice.MENU, menu, language, wrong, silence_seconds, prompt, entry, caller, rules)


def encode_plan_advice(
    stages: Iterable[Stage],
    *,
    priority: int,
    category: str,
    language: str,
    accept_prompt: str,
    cannot_speak: bool,
    penalty: tuple[int, int] | None,
    entry: str,
    caller: str,
) -> str:
    """``2|plan|…|end``: carry out the plan."""
    if not 0 <= priority <= HIGHEST_PRIORITY:
        raise ValueError(f"priority {priority} is not 0 to {HIGHEST_PRIORITY}")
    least, most = penalty or ANY_PENALTY
    return join_plan_advice(
        plan=encode_plan(stages),
        priority=str(priority),
        category=category,
        language=language,
        accept_prompt=accept_prompt,
        mark=CANNOT_SPEAK_MARK if cannot_speak else "",
        least=str(least),
        most=str(most),
        entry=entry,
        caller=caller,
    )


def join_plan_advice(
    *,
    plan: str,
    priority: str,
    category: str,
    language: str,
    accept_prompt: str,
    mark: str,
    least: str,
    most: str,
    entry: str,
    caller: str,
) -> str:
    """The fields of ``2|plan|…|end`` in their order, whatever stands in them: the lifeline's compiler puts
    names of the dialplan's variables there."""
    return _advice(
        Advice.PLAN, plan, priority, category, language, accept_prompt, mark, least, most, entry, caller
    )


def encode_agencies(agencies: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Agencies with their lines, for the lifeline's record: ``damkar:damkar-1&damkar-2+pdam:…``."""
    return STAGE_SEPARATOR.join(
        f"{agency}{STAGE_FIELD_SEPARATOR}{LINE_SEPARATOR.join(lines)}" for agency, lines in agencies
    )


def decode_agencies(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs (line, agency) of :func:`encode_agencies`; nothing of what it would not have written."""
    parts = (part.partition(STAGE_FIELD_SEPARATOR) for part in text.split(STAGE_SEPARATOR) if part)
    return tuple((line, agency) for agency, _, lines in parts for line in lines.split(LINE_SEPARATOR) if line)


@dataclass(frozen=True, slots=True)
class MenuAdvice:
    """What ``2|menu|…|end`` says, as far as the record wants it."""

    FIELDS: ClassVar[int] = 11
    menu: str
    language: str
    wrong: int
    entry: str
    caller: CallerClass
    rules: str

    @classmethod
    def read(cls, fields: Sequence[str]) -> "MenuAdvice":
        """Raises :class:`ValueError` for the fields of anything else."""
        menu, language, wrong, _silence, _prompt, entry, caller, rules = _fields(Advice.MENU, fields)
        return cls(menu, language, int(wrong), entry, CallerClass(caller), rules)


@dataclass(frozen=True, slots=True)
class PlanAdvice:
    """The same of ``2|plan|…|end``."""

    plan: str
    priority: int
    category: str
    language: str
    cannot_speak: bool
    entry: str
    caller: CallerClass

    @classmethod
    def read(cls, fields: Sequence[str]) -> "PlanAdvice":
        """Raises :class:`ValueError` for the fields of anything else."""
        plan, priority, category, language, _accept, mark, _least, _most, entry, caller = _fields(
            Advice.PLAN, fields
        )
        cannot_speak = mark == CANNOT_SPEAK_MARK
        return cls(plan, int(priority), category, language, cannot_speak, entry, CallerClass(caller))


def _fields(kind: Advice, fields: Sequence[str]) -> Sequence[str]:
    match fields:
        case [version, found, *inner, end] if (version, found, end) == (CONTRACT_VERSION, kind, END_MARK):
            return inner
    raise ValueError(f"no advice of the kind {kind}")


def _advice(kind: Advice, *fields: str | int) -> str:
    texts = [str(field) for field in fields]
    for text in texts:
        if _FORBIDDEN.search(text):
            raise ValueError(
                f'an advice cannot carry {text!r}: no field may have | " \\ or control characters'
            )
    return FIELD_SEPARATOR.join((CONTRACT_VERSION, kind, *texts, END_MARK))


DECLINED = _advice(Advice.LIFELINE)
"""The lifeline shall answer."""


def _encode_stage(stage: Stage) -> str:
    if stage.seconds < 1:
        raise ValueError(f"a stage of {stage.seconds} s has no length")
    if isinstance(stage, LinesStage):
        if not stage.lines:
            raise ValueError("a stage without lines rings nobody")
        fields = ["l", LINE_SEPARATOR.join(map(_name, stage.lines)), str(stage.seconds)]
    elif stage.keep_free:
        fields = ["i", _name(stage.queue), str(stage.seconds), str(stage.keep_free)]
    else:
        fields = ["q", _name(stage.queue), str(stage.seconds)]
    return STAGE_FIELD_SEPARATOR.join(fields)


def _decode_stage(text: str) -> Stage:
    match text.split(STAGE_FIELD_SEPARATOR):
        case ["q", queue, seconds]:
            return QueueStage(_name(queue), _count(seconds))
        case ["i", queue, seconds, keep_free]:
            return QueueStage(_name(queue), _count(seconds), _count(keep_free))
        case ["l", lines, seconds]:
            return LinesStage(tuple(map(_name, lines.split(LINE_SEPARATOR))), _count(seconds))
    raise ValueError(f"{text!r} is no stage of a plan")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a queue or line")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text, re.ASCII):
        raise ValueError(f"{text!r} is no number above 0")
    return int(text)
