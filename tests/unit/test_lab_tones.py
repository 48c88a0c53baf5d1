"""Tones: made, found, and not found where they are not."""

from pathlib import Path

import numpy as np
import pytest
from stack.tones import RATE, heard, make_tone, power, presence, samples_of

RNG = np.random.default_rng(112)


def write(path: Path, samples: np.ndarray) -> Path:
    """A WAV file by the function under test's own header, with other samples."""
    make_tone(path, 0, len(samples) / RATE)
    head = path.read_bytes()[:44]
    path.write_bytes(head + samples.astype("<i2").tobytes())
    return path


def sine(hz: float, seconds: float, level: float = 5000) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE) * level


def test_a_tone_is_heard_and_others_are_not(tmp_path: Path) -> None:
    tone = make_tone(tmp_path / "tone.wav", 700, 3)
    assert presence(tone, 700) == [True, True, True]
    assert heard(tone, 700, seconds=3)
    assert not any(heard(tone, hz) for hz in (500, 650, 750, 1100, 1400))


def test_two_tones_at_once_are_both_heard(tmp_path: Path) -> None:
    mixed = write(tmp_path / "mixed.wav", sine(700, 2) + sine(1100, 2, 3500))
    assert heard(mixed, 700, 2)
    assert heard(mixed, 1100, 2)
    assert not heard(mixed, 900)


def test_a_tone_under_noise_is_heard_and_noise_is_no_tone(tmp_path: Path) -> None:
    noise = RNG.normal(0, 2500, 3 * RATE)
    assert heard(write(tmp_path / "noisy.wav", sine(700, 3) + noise), 700, 3)
    alone = write(tmp_path / "noise.wav", noise)
    assert not any(heard(alone, hz) for hz in range(300, 3400, 50))


def test_the_seconds_of_a_tone_are_told(tmp_path: Path) -> None:
    silence = np.zeros(RATE)
    parts = write(tmp_path / "parts.wav", np.concatenate([silence, sine(700, 2), silence]))
    assert presence(parts, 700) == [False, True, True, False]


def test_lost_packets_and_a_jump_of_phase_do_not_hide_a_tone(tmp_path: Path) -> None:
    samples = np.concatenate(
        [sine(700, 0.5)[: -RATE // 50], sine(700, 0.7), np.zeros(RATE // 25), sine(700, 0.9)]
    )
    assert heard(write(tmp_path / "torn.wav", samples), 700, 2)


def test_a_tone_through_a_law_is_the_same_tone(tmp_path: Path) -> None:
    """Coarse steps as of G.711: eight bits a sample."""
    assert heard(write(tmp_path / "coarse.wav", np.round(sine(1100, 2) / 256) * 256), 1100, 2)


def test_silence_and_a_whisper_are_nothing(tmp_path: Path) -> None:
    assert not heard(make_tone(tmp_path / "silence.wav", 0, 2), 700)
    assert not heard(write(tmp_path / "whisper.wav", sine(700, 2, 30)), 700)


def test_a_file_that_is_being_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = make_tone(tmp_path / "tone.wav", 700, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    assert presence(path, 700) == []
    path.write_bytes(whole[:40] + b"\0\0\0\0" + whole[44 : 44 + 2 * RATE + 1])  # no size yet, half a sample
    assert presence(path, 700) == [True]
    assert presence(tmp_path / "not yet.wav", 700) == []


def test_what_is_no_wav_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"#!AMR" * 50)
    with pytest.raises(ValueError, match="no WAV"):
        samples_of(tmp_path / "x")


def test_power_is_the_share_of_the_energy() -> None:
    assert power(sine(700, 1), 700) == pytest.approx(1, abs=0.01)
    assert power(sine(700, 1) + sine(1100, 1), 700) == pytest.approx(0.5, abs=0.01)
    assert power(np.zeros(100), 700) == 0
