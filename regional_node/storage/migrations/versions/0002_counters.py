"""Counts of distinct persons by day, and of contacts, for the rules that count.

Names and types are written out here: this file imports nothing of ours, so that it still runs when today's code is gone.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SYSTEM = {"category": "system.operations"}
PSEUDONYM = {"category": "user.unique_id.pseudonymous"}


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "counted_contacts",
        sa.Column("scope", sa.LargeBinary(), nullable=False, info=PSEUDONYM),
        sa.Column("at", sa.BigInteger(), nullable=False, info=SYSTEM, autoincrement=False),
        sa.Column("id", sa.Text(), nullable=False, info=SYSTEM),
        sa.PrimaryKeyConstraint("scope", "at", "id", name="pk_counted_contacts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counted_days",
        sa.Column("scope", sa.LargeBinary(), nullable=False, info=SYSTEM),
        sa.Column("day", sa.Integer(), nullable=False, info=SYSTEM, autoincrement=False),
        sa.Column("persons", sa.Integer(), nullable=False, info=SYSTEM),
        sa.PrimaryKeyConstraint("scope", "day", name="pk_counted_days"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counted_persons",
        sa.Column("scope", sa.LargeBinary(), nullable=False, info=SYSTEM),
        sa.Column("member", sa.LargeBinary(), nullable=False, info=PSEUDONYM),
        sa.Column("last_on", sa.Integer(), nullable=False, info=SYSTEM),
        sa.Column("former_on", sa.Integer(), nullable=True, info=SYSTEM),
        sa.Column("held_by", sa.Text(), nullable=True, info=SYSTEM),
        sa.PrimaryKeyConstraint("scope", "member", name="pk_counted_persons"),
        sqlite_with_rowid=False,
    )
