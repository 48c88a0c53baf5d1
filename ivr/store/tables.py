"""The tables. Migrations make them (``ivr.store.migrations``); a test compares the two."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

NO_ZONE = "a time without zone cannot be stored: give it one, UTC best"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times in, aware UTC times out, also on SQLite, which knows no zones: there the text is UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(NO_ZONE)
        return value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object] | None:
        """For SQLite the text that it keeps, at once: each entry has two times."""
        return sqlite_time if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def sqlite_time(value: object) -> str | None:
    """The text that SQLite keeps of an aware time: UTC, without a zone, to the microsecond."""
    return None if value is None else sqlite_text(utc_text(value))


def sqlite_text(utc: str) -> str:
    """The same, of a time that :func:`utc_text` has written."""
    return f"{utc[:10]} {utc[11:26]}"


def utc_text(value: object) -> str:
    """``2026-03-01T04:00:00.123456+00:00``: always UTC, always microseconds."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(NO_ZONE)
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(timespec="microseconds")


metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)

_SERIAL = BigInteger().with_variant(Integer, "sqlite")

ledger = Table(
    "ledger",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("entry_id", String(32), nullable=False, unique=True),
    Column("call_id", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("hash", String(64), nullable=False, server_default=""),
    Index(None, "call_id", "seq"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)
"""Append-only: triggers refuse UPDATE and DELETE. ``entry_id`` makes a second writing of the same entry
harmless; ``seq`` is the order of writing and is never used twice, but may have gaps. ``hash``:
:func:`ivr.ledger.chain.link`; rows are added by :func:`ivr.ledger.storing.store` only, which computes it."""

calls = Table(
    "calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("open", Boolean, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("human_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("entry", Text),
    Column("category", Text),
    Column("language", Text),
    Column("state", Text, nullable=False),
    Column("result", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("operator", Text),
    Column("agency", Text),
    Column("line", Text),
    Column("rule", Text),
    Column("lifeline", Text),
    Column("answer_seconds", Float),
    Column("queue_seconds", Float),
    Column("snapshot", JSON, nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Index(None, "seen_at"),
    Index(None, "open"),
)
"""One row a call: its last known :class:`ivr.calls.call.Call`, whole in ``snapshot``. It can be lost without
loss of truth: the ledger has everything it was made of. ``open``: has not ended, or its clock
still runs, or nobody has looked at its recording yet."""

callers = Table(
    "callers",
    metadata,
    Column("sealed_id", String(32), primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("number_index", String(64)),
    Column("sealed", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Index(None, "call_id"),
    Index(None, "number_index"),
    Index(None, "recorded_at"),
)
"""Personal data of callers, sealed (:mod:`ivr.ledger.vault`), apart from the ledger so that it can be erased.
Of one call there may be several rows: what was learnt later adds to what was known."""

caller_keys = Table(
    "caller_keys",
    metadata,
    Column("sealed_id", String(32), primary_key=True),
    Column("call_id", Text),
    Column("wrapped", Text, nullable=False),
    Index(None, "call_id"),
)
"""The wrapped key of each row of ``callers`` and of ``caller_marks`` (these without a call). A table of its
own, so that a copy of the database can be kept without it: what is erased is then erased there, too."""

erasures = Table(
    "erasures",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("why", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("entered", Boolean, nullable=False),
    Index(None, "entered"),
)
"""Calls whose personal data was erased, or is to be when they have ended (``done_at`` is null). Where it was,
none is taken in again. ``entered``: the ledger has the entry."""

operators = Table(
    "operators",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("penalty", Integer, nullable=False, server_default="0"),
    Column("queues", Text, nullable=False),
    Column("pin", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""Accounts of operators (:class:`ivr.queueing.operators.Operator`). ``queues`` are joined by ``&``."""

caller_marks = Table(
    "caller_marks",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("number_index", String(64), nullable=False),
    Column("sealed_id", String(32), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("call_id", Text),
    Column("by", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "number_index"),
    Index(None, "at"),
    Index(None, "call_id", "mark", unique=True),
)
"""Marks that operators put on numbers (:class:`ivr.callers.marks.Marked`): the number is
sealed, can be removed."""
