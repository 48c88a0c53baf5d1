"""A large record in little time: copies of one real call, made inside SQLite."""

import sqlite3
from pathlib import Path

BYTES_A_CALL = 8_000
"""On disk, with its entries and indices."""
STEP = 20_000
"""Calls of one transaction."""


def fill(database: Path, calls: int) -> None:
    """Copy the one call in ``database``: so many more, ``fill-1`` and so on, a second apart."""
    with sqlite3.connect(database) as connection:
        # What is copied here needs no power cut's safety.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        (source,) = connection.execute("SELECT call_id FROM calls").fetchone()
        for first in range(1, calls + 1, STEP):
            _copy(connection, source, first, min(first + STEP, calls + 1) - 1)
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _copy(connection: sqlite3.Connection, source: str, first: int, last: int) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    for table in ("calls", "callers", "caller_keys"):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = {
            "call_id": "'fill-' || i",
            "sealed_id": "'fill-' || i",
            "open": "0",
            "seen_at": "strftime('%Y-%m-%d %H:%M:%S.000000', seen_at, '-' || i || ' seconds')",
            "snapshot": "replace(snapshot, ?, 'fill-' || i)",
        }
        chosen = ", ".join(values.get(column, column) for column in columns)
        own = (source,) if "snapshot" in columns else ()
        connection.execute(
            f"{many} INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {chosen} FROM n, {table} WHERE {table}.call_id = ?",
            (first, last, *own, source),
        )
    connection.execute(
        f"{many} INSERT INTO ledger (entry_id, call_id, at, recorded_at, kind, source, data, hash) "
        "SELECT lower(hex(randomblob(16))), 'fill-' || i, at, recorded_at, kind, source, data, hash "
        "FROM n, ledger WHERE ledger.call_id = ? ORDER BY i, seq",
        (first, last, source),
    )
