"""Speech by espeak-ng. Only for the worker process: the library keeps global state, is not thread-safe, and a
fault in it must never take the engine down."""

import ctypes
import os
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from ivr.errors import PromptError

WORDS_PER_MINUTE = 180
"""About espeak-ng's own pace (175): as slow as lets a menu of five choices in Indonesian stay under 10 s."""

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_RATE = 1
_CHARACTERS_UTF8 = 1
_BY_CHARACTER = 1
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """The library, started. One per process."""

    def __init__(self) -> None:
        """Raises :class:`PromptError` when the library or its data cannot be used."""
        remedy = "Install the wheel espeakng-loader again (pip install --force-reinstall espeakng-loader)."
        try:
            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = Path(espeakng_loader.get_data_path())
            # The library cuts a path off at 160 characters and then finds nothing: give it a short one.
            os.chdir(data.parent)
        except (OSError, RuntimeError) as error:
            raise PromptError(f"The speech library espeak-ng cannot be loaded: {error}. {remedy}") from error
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DONT_EXIT))
        if self.sample_rate <= 0:
            raise PromptError(f"espeak-ng cannot use its data in {data}. {remedy}")
        self._heard: list[bytes] = []
        self._callback = _Callback(self._hear)  # kept: the library does not
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str) -> NDArray[np.int16]:
        """``text`` spoken by an espeak-ng voice (``id``, ``en-us``, ``id+f3``): samples at ``sample_rate``.

        Raises :class:`PromptError` for an unknown voice or a text in which there is nothing to say.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise PromptError(f"espeak-ng has no voice {voice!r}; use for example id or en-us")
        self._library.espeak_SetParameter(_RATE, WORDS_PER_MINUTE, 0)
        self._heard.clear()
        data = text.replace("\0", " ").encode(errors="replace")
        status = self._library.espeak_Synth(
            data, ctypes.c_size_t(len(data) + 1), 0, _BY_CHARACTER, 0, _CHARACTERS_UTF8, None, None
        )
        samples = np.frombuffer(b"".join(self._heard), dtype=np.int16)
        if status != 0 or not samples.any():
            raise PromptError(f"there is nothing to say in the text {text[:60]!r}")
        return samples

    def _hear(self, samples: object, count: int, _events: object) -> int:
        if samples and count:
            self._heard.append(ctypes.string_at(samples, count * 2))  # type: ignore[arg-type]
        return 0
