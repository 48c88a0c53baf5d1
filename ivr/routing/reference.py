"""What a routing.yaml may say, from the readers themselves: a JSON Schema for editors, tables for people.

``python -m ivr.routing.reference`` writes both where the repository keeps them.
"""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ivr.routing.loader import FILE
from ivr.routing.schema import Schema

SCHEMA_FILE = "routing.schema.json"
PAGE = "docs/routing.md"
BEGIN = "<!-- Written by python -m ivr.routing.reference from here … -->"
END = "<!-- … to here. -->"


def json_schema() -> Schema:
    """What editors complete and check. It takes every file that the loader takes, and some more: names that
    nothing defines, for example, only the loader finds. No section is required, for included files."""
    schema = FILE.describe()
    del schema["required"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "routing.yaml of Siaga 112",
        "description": "A city's rules: who answers when somebody dials 112, and who comes.",
    }


def schema_text() -> str:
    return json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"


def reference() -> str:
    """Every block of the file, each with a table of its keys, in Markdown."""
    return "\n".join(_block(path, schema) for path, schema in _blocks((), FILE.describe()))


def with_reference(page: str) -> str:
    """The page with the reference between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{reference()}\n{END}{tail}"


def _blocks(path: tuple[str, ...], schema: Schema) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Blocks with keys of ours in a schema, each before those inside it."""
    if "properties" in schema:
        yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from _blocks((*path, name), inner)
    for inner in (schema.get("additionalProperties"), schema.get("items"), *schema.get("anyOf", ())):
        if isinstance(inner, dict):
            yield from _blocks(path, inner)


def _block(path: tuple[str, ...], schema: Schema) -> str:
    title = f"### `{' → '.join(path)}`" if path else "### The file"
    if path and schema["title"] != path[-1]:
        title += f": {schema['title']}"
    lines = [title, "", "| key | meaning | example |", "|---|---|---|"]
    required = schema.get("required", ())
    rows = ((name, _meaning(key), _example(key)) for name, key in schema["properties"].items())
    for (meaning, example), same in groupby(rows, key=lambda row: row[1:]):
        names = [f"**`{name}`**" if name in required else f"`{name}`" for name, *_ in same]
        shown = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        lines.append(f"| {shown} | {meaning} | {example} |")
    return "\n".join((*lines, ""))


def _meaning(key: Schema) -> str:
    words = [word for word in _words(key) if f"`{word}`" not in key["description"]]
    listed = f" One of {', '.join(f'`{word}`' for word in words)}." if words[1:] else ""
    return f"{key['description']}{listed}"


def _words(schema: Schema) -> list[str]:
    own = [word for word in schema.get("enum", ()) if isinstance(word, str)]
    return own or [word for inner in schema.get("anyOf", ())[:1] for word in _words(inner)]


def _example(key: Schema) -> str:
    return f"`{_yaml(key['examples'][0])}`"


def _yaml(value: Any) -> str:
    """On one line, as an admin would type it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{name}: {_yaml(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_yaml, value)) + "]"
    text = str(value)
    return f'"{text}"' if re.search(r"[][{}\",#]|: |^[*&!%@`|>]", text) else text


def write(repository: Path) -> None:
    (repository / SCHEMA_FILE).write_text(schema_text(), "utf-8")
    page = repository / PAGE
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[2])
