"""What every peer is told: the menu, the key's meaning, the queue."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Flow:
    port: int
    """The peer's own: FastAGI, or that of Asterisk's HTTP server for ARI."""
    ari_secret: str
    prompt: str
    """Sound file of the menu, absolute, without its ending."""
    silence_seconds: int
    recordings: str
    queue: str
    queue_seconds: int
    priorities: Mapping[str, int]
    """Key → priority in the queue."""
    other_priority: int
    """Of silence and any other key."""

    def priority(self, key: str) -> int:
        return self.priorities.get(key, self.other_priority)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Flow":
        return cls(**json.loads(path.read_text()))


APPLICATION = "bench"
"""Name of the ARI application, and its user in ari.conf."""
READY = "ready"
"""What a peer prints when it takes calls."""
