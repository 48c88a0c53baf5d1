"""Plain configuration files of Asterisk, read by pyst2 for checks: which line says what.

pyst2 knows neither templates nor ``#include``; files that have them are Asterisk's own to read.
"""

from dataclasses import dataclass
from pathlib import Path

from asterisk.config import Config, ParseError

from ivr.errors import IvrError


@dataclass(frozen=True, slots=True)
class Said:
    """One ``name=value`` (or ``name => value``) below a ``[section]``, and its line, counted from 1."""

    section: str
    name: str
    value: str
    line: int


def read_conf(path: Path) -> tuple[Said, ...]:
    """Every item in order. Raises :class:`IvrError` with file and line of what cannot be read."""
    try:
        config = Config(str(path))
    except ParseError as error:
        line, what = error.args
        raise IvrError(f"{path}:{line}:1: error: {what}; write [section] or name=value") from error
    except (OSError, UnicodeDecodeError) as error:
        raise IvrError(
            f"{path} cannot be read ({type(error).__name__}): restore it, or run ivr render"
        ) from error
    return tuple(
        Said(category.name, item.name, item.value.strip(), item.number)
        for category in config.categories
        for item in category.items
    )
