"""``ivr replay``: where the calls of the ledger would have gone with another routing.yaml."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from ivr.commands.common import command, out
from ivr.commands.times import since_time
from ivr.ledger.read import decisions, reading, undecided
from ivr.routing.loader import load_file
from ivr.routing.problems import RoutingError
from ivr.routing.replay import Aspect, Course, Moved, Replay, past
from ivr.routing.rules import Rules
from ivr.settings import Settings, load_settings
from ivr.vocabulary import LINE_SEPARATOR, STAGE_FIELD_SEPARATOR, STAGE_SEPARATOR

WORDS = {
    Aspect.MODE: ("cara", "mode"),
    Aspect.QUEUE: ("antrean", "queue"),
    Aspect.AGENCIES: ("instansi", "lead agencies"),
    Aspect.LINES: ("saluran atau urutannya", "lines or their order"),
    Aspect.PRIORITY: ("prioritas", "priority"),
    Aspect.PLAN: ("hanya waktu atau luapan", "times or overflow alone"),
}


@command
async def replay(
    file: Annotated[Path | None, typer.Argument(help="The new file; IVR_ROUTING if left out.")] = None,
    since: Annotated[str, typer.Option(help="30m, 2h, 7d, or a date and time on the city's clocks.")] = "30d",
    most: Annotated[
        int, typer.Option("--list", min=0, max=100_000, help="At most so many calls, the newest.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times are UTC.")] = False,
) -> None:
    """Decide past calls again with a new routing.yaml and show those that would have gone elsewhere."""
    settings = load_settings()
    path = file or settings.routing
    rules = load_file(path)
    until = datetime.now(UTC)
    start = since_time(since, rules.city.zone)
    found = Replay(rules, _live(settings, rules), most)
    unreadable = 0
    async with reading(settings.database) as connection:
        without = await undecided(connection, start, until)
        async for one in decisions(connection, start, until):
            try:
                found.add(past(one.call_id, one.at, one.data))
            except ValueError:
                unreadable += 1
    if as_json:
        counts = _counts(found, without, unreadable)
        head = {"file": str(path), "rules": rules.digest, "since": _utc(start), "until": _utc(until)}
        calls = [_moved_values(moved) for moved in reversed(found.moved)]
        print(json.dumps({**head, **counts, "calls": calls}, ensure_ascii=False, indent=2))
        return
    zone = rules.city.zone
    _show_counts(found, path, start.astimezone(zone), without, unreadable)
    if found.moved:
        out.print(_moved_table(found, zone))
    if found.changed > len(found.moved):
        out.print(
            f"\n{len(found.moved)} terbaru dari {found.changed} / the newest; more: --list", soft_wrap=True
        )


def _live(settings: Settings, rules: Rules) -> Rules | None:
    """The rules in force if they are others and can be read."""
    try:
        live = load_file(settings.routing)
    except RoutingError:
        return None
    return None if live.digest == rules.digest else live


def _counts(found: Replay, without: int, unreadable: int) -> dict[str, object]:
    return {
        "decisions": found.decisions,
        "changed": found.changed,
        "changed_by": {str(aspect): found.by_aspect[aspect] for aspect in Aspect},
        "changed_by_category": dict(found.by_category.most_common()),
        "already_so": found.already if found.compared else None,
        "facts_not_known": found.facts_unknown,
        "changed_facts_not_known": found.changed_facts_unknown,
        "not_in_file": [
            {"what": what, "name": name, "calls": calls} for (what, name), calls in found.absent.most_common()
        ],
        "without_decision": without,
        "unreadable": unreadable,
    }


def _show_counts(found: Replay, path: Path, start: datetime, without: int, unreadable: int) -> None:
    def say(indonesian: str, english: str, number: int, indent: int = 0) -> None:
        line = Text(" " * indent).append(f"{number:>7} ").append(indonesian)
        out.print(line.append(f" / {english}", "dim"), soft_wrap=True)

    out.print(Text.assemble(str(path), (f", {start:%d-%m-%Y %H:%M} →", "dim")), soft_wrap=True)
    say("panggilan diputuskan lagi", "calls decided again", found.decisions)
    say("akan ke tempat lain", "would have gone elsewhere", found.changed)
    for aspect, words in WORDS.items():
        if found.by_aspect[aspect]:
            say(*words, found.by_aspect[aspect], indent=4)
    if found.changed:
        text = ", ".join(f"{category} {calls}" for category, calls in found.by_category.most_common())
        out.print(Text(f"        menurut kategori / by category: {text}"), soft_wrap=True)
    if found.already:
        say(
            "di antaranya sudah begitu dengan aturan yang berlaku",
            "of these go there with the rules in force already",
            found.already,
        )
    if found.facts_unknown:
        say("tanpa fakta lengkap", "whose facts are not known in full", found.facts_unknown)
        if found.changed_facts_unknown:
            say("di antaranya berubah", "of these changed", found.changed_facts_unknown, indent=4)
    for (what, name), calls in found.absent.most_common():
        out.print(Text(f"{calls:>7} {what} {name!r}: tidak ada di berkas / not in the file"), soft_wrap=True)
    if without:
        say("panggilan tanpa keputusan", "calls without a decision", without)
    if unreadable:
        say("entri tidak terbaca", "entries not understood", unreadable)


def _moved_table(found: Replay, zone: ZoneInfo) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for indonesian, english in (
        ("Waktu", "Time"),
        ("Panggilan", "Call"),
        ("Kategori", "Category"),
        ("Dulu → jadi", "Was → would be"),
    ):
        table.add_column(Text.assemble(indonesian, "\n", (english, "dim")), overflow="fold")
    for moved in reversed(found.moved):
        mark = " (=)" if moved.already else ""
        table.add_row(
            Text(f"{moved.past.at.astimezone(zone):%d-%m-%Y %H:%M}"),
            Text(moved.past.call_id),
            Text(moved.past.facts.category),
            Text(_sentence(moved) + mark + (" (?)" if not moved.past.facts_known else "")),
        )
    if found.already or found.changed_facts_unknown:
        table.caption = (
            "(=) sudah begitu dengan aturan yang berlaku / the rules in force do so already   "
            "(?) fakta tidak lengkap / facts not known in full"
        )
    return table


def _sentence(moved: Moved) -> str:
    was, new = moved.past.course, moved.course
    parts = [
        f"{WORDS[aspect][0]} {_shown(was, aspect)} → {_shown(new, aspect)}"
        if aspect is not Aspect.PLAN
        else f"{WORDS[aspect][0]} {_stages(was.plan, new.plan)}"
        for aspect in moved.aspects
    ]
    return "; ".join(parts)


def _stages(was: str, new: str) -> str:
    """The stages that differ, each change once."""
    old, now = was.split(STAGE_SEPARATOR), new.split(STAGE_SEPARATOR)
    if len(old) == len(now):
        changes = dict.fromkeys(pair for pair in zip(old, now, strict=True) if pair[0] != pair[1])
        return ", ".join(f"{_stage(one)} → {_stage(other)}" for one, other in changes)
    return f"{', '.join(map(_stage, old))} → {', '.join(map(_stage, now))}"


def _stage(text: str) -> str:
    """``l:damkar-1:15`` as ``damkar-1 15 s``."""
    _, where, seconds, *_ = (*text.split(STAGE_FIELD_SEPARATOR), "", "", "")
    return f"{where.replace(LINE_SEPARATOR, ' + ')} {seconds} s"


def _shown(course: Course, aspect: Aspect) -> str:
    value = getattr(course, aspect)
    return (", ".join(value) or "–") if isinstance(value, tuple) else str(value)


def _moved_values(moved: Moved) -> dict[str, object]:
    return {
        "id": moved.past.call_id,
        "at": _utc(moved.past.at),
        "category": moved.past.facts.category,
        "changed": [str(aspect) for aspect in moved.aspects],
        "already_so": moved.already,
        "facts_known": moved.past.facts_known,
        "was": _course_values(moved.past.course),
        "would_be": _course_values(moved.course),
    }


def _course_values(course: Course) -> dict[str, object]:
    return {
        "rule": course.rule,
        "mode": course.mode,
        "queue": course.queue,
        "priority": course.priority,
        "agencies": list(course.agencies),
        "lines": list(course.lines),
        "plan": course.plan,
    }


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
