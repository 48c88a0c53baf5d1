"""Recordings give way before the disk is full."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.calls.call import Call
from ivr.calls.findings import Kind
from ivr.errors import AmiError
from ivr.recordings import disk
from ivr.recordings.disk import DiskGuard, Room, room

START = datetime(2026, 7, 1, tzinfo=UTC)
RESERVE = 1000


@pytest.mark.parametrize(
    ("free", "was", "now"),
    [
        (2000, Room.ENOUGH, Room.ENOUGH),
        (1000, Room.ENOUGH, Room.ENOUGH),
        (999, Room.ENOUGH, Room.TIGHT),
        (1249, Room.TIGHT, Room.TIGHT),
        (1250, Room.TIGHT, Room.ENOUGH),
        (1100, Room.FULL, Room.TIGHT),
        (250, Room.TIGHT, Room.TIGHT),
        (249, Room.ENOUGH, Room.FULL),
        (0, Room.TIGHT, Room.FULL),
    ],
)
def test_how_much_room_there_is(free: int, was: Room, now: Room) -> None:
    assert room(free, RESERVE, was) is now


class Scene:
    """A guard, the disk it looks at, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 5000
        self.link_down = False
        self.did: list[str] = []
        self.noted: list[tuple[Kind, Mapping[str, object]]] = []
        self.calls = [Call(name, START, channel=f"PJSIP/trunk-{name}") for name in "ab"]
        self.at = START
        self.guard = DiskGuard(
            (Path("/"),),
            RESERVE,
            self,
            lambda: self.calls,
            lambda kind, _at, data: self.noted.append((kind, data)),
            lambda: self.at,
        )
        monkeypatch.setattr(disk, "free_bytes", lambda *_: self.free)

    async def action(self, name: str, headers: Mapping[str, str]) -> object:
        if self.link_down:
            raise AmiError("down")
        held = "held" if headers.get("Value") != "0" else "freed"
        self.did.append(headers["Channel"][-1] if name == "StopMixMonitor" else held)
        return None

    async def look(self, free: int) -> list[str]:
        """What it does when so much is free."""
        self.free, self.did = free, []
        self.at += timedelta(seconds=5)
        await self.guard.look()
        return self.did


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


async def test_new_recordings_give_way_first_and_then_those_that_run(scene: Scene) -> None:
    assert await scene.look(5000) == []
    assert await scene.look(900) == ["held"]
    assert await scene.look(900) == ["held"], "for a minute each time"
    assert await scene.look(100) == ["held", "a", "b"]
    scene.calls.append(Call("c", START, channel="PJSIP/trunk-c"))
    assert await scene.look(100) == ["held", "c"], "each is ended once"
    assert scene.guard.stopped
    assert await scene.look(1100) == ["held"]
    assert await scene.look(5000) == ["freed"]
    assert await scene.look(5000) == []
    assert [kind for kind, _ in scene.noted] == [
        Kind.RECORDING_STOPPED,
        Kind.RECORDING_STOPPED,
        Kind.RECORDING_RESUMED,
    ]
    assert scene.noted[1][1] == {"free_bytes": 100, "reserve_bytes": 1000, "running": False}
    assert not scene.guard.stopped
    assert scene.guard.stopped_since(START)
    assert not scene.guard.stopped_since(scene.at)


async def test_what_asterisk_was_not_told_is_told_again(scene: Scene) -> None:
    scene.link_down = True
    assert await scene.look(100) == []
    assert scene.guard.stopped
    scene.link_down = False
    assert await scene.look(100) == ["held", "a", "b"]


async def test_a_disk_that_cannot_be_asked_changes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Path) -> int:
        raise OSError("input/output error")

    await scene.look(900)
    monkeypatch.setattr(disk, "free_bytes", fails)
    with pytest.raises(OSError, match="input/output"):
        await scene.guard.look()
    assert scene.guard.stopped
    monkeypatch.setattr(disk, "free_bytes", lambda *_: scene.free)
    assert await scene.look(5000) == ["freed"]
