"""The life of policy bundles: drafts, rehearsals, bundles, keys, stops, reports and what was done.

Names and types are written out here: this file imports nothing of ours, so that it still runs when today's code is gone.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

IDENTIFIER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPERATIONS = {"category": "system.operations"}


def upgrade() -> None:
    """Make them."""
    _drafts()
    _signed()
    _told()


def _drafts() -> None:
    op.create_table(
        "policy_drafts",
        sa.Column("draft_id", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("title", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("author", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("state", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("changed_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("revision", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("files", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("envelope", sa.LargeBinary(), nullable=False, info=OPERATIONS),
        sa.Column("difference", sa.Text(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("draft_id", name="pk_policy_drafts"),
    )
    op.create_table(
        "policy_rehearsals",
        sa.Column("draft_id", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("code", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("counts", sa.Text(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("draft_id", "region", name="pk_policy_rehearsals"),
    )


def _signed() -> None:
    op.create_table(
        "policy_bundles",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False, info=OPERATIONS),
        sa.Column("draft_id", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("published_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("envelope", sa.LargeBinary(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("version", name="pk_policy_bundles"),
    )
    op.create_table(
        "policy_roots",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False, info=OPERATIONS),
        sa.Column("envelope", sa.LargeBinary(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("version", name="pk_policy_roots"),
    )
    op.create_table(
        "policy_stops",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False, info=OPERATIONS),
        sa.Column("envelope", sa.LargeBinary(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("number", name="pk_policy_stops"),
    )


def _told() -> None:
    op.create_table(
        "policy_reports",
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("report", sa.Text(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("region", name="pk_policy_reports"),
    )
    op.create_table(
        "policy_deeds",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False, info=OPERATIONS),
        sa.Column("at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("actor", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("act", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("about", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("detail", sa.Text(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("position", name="pk_policy_deeds"),
    )
    op.create_index("ix_policy_deeds_about", "policy_deeds", ["about"], unique=False)
