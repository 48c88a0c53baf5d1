"""A routing file in several: joined key by key, problems in the right file, nothing from outside."""

import os
from pathlib import Path

import pytest

from ivr.routing.include import MOST_FILES, bundle, digest_of
from ivr.routing.loader import load, load_bundle, load_file
from ivr.routing.problems import RoutingError
from ivr.routing.rules import Rules

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")
DAMKAR = AMBON[AMBON.index("  damkar:\n") : AMBON.index("  bpbd:\n")]
BPBD = AMBON[AMBON.index("  bpbd:\n") : AMBON.index("  dlhp:\n")]
MAIN = "include: [agencies/*.yaml]\n" + AMBON.replace(DAMKAR, "").replace(BPBD, "")
FILES = {
    "routing.yaml": MAIN,
    "agencies/damkar.yaml": "agencies:\n" + DAMKAR,
    "agencies/bpbd.yaml": "agencies:\n" + BPBD,
}


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Ambon in three files."""
    return write(tmp_path / "city", FILES)


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory / "routing.yaml"


def problems(path: Path) -> str:
    with pytest.raises(RoutingError) as caught:
        load_file(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def without_digest(rules: Rules) -> dict[str, object]:
    return {
        name: getattr(rules, name) for name in Rules.__dataclass_fields__ if name not in ("digest", "index")
    }


def test_a_city_in_several_files_is_the_same_city(city: Path) -> None:
    whole, parts = without_digest(load(AMBON, "routing.yaml")), without_digest(load_file(city))
    assert parts == whole


def test_a_bundle_holds_all_of_it_and_loads_alone(city: Path) -> None:
    files = bundle(city)
    assert files == {name: text.encode() for name, text in FILES.items()}
    (city.parent / "agencies" / "damkar.yaml").unlink()
    rules = load_bundle(files, "elsewhere/routing.yaml")
    assert "damkar" in rules.agencies
    assert rules.digest == digest_of(files, "routing.yaml")


def test_the_digest_names_the_content_of_every_file() -> None:
    files = {"main.yaml": b"a", "b.yaml": b"c"}
    digests = {
        digest_of(files, "main.yaml"),
        digest_of(files | {"b.yaml": b"d"}, "main.yaml"),
        digest_of(files | {"main.yaml": b"d"}, "main.yaml"),
        digest_of({"main.yaml": b"a", "c.yaml": b"c"}, "main.yaml"),
        digest_of({"main.yaml": b"a"}, "main.yaml"),
    }
    assert len(digests) == 5
    assert digest_of(dict(reversed(files.items())), "main.yaml") in digests


def test_a_problem_names_the_file_in_which_it_stands(city: Path) -> None:
    path = city.parent / "agencies" / "damkar.yaml"
    path.write_text(path.read_text().replace("damkar-1 15s", "damkar-1 15"))
    assert problems(city).startswith("agencies/damkar.yaml:4:22: error: damkar-1 needs its ring time")


def test_a_file_that_is_no_yaml_is_named(city: Path) -> None:
    (city.parent / "agencies" / "damkar.yaml").write_text("agencies:\n\tdamkar: x\n")
    assert "agencies/damkar.yaml:2:1: error: a tab in the indentation" in problems(city)


TWICE = 'x.yaml:2:3: error: "bpbd" stands twice, first in agencies/bpbd.yaml:2'
OTHER_FIRE = DAMKAR.replace("  damkar:", "  fire:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agencies:\n" + BPBD, TWICE),
        ("agencies:\n" + OTHER_FIRE, "first in agencies/damkar.yaml:4 as damkar-1"),
        ("rules: []\n", "x.yaml:1:1: error: rules stands in routing.yaml:"),
        ("include: y.yaml\n", "x.yaml:1:1: error: an included file includes nothing itself"),
        ("- agencies\n", "x.yaml:1:1: error: an included file is a block of keys"),
        ("agncies: {}\n", "did you mean agencies?"),
        ("city: {name: X}\n", 'x.yaml:1:8: error: "name" stands twice, first in routing.yaml:'),
    ],
)
def test_what_cannot_be_joined(city: Path, text: str, said: str) -> None:
    write(city.parent, {"agencies/x.yaml": text})
    assert said in problems(city)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("none/*.yaml", "1:11: error: no file is called none/*.yaml"),
        ("/etc/*.yaml", "1:11: error: \"/etc/*.yaml\" cannot stand here; write a path below"),
        ("../*.yaml", "below this file's directory"),
        ("agencies/../../*.yaml", "below this file's directory"),
        (".secret/*.yaml", "below this file's directory"),
        ("agencies", "1:11: error: agencies cannot be included (Is a directory)"),
    ],
)  # fmt: skip
def test_patterns_that_find_nothing_or_lead_away(city: Path, pattern: str, said: str) -> None:
    city.write_text(MAIN.replace("agencies/*.yaml", pattern))
    assert said in problems(city)


def test_a_link_that_leads_out_of_the_directory_is_not_followed(city: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("agencies:\n" + BPBD.replace("bpbd", "other"))
    os.symlink(tmp_path / "outside.yaml", city.parent / "agencies" / "link.yaml")
    assert "agencies/link.yaml cannot be included (it leads out of" in problems(city)


def test_editors_leavings_are_not_included(city: Path) -> None:
    write(city.parent, {"agencies/.#damkar.yaml": "x", "agencies/damkar.yaml~": "x", "agencies/.swp": "x"})
    assert sorted(bundle(city)) == sorted(FILES)


def test_the_main_file_does_not_include_itself(city: Path) -> None:
    city.write_text(MAIN.replace("[agencies/*.yaml]", "['*.yaml', agencies/*.yaml]"))
    assert "no file is called *.yaml" in problems(city)


def test_too_many_files(city: Path) -> None:
    write(city.parent, {f"agencies/x{number:03}.yaml": "notify: {}\n" for number in range(MOST_FILES + 1)})
    assert f"more than {MOST_FILES} files" in problems(city)


def test_all_files_together_have_a_bound(city: Path) -> None:
    write(city.parent, {"agencies/x.yaml": "#" * 999_999})
    assert "all files together have more than 1,000,000 bytes" in problems(city)
