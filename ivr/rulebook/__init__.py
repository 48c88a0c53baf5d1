"""The rules in force: where they come from, every version of them, and how they change under calls.

``docs/applying.md`` explains it to an admin.
"""

from ivr.rulebook.opening import Rulebook, open_rulebook, read_rulebook, voices

__all__ = ["Rulebook", "open_rulebook", "read_rulebook", "voices"]
