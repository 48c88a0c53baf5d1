"""Notice that files changed, and when they have come to rest. Cheap: some calls of stat at each look."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

LOOK_SECONDS = 0.5
"""Between two looks."""
REST_SECONDS = 0.2
"""A file that changed is read when it has stayed the same for so long: an editor writes in several steps."""

_State = tuple[int, int, int] | None
"""Time, size and identity of a file; ``None``: it is not there."""


class Watch:
    """``rest``: seconds; 0 for files that are only ever replaced as a whole. What a path is when it is looked
    at first is news, too."""

    def __init__(
        self, *paths: Path, rest: float = REST_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._since = clock()
        self._known: dict[Path, _State] = {}
        self._moving: dict[Path, _State] = {}
        self._paths = paths

    def follow(self, paths: Iterable[Path]) -> None:
        """Look at these from now on."""
        self._paths = tuple(dict.fromkeys(paths))
        self._known = {path: state for path, state in self._known.items() if path in self._paths}

    def changed(self) -> bool:
        """Whether something changed since the last time this was true, and has come to rest. Blocks as long
        as the file system does."""
        state = {path: _state(path) for path in self._paths}
        if state != self._moving:
            self._moving, self._since = state, self._clock()
        if state == self._known or self._clock() - self._since < self._rest:
            return False
        self._known = state
        return True


def _state(path: Path) -> _State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
