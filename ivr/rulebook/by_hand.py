"""What people set by hand, beside the file of rules: who is out of service, and how the 112 centre is.

One small file, so that it works with the database away. Every mark may end by itself: what holds is a
function of the file and the time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.errors import IvrError
from ivr.render.files import write_atomic
from ivr.routing.model import ServiceState
from ivr.settings import Settings


@dataclass(frozen=True, slots=True)
class Mark:
    """Who said so, when, why, and until when it holds (``None``: until somebody takes it back). Aware."""

    by: str
    at: datetime
    reason: str
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class ByHand:
    out: Mapping[str, Mark] = field(default_factory=dict)
    """Agency or line → why it is out of service."""
    service: tuple[ServiceState, Mark] | None = None

    def out_of_service(self, now: datetime) -> frozenset[str]:
        if not self.out:
            return frozenset()
        return frozenset(name for name, mark in self.out.items() if mark.holds(now))

    def service_state(self, now: datetime) -> ServiceState | None:
        """The state that somebody set; ``None``: it is worked out (:mod:`ivr.routing.service_state`)."""
        if self.service is None or not self.service[1].holds(now):
            return None
        return self.service[0]

    def take_out(self, name: str, mark: Mark) -> "ByHand":
        return replace(self, out={**self.out, name: mark})

    def take_back(self, name: str) -> "ByHand":
        return replace(self, out={other: mark for other, mark in self.out.items() if other != name})


def path_of(settings: Settings) -> Path:
    return settings.routing_state / "by-hand.json"


def read_by_hand(settings: Settings) -> ByHand:
    """Raises :class:`IvrError` when the file is there and cannot be read or understood."""
    path = path_of(settings)
    try:
        found = json.loads(path.read_bytes())
        service = found["service"]
        return ByHand(
            {name: _mark(mark) for name, mark in found["out"].items()},
            service and (ServiceState(service["state"]), _mark(service)),
        )
    except FileNotFoundError:
        return ByHand()
    except OSError as error:
        raise IvrError(f"{path} cannot be read ({error.strerror}): let this user read it.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IvrError(
            f"{path} is damaged: remove it, and say again who is out of service (ivr agency out)."
        ) from error


def write_by_hand(settings: Settings, marks: ByHand, now: datetime) -> None:
    """Write what still holds. Raises :class:`IvrError` when it cannot be written: then nothing changed."""
    service = marks.service
    value = {
        "out": {name: _json(mark) for name, mark in marks.out.items() if mark.holds(now)},
        "service": {"state": str(service[0]), **_json(service[1])}
        if service and service[1].holds(now)
        else None,
    }
    path = path_of(settings)
    try:
        write_atomic(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n", 0o600)
    except OSError as error:
        raise IvrError(
            f"{path} cannot be written ({error.strerror}); nothing was changed. Free space, or let this user "
            "write there."
        ) from error


def _mark(value: Mapping[str, Any]) -> Mark:
    until = value["until"]
    return Mark(
        str(value["by"]),
        datetime.fromisoformat(value["at"]),
        str(value["reason"]),
        until and datetime.fromisoformat(until),
    )


def _json(mark: Mark) -> dict[str, object]:
    return {
        "by": mark.by,
        "at": mark.at.isoformat(timespec="seconds"),
        "reason": mark.reason,
        "until": mark.until and mark.until.isoformat(timespec="seconds"),
    }
