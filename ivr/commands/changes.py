"""``ivr diff``: what another routing.yaml would change for callers and agencies."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ivr.commands.common import command
from ivr.routing.diff import differences
from ivr.routing.loader import load_file


@command
def diff(
    old: Annotated[Path, typer.Argument(help="The file as it is, e.g. the live one.")],
    new: Annotated[Path, typer.Argument(help="The file as it is going to be.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say in sentences what NEW changes for whom: from what both files decide, not from their texts."""
    found = differences(load_file(old), load_file(new), datetime.now(UTC))
    if as_json:
        print(json.dumps([one.as_json() for one in found], ensure_ascii=False, indent=2))
        return
    if not found:
        print("Tidak ada yang berubah bagi siapa pun. / Nothing changes for anybody.")
    for difference in found:
        print(difference.said.id, f"  {difference.said.en}", sep="\n")
