"""The chain through the ledger: each entry's hash covers the entry and the hash before it.

Whoever changes, removes, adds or moves an entry changes every hash from there on. docs/ledger.md says how to
compute it without this program.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import cast

GENESIS = "0" * 64
"""Stands before the first entry."""

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_TEXTS = ("entry_id", "call_id", "kind", "source", "data")


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry: its place in the order of writing and its hash, which stands for all before it."""

    seq: int
    hash: str


def link(before: str, entry: Mapping[str, object]) -> str:
    """The hash of ``entry``, which follows the one with hash ``before``: 64 hexadecimal digits.

    SHA-256 of a JSON array of texts (ASCII, no blanks): so no two entries share a form. ``entry`` has the
    columns of the ledger; ``data`` is the text of its JSON, letter by letter as it is stored. Raises
    :class:`TypeError` or :class:`ValueError`, without the value, on what would not be read back the same.
    """
    entry_id, call_id, kind, source, data = texts = [entry[name] for name in _TEXTS]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("an entry's column is no text")
    at, recorded_at = _utc(entry["at"]), _utc(entry["recorded_at"])
    return sha256(
        _ENCODE([before, entry_id, call_id, at, recorded_at, kind, source, data]).encode()
    ).hexdigest()


def _utc(value: object) -> str:
    """``2026-03-01T04:00:00.123456+00:00``: always UTC, always microseconds."""
    at = cast(datetime, value)
    if at.tzinfo is None:
        raise ValueError("a time without zone cannot be stored: give it one, UTC best")
    return at.astimezone(UTC).isoformat(timespec="microseconds")
