"""Advices and plans as text, exactly as ``ivr.vocabulary`` describes them to the dialplan."""

import re
from collections.abc import Iterable

from ivr.routing.model import CallerClass, LinesStage, QueueStage, Stage
from ivr.vocabulary import (
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
    caller: CallerClass,
) -> str:
    """``1|menu|…|end``: play the prompt and wait for one key."""
    return _advice(Advice.MENU, menu, language, wrong, silence_seconds, prompt, entry, caller)


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
    caller: CallerClass,
) -> str:
    """``1|plan|…|end``: carry out the plan."""
    if not 0 <= priority <= HIGHEST_PRIORITY:
        raise ValueError(f"priority {priority} is not 0 to {HIGHEST_PRIORITY}")
    least, most = penalty or ("", "")
    return _advice(
        Advice.PLAN,
        encode_plan(stages),
        priority,
        category,
        language,
        accept_prompt,
        CANNOT_SPEAK_MARK if cannot_speak else "",
        least,
        most,
        entry,
        caller,
    )


def _advice(kind: Advice, *fields: str | int) -> str:
    texts = [str(field) for field in fields]
    for text in texts:
        if _FORBIDDEN.search(text):
            raise ValueError(
                f'an advice cannot carry {text!r}: no field may have | " \\ or control characters'
            )
    return FIELD_SEPARATOR.join((CONTRACT_VERSION, kind, *texts, END_MARK))


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
