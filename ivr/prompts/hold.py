"""What a caller hears on hold: the comfort message at once, then quiet music, and again.

Asterisk plays a directory in alphabetical order (``mode=files``, ``sort=alpha``), from its beginning for
every caller. Announcements of the queue are not used: one in progress delays the answer.
"""

import shutil
from filecmp import cmp
from pathlib import Path

from ivr.prompts.catalogue import Catalogue, playable_seconds
from ivr.prompts.wav import temporary_for

HOLD_PROMPT = "hold"
MUSIC_VERSION = 1
"""Part of the file's name: count up when ivr/prompts/music.py changes."""


def hold_dir(prompts_dir: Path, language: str) -> Path:
    """The directory for Asterisk's music-on-hold class of this language."""
    return prompts_dir / "hold" / language


def music_file(prompts_dir: Path) -> Path:
    """Where the music is kept; every language's directory has a copy."""
    return prompts_dir / "hold" / f"music.v{MUSIC_VERSION}.wav"


def lay_out_hold(catalogue: Catalogue, prompts_dir: Path, language: str) -> None:
    """Put message and music where Asterisk looks, if they exist and differ. Real files, not links, and each
    replaced in one step, so that somebody who listens hears the old one to its end.

    Raises OSError when the directory cannot be written.
    """
    directory = hold_dir(prompts_dir, language)
    directory.mkdir(parents=True, exist_ok=True)
    message = catalogue.path(language, HOLD_PROMPT)
    if message:
        _place(Path(f"{message}.wav"), directory / "1-message.wav")
    if playable_seconds(music_file(prompts_dir)):
        _place(music_file(prompts_dir), directory / "2-music.wav")


def _place(source: Path, target: Path) -> None:
    """Copy a file in one step, unless the same is there."""
    if target.exists() and cmp(source, target, shallow=False):
        return
    temporary = temporary_for(target)
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
