"""The rules in force: where they come from, every version of them, and how they change under calls.

``docs/applying.md`` explains it to an admin.
"""

from ivr.render.spoken import voices
from ivr.rulebook.opening import Rulebook, open_rulebook, read_rulebook

__all__ = ["Rulebook", "open_rulebook", "read_rulebook", "voices"]
