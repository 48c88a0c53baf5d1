"""Asterisk's plain files are read with their lines, and a broken one is named by file and line."""

from pathlib import Path

import pytest

from ivr.asterisk.conf_file import Said, read_conf
from ivr.errors import IvrError

ASTERISK_CONF = Path(__file__).parents[2] / "asterisk-conf"
PLAIN = ("asterisk.conf", "cel.conf", "indications.conf", "logger.conf", "modules.conf", "pjproject.conf")


def test_every_item_has_its_section_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("; said first\n[one]\na=1 ; why\nb => 2\n\n[two]\nc = x=y\n")
    assert read_conf(path) == (Said("one", "a", "1", 3), Said("one", "b", "2", 4), Said("two", "c", "x=y", 7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[one\na=1\n", r"a\.conf:1:1: error: Missing"),
        ("[one]\n\nload app.so\n", r"a\.conf:3:1: error: Item"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.conf"
    path.write_text(text)
    with pytest.raises(IvrError, match=expected):
        read_conf(path)


def test_a_file_that_is_not_there_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="run ivr render"):
        read_conf(tmp_path / "none.conf")


@pytest.mark.parametrize("name", PLAIN)
def test_no_plain_file_of_ours_says_a_thing_twice(name: str) -> None:
    """Asterisk takes one of them and says nothing."""
    said = [
        (item.section, item.name, item.value if item.name == "load" else "")
        for item in read_conf(ASTERISK_CONF / name)
    ]
    assert said
    assert len(said) == len(set(said))
