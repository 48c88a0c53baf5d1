"""The results: tables on the screen, JSON for programs, Markdown and SVG for docs/."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.charts import draw
from benchmarks.figures import Section, Table, text_of
from benchmarks.process import BenchError
from ivr.render.files import write_atomic
from ivr.render.install import find_install

PAGE = "docs/performance.md"
PICTURES = "docs/performance"
_BLOCK = "<!-- bench: {name} -->\n{text}<!-- end -->"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured: figures of two machines are not compared, ratios may be."""

    day: str
    processor: str
    cpus: int
    memory_gb: float
    kernel: str
    python: str
    asterisk: str
    libraries: Mapping[str, str]
    quick: bool


def this_machine(*, quick: bool) -> Machine:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return Machine(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        processor=model[1] if model else platform.machine(),
        cpus=len(os.sched_getaffinity(0)),
        memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        kernel=platform.release(),
        python=platform.python_version(),
        asterisk=find_install().version,
        libraries={name: version(name) for name in ("panoramisk", "pyst2", "aiohttp", "sqlalchemy")},
        quick=quick,
    )


def show(sections: Sequence[Section], machine: Machine, out: Console) -> None:
    for section in sections:
        for table in section.tables:
            grid = Grid(title=table.title, title_justify="left", title_style="bold")
            for place, column in enumerate(table.columns):
                grid.add_column(column, justify="left" if place == 0 else "right")
            for row in table.rows:
                grid.add_row(*map(text_of, row))
            out.print()
            out.print(grid)
            out.print(table.note, style="dim", highlight=False)
    out.print(f"\n{_sentence(machine)}", highlight=False)


def write_json(sections: Sequence[Section], machine: Machine, path: Path) -> None:
    results = {"machine": asdict(machine)} | {section.name: section.figures for section in sections}
    _write(path, json.dumps(results, indent=2) + "\n")


def write_pages(sections: Sequence[Section], machine: Machine, repository: Path) -> None:
    """The tables into the marked places of docs/performance.md, the charts beside it."""
    page = repository / PAGE
    text = page.read_text()
    for section in sections:
        text = _replace(text, section.name, _markdown(section))
        for chart in section.charts:
            _write(repository / PICTURES / f"{chart.name}.svg", draw(chart))
    _write(page, _replace(text, "machine", _sentence(machine) + "\n"))


def _sentence(machine: Machine) -> str:
    kind = "A quick run, which shows that all works and no more. " if machine.quick else ""
    libraries = ", ".join(f"{name} {number}" for name, number in machine.libraries.items())
    return (
        f"{kind}Measured on {machine.day}: {machine.cpus} CPUs ({machine.processor}), "
        f"{machine.memory_gb:.0f} GB, Linux {machine.kernel}, Asterisk {machine.asterisk}, "
        f"Python {machine.python}, {libraries}."
    )


def _markdown(section: Section) -> str:
    parts = [_markdown_table(table) for table in section.tables]
    parts += [f"![{chart.title}](performance/{chart.name}.svg)\n" for chart in section.charts]
    return "\n".join(parts)


def _markdown_table(table: Table) -> str:
    rows = [table.columns, ["---", *["--:"] * (len(table.columns) - 1)]]
    rows += [[text_of(cell) for cell in row] for row in table.rows]
    lines = [f"**{table.title}**", "", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join([*lines, *(["", table.note] if table.note else []), ""])


def _replace(text: str, name: str, new: str) -> str:
    marked = re.compile(rf"<!-- bench: {re.escape(name)} -->\n.*?<!-- end -->", re.DOTALL)
    if not marked.search(text):
        raise BenchError(f"{PAGE} has no place for '{name}': add {_BLOCK.format(name=name, text='')!r}")
    return marked.sub(lambda _: _BLOCK.format(name=name, text=new), text, count=1)


def _write(path: Path, text: str) -> None:
    try:
        write_atomic(path, text)
    except OSError as error:
        raise BenchError(f"{path} cannot be written ({error.strerror}): choose another place") from error
