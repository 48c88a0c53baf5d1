"""Find a spoken prompt again in what somebody heard, as tones are found by their frequency."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from stack.tones import RATE, samples_of

PIECE = RATE * 2 // 5
"""A prompt is looked for in pieces of 0.4 s: a lost or late packet spoils one of them only."""
ALIKE = 0.6
"""The correlation (0 to 1) of a piece with what was heard: 0.9 and more after the telephone's coding of it,
less than 0.4 with other speech."""
OFF = RATE // 25
"""A piece counts where it belongs, give or take 40 ms (two packets)."""
MOST = 0.8
"""So many of a prompt's pieces must be there."""


def said(recording: Path, prompt: Path, seconds: float | None = None) -> list[float]:
    """When the prompt was heard from its beginning to its end: seconds since the recording's start.

    With ``seconds`` only its beginning of that length must have been heard."""
    heard, words = samples_of(recording), samples_of(prompt)
    words = words[: None if seconds is None else int(seconds * RATE)]
    starts = range(0, len(words) - PIECE + 1, PIECE)
    voiced = [at for at in starts if np.sqrt(np.mean(words[at : at + PIECE] ** 2)) > np.std(words) / 4]
    if len(heard) < len(words) or not voiced:
        return []
    found = [_where(heard, words[at : at + PIECE]) - at for at in voiced]
    # Each piece tells where the prompt would have begun; what most of them tell is true.
    candidates = np.unique(np.concatenate(found) // (OFF // 4)) * (OFF // 4)
    whole = [
        int(begin)
        for begin in candidates
        if sum(bool(np.any(np.abs(places - begin) <= OFF)) for places in found) >= MOST * len(found)
    ]
    firsts = whole[:1] + [later for earlier, later in pairwise(whole) if later - earlier > PIECE]
    return [begin / RATE for begin in firsts]


def share_said(recording: Path, prompt: Path, begin: float = 0.0, end: float | None = None) -> float:
    """Which share (0 to 1) of the prompt between these seconds of it was heard, wherever it was heard.

    Piece by piece: so it also measures what arrived with gaps, as on a busy machine; but a word that comes
    twice in a prompt may be found in its other place."""
    heard, words = samples_of(recording), samples_of(prompt)
    words = words[int(begin * RATE) : None if end is None else int(end * RATE)]
    pieces = [words[at : at + PIECE] for at in range(0, len(words) - PIECE + 1, PIECE)]
    voiced = [piece for piece in pieces if np.sqrt(np.mean(piece**2)) > np.std(words) / 4]
    if len(heard) < PIECE or not voiced:
        return 0.0
    return sum(len(_where(heard, piece)) > 0 for piece in voiced) / len(voiced)


def _where(heard: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """The samples at which this piece begins in ``heard``."""
    size = len(heard) + len(piece) - 1
    size = 1 << (size - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size))
    products = np.fft.irfft(spectrum, size)[: len(heard) - len(piece) + 1]
    sums = np.concatenate([[0.0], np.cumsum(heard**2)])
    energies = sums[len(piece) :] - sums[: -len(piece)]
    measure = np.sqrt(np.maximum(energies, 1.0) * float(np.sum(piece**2)))
    return np.flatnonzero(products / measure > ALIKE)
