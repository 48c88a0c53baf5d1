"""The city of routing.yaml, for tests that need one."""

from functools import partial
from pathlib import Path

from ivr.routing.loader import load_file
from ivr.who_calls import who_calls

REPOSITORY = Path(__file__).resolve().parents[1]
RULES = load_file(REPOSITORY / "routing.yaml")
who_calls_ambon = partial(who_calls, city=RULES.city)
