"""What people and programs read in the end: the table, a line for each loss, and the same as data."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from turmoil.facts import Standing
from turmoil.play import Outcome
from turmoil.verdict import LEAKS, RECORD

COLUMNS = (*map(str, Standing), RECORD, LEAKS)
WELL = "✓"


def cell(outcome: Outcome, column: str) -> str:
    """``✓``, what went wrong there, or nothing where nobody looked."""
    shorts = dict.fromkeys(loss.short for loss in outcome.losses if loss.column == column)
    if shorts:
        return ", ".join(shorts)
    return "" if outcome.unfinished else WELL


def show(outcomes: Sequence[Outcome], out: Console) -> None:
    table = Table(title="Gangguan × keadaan panggilan / faults × states of calls")
    table.add_column("fault", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="center")
    table.add_column("s", justify="right")
    for outcome in outcomes:
        cells = [cell(outcome, column) for column in COLUMNS]
        style = "" if outcome.well else "red"
        table.add_row(outcome.fault.name, *cells, f"{outcome.seconds:.0f}", style=style)
    out.print(table)
    for line in lines(outcomes):
        out.print(line, soft_wrap=True, markup=False, highlight=False)


def lines(outcomes: Sequence[Outcome]) -> list[str]:
    """One for each loss and each fault that was not played to its end, and the sum of it all."""
    found = []
    for outcome in outcomes:
        name, where = outcome.fault.name, f"Log: {outcome.logs}"
        for loss in outcome.losses:
            call = f" (call {loss.call_id})" if loss.call_id else ""
            found.append(f"{name}: {loss.column}{call}: {loss.text}. {where}")
        if outcome.unfinished:
            found.append(f"{name}: tidak selesai / not finished: {outcome.unfinished}. {where}")
    losses = sum(len(outcome.losses) for outcome in outcomes)
    unfinished = sum(bool(outcome.unfinished) for outcome in outcomes)
    faults = f"{len(outcomes)} gangguan / faults"
    if losses or unfinished:
        return [*found, f"{faults}: {losses} kehilangan / losses, {unfinished} tidak selesai / not finished."]
    return [f"{faults}: tidak ada panggilan yang hilang / no call was lost."]


def write_json(outcomes: Sequence[Outcome], file: Path) -> None:
    """A list, one object a fault."""
    data = [
        {
            "fault": outcome.fault.name,
            "what": outcome.fault.what,
            "well": outcome.well,
            "seconds": round(outcome.seconds, 1),
            "unfinished": outcome.unfinished,
            "cells": {column: cell(outcome, column) for column in COLUMNS},
            "losses": [
                {"column": loss.column, "call": loss.call_id, "short": loss.short, "text": loss.text}
                for loss in outcome.losses
            ],
            "logs": None if outcome.well else str(outcome.logs),
        }
        for outcome in outcomes
    ]
    file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
