"""The ledger, calls, callers and operators; the ledger's rows can only be added.

There is no way down: going back to an older release means restoring a copy of the database, never removing
parts of the record.
"""

import sqlalchemy as sa
from alembic import op

from ivr.store.tables import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_REFUSAL = "the ledger is append-only"

# REPLACE deletes rows without running delete triggers: an insert over an existing row is ignored instead.
_SQLITE = (
    f"CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    "CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger"
    " WHEN EXISTS (SELECT 1 FROM ledger WHERE entry_id = NEW.entry_id OR seq = NEW.seq)"
    " BEGIN SELECT RAISE(IGNORE); END",
)

_POSTGRESQL = (
    "CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
    "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger"
    " FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger"
    " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()",
)


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=False, unique=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_call_id_seq", "ledger", ["call_id", "seq"])
    op.create_index("ix_ledger_at", "ledger", ["at"])
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("answered_at", UtcDateTime),
        sa.Column("human_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("entry", sa.Text),
        sa.Column("category", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("operator", sa.Text),
        sa.Column("agency", sa.Text),
        sa.Column("line", sa.Text),
        sa.Column("rule", sa.Text),
        sa.Column("lifeline", sa.Text),
        sa.Column("answer_seconds", sa.Float),
        sa.Column("queue_seconds", sa.Float),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_calls"),
    )
    op.create_index("ix_calls_seen_at", "calls", ["seen_at"])
    op.create_index("ix_calls_open", "calls", ["open"])
    op.create_table(
        "callers",
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_callers"),
    )
    op.create_table(
        "operators",
        sa.Column("phone", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("penalty", sa.Integer, nullable=False, server_default="0"),
        sa.Column("queues", sa.Text, nullable=False),
        sa.Column("pin", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("phone", name="pk_operators"),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
