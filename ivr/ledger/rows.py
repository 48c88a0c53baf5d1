"""Rows of the tables, and their form as lines of the journal."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from secrets import token_hex

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError
from sqlalchemy import JSON, Table

from ivr.calls import clock
from ivr.calls.call import Call
from ivr.ledger.entries import Entry
from ivr.store.json_text import JsonText
from ivr.store.tables import UtcDateTime, caller_keys, callers, calls, ledger

TABLES: Mapping[str, Table] = {table.name: table for table in (ledger, calls, callers, caller_keys)}
_TIMES = {
    name: [c.name for c in table.c if isinstance(c.type, UtcDateTime)] for name, table in TABLES.items()
}
_JSON = {name: [c.name for c in table.c if isinstance(c.type, JSON)] for name, table in TABLES.items()}
_BY_PLACE = {"seq", "hash"}
"""Columns of the ledger that an entry gets when it is stored, by its place behind the others."""
_ENCODE = json.JSONEncoder(allow_nan=False).encode
_NUL = "\\u0000"
_HALF_SURROGATE = "\\ud"
_CALL = TypeAdapter(Call)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table called ``table``. ``values`` holds plain values, aware times, and
    :class:`JsonText` for columns of JSON."""

    table: str
    values: Mapping[str, object]

    def to_line(self) -> bytes:
        values = {**self.values, **{name: json.loads(str(self.values[name])) for name in _JSON[self.table]}}
        text = json.dumps({"table": self.table, "values": values}, default=_iso, ensure_ascii=False)
        # A half surrogate, which no file takes, becomes the escape that JSON has for it.
        return text.encode(errors="backslashreplace") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Row":
        """Raises :class:`ValueError` on a line that is torn or not ours."""
        parsed = json.loads(line)
        if not isinstance(parsed, dict) or parsed.get("table") not in TABLES:
            raise ValueError("not a line of this journal")
        name, values = parsed["table"], parsed.get("values")
        columns = {column.name for column in TABLES[name].c} - _BY_PLACE
        if not isinstance(values, dict) or set(values) != columns:
            raise ValueError(f"columns of {name} differ")
        for column in _TIMES[name]:
            if values[column] is not None:
                values[column] = datetime.fromisoformat(values[column])
        for column in _JSON[name]:
            if not isinstance(values[column], dict):  # SQLite would store the text 1.0 as a number
                raise ValueError(f"{column} of {name} is no object")
            values[column] = json_text(values[column])
        return cls(name, values)


def entry_row(entry: Entry, now: datetime) -> Row:
    return Row(
        ledger.name,
        {
            "entry_id": _entry_id(entry),
            "call_id": clean_text(entry.call_id),
            "at": entry.at,
            "recorded_at": now,
            "kind": clean_text(entry.kind),
            "source": str(entry.source),
            "data": json_text(entry.data),
        },
    )


def _entry_id(entry: Entry) -> str:
    if not entry.key:
        return token_hex(16)
    return blake2b(f"{entry.call_id} {entry.key}".encode(errors="replace"), digest_size=16).hexdigest()


def call_row(call: Call, now: datetime) -> Row:
    end = call.ending
    values = {
        "call_id": call.id,
        "open": call.ended_at is None or clock.running(call) or call.recording_due,
        "seen_at": call.seen_at,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "human_at": call.human_at,
        "ended_at": call.ended_at,
        "entry": call.entry,
        "category": call.category,
        "language": call.language,
        "state": str(call.state),
        "result": None if end is None else str(end.result),
        "reason": None if end is None else str(end.reason),
        "detail": None if end is None else str(end.detail),
        "operator": call.operator,
        "agency": call.agency,
        "line": call.line,
        "rule": call.rule,
        "lifeline": call.lifeline,
        "answer_seconds": call.answer_seconds,
        "queue_seconds": call.queue_seconds,
        "written_at": now,
    }
    cleaned = {k: clean_text(v) if isinstance(v, str) else v for k, v in values.items()}
    return Row(calls.name, {**cleaned, "snapshot": _snapshot(call)})


def call_of(snapshot: object) -> Call:
    """The call of a row's ``snapshot``. Raises :class:`ValueError` when it is not one."""
    return _CALL.validate_python(snapshot)


def json_text(value: object) -> JsonText:
    """``value`` as JSON that every database takes."""
    try:
        text = _ENCODE(value)
    except (TypeError, ValueError):  # not only JSON values, or NaN
        return JsonText(json.dumps(clean(value)))
    # Everything but ASCII is escaped, so what no database takes can be seen by its escape. What only looks
    # like one (the backslash itself escaped) is cleaned in vain, which changes nothing.
    return JsonText(json.dumps(clean(value)) if _NUL in text or _HALF_SURROGATE in text else text)


def _snapshot(call: Call) -> JsonText:
    try:
        text = _CALL.dump_json(call).decode()
    except PydanticSerializationError:  # a half surrogate
        text = _NUL
    return JsonText(text) if _NUL not in text else json_text(clean(_CALL.dump_python(call, mode="json")))


def clean(value: object) -> object:
    """``value`` as plain JSON that every database takes: no NUL, no half surrogates, no NaN."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return clean_text(value)
        case Mapping():
            return {clean_text(str(key)): clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [clean(item) for item in value]
        case datetime():
            return value.isoformat()
        case _:
            return clean_text(str(value))


def clean_text(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON value")
