"""How the engine is, part by part, with the remedy for what is not well."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    """Calls are handled; somebody should look."""
    BAD = "bad"
    """Calls go by the lifeline, or the record is in danger."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    level: Level
    text: str
    """What is true and, unless it is well, what to do."""


def overall(parts: tuple[Part, ...]) -> Level:
    levels = {part.level for part in parts}
    return next((level for level in (Level.BAD, Level.WARN) if level in levels), Level.OK)


def as_json(parts: tuple[Part, ...], facts: Mapping[str, object]) -> dict[str, object]:
    """``{"status": …, "parts": {name: {"status": …, "text": …}}, …facts}``"""
    return {
        "status": str(overall(parts)),
        "parts": {part.name: {"status": str(part.level), "text": part.text} for part in parts},
        **facts,
    }
