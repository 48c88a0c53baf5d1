"""The chain through the ledger: each entry's hash covers the entry and the hash before it.

Whoever changes, removes, adds or moves an entry changes every hash from there on. docs/ledger.md says how to
compute it without this program.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import cast

from ivr.store.tables import utc_text

GENESIS = "0" * 64
"""Stands before the first entry."""

_ENCODE = cast(Callable[[object], str], encode_basestring_ascii)


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
    return link_texts(before, entry, utc_text(entry["at"]), utc_text(entry["recorded_at"]))


def link_texts(before: str, entry: Mapping[str, object], at: str, recorded_at: str) -> str:
    """The same, of an entry whose times are written already."""
    array = (
        before,
        entry["entry_id"],
        entry["call_id"],
        at,
        recorded_at,
        entry["kind"],
        entry["source"],
        entry["data"],
    )
    # The encoder takes texts only. Joining its words takes half of the time that encoding a list does.
    return sha256(f"[{','.join(map(_ENCODE, array))}]".encode()).hexdigest()
