"""Sound for a telephone line: 8 kHz, 16 bit, mono, at one level. Only for the worker process."""

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from ivr.errors import PromptError
from ivr.prompts.wav import SAMPLE_RATE

FULL_SCALE = 32768.0
SPEECH_LEVEL = 2600 / FULL_SCALE
"""RMS of active speech, -22 dBFS: the -19 dBm0 of RFC 7874 section 4 (after ITU-T G.169 and G.115), so that a
prompt is as loud as the operator who follows it."""
PEAK_LIMIT = 10 ** (-3 / 20)
"""-3 dBFS: the gain stops there, so that nothing is clipped by A-law or a carrier's gateway."""
LOWEST_HERTZ = 150.0
"""A telephone passes 300 to 3400 Hz; what is lower only takes level away from the words."""

_FRAME = SAMPLE_RATE // 100
_ACTIVE_MARGIN = 10 ** (-15.9 / 10)
"""A frame is speech if it is at most 15.9 dB under the mean of speech (the margin of ITU-T P.56)."""
_SILENCE = 10 ** (-45 / 20)
"""A frame at either end that is 45 dB under the speech is silence."""
_LEAD_IN = 2 * _FRAME
_LEAD_OUT = 5 * _FRAME
_FADE = _FRAME // 2

Samples = NDArray[np.float64]
"""One channel at 8 kHz; full scale is ±1."""


def for_telephone(speech: NDArray[np.int16], sample_rate: int) -> Samples:
    """Bring speech to 8 kHz and :data:`SPEECH_LEVEL`, without silence at its ends.

    Raises :class:`PromptError` if nothing can be heard in it.
    """
    samples = soxr.resample(speech / FULL_SCALE, sample_rate, SAMPLE_RATE, "HQ")
    samples = band(samples, LOWEST_HERTZ)
    level = active_level(samples)
    if level == 0:
        raise PromptError("the speech is silent")
    samples = _trimmed(samples, level)
    samples *= min(SPEECH_LEVEL / level, PEAK_LIMIT / np.abs(samples).max())
    return faded(samples, _FADE, _FADE)


def band(samples: Samples, low: float, high: float | None = None) -> Samples:
    """Keep what lies between two frequencies in hertz: a Butterworth response of 4th order, without delay."""
    size = len(samples) + SAMPLE_RATE // 10  # room for the ringing, which would else wrap to the beginning
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    gain = np.zeros_like(hertz)
    gain[1:] = 1 / np.sqrt(1 + (low / hertz[1:]) ** 8)
    if high is not None:
        gain /= np.sqrt(1 + (hertz / high) ** 8)
    return np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)]


def active_level(samples: Samples) -> float:
    """RMS over the parts in which somebody speaks: the pauses do not count. 0 for silence."""
    power = _frame_power(samples)
    active = float(power.mean())
    for _ in range(8):  # converges in three or four
        active = float(power[power > active * _ACTIVE_MARGIN].mean()) if active > 0 else 0.0
    return math.sqrt(active)


def faded(samples: Samples, start: int, end: int) -> Samples:
    """Without a click at either end; lengths in samples."""
    result = samples.copy()
    start, end = min(start, len(result)), min(end, len(result))
    result[:start] *= np.linspace(0, 1, start)
    result[len(result) - end :] *= np.linspace(1, 0, end)
    return result


def as_pcm(samples: Samples) -> bytes:
    """16 bit, little-endian."""
    return np.rint(samples.clip(-1, 1) * (FULL_SCALE - 1)).astype("<i2").tobytes()


def _frame_power(samples: Samples) -> Samples:
    whole = np.pad(samples, (0, -len(samples) % _FRAME))
    return np.asarray(np.square(whole.reshape(-1, _FRAME)).mean(axis=1))


def _trimmed(samples: Samples, level: float) -> Samples:
    loud = np.flatnonzero(_frame_power(samples) > (level * _SILENCE) ** 2)
    first, last = int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME
    return samples[max(0, first - _LEAD_IN) : last + _LEAD_OUT]
