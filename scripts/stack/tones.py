"""Steady tones: made for a phone to speak, found again in a recording.

Who heard whom is proved by frequency, not by level: each party speaks a tone of its own.
"""

import wave
from pathlib import Path

import numpy as np

RATE = 8000
"""Samples a second of everything on the telephone."""
WINDOW = 0.25
"""Seconds judged at once: bins of 4 Hz, so that neither a lost packet nor a jump of phase hides a tone."""
HEADER = 44
"""Bytes of the shortest WAV file's header."""
SHARE = 0.15
"""A tone that has so much of a window's energy is there. Two equal tones have 0.5 each; speech has far less
at one frequency."""
QUIET = 50.0
"""Below this effective value (of 32767) a window is silence."""


def make_tone(path: Path, hz: float, seconds: float = 10.0, level: float = 0.3) -> Path:
    """Write a WAV file (8 kHz, 16 bit, mono) with a sine of ``hz``; ``level`` is of full scale."""
    times = np.arange(int(seconds * RATE)) / RATE
    samples = (np.sin(2 * np.pi * hz * times) * level * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def samples_of(path: Path) -> np.ndarray:
    """The samples of a 16-bit mono WAV file, also of one that is still being written (none yet: empty)."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < HEADER:
        return np.zeros(0)
    start = data.find(b"data") + 8
    if data[:4] != b"RIFF" or start < 8:
        raise ValueError(f"{path} is no WAV file")
    data = data[start:]
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(float)


def power(samples: np.ndarray, hz: float) -> float:
    """The share (0 to 1) that a sine of ``hz`` has in the energy of ``samples`` (Goertzel's measure).

    A sine fills a rectangular window's energy exactly: 2·|X|²/(N·Σx²) is 1 for it alone.
    """
    energy = float(np.sum(samples**2))
    if not len(samples) or energy == 0:
        return 0.0
    turns = np.exp(-2j * np.pi * hz / RATE * np.arange(len(samples)))
    return float(2 * abs(np.dot(samples, turns)) ** 2 / (len(samples) * energy))


def presence(path: Path, hz: float) -> list[bool]:
    """For each whole second of the file: was the tone there for at least half of it?"""
    samples = samples_of(path)
    size = int(RATE * WINDOW)
    windows = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    there = [float(np.sqrt(np.mean(window**2))) > QUIET and power(window, hz) > SHARE for window in windows]
    each = int(1 / WINDOW)
    return [sum(there[at : at + each]) * 2 >= each for at in range(0, len(there) - each + 1, each)]


def heard(path: Path, hz: float, seconds: int = 1) -> bool:
    """Whether the tone was there for at least so many seconds of the file, together."""
    return sum(presence(path, hz)) >= seconds
