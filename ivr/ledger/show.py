"""The record on a terminal, and as JSON. Callers' numbers are masked unless they are asked for."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ivr.calls.call import Call
from ivr.ledger.read import Known, Written, find_call, list_calls, reading
from ivr.ledger.vault import Vault
from ivr.ledger.words import CALLERS, KINDS, REASONS, RESULTS, STATES
from ivr.routing.model import CallerClass

SHOWN_DIGITS = 4
"""Of a masked number: enough to tell two calls apart, too few to ring anybody."""


async def show_calls(
    url: str,
    zone: ZoneInfo,
    *,
    since: datetime | None = None,
    result: str | None = None,
    limit: int = 50,
    numbers: bool = False,
    vault: Vault | None = None,
) -> RenderableType:
    """A table of the newest calls. Raises :class:`ivr.errors.IvrError`."""
    async with reading(url) as connection:
        found = await list_calls(connection, vault=vault, since=since, result=result, limit=limit)
    return calls_table(found, zone, numbers=numbers)


async def json_calls(
    url: str,
    *,
    since: datetime | None = None,
    result: str | None = None,
    limit: int = 50,
    numbers: bool = False,
    vault: Vault | None = None,
) -> list[dict[str, object]]:
    """The same as JSON values, times in UTC. Raises :class:`ivr.errors.IvrError`."""
    async with reading(url) as connection:
        found = await list_calls(connection, vault=vault, since=since, result=result, limit=limit)
    return [call_values(known, numbers=numbers) for known in found]


async def show_call(
    url: str, zone: ZoneInfo, part: str, *, numbers: bool = False, vault: Vault | None = None
) -> RenderableType:
    """One call and its steps. ``part``: its id, or an unambiguous beginning or end of it."""
    async with reading(url) as connection:
        known, entries = await find_call(connection, part, vault=vault)
    return Group(calls_table((known,), zone, numbers=numbers), steps_table(known.call, entries, zone))


async def json_call(
    url: str, part: str, *, numbers: bool = False, vault: Vault | None = None
) -> dict[str, object]:
    """The same as JSON values: the call with its ``entries``."""
    async with reading(url) as connection:
        known, entries = await find_call(connection, part, vault=vault)
    return {**call_values(known, numbers=numbers), "entries": [_entry_values(entry) for entry in entries]}


def calls_table(found: Sequence[Known], zone: ZoneInfo, *, numbers: bool = False) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    zone_name = datetime.now(zone).tzname() or str(zone)
    for indonesian, english in (
        ("Panggilan", "Call"),
        (f"Waktu {zone_name}", "Time"),
        ("Masuk", "Entry"),
        ("Penelepon", "Caller"),
        ("Kategori", "Category"),
        ("Menunggu", "Waited"),
        ("Dijawab", "Answered by"),
        ("Hasil", "Result"),
    ):
        table.add_column(Text.assemble(indonesian, "\n", (english, "dim")), overflow="fold")
    today = datetime.now(zone).date()
    for known in found:
        call = known.call
        waited = _waited(call)
        table.add_row(
            _plain(call.id),
            _moment((call.started_at or call.seen_at).astimezone(zone), today),
            _plain(call.entry or call.dialled or "–"),
            _plain(_caller(known, numbers=numbers) or "–"),
            _plain(call.category or "–"),
            "–" if waited is None else f"{waited:.1f} s",
            _plain(_answered_by(call) or "–"),
            _result(call),
        )
    return table


def steps_table(call: Call, entries: Sequence[Written], zone: ZoneInfo) -> Table:
    """The ledger's lines of one call; the second column counts seconds from its first sign."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for indonesian, english in (("Waktu", "Time"), ("Detik", "Second"), ("Langkah", "Step"), ("Isi", "Data")):
        table.add_column(Text.assemble(indonesian, "\n", (english, "dim")), overflow="fold")
    start = call.started_at or call.seen_at
    words = {str(kind): both for kind, both in KINDS.items()}
    for entry in entries:
        table.add_row(
            f"{entry.at.astimezone(zone):%H:%M:%S}",
            f"{(entry.at - start).total_seconds():.2f}",
            _both(words.get(entry.kind, (entry.kind, entry.kind))),
            _plain(_data(entry.data)),
        )
    return table


def call_values(known: Known, *, numbers: bool = False) -> dict[str, object]:
    call, end = known.call, known.call.ending
    return {
        "id": call.id,
        "state": str(call.state),
        "started_at": _iso(call.started_at),
        "answered_at": _iso(call.answered_at),
        "human_at": _iso(call.human_at),
        "ended_at": _iso(call.ended_at),
        "dialled": call.dialled,
        "entry": call.entry,
        "category": call.category,
        "language": call.language,
        "caller_class": None if call.caller is None else str(call.caller),
        "caller_number": _caller(known, numbers=numbers),
        "cannot_speak": call.cannot_speak,
        "rule": call.rule,
        "mode": call.mode,
        "priority": call.priority,
        "clock_seconds": call.clock_seconds,
        "lifeline": call.lifeline,
        "operator": call.operator,
        "agency": call.agency,
        "line": call.line,
        "answer_seconds": call.answer_seconds,
        "menu_seconds": call.menu_seconds,
        "queue_seconds": call.queue_seconds,
        "result": None if end is None else str(end.result),
        "reason": None if end is None else str(end.reason),
        "detail": None if end is None else str(end.detail),
    }


def masked(number: str) -> str:
    """The last digits of a number, none of a short one: ``…4567``."""
    return "…" + number[-SHOWN_DIGITS:] if len(number) > 2 * SHOWN_DIGITS - 2 else "…" if number else ""


def _entry_values(entry: Written) -> dict[str, object]:
    return {
        "seq": entry.seq,
        "at": _iso(entry.at),
        "recorded_at": _iso(entry.recorded_at),
        "kind": entry.kind,
        "source": entry.source,
        "data": dict(entry.data),
    }


def _caller(known: Known, *, numbers: bool) -> str:
    """The number, or what there is in place of one that belongs to somebody."""
    if numbers:
        return known.number
    worth = known.call.caller
    if worth is None or worth is CallerClass.NUMBER:
        return masked(known.number)
    return CALLERS[worth][0]


def _answered_by(call: Call) -> str:
    agency = f"{call.agency} ({call.line})" if call.agency else call.line
    return " + ".join(who for who in (call.operator, agency) if who)


def _waited(call: Call) -> float | None:
    if call.answer_seconds is not None or call.answered_at is None or call.ended_at is None:
        return call.answer_seconds
    return (call.ended_at - call.answered_at).total_seconds()


def _moment(local: datetime, today: date) -> str:
    """The day is told when it is not today: most looks are at the present shift."""
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%d-%m-%Y %H:%M:%S}"


def _result(call: Call) -> Text:
    """Indonesian, and English on a line of its own: the table fits a window of 80 columns."""
    if call.ending is None:
        return _both(STATES[call.state], "\n")
    texts = zip(RESULTS[call.ending.result], REASONS[call.ending.reason], strict=True)
    indonesian, english = (": ".join(pair) for pair in texts)
    return _both((indonesian, english), "\n", loud=call.ending.loud)


def _both(words: tuple[str, str], between: str = " · ", *, loud: bool = False) -> Text:
    indonesian, english = words
    style = "bold red" if loud else ""
    same = indonesian == english
    return Text.assemble(
        (_printable(indonesian), style), *(() if same else ((between + _printable(english), "dim"),))
    )


def _data(data: Mapping[str, object]) -> str:
    return "  ".join(
        f"{key}={_value(value)}" for key, value in data.items() if value not in (None, "", [], False)
    )


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_data(value)})"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> Text:
    """No markup and no control characters: what callers send must not steer a terminal."""
    return Text(_printable(text))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
