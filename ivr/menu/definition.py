"""A menu: which key means which category or further menu. Its speech is made from the same words."""

from collections.abc import Mapping
from dataclasses import dataclass

PERSON_KEY = "0"
CANNOT_SPEAK_KEY = "8"
LANGUAGE_KEY = "*"
CHOICE_KEYS = ("1", "2", "3", "4", "5", "6", "7")
"""0, 8 and * mean the same in every menu; 9 is the key with which an agency declines, # ends entries."""

MOST_CHOICES = 5
WRONG_KEYS = 2
"""After so many the caller is with a person."""
LONGEST_SPEECH = 10.0
"""Seconds a menu may speak, before the silence in which it waits for a key."""


@dataclass(frozen=True, slots=True)
class Menu:
    name: str
    choices: Mapping[str, str]
    """Key → a category's or another menu's id, in the order of the file."""
    silence_seconds: int
