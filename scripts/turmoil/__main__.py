"""The command: which faults, how many at once, where the results go."""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import structlog
from rich.console import Console
from stack.installed import asterisk_binary, phones

from turmoil.faults import FAULTS, Fault
from turmoil.play import DEADLINE, Outcome, play
from turmoil.table import show, write_json

WHOLE_SECONDS = 40 * 60.0
"""The longest run; what has not begun then counts as not finished."""
_BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


async def run(chosen: Sequence[Fault], logs: Path, *, side_by_side: int, keep: bool) -> list[Outcome]:
    """All outcomes in the order of ``chosen``. Files of a fault stay if it was not well, or with ``keep``."""
    places = asyncio.Semaphore(side_by_side)
    until = time.monotonic() + WHOLE_SECONDS

    async def one(fault: Fault) -> Outcome:
        async with places:
            left = until - time.monotonic()
            if left < 1:
                return Outcome(fault, (), 0.0, logs, "the time of the whole run was over")
            outcome = await play(fault, logs / fault.name, min(DEADLINE, left))
        if outcome.well and not keep:
            await asyncio.to_thread(shutil.rmtree, outcome.logs, True)
        lost = dict.fromkeys(f"{loss.column}: {loss.short}" for loss in outcome.losses)
        wrong = outcome.unfinished or ", ".join(lost) or "baik / well"
        say(f"{fault.name}: {wrong} ({outcome.seconds:.0f} s)")
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(fault)) for fault in chosen]
    return [task.result() for task in tasks]


async def until_told_to_stop(
    chosen: Sequence[Fault], logs: Path, options: argparse.Namespace
) -> list[Outcome] | None:
    """None when Ctrl-C or SIGTERM came first: then everything is stopped."""
    task = asyncio.create_task(run(chosen, logs, side_by_side=options.jobs, keep=options.keep))
    told: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        told.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        say(f"{told[0].name}: dihentikan / stopped; nothing was judged")
        return None


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"siaga112: {message}. See scripts/chaos --help\n")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = Parser(
        prog="scripts/chaos",
        description="Break everything that can break under calls in every state, and see whether each caller "
        "is with a human and the record is true. docs/chaos.md tells more.",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="six telling faults, within 90 s")
    chosen.add_argument("--only", nargs="+", choices=FAULTS, metavar="NAME", help="these faults; see --list")
    chosen.add_argument("--list", action="store_true", help="name all faults and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--keep", action="store_true", help="keep the logs of faults without a loss, too")
    parser.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="so many stacks side by side (1; with --quick 3)"
    )
    options = parser.parse_args(given)
    if options.jobs < 0 or options.jobs > 8:
        parser.error("--jobs: from 1 to 8")
    options.jobs = options.jobs or (3 if options.quick else 1)
    if options.json and not os.access(options.json.absolute().parent, os.W_OK):
        parser.error(f"--json: {options.json.absolute().parent} is not a directory that can be written to")
    return options


def _remove(logs: Path) -> None:
    """What is being ended may still write a last line there, and make the directory anew."""
    gone, until = 0, time.monotonic() + 10
    while gone < 10 and time.monotonic() < until:
        gone = 0 if logs.exists() else gone + 1
        shutil.rmtree(logs, ignore_errors=True)
        time.sleep(0.1)


def main() -> int:
    options = arguments()
    if options.list:
        for fault in FAULTS.values():
            print(f"{fault.name:28} {fault.what}")
        return 0
    # What parts of the product say inside this process is no result.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [
        fault
        for fault in FAULTS.values()
        if (fault.quick if options.quick else not options.only or fault.name in options.only)
    ]
    try:
        asterisk_binary(), phones()
    except FileNotFoundError as error:
        print(f"siaga112: {error}", file=sys.stderr)
        return 1
    # A short path: below it stand Asterisk's control sockets, whose paths have a limit.
    logs = Path(tempfile.mkdtemp(prefix="chaos-"))
    outcomes = asyncio.run(until_told_to_stop(chosen, logs, options))
    if outcomes is None:
        _remove(logs)
        return 130
    if options.json:
        write_json(outcomes, options.json)
    show(outcomes, Console(width=None if sys.stdout.isatty() else 180))
    with suppress(OSError):
        logs.rmdir()
    return 0 if all(outcome.well for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
