"""Numbers, names and headers of callers are sealed, and can be erased."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from ivr.ledger.vault import Vault
from ivr.store.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    connection = op.get_bind()
    op.rename_table("callers", "callers_plain")
    if connection.dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_callers RENAME TO pk_callers_plain")
    else:
        op.execute("PRAGMA secure_delete = ON")
    op.create_table(
        "callers",
        sa.Column("sealed_id", sa.String(32), nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("number_index", sa.String(64)),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("sealed_id", name="pk_callers"),
    )
    op.create_table(
        "caller_keys",
        sa.Column("sealed_id", sa.String(32), nullable=False),
        sa.Column("call_id", sa.Text),
        sa.Column("wrapped", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sealed_id", name="pk_caller_keys"),
    )
    op.create_table(
        "erasures",
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("done_at", UtcDateTime),
        sa.Column("entered", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_erasures"),
    )
    op.rename_table("caller_marks", "caller_marks_plain")
    for name in ("number", "at", "call_id_mark"):
        op.drop_index(f"ix_caller_marks_{name}", "caller_marks_plain")
    if connection.dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_caller_marks RENAME TO pk_caller_marks_plain")
    op.create_table(
        "caller_marks",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("number_index", sa.String(64), nullable=False),
        sa.Column("sealed_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_caller_marks"),
    )
    _seal_all(connection)
    op.drop_table("callers_plain")
    op.drop_table("caller_marks_plain")
    for table, columns in (
        ("callers", ["call_id"]),
        ("callers", ["number_index"]),
        ("callers", ["recorded_at"]),
        ("caller_keys", ["call_id"]),
        ("erasures", ["entered"]),
        ("caller_marks", ["number_index"]),
        ("caller_marks", ["at"]),
    ):
        op.create_index(f"ix_{table}_{columns[0]}", table, columns)
    op.create_index("ix_caller_marks_call_id_mark", "caller_marks", ["call_id", "mark"], unique=True)


def _seal_all(connection: sa.Connection) -> None:
    """Raises :class:`ivr.errors.VaultError` when there is something to seal and no key."""
    new = sa.MetaData()
    new.reflect(
        connection, only=["callers_plain", "caller_marks_plain", "callers", "caller_keys", "caller_marks"]
    )
    vault: Vault | None = None

    def move(old: str, table: str, sealed: Callable[[Vault, Any], tuple[Mapping[str, object], ...]]) -> None:
        nonlocal vault
        for rows in connection.execute(sa.select(new.tables[old])).partitions(_AT_ONCE):
            vault = vault or op.get_context().config.attributes["vault"]()  # type: ignore[union-attr]
            both = [sealed(vault, row) for row in rows]
            connection.execute(sa.insert(new.tables[table]), [row for row, _ in both])
            connection.execute(sa.insert(new.tables["caller_keys"]), [key for _, key in both])

    move("callers_plain", "callers", _caller)
    move("caller_marks_plain", "caller_marks", _mark)


def _caller(vault: Vault, row: Any) -> tuple[Mapping[str, object], Mapping[str, object]]:
    box = vault.seal(row.call_id, {"number": row.number, "name": row.name, "headers": row.headers})
    return (
        {
            "sealed_id": box.id,
            "call_id": row.call_id,
            "number_index": vault.index(row.number),
            "sealed": box.text,
            "recorded_at": row.recorded_at,
        },
        {"sealed_id": box.id, "call_id": row.call_id, "wrapped": box.wrapped},
    )


def _mark(vault: Vault, row: Any) -> tuple[Mapping[str, object], Mapping[str, object]]:
    box = vault.seal("mark", {"number": row.number})
    return (
        {
            "id": row.id,
            "number_index": vault.index(row.number),
            "sealed_id": box.id,
            "sealed": box.text,
            "mark": row.mark,
            "call_id": row.call_id,
            "by": row.by,
            "at": row.at,
        },
        {"sealed_id": box.id, "call_id": None, "wrapped": box.wrapped},
    )
