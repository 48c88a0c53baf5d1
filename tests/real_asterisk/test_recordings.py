"""Each call's recording: whole and in the record, or an alarm. Asterisk says nothing of a full disk."""

import resource
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from house import House, until
from small_disk import small_disk
from stack.phones.baresip import Answering
from stack.tones import heard

CITIZEN, SECOND, THIRD = (f"+6281100000{number:02}" for number in range(1, 4))
MEGABYTE = 1_000_000


async def talking(house: House, caller: str) -> str:
    """A citizen talks with whoever is on duty; the call's id."""
    await house.call(caller=caller, keys=[(0.2, "0")], patience=300)
    await until(lambda: house.call_of(caller).get("state") == "talking", "the citizen talks", 20)
    return str(house.call_of(caller)["call_id"])


async def told(house: House, call_id: str, kind: str, seconds: float = 20) -> dict[str, Any]:
    """Wait for an entry of this kind; its data."""
    await until(lambda: kind in house.kinds(call_id), kind, seconds)
    (data,) = [told.data for told in house.story(call_id) if told.kind == kind]
    return dict(data)


def about_recordings(house: House, call_id: str) -> list[str]:
    return [kind for kind in house.kinds(call_id) if kind.startswith("recording-")]


@contextmanager
def no_byte_more(house: House, file: Path) -> Iterator[None]:
    """Asterisk can write nothing behind the present end of this file (or any that is as long)."""
    _, hard = resource.prlimit(house.asterisk.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(house.asterisk.pid, resource.RLIMIT_FSIZE, (file.stat().st_size, hard))
    try:
        yield
    finally:
        resource.prlimit(house.asterisk.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_a_whole_recording_is_in_the_record(house: House) -> None:
    """Menu, queue and talk: the entry names the file, and its size and seconds are those of the file."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering(after=0.5, hang_up_after=4)
    await house.on_duty("op1")
    call = await house.call(caller=CITIZEN, keys=[(0.2, "0")])
    await call.result()
    row = await house.only_call()
    data = await told(house, row["call_id"], "recording-saved")
    path = house.settings.recordings / data["file"]
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert path == house.recording(row["call_id"])
    assert (data["bytes"], data["seconds"]) == (path.stat().st_size, round(seconds, 2))
    assert data["seconds"] > 4
    await until(lambda: not house.call_of(CITIZEN)["open"], "nothing is left to be done for this call")


async def test_a_call_that_is_handed_on_has_one_recording(house: House) -> None:
    """An operator's phone dies in mid-talk, and another operator takes the call again: one file, with both
    operators and all the time between."""
    phones = await house.phones("op1", "op2", tones={"op1": 1000, "op2": 1600})
    for phone in phones:
        phone.answering = Answering(after=0.2)
    await house.on_duty("op1")
    call_id = await talking(house, CITIZEN)
    await until(lambda: heard(house.recording(call_id), 1000, 2), "the first operator is recorded", 20)
    (leg,) = [name for name in await house.asterisk.channels() if name.startswith("PJSIP/op1-")]
    await house.off_duty("op1")
    await house.on_duty("op2")
    await house.asterisk.rx(f"channel request hangup {leg}")
    await until(lambda: heard(house.recording(call_id), 1600, 2), "the second operator is recorded", 30)
    await house.callers[0].hang_up()
    data = await told(house, call_id, "recording-saved")
    assert about_recordings(house, call_id) == ["recording-saved"]
    assert abs(data["seconds"] - data["of_seconds"]) < 2.5
    recording = house.recording(call_id)
    assert heard(recording, 1000, 2)
    assert heard(recording, 1600, 2)


async def test_a_recording_that_stops_growing_in_a_talk_is_an_alarm(house: House) -> None:
    """Asterisk cannot write for a while. The talk goes on; the record, /health and the log say what is
    missing, while it lasts and at the call's end."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering()
    await house.on_duty("op1")
    call_id = await talking(house, CITIZEN)
    recording = house.recording(call_id)
    await until(lambda: recording.stat().st_size > 50_000, "it is recorded")
    with no_byte_more(house, recording):
        data = await told(house, call_id, "recording-alarm")
        assert data["why"] == "incomplete"
        assert data["free_bytes"] > 0
        assert house.health()["parts"]["recordings"]["status"] == "bad"
        assert "recording-alarm" in house.engine_log()
    await until(lambda: house.health()["status"] == "ok", "it is recorded again", 20)
    await house.callers[0].hang_up()
    data = await told(house, call_id, "recording-failed")
    assert data["why"] == "incomplete"
    assert data["bytes"] == recording.stat().st_size
    assert data["of_seconds"] - data["seconds"] > 2
    assert about_recordings(house, call_id) == ["recording-alarm", "recording-failed"]
    row = await house.only_call()
    assert (row["result"], row["detail"]) == ("answered", "caller")


async def test_recordings_of_calls_that_ended_without_the_engine_are_looked_at(house: House) -> None:
    """The engine is killed in mid-talk and comes back when the call is over."""
    phones = await house.phones("op1")
    phones["op1"].answering = Answering()
    await house.on_duty("op1")
    call_id = await talking(house, CITIZEN)
    await house.kill_engine()
    await house.callers[0].hang_up()
    await until(lambda: house.steps(CITIZEN), "it is in Asterisk's log")
    await house.start_engine()
    await house.only_call()
    await until(lambda: about_recordings(house, call_id), "its recording was looked at", 20)
    assert len(about_recordings(house, call_id)) == 1


async def test_a_full_disk_drops_recordings_and_no_call(build: Callable[..., Any]) -> None:
    """The disk of the recordings fills up. First new calls are not recorded, then those that go on; each is
    answered all the same. The record says it, and when there is room again, calls are recorded again. At
    last the disk is full while the engine is dead: a caller talks with an operator even then."""
    async with small_disk(40) as disk:
        house = await full_house(build, disk)
        filler, more = disk / "filler", disk / "more"
        phones = await house.phones("op1", "op2")
        for phone in phones:
            phone.answering = Answering()
        await house.on_duty("op1")
        first = await talking(house, CITIZEN)

        filler.write_bytes(bytes(27 * MEGABYTE))
        await until(lambda: notes(house, "recording-stopped"), "no new call is recorded", 20)
        assert house.health()["parts"]["recordings"]["status"] == "bad"
        await house.on_duty("op2")
        second = await talking(house, SECOND)
        size = house.recording(first).stat().st_size
        await until(lambda: house.recording(first).stat().st_size > size, "the first is still recorded")
        assert (await told(house, second, "recording-alarm"))["why"] == "disk"
        assert not list(house.settings.recordings.rglob(f"{second}.wav"))

        more.write_bytes(bytes(12 * MEGABYTE))
        await until(lambda: len(notes(house, "recording-stopped")) == 2, "nothing is recorded", 20)
        assert (await told(house, first, "recording-alarm"))["why"] == "disk"

        filler.unlink()
        more.unlink()
        await until(lambda: notes(house, "recording-resumed"), "there is room", 20)
        for caller in house.callers:
            await caller.hang_up()
        for call_id in (first, second):
            assert (await told(house, call_id, "recording-failed"))["why"] == "disk"
        third = await talking(house, THIRD)
        await house.callers[-1].hang_up()
        await told(house, third, "recording-saved")

        await house.kill_engine()
        fill(filler)
        await house.call(caller="+628110000009", patience=300)
        await until(lambda: len(phones["op1"].active) + len(phones["op2"].active) == 1, "they talk", 30)
        await house.callers[-1].hang_up()
        filler.unlink()


async def full_house(build: Callable[..., Any], disk: Path) -> House:
    """A house whose recordings lie on this disk, with a reserve of 16 MB."""
    house: House = await build(recording_reserve_mb="16")
    house.settings.recordings.rmdir()
    house.settings.recordings.symlink_to(disk)
    return house


def fill(filler: Path) -> None:
    """Until not a byte more fits."""
    try:
        with filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
    except OSError:
        return


def notes(house: House, kind: str) -> list[dict[str, Any]]:
    """Entries that concern no call."""
    return house.rows("SELECT * FROM ledger WHERE kind = ? AND call_id = ''", kind)
