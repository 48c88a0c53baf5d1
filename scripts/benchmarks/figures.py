"""What a section of the bench finds: tables for people, charts, and the same figures for programs."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Cell = str | float | int | None
"""``None``: was not measured."""


@dataclass(frozen=True, slots=True)
class Table:
    """``columns`` name their units. ``note``: a sentence under it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of bars, stacked: for each label one value of each series."""

    name: str
    """Of the file, without its ending."""
    title: str
    unit: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Lines:
    """A chart of lines over ``places`` (the figures below it): for each series one value a place."""

    name: str
    title: str
    unit: str
    axis: str
    places: Sequence[float]
    series: Mapping[str, Sequence[float]]


Chart = Bars | Lines


@dataclass(frozen=True, slots=True)
class Section:
    """``figures`` is what ``--json`` has under ``name``: numbers in SI units, or as a name says."""

    name: str
    title: str
    tables: Sequence[Table]
    figures: Mapping[str, object]
    charts: Sequence[Chart] = field(default=())


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` (0 to 1) of all do not exceed (nearest rank)."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def text_of(cell: Cell) -> str:
    """Three significant digits, thousands apart; a dash for what was not measured."""
    match cell:
        case None:
            return "–"
        case str():
            return cell
        case int():
            return f"{cell:,}"
    if cell == 0 or not math.isfinite(cell):
        return str(cell)
    decimals = max(0, 2 - math.floor(math.log10(abs(cell))))
    return f"{cell:,.{min(decimals, 4)}f}"
