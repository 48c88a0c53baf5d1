"""Each entry's hash over itself and the hash before it. What is there already is chained as it stands now.

An entry that would take the place of another is refused now, not ignored: ignored, it would break the chain.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from ivr.ledger.chain import GENESIS, link
from ivr.store.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PAGE = 2_000
_OPEN = {
    "sqlite": ("DROP TRIGGER ledger_no_update", "DROP TRIGGER ledger_no_replace"),
    "postgresql": ("ALTER TABLE ledger DISABLE TRIGGER ledger_no_change",),
}
_CLOSE = {
    "sqlite": (
        "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
        # REPLACE deletes rows without running delete triggers.
        "CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger"
        " WHEN EXISTS (SELECT 1 FROM ledger WHERE entry_id = NEW.entry_id OR seq = NEW.seq)"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    ),
    "postgresql": ("ALTER TABLE ledger ENABLE TRIGGER ledger_no_change",),
}

_ledger = sa.table(
    "ledger",
    sa.column("seq", sa.BigInteger),
    sa.column("entry_id", sa.Text),
    sa.column("call_id", sa.Text),
    sa.column("at", UtcDateTime),
    sa.column("recorded_at", UtcDateTime),
    sa.column("kind", sa.Text),
    sa.column("source", sa.Text),
    sa.column("data", sa.JSON),
    sa.column("hash", sa.Text),
)


def upgrade() -> None:
    connection = op.get_bind()
    op.add_column("ledger", sa.Column("hash", sa.String(64), nullable=False, server_default=""))
    for statement in _OPEN[connection.dialect.name]:
        op.execute(statement)
    update = (
        sa.update(_ledger)
        .where(_ledger.c.seq == sa.bindparam("of"))
        .values(hash=sa.bindparam("its", type_=sa.Text))
    )
    before = GENESIS
    for page in _pages(connection):
        hashes = []
        for row in page:
            before = link(before, row._asdict())
            hashes.append({"of": row.seq, "its": before})
        connection.execute(update, hashes)
    for statement in _CLOSE[connection.dialect.name]:
        op.execute(statement)


def _pages(connection: sa.Connection) -> Iterator[list[Any]]:
    names = ("seq", "entry_id", "call_id", "at", "recorded_at", "kind", "source")
    rows = sa.select(
        *(_ledger.c[name] for name in names), sa.cast(_ledger.c.data, sa.Text).label("data")
    ).order_by(_ledger.c.seq)
    last = 0
    while page := list(connection.execute(rows.where(_ledger.c.seq > last).limit(_PAGE))):
        yield page
        last = page[-1].seq
