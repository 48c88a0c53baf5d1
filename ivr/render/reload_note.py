"""What Asterisk has still to read: modules whose files were changed and that nobody has reloaded since.

It stands on disk before the files change, so that whoever comes next knows, also after a kill.
"""

import json
from pathlib import Path

from ivr.render.files import write_atomic
from ivr.settings import Settings


def to_reload(settings: Settings) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(_path(settings).read_bytes())))
    except (OSError, ValueError, TypeError):
        return ()


def note_to_reload(settings: Settings, modules: tuple[str, ...]) -> tuple[str, ...]:
    """Add these; all that are to be reloaded. Raises :class:`OSError`."""
    pending = tuple(dict.fromkeys((*to_reload(settings), *modules)))
    if modules:
        write_atomic(_path(settings), json.dumps(pending) + "\n", 0o600)
    return pending


def all_reloaded(settings: Settings) -> None:
    """Raises :class:`OSError`."""
    _path(settings).unlink(missing_ok=True)


def _path(settings: Settings) -> Path:
    return settings.routing_state / "to-reload.json"
