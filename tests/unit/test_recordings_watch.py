"""Recordings are looked at while people talk and once after each call."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.calls.events import CallAnswered, CallEnded, CallEvent, CallStarted, StepTaken
from ivr.calls.notes import EngineNote, RecordingJudged, RecordingSilent
from ivr.calls.registry import Registry
from ivr.recordings import watch as watching
from ivr.recordings.disk import DiskGuard
from ivr.recordings.rules import BYTES_A_SECOND, HEADER_BYTES
from ivr.recordings.watch import RecordingWatch
from ivr.vocabulary import Step

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Scene:
    """A registry, recordings in a directory, and a clock that is moved by hand."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.seconds = 0.0
        self.jump = timedelta()
        self.noted: list[RecordingSilent | RecordingJudged] = []
        self.registry = Registry()
        guard = DiskGuard((root,), 0, self, self.registry.live, lambda *_: None, self.now)
        self.watch = RecordingWatch(root, self.registry, guard, self.note, self.now, quiet_seconds=6)
        monkeypatch.setattr(watching.time, "monotonic", lambda: self.seconds)

    async def action(self, name: str, headers: Mapping[str, str]) -> object:
        raise AssertionError((name, headers))

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds) + self.jump

    def note(self, note: EngineNote) -> None:
        assert isinstance(note, RecordingSilent | RecordingJudged)
        self.noted.append(note)
        self.registry.apply(note)

    def see(self, event: CallEvent) -> None:
        live = abs(self.now() - event.at) < timedelta(minutes=1)
        for change in self.registry.apply(event):
            self.watch.changed(change, live=live)

    def begin(self, at: datetime | None = None) -> None:
        self.see(CallStarted("c", at or self.now(), "PJSIP/trunk-1", "112"))
        self.see(CallAnswered("c", at or self.now()))

    def talk(self) -> None:
        self.see(StepTaken("c", self.now(), Step.STAGE, ("1", "q", "emergency", "45", "1")))
        self.see(StepTaken("c", self.now(), Step.OPERATOR_ANSWERED, ("op1",)))

    def end(self, at: datetime | None = None) -> None:
        self.see(CallEnded("c", at or self.now(), 16, by_caller=True))

    def write(self, seconds: float, *, closed: bool) -> None:
        path = self.root / "2026/07/01/c.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = int(seconds * BYTES_A_SECOND)
        length = size if closed else 0
        path.write_bytes(bytes(40) + length.to_bytes(4, "little") + bytes(size))
        assert path.stat().st_size == HEADER_BYTES + size

    async def look(self, seconds: float) -> None:
        """Once a second, for so long."""
        for _ in range(int(seconds)):
            self.seconds += 1
            await self.watch._look_at_talks()
            await self.watch._judge_ended()

    @property
    def judged(self) -> tuple[str | None, float, float]:
        (judged,) = [note for note in self.noted if isinstance(note, RecordingJudged)]
        return judged.why, round(judged.seconds), round(judged.of_seconds)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


async def test_a_recording_is_judged_when_asterisk_has_closed_it(scene: Scene) -> None:
    scene.begin()
    scene.seconds = 20
    scene.end()
    scene.write(18, closed=False)
    await scene.look(3)
    assert scene.noted == []
    scene.write(20, closed=True)
    await scene.look(1)
    assert scene.judged == (None, 20, 20)
    assert (scene.watch.status.saved, scene.watch.status.failed) == (1, 0)
    assert not scene.registry.get("c").recording_due  # type: ignore[union-attr]


async def test_one_that_is_never_closed_is_judged_as_it_is(scene: Scene) -> None:
    scene.begin()
    scene.seconds = 20
    scene.end()
    scene.write(8, closed=False)
    await scene.look(6)
    assert scene.judged == ("incomplete", 8, 20)


async def test_an_alarm_stays_with_the_call_also_when_the_file_looks_whole(scene: Scene) -> None:
    scene.begin()
    scene.talk()
    scene.write(1, closed=False)
    await scene.look(10)
    assert [type(note) for note in scene.noted] == [RecordingSilent]
    assert scene.watch.status.silent == 1
    scene.end()
    scene.write(10, closed=True)
    await scene.look(1)
    assert scene.judged == ("incomplete", 10, 10)
    assert scene.watch.status.silent == 0


async def test_a_clock_that_jumps_makes_no_recording_too_short(scene: Scene) -> None:
    scene.begin()
    scene.seconds, scene.jump = 20, timedelta(hours=1)
    scene.end()
    scene.write(20, closed=True)
    await scene.look(1)
    assert scene.judged == (None, 20, 20)


async def test_of_a_call_that_is_told_afterwards_the_times_in_its_events_count(scene: Scene) -> None:
    """All of it comes at once, from Asterisk's own file."""
    begun = START - timedelta(minutes=10)
    scene.begin(begun)
    scene.end(begun + timedelta(seconds=60))
    scene.write(30, closed=True)
    await scene.look(1)
    assert scene.judged == ("incomplete", 30, 60)


async def test_a_caller_who_left_at_once_has_no_recording_and_no_entry(scene: Scene) -> None:
    scene.begin()
    scene.seconds = 0.5
    scene.end()
    await scene.look(10)
    assert scene.noted == []


async def test_calls_of_an_earlier_run_are_looked_at(scene: Scene) -> None:
    scene.registry.apply(CallStarted("c", START, "PJSIP/trunk-1", "112"))
    scene.registry.apply(CallAnswered("c", START))
    scene.registry.apply(CallEnded("c", START + timedelta(seconds=30), 16, by_caller=True))
    call = scene.registry.get("c")
    assert call is not None
    scene.watch.take([call])
    await scene.look(10)
    assert scene.judged == ("missing", 0, 30)
