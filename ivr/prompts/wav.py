"""The one kind of sound file Asterisk plays as ``.wav``: RIFF, PCM, 16 bit, mono, 8 kHz."""

import os
import struct
import wave
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from ivr.errors import PromptError

SAMPLE_RATE = 8000
BYTES_PER_SAMPLE = 2
_PCM = 1


def duration_seconds(path: Path) -> float:
    """Length of a sound file in seconds.

    Raises :class:`PromptError` when it is not there, not whole, empty, or not what Asterisk plays; the text
    says how to convert it.
    """
    try:
        with path.open("rb") as file:
            return _find_samples(file, path) / (SAMPLE_RATE * BYTES_PER_SAMPLE)
    except OSError as error:
        raise _unreadable(path, error) from error


def read_samples(path: Path) -> bytes:
    """The samples of a sound file, 16 bit, little-endian. Raises as :func:`duration_seconds` does."""
    try:
        with path.open("rb") as file:
            return file.read(_find_samples(file, path))
    except OSError as error:
        raise _unreadable(path, error) from error


def write_samples(path: Path, samples: bytes) -> None:
    """Write samples whole or not at all: a name that exists can be played. Raises OSError.

    The header is the plainest there is; Asterisk refuses some of the chunks that sound editors add.
    """
    temporary = temporary_for(path)
    try:
        with wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(BYTES_PER_SAMPLE)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(samples)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_for(path: Path) -> Path:
    """A name beside it that nobody plays and nobody else writes."""
    return path.with_name(f".{path.name}.{uuid4().hex}.tmp")


def _find_samples(file: BinaryIO, path: Path) -> int:
    """Move to the first sample and return how many bytes of them there are.

    Not with :mod:`wave`: from Python 3.12 on it also takes the extensible format, which Asterisk refuses.
    """
    size = os.fstat(file.fileno()).st_size
    if (riff := file.read(12))[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise _wrong(path, "is no RIFF/WAVE file")
    form: tuple[int, ...] | None = None
    while len(head := file.read(8)) == 8:
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"data":
            if form is None or (form[0], form[1], form[2], form[5]) != (_PCM, 1, SAMPLE_RATE, 16):
                raise _wrong(path, _described(form))
            if not 0 < length <= size - file.tell():
                raise _wrong(path, "is empty or cut off")
            return length
        following = file.tell() + length + length % 2
        if kind == b"fmt " and len(fmt := file.read(16)) == 16:
            form = struct.unpack("<HHIIHH", fmt)
        file.seek(following)
    raise _wrong(path, "holds no sound")


def _described(form: tuple[int, ...] | None) -> str:
    if form is None:
        return "has no readable format"
    kind = "PCM" if form[0] == _PCM else f"format {form[0]:#x}"
    return f"is {kind}, {form[5]} bit, {form[1]} channel(s), {form[2]} Hz"


def _unreadable(path: Path, error: OSError) -> PromptError:
    return PromptError(f"{path} cannot be read: {error.strerror or error}. Let this user read it.")


def _wrong(path: Path, what: str) -> PromptError:
    return PromptError(
        f"{path} {what}; Asterisk plays PCM, 16 bit, 1 channel, 8000 Hz. Convert it: "
        f"sox ORIGINAL -r 8000 -c 1 -b 16 -e signed-integer '{path}' (or: ffmpeg -i ORIGINAL -ar 8000 -ac 1 "
        f"-c:a pcm_s16le '{path}')"
    )
