"""Marks that operators put on numbers."""

import sqlalchemy as sa
from alembic import op

from ivr.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "caller_marks",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_caller_marks"),
    )
    op.create_index("ix_caller_marks_number", "caller_marks", ["number"])
    op.create_index("ix_caller_marks_at", "caller_marks", ["at"])
    op.create_index("ix_caller_marks_call_id_mark", "caller_marks", ["call_id", "mark"], unique=True)
