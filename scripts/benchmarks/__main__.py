"""The command: which sections, how large, where the results go."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import structlog
from rich.console import Console
from stack.asterisk import AsteriskError
from stack.engine import EngineError
from stack.installation import InstallationError
from stack.installed import REPOSITORY
from stack.postgresql import PostgresqlError

from benchmarks import decision, events, faults, full_call, growth, ledger, load, memory, questions, report
from benchmarks.capture import capture
from benchmarks.figures import Section
from benchmarks.ground import Ground
from benchmarks.plan import FULL, QUICK, Sizes
from benchmarks.process import BenchError
from ivr.errors import IvrError

SECTIONS = (
    *("full_call", "load", "memory", "growth", "questions", "faults"),
    *("events", "decision", "ledger"),
)
EXPECTED = (
    *(BenchError, IvrError, AsteriskError, EngineError, InstallationError, PostgresqlError),
    *(FileNotFoundError, TimeoutError),
)
"""What is said in one line; anything else is a fault of ours."""
LOAD_OPERATORS = 250
"""Enough for 100 calls/s of 2 s."""


async def measure(chosen: Sequence[str], sizes: Sizes) -> list[Section]:
    """The chosen sections in their order; nothing outlives it."""
    sections: list[Section] = []
    if needs_asterisk := set(chosen) - {"decision"}:
        operators = max(LOAD_OPERATORS, growth.operators_needed(sizes) if "growth" in chosen else 0)
        async with Ground(operators) as ground:
            for name, section in (
                ("full_call", full_call.measure),
                ("load", load.measure),
                ("memory", memory.measure),
                ("growth", growth.measure),
                ("questions", questions.measure),
                ("faults", faults.measure),
            ):
                if name in chosen:
                    sections.append(await section(ground, sizes))
            if {"events", "ledger"} & needs_asterisk:
                captured = await capture(ground)
        if "events" in chosen:
            sections.append(await events.measure(captured.frames, sizes))
    if "decision" in chosen:
        sections.append(await decision.measure(sizes))
    if "ledger" in chosen:
        sections.append(await ledger.measure(captured, sizes))
    return sections


async def until_told_to_stop(chosen: Sequence[str], sizes: Sizes) -> list[Section] | None:
    """``None`` when Ctrl-C or SIGTERM came first: then everything is stopped and nothing is shown."""
    task = asyncio.create_task(measure(chosen, sizes))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        return await task
    return None


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"siaga112: {message}. See scripts/bench --help\n")


def arguments() -> argparse.Namespace:
    parser = Parser(
        prog="scripts/bench",
        description="What Siaga 112 costs, beside the plain ways of doing the same on the same Asterisk.",
    )
    parser.add_argument("--quick", action="store_true", help="within two minutes: shows that all works")
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"of: {' '.join(SECTIONS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--write-docs", action="store_true", help="put tables and charts into docs/performance.md"
    )
    options = parser.parse_args()
    if options.write_docs and options.quick:
        parser.error("--write-docs needs a whole run: leave --quick out")
    if options.json and not os.access(options.json.absolute().parent, os.W_OK):
        parser.error(f"--json: {options.json.absolute().parent} is not a directory that can be written to")
    return options


def main() -> int:
    options = arguments()
    # What parts of the engine say while they are measured here is no result.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [name for name in SECTIONS if not options.only or name in options.only]
    try:
        sections = asyncio.run(until_told_to_stop(chosen, QUICK if options.quick else FULL))
        if sections is None:
            print("siaga112: stopped; nothing was measured to the end", file=sys.stderr)
            return 130
        machine = report.this_machine(quick=options.quick)
        if options.json:
            report.write_json(sections, machine, options.json)
        if options.write_docs:
            report.write_pages(sections, machine, REPOSITORY)
    except EXPECTED as error:
        print(f"siaga112: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    report.show(sections, machine, Console(width=None if sys.stdout.isatty() else 150))
    return 0


if __name__ == "__main__":
    sys.exit(main())
