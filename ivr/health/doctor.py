"""``ivr doctor``: look at every part of an installation and say what to do; see ``docs/doctor.md``.

Nothing is changed and no call is touched. It works whether Asterisk and the engine run or not, ends within
:data:`EXAMINE_SECONDS`, and never raises.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from types import MappingProxyType
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from ivr.errors import IvrError
from ivr.health.checks import ami, configuration, database, files, machine, modules, ports, prompts, running
from ivr.health.checks.scene import Scene, Verdict
from ivr.health.status import Level, Part, overall
from ivr.render.install import find_install
from ivr.rulebook import read_rulebook
from ivr.settings import Settings

T = TypeVar("T")

EXAMINE_SECONDS = 10.0
"""For everything: three steps of which each has its own limit."""
READ_SECONDS = 2.5
"""For reading rules and installation; a file system that hangs takes longer."""
CHECK_SECONDS = 4.0
"""For one check; all run side by side."""

CHECKS: Mapping[str, Callable[[Scene], Verdict]] = MappingProxyType(
    {
        "asterisk": modules.check_version,
        "modules": modules.check_modules,
        "dialplan": modules.check_dialplan,
        "configuration": configuration.check_configuration,
        "routing": configuration.check_routing,
        "prompts": prompts.check_prompts,
        "secrets": files.check_secrets,
        "ami": ami.check_ami,
        "engine": ami.check_engine,
        "ports": ports.check_ports,
        "event-log": files.check_event_log,
        "disk": machine.check_disk,
        "host-name": machine.check_host_name,
        "clock": machine.check_clock,
        "time-zone": machine.check_time_zone,
        "file-handles": machine.check_file_handles,
    }
)
"""Every check but the database's, which is asked before them, in the order in which they are shown."""

_MARKS = {Level.OK: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.BAD: ("✗", "bold red")}
_NAME_WIDTH = 14


async def examine(settings: Settings) -> tuple[Part, ...]:
    """How every part is, the database last; what is not well has its remedy in its text."""
    book, install = await asyncio.gather(_or_none(lambda: read_rulebook(settings)), _or_none(find_install))
    asterisk, engine, (record, operators) = await asyncio.gather(
        running.ask_asterisk(settings), running.ask_engine(settings), database.check_database(settings)
    )
    scene = Scene(settings, book, install, asterisk, engine, operators)
    parts = await asyncio.gather(*(_examine(name, check, scene) for name, check in CHECKS.items()))
    return (*parts, Part("database", *record))


def show_findings(findings: tuple[Part, ...], console: Console) -> bool:
    """Print one line a part. True when nothing is bad."""
    for part in findings:
        mark, style = _MARKS[part.level]
        line = Text.assemble((mark, style), f" {part.name:<{_NAME_WIDTH}} ", part.text)
        console.print(line, soft_wrap=True)
    return overall(findings) is not Level.BAD


async def _examine(name: str, check: Callable[[Scene], Verdict], scene: Scene) -> Part:
    try:
        return Part(name, *await _in_thread(lambda: check(scene), CHECK_SECONDS))
    except TimeoutError:
        text = f"tidak selesai dalam / did not end within {CHECK_SECONDS:.0f} s → disk, jaringan / network?"
    except IvrError as error:
        text = str(error)
    except Exception as error:
        # Its text may hold anything, a secret too.
        text = f"pemeriksaan gagal / the check failed: {type(error).__name__}"
    return Part(name, Level.BAD, text)


async def _or_none(read: Callable[[], T | None]) -> T | None:
    try:
        return await _in_thread(read, READ_SECONDS)
    except Exception:
        return None


async def _in_thread(work: Callable[[], T], seconds: float) -> T:
    """The result of ``work``, done in a thread that nobody waits for at the end: one that hangs in a file
    system or in DNS must not keep the doctor. Raises TimeoutError, or what ``work`` raises."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # The loop is closed: nobody asks any more.
            loop.call_soon_threadsafe(deliver, result, failure)

    Thread(target=run, daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done
