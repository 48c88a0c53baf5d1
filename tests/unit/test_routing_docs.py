"""docs/routing.md and the JSON Schema say what the code accepts, because they are made from it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cities import cities
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from typer.testing import CliRunner
from yaml_core import core

from ivr.cli import app
from ivr.routing.forms import Key
from ivr.routing.loader import FILE, load
from ivr.routing.problems import Report, RoutingError
from ivr.routing.read_agencies import AGENCY, CLOCK, QUEUE
from ivr.routing.read_callers import CALLERS, PRANK, REDIAL
from ivr.routing.read_city import CITY, KEEP, MENU_FORM, NUMBER
from ivr.routing.read_conditions import SWAMPED, WHEN
from ivr.routing.read_languages import LANGUAGE, TEXTS_FORM
from ivr.routing.read_lines import OPTIONS
from ivr.routing.read_rules import DEFAULTS, RULE
from ivr.routing.reading import Reading
from ivr.routing.reference import BEGIN, END, PAGE, SCHEMA_FILE, json_schema, schema_text, with_reference
from ivr.routing.yaml_nodes import Block, parse

ROOT = Path(__file__).parents[2]
AMBON = (ROOT / "routing.yaml").read_text("utf-8")
FORMS = (
    FILE, CITY, KEEP, LANGUAGE, TEXTS_FORM, NUMBER, MENU_FORM, CALLERS, REDIAL, PRANK, SWAMPED, DEFAULTS,
    RULE, WHEN, QUEUE, AGENCY, CLOCK,
)  # fmt: skip
KEYS = [(form, key) for form in FORMS for key in form.keys.values()]
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
REMEDY = "run: python -m ivr.routing.reference"


def test_the_committed_schema_is_the_codes() -> None:
    assert (ROOT / SCHEMA_FILE).read_text("utf-8") == schema_text(), REMEDY


def test_the_reference_on_the_page_is_the_codes() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == with_reference(page), REMEDY


def test_every_key_is_on_the_page() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    for _, key in KEYS:
        assert f"`{key.name}`" in page or key.name in "234567", key.name
    assert all(f"`{example}`" in page for _, example in OPTIONS.values())


def test_all_blocks_of_the_schema_are_known_here() -> None:
    """So that a new block does not escape the tests below."""
    assert {tuple(form.keys) for form in FORMS} == {
        tuple(block["properties"]) for block in blocks(FILE.describe())
    }


def blocks(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "properties" in schema:
        yield schema
    inside = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    for inner in (*inside, schema.get("additionalProperties"), schema.get("items")):
        if isinstance(inner, dict):
            yield from blocks(inner)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(key, id=f"{form.title}-{key.name}")
        for form, key in KEYS
        if key.name not in ("languages", "texts")
    ],
)
def test_every_example_can_be_written_there(key: Key[Any]) -> None:
    """But for texts and languages: a whole one would be a long example."""
    report = Reading("example", area_code="0911")
    node = parse(f"{key.name}: {key.example}", report)
    assert isinstance(node, Block)
    key.read(node.items[0][1], report)
    assert report.problems == []
    assert len(key.meaning) > 5
    Draft202012Validator(key.describe()).validate(core(f"{key.name}: {key.example}")[key.name])


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_shipped_file_names_and_fits_the_schema() -> None:
    assert AMBON.splitlines()[0] == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert list(VALIDATOR.iter_errors(core(AMBON))) == []


@given(cities())
@settings(max_examples=settings().max_examples // 2, suppress_health_check=list(HealthCheck))
def test_every_city_that_loads_fits_the_schema(text: str) -> None:
    load(text, "routing.yaml")
    assert list(VALIDATOR.iter_errors(core(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: Kota Ambon", "nama: Kota Ambon"),
        ("name: Kota Ambon", "name: [Kota, Ambon]"),
        ("mode: verify", "mode: verfy"),
        ("priority: 5}", "priority: 21}"),
        ("clock: 5m", "clock: 5 minutes"),
        ("damkar-1 15s", "damkar-1"),
        ("damkar-1 15s", "damkar-1 15s acept=answer"),
        ("[45s supervisors,", "[45 supervisors,"),
        ("when: {category: fire}", "when: {categories: fire}"),
        ("when: {category: fire}", "when: {cannot_speak: true}"),
        ("when: {category: fire}", "when: {}"),
        ("when: always", "when: never"),
        ("    when: always\n", ""),
        ("silence: 3s", "silence: soon"),
        ("{1: fire, 2:", "{9: fire, 2:"),
        ("within: 10m", "in: 10m"),
    ],
)
def test_an_editor_marks_mistakes_that_the_loader_refuses(old: str, new: str) -> None:
    text = AMBON.replace(old, new, 1)
    assert text != AMBON
    assert list(VALIDATOR.iter_errors(core(text)))
    with pytest.raises(RoutingError):
        load(text, "routing.yaml")


@pytest.mark.parametrize("key", [key for key in FILE.keys.values() if key.required], ids=lambda key: key.name)
def test_a_required_section_is_asked_for(key: Key[Any]) -> None:
    root = parse(AMBON, Report("x"))
    assert isinstance(root, Block)
    names = [name.value for name, _ in root.items]
    start = next(name.line for name, _ in root.items if name.value == key.name)
    after = names[names.index(key.name) + 1 :]
    end = next((name.line for name, _ in root.items if after and name.value == after[0]), None)
    lines = AMBON.splitlines(keepends=True)
    with pytest.raises(RoutingError) as caught:
        load("".join(lines[: start - 1] + (lines[end - 1 :] if end else [])), "x")
    assert f"the file has no {key.name}; write {key.name}: " in str(caught.value)


def test_ivr_schema_prints_it() -> None:
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == SCHEMA


def test_the_module_writes_both_files(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / PAGE).write_text(f"Before.\n\n{BEGIN}\noutdated\n{END}\n\nAfter.\n")
    code = (
        f"from pathlib import Path; from ivr.routing.reference import write; write(Path({str(tmp_path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    page = (tmp_path / PAGE).read_text()
    assert page.startswith("Before.\n")
    assert page.endswith("\n\nAfter.\n")
    assert "outdated" not in page
    assert (tmp_path / SCHEMA_FILE).read_text() == schema_text()
