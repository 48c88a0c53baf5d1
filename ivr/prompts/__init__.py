"""Text → speech files that Asterisk plays, and what the caller hears on hold.

``render_prompts`` makes what is missing, in a process of its own; ``load_catalogue`` only looks. Neither
raises because a prompt is missing: a prompt that cannot be played never stops a call. ``docs/prompts.md``
explains it to an admin.
"""

from ivr.prompts.catalogue import DEFAULT_VOICES, Catalogue, load_catalogue, too_long
from ivr.prompts.rendering import render, render_prompts
from ivr.prompts.wav import duration_seconds

__all__ = [
    "DEFAULT_VOICES",
    "Catalogue",
    "duration_seconds",
    "load_catalogue",
    "render",
    "render_prompts",
    "too_long",
]
