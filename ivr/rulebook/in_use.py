"""Which versions calls in progress go by: what those name must go on existing in Asterisk.

``IVR_STATE/routing/in-use.json`` holds it over a restart of the engine, and for other commands that write
Asterisk's configuration meanwhile.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.render.files import write_atomic
from ivr.routing.rules import Rules
from ivr.rulebook.versions import Versions
from ivr.settings import Settings

MOST_KEPT = 20
"""More earlier versions are not kept for calls: the oldest goes. Its calls go on to the last resort."""


@dataclass(frozen=True, slots=True)
class InUse:
    """``live`` is the version in force (``None``: unknown), ``kept`` those that calls were decided by."""

    live: int | None = None
    kept: tuple[int, ...] = ()

    def next(self, number: int | None, drop: Collection[int] = ()) -> "InUse":
        """With ``number`` in force; the one before is kept until it is dropped."""
        before = () if self.live in (None, number) else (self.live,)
        kept = dict.fromkeys(
            old for old in (*self.kept, *before) if old is not None and old != number and old not in drop
        )
        return InUse(number, tuple(kept)[-MOST_KEPT:])


def read_in_use(settings: Settings) -> InUse:
    """What stands there; nothing when it cannot be read: calls are decided anew within minutes."""
    try:
        found = json.loads(_path(settings).read_bytes())
        return InUse(int(found["live"]), tuple(map(int, found["kept"])))
    except (OSError, ValueError, TypeError, KeyError):
        return InUse()


def write_in_use(settings: Settings, in_use: InUse) -> None:
    """Raises :class:`OSError`."""
    write_atomic(_path(settings), json.dumps({"live": in_use.live, "kept": list(in_use.kept)}) + "\n", 0o600)


def earlier_rules(settings: Settings, kept: Collection[int]) -> tuple[Rules, ...]:
    """The rules of these versions, oldest first; one that cannot be read any more is left out."""
    versions = Versions(settings.routing_state)
    found = []
    for event in versions.history():
        if event.number in kept:
            try:
                found.append(versions.bundle(event).load(settings.routing))
            except IvrError:
                continue
    return tuple(found)


def _path(settings: Settings) -> Path:
    return settings.routing_state / "in-use.json"
