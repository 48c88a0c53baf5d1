"""Files with personal data beside the database: recordings, and Asterisk's event log. All of it blocks.

Asterisk opens ``master.csv`` for each event and appends to it, so it may be renamed at any time; readers know
it by its inode.
"""

import os
import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ivr.vocabulary import Step

EVENT_LOG = "master.csv"
_INNER = rb'(?:[^"]|"")*'
_FIELD = rb'"%s"' % _INNER
_EVENT = re.compile(
    rb"%(field)s,%(field)s,(?P<extra>%(field)s),%(field)s,(?P<call>%(field)s),%(field)s,"
    rb'"(?P<number>%(inner)s)","(?P<name>%(inner)s)",.*\n' % {b"field": _FIELD, b"inner": _INNER}
)
"""asterisk-conf/cel_custom.conf: type, time, extra, uniqueid, linkedid, channel, number, name, …"""
_TELLS_FACTS = re.compile(rb'"(?:%s|%s)",' % (Step.FIRST_MENU.encode(), Step.LIFELINE.encode()))
_RAW_FACTS = re.compile(rb'\|(?P<facts>[^|"]*)""\}')
"""The end of the extra text of these events (:class:`ivr.vocabulary.Step`)."""
_TIME = re.compile(rb'"[^"]*","(?P<seconds>[0-9]{9,12})')
_BEGAN = re.compile(r"([0-9]{9,11})\.[0-9]+$")
_ONE_DAY = timedelta(days=1)


def recordings_of(root: Path, call_id: str) -> tuple[Path, ...]:
    """What was recorded of a call: its id begins with the second at which it came, the directories are days
    in UTC (dialplan/intake.conf)."""
    found = _BEGAN.search(call_id)
    if found is None:
        return ()
    day = datetime.fromtimestamp(int(found[1]), UTC).date()
    near = (day - _ONE_DAY, day, day + _ONE_DAY)
    return tuple(
        path
        for directory in (root / f"{day:%Y/%m/%d}" for day in near)
        if directory.is_dir()
        for path in sorted(directory.iterdir())
        if path.name.startswith(f"{call_id}.")
    )


def expire_recordings(root: Path, before: date, most: int) -> int:
    """Remove at most so many recordings of days before ``before``, the oldest first; how many."""
    gone = 0
    for day in _days(root, before):
        for path in sorted(day.iterdir()):
            if gone >= most:
                return gone
            path.unlink(missing_ok=True)
            gone += 1
        _remove_if_empty(day, root)
    return gone


def rotate_events(directory: Path, today: date) -> Path | None:
    """Once a day: what was written until now under a name of its own, the day of the renaming in it; ``None``
    while the file holds nothing of a day before ``today`` (UTC)."""
    current, old = directory / EVENT_LOG, directory / f"{EVENT_LOG}.{today}"
    try:
        with current.open("rb") as file:
            found = _TIME.match(file.readline())
            first = float(found["seconds"]) if found else os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    if datetime.fromtimestamp(first, UTC).date() >= today or old.exists():
        return None
    current.rename(old)
    return old


def expire_events(directory: Path, before: date) -> int:
    """Remove what was renamed before that day; how many files."""
    gone = 0
    for path in directory.glob(f"{EVENT_LOG}.*"):
        day = path.name.removeprefix(f"{EVENT_LOG}.")
        if re.fullmatch(r"\d{4}-\d\d-\d\d", day) and day < str(before):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def blank_events(directory: Path, call_ids: Collection[str]) -> int:
    """Overwrite number, name and raw facts with blanks in every event of these calls; how many events. Each
    byte stays in its place, and each file keeps its time: readers lose neither place nor order."""
    wanted = {f'"{call_id}"'.encode() for call_id in call_ids}
    return sum(_blank(path, wanted) for path in sorted(directory.glob(f"{EVENT_LOG}*"))) if wanted else 0


def _blank(path: Path, wanted: set[bytes]) -> int:
    events, place = 0, 0
    try:
        with path.open("r+b") as file:
            before = os.fstat(file.fileno())
            for line in file:
                found = _EVENT.fullmatch(line)
                if found and found["call"] in wanted:
                    events += 1
                    for begin, end in _personal(found):
                        os.pwrite(file.fileno(), b" " * (end - begin), place + begin)
                place += len(line)
            if events:
                os.fsync(file.fileno())
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    except FileNotFoundError:  # renamed meanwhile, and seen by its other name
        pass
    return events


def _personal(event: re.Match[bytes]) -> Iterator[tuple[int, int]]:
    yield event.span("number")
    yield event.span("name")
    if _TELLS_FACTS.match(event.string):
        facts = _RAW_FACTS.search(event.string, *event.span("extra"))
        if facts is not None:
            yield facts.span("facts")


def _days(root: Path, before: date) -> Iterator[Path]:
    for day in sorted(root.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]")):
        if str(day.relative_to(root)) < f"{before:%Y/%m/%d}":
            yield day


def _remove_if_empty(day: Path, root: Path) -> None:
    for directory in (day, day.parent, day.parent.parent):
        if directory == root or any(directory.iterdir()):
            return
        directory.rmdir()
