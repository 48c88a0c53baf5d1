"""Music for a caller on hold, made here: nobody's licence, and gentle. Only for the worker process.

When anything here changes, count :data:`ivr.prompts.hold.MUSIC_VERSION` up: the file is made again.
"""

import numpy as np

from ivr.prompts.sound import Samples, band, faded
from ivr.prompts.wav import SAMPLE_RATE

MUSIC_LEVEL = 10 ** (-32 / 20)
"""RMS, 10 dB under speech: the caller listens for a voice."""

_CHORDS = (
    (60, 67, 72, 76, 79, 76, 72, 67),
    (57, 64, 69, 72, 76, 72, 69, 64),
    (53, 65, 69, 72, 77, 72, 69, 65),
    (55, 62, 67, 71, 74, 71, 67, 65),
)
"""C, A minor, F and G7 as broken chords; MIDI note numbers, all played an octave up: a telephone starts at
300 Hz."""
_NOTE_SECONDS = 0.28
_RING_SECONDS = 1.4


def hold_music() -> Samples:
    """About nine seconds that end where they begin; the same samples every time."""
    notes = [note for chord in _CHORDS for note in chord]
    step = int(_NOTE_SECONDS * SAMPLE_RATE)
    music = np.zeros(step * len(notes))
    for index, note in enumerate(notes):
        tone = _tone(440.0 * 2 ** ((note + 12 - 69) / 12))[: len(music) - index * step]
        music[index * step : index * step + len(tone)] += tone
    music = faded(band(music, 300.0, 3400.0), SAMPLE_RATE // 10, SAMPLE_RATE)
    return np.asarray(music * (MUSIC_LEVEL / np.sqrt(np.square(music).mean())))


def _tone(hertz: float) -> Samples:
    """One struck note: soft attack, long decay, a few weak overtones."""
    time = np.arange(int(_RING_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    sound = sum(
        weight * np.sin(2 * np.pi * hertz * harmonic * time) * np.exp(-time * 2.5 * harmonic)
        for harmonic, weight in ((1, 1.0), (2, 0.3), (3, 0.1))
        if hertz * harmonic < 3400
    )
    return np.asarray(sound * (1 - np.exp(-time / 0.015)))
