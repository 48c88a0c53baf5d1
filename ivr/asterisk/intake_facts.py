"""The raw facts of a call as a question or a step of the dialplan carries them: each with a colon before it
(Asterisk's BASE64_ENCODE wants a text that is not empty), base64, joined by dots."""

import base64
import re
import unicodedata
from collections.abc import Mapping

from ivr.asterisk.agi_commands import decode
from ivr.vocabulary import IntakeField

_SEPARATOR = "."
_START = ":"
_NOTHING = base64.b64encode(_START.encode()).decode("ascii")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of signs that are not seen but change how the text around them is read."""


def decode_intake(text: str) -> Mapping[IntakeField, str]:
    """Every field of :class:`IntakeField`, ``""`` where it is missing.

    Never fails: what is cut off or not base64 is read as far as it goes, bytes that are not UTF-8 are read as
    Latin-1, and control signs become spaces.
    """
    parts = text.split(_SEPARATOR)
    return {
        field: _decode(parts[place]) if place < len(parts) else "" for place, field in enumerate(IntakeField)
    }


def encode_intake(facts: Mapping[IntakeField, str]) -> str:
    """The inverse of :func:`decode_intake`, as the dialplan writes it."""
    return _SEPARATOR.join(
        base64.b64encode((_START + facts.get(field, "")).encode()).decode("ascii") for field in IntakeField
    )


def _decode(part: str) -> str:
    if part == _NOTHING:
        return ""
    letters = _NOT_BASE64.sub("", part)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    raw = base64.b64decode(letters + "=" * (-len(letters) % 4))
    text = decode(raw).removeprefix(_START)
    if text.isascii() and text.isprintable():  # most are, and to ask for each sign's category costs the rest
        return text.strip()
    return "".join(" " if unicodedata.category(sign) in _UNSEEN else sign for sign in text).strip()
