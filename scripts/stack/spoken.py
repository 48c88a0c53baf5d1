"""Spoken prompts, kept among the caches: speaking them all takes longer than most of what uses them."""

import hashlib
import os
import shutil
from pathlib import Path

from ivr.menu.prompts_needed import prompts_needed
from ivr.routing.loader import load_file
from ivr.rulebook import voices
from ivr.settings import Settings
from stack.installed import tools_directory


def take_prompts(settings: Settings) -> None:
    """Put the prompts that :func:`keep_prompts` kept for these rules in their place, if there are any."""
    cached = _cache(settings)
    if cached.is_dir():
        shutil.copytree(cached, settings.prompts, copy_function=os.link, symlinks=True)


def keep_prompts(settings: Settings) -> None:
    """Keep a copy for the next stack with the same rules, complete or not there."""
    cached = _cache(settings)
    if cached.is_dir():
        return
    made = cached.with_name(f"{cached.name}.{os.getpid()}")
    shutil.copytree(settings.prompts, made, symlinks=True)
    try:
        made.rename(cached)
    except OSError:
        shutil.rmtree(made)  # Another stack was quicker.


def _cache(settings: Settings) -> Path:
    """By what has to be spoken and how: other rules with the same words share it."""
    rules = load_file(settings.routing)
    words = repr((prompts_needed(rules), voices(rules)))
    return tools_directory() / "cache" / f"prompts-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
