"""What Asterisk plays, and what it does not."""

import struct
import wave
from pathlib import Path

import pytest

from ivr.errors import PromptError
from ivr.prompts.wav import duration_seconds, read_samples, write_samples


def write(path: Path, rate: int = 8000, channels: int = 1, width: int = 2, frames: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"\1" * width * channels * frames)
    return path


def test_a_telephone_file_has_a_duration(tmp_path: Path) -> None:
    assert duration_seconds(write(tmp_path / "a.wav", frames=12000)) == 1.5


@pytest.mark.parametrize(
    ("kind", "said"),
    [({"rate": 44100}, "44100 Hz"), ({"channels": 2}, "2 channel(s)"), ({"width": 1}, "8 bit")],
)
def test_another_format_is_refused_with_its_remedy(tmp_path: Path, kind: dict[str, int], said: str) -> None:
    path = write(tmp_path / "a.wav", **kind)
    with pytest.raises(PromptError) as refusal:
        duration_seconds(path)
    for part in (str(path), said, "sox ", "-r 8000 -c 1 -b 16", "ffmpeg "):
        assert part in str(refusal.value)


def test_the_extensible_format_is_refused_because_asterisk_does(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    data[20:22] = struct.pack("<H", 0xFFFE)
    path.write_bytes(data)
    with pytest.raises(PromptError, match="0xfffe"):
        duration_seconds(path)


def test_a_file_that_was_cut_off_is_not_playable(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.wav").read_bytes()
    for size in (0, 3, 12, 30, 44, len(whole) - 1):
        (tmp_path / "b.wav").write_bytes(whole[:size])
        with pytest.raises(PromptError):
            duration_seconds(tmp_path / "b.wav")


def test_a_missing_file_and_a_directory_are_said_to_be_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(PromptError, match="cannot be read"):
            duration_seconds(path)


def test_extra_chunks_of_a_sound_editor_are_skipped_and_not_written(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.wav").read_bytes()
    extra = b"bext" + struct.pack("<I", 3) + b"abc\0"
    (tmp_path / "b.wav").write_bytes(plain[:12] + extra + plain[12:])
    assert duration_seconds(tmp_path / "b.wav") == 1.0
    write_samples(tmp_path / "c.wav", read_samples(tmp_path / "b.wav"))
    assert (tmp_path / "c.wav").read_bytes() == plain
    assert not list(tmp_path.glob(".*"))
