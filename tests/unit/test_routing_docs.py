"""docs/routing.md names every key that a routing file may have."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "routing.md").read_text("utf-8")
CODE = "".join(path.read_text("utf-8") for path in sorted((ROOT / "ivr" / "routing").glob("[lr]*.py")))
KEYS = sorted(set(re.findall(r'(?:section|file)\.(?:need|get)\(\s*"(\w+)"|one_of\(section, "(\w+)"', CODE)))


def test_the_keys_are_found_in_the_code() -> None:
    found = {key for pair in KEYS for key in pair}
    assert {"city", "keep_free", "zone", "cannot_speak", "category"} <= found


@pytest.mark.parametrize(
    "key", [first or second for first, second in KEYS] + ["mutual_aid", "lead", "else", "support"]
)
def test_every_key_is_documented(key: str) -> None:
    assert re.search(rf"`[^`]*\b{key}\b[^`]*`", PAGE)


@pytest.mark.parametrize("option", ["phone", "number", "accept", "dtmf", "schedule"])
def test_every_option_of_a_line_is_documented(option: str) -> None:
    assert f"`{option}=" in PAGE
