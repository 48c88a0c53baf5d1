"""``ivr route``: each fact that a rule may look at can be said on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.cli import app

AMBON = (Path(__file__).parents[2] / "routing.yaml").read_text("utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "routing.yaml"
    path.write_text(
        AMBON.replace(
            "  # lists: {hospitals: [0911…, +62811…]}", "  lists: {hospitals: [0911345678]}"
        ).replace(
            "rules:\n",
            """rules:
  - {rule: birth, when: {sub: birth}}
  - {rule: hospital, when: {listed: hospitals}}
  - {rule: island, when: {district: baguala}}
  - {rule: overloaded, when: {service_state: Overloaded}}
  - {rule: no fire brigade, when: {out_of_service: damkar}}
  - {rule: nobody, when: {caller: [simless, anonymous]}}
""",
            1,
        )
    )
    return path


def route(file: Path, *options: str) -> dict[str, object]:
    result = CliRunner().invoke(app, ["route", str(file), *options, "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ((), "everything else"),
        (("--category", "medical", "--sub", "birth"), "birth"),
        (("--caller", "0911345678"), "hospital"),
        (("--caller", "+62911345678"), "hospital"),
        (("--caller", "+62911345679"), "everything else"),
        (("--district", "baguala"), "island"),
        (("--service-state", "overloaded"), "overloaded"),
        (("--out", "damkar"), "no fire brigade"),
        (("--simless",), "nobody"),
        (("--caller", "anonymous"), "nobody"),
        (("--caller", "000123456789"), "nobody"),
    ],
)
def test_an_option_reaches_the_rule_that_looks_at_it(file: Path, options: tuple[str, ...], rule: str) -> None:
    assert route(file, *options)["rule"] == rule


@pytest.mark.parametrize(
    ("options", "priority"),
    [
        (("--redial", "5m"), 9),
        (("--redial", "11m"), 6),
        (("--prank-marks", "3"), 2),
        (("--prank-marks", "3", "--caller", "missing"), 6),
    ],
)
def test_marks_of_the_number_move_the_call(file: Path, options: tuple[str, ...], priority: int) -> None:
    assert route(file, *options)["priority"] == priority


def test_the_keys_for_programs_are_these(file: Path) -> None:
    shown = route(file, "--category", "fire")
    assert list(shown) == [
        "rule", "mode", "queue", "priority", "agencies", "notify", "clock_seconds", "why"
    ]  # fmt: skip
    agencies, why = shown["agencies"], shown["why"]
    assert isinstance(agencies, list)
    assert isinstance(why, list)
    assert agencies[0] == {
        "agency": "damkar",
        "role": "lead",
        "lines": [
            {"name": "damkar-1", "timeout_seconds": 15},
            {"name": "damkar-2", "timeout_seconds": 20},
            {"name": "damkar-radio", "timeout_seconds": 10},
        ],
    }
    assert {use["role"] for use in agencies} == {"lead", "mutual_aid"}
    assert why[0] == {"rule": "birth", "matched": False, "because": "sub is not birth"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--category", "blaze"), "category 'blaze' is not in the file"),
        (("--category", "fire", "--sub", "birth"), "sub-category 'birth' is not in the file"),
        (("--district", "x"), "district 'x' is not in the file"),
        (("--caller", "x"), "--caller x: write a number such as +62811"),
        (("--redial", "5"), "--redial 5: write a time such as 90s"),
        (("--out", "damkr"), "agency or line 'damkr'"),
    ],
)
def test_what_cannot_be_is_said(file: Path, options: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(app, ["route", str(file), *options])
    assert result.exit_code == 1
    assert said in result.output
