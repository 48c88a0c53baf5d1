"""Which file is played for which prompt.

Every file carries the hash of what it was made from: ``<prompts>/<language>/<name>.<hash>.wav``. So a prompt
that exists is never spoken twice, and rules that are still in force keep their words while new ones are
made: what a menu says and what its keys mean cannot part. Beside it, ``<name>.wav`` is a link to the current
file, for the hand-written dialplan, which knows no hash.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from ivr.errors import PromptError
from ivr.prompts.wav import duration_seconds, read_samples

DEFAULT_VOICES: Mapping[str, str | None] = MappingProxyType({"id": "id", "en": "en-us"})
"""Language → espeak-ng voice. American English sounds its r, which helps listeners of whom few are native."""

PROCESSING_VERSION = 1
"""Part of every hash: count up when speech or sound changes, and all prompts are made again."""

PromptKey = tuple[str, str]
"""(language, name)."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_UNPLAYABLE = set('|&,;"\\${}\r\n')
"""Characters that mean something else in a dialplan or in an advice."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of one language: what it is to be made from, and where it belongs."""

    language: str
    name: str
    text: str
    voice: str | None
    spoken: Path | None
    """The file for this text by this voice, if there are both."""
    recording: Path | None
    """A recording that can be played, in the directory of recordings."""
    recorded: Path | None
    """The file for that recording: a copy, so that a recording may be replaced while it is being heard."""

    @property
    def key(self) -> PromptKey:
        return self.language, self.name

    @property
    def target(self) -> Path | None:
        """The file that should be played; a recording comes before speech."""
        return self.recorded or self.spoken


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The prompts that can be played now. ``files`` and ``durations`` (seconds) are by (language, name)."""

    first_language: str
    files: Mapping[PromptKey, Path]
    durations: Mapping[PromptKey, float]
    problems: tuple[str, ...] = ()
    """Prompts that could not be made, and why: for these a caller hears the first language, or nothing."""
    warnings: tuple[str, ...] = ()
    """Everything can be played, but not as somebody wished: a recording that cannot be used."""

    def path(self, language: str, name: str) -> str:
        """The file for Asterisk: absolute, without its ending; the first language's where this one has none;
        empty if there is none at all. An older wording is never offered: its words may not fit the keys."""
        file = self.files.get((language, name)) or self.files.get((self.first_language, name))
        return str(file.with_suffix("")) if file else ""

    def advised(self, prompts_dir: Path, language: str, name: str) -> str:
        """The prompt as an advice names it: below the directory of prompts, without its ending; the link of
        that name where there is no file."""
        path = self.path(language, name)
        return str(Path(path).relative_to(prompts_dir)) if path else f"{language}/{name}"


def load_catalogue(
    needed: Mapping[PromptKey, str],
    prompts_dir: Path,
    recorded_dir: Path,
    voices: Mapping[str, str | None],
) -> Catalogue:
    """Look which prompts exist, make none. Never raises because one is missing or broken.

    The arguments are those of :func:`ivr.prompts.rendering.render_prompts`.
    """
    try:
        prompts, warnings = plan_prompts(needed, prompts_dir, recorded_dir, voices)
    except PromptError as error:
        return Catalogue(next(iter(voices), ""), {}, {}, problems=(str(error),))
    catalogue = look(prompts, voices)
    return replace(catalogue, warnings=tuple(warnings))


def too_long(catalogue: Catalogue, names: Iterable[str], limit_seconds: float) -> dict[PromptKey, float]:
    """The prompts among ``names``, in any language, that last longer, with their seconds.

    A menu over 10 s of speech is refused: the caller has not reached a person in that time.
    """
    wanted = set(names)
    return {
        key: seconds
        for key, seconds in catalogue.durations.items()
        if key[1] in wanted and seconds > limit_seconds
    }


def plan_prompts(
    needed: Mapping[PromptKey, str],
    prompts_dir: Path,
    recorded_dir: Path,
    voices: Mapping[str, str | None],
) -> tuple[list[Prompt], list[str]]:
    """Every name in every language, also those without text (there may be a recording), and the warnings.

    Raises :class:`PromptError` for a name or a directory that cannot become a path Asterisk plays.
    """
    prompts_dir, recorded_dir = prompts_dir.absolute(), recorded_dir.absolute()
    if bad := _UNPLAYABLE.intersection(str(prompts_dir)):
        raise PromptError(
            f"Asterisk cannot play from {prompts_dir}: no {' '.join(sorted(bad))} may stand in a path. "
            "Set IVR_STATE to another directory."
        )
    names = list(dict.fromkeys(name for _, name in needed))
    for pattern, what, words in ((_LANGUAGE, "language", voices), (_NAME, "prompt", names)):
        for word in words:
            if not pattern.fullmatch(word):
                raise PromptError(f"{word!r} cannot name a {what}: it becomes part of a file's name")
    warnings: list[str] = []
    prompts = []
    for language, voice in voices.items():
        for name in names:
            text = needed.get((language, name), "")
            directory = prompts_dir / language
            recording = recorded_dir / language / f"{name}.wav"
            recorded = None
            try:
                if recording.exists():
                    recorded = directory / f"{name}.{_hash(read_samples(recording))}.wav"
            except (PromptError, OSError) as error:
                warnings.append(f"Recording not used: {error}")
            spoken = directory / f"{name}.{_hash(_recipe(text, voice))}.wav" if text and voice else None
            prompts.append(
                Prompt(language, name, text, voice, spoken, recording if recorded else None, recorded)
            )
    return prompts, warnings


def look(prompts: Iterable[Prompt], voices: Mapping[str, str | None]) -> Catalogue:
    """The catalogue of those prompts whose files are there and whole."""
    files, durations = {}, {}
    for prompt in prompts:
        for file in (prompt.recorded, prompt.spoken):
            if file and (seconds := playable_seconds(file)):
                files[prompt.key], durations[prompt.key] = file, seconds
                break
    return Catalogue(next(iter(voices), ""), files, durations)


def playable_seconds(file: Path) -> float:
    """Its length, or 0 for a file that is missing or was cut off (a full disk, a power failure)."""
    try:
        return duration_seconds(file)
    except PromptError:
        return 0.0


def _recipe(text: str, voice: str | None) -> bytes:
    return f"{PROCESSING_VERSION}\0{voice}\0{text}".encode(errors="replace")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
