"""The page on policies: which signed bundles were accepted, which flows are stopped, how the last look at the index went.

Names and types are written out here: this file imports nothing of ours, so that it still runs when today's code is gone.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _columns(category: str, kind: Any, *names: str, null: bool = False) -> list[sa.Column[Any]]:
    """Columns of one kind that hold the same category of data."""
    return [sa.Column(name, kind, nullable=null, info={"category": category}) for name in names]


def _key(category: str, kind: Any, name: str, **options: Any) -> list[sa.Column[Any]]:
    """The column of the primary key."""
    return [sa.Column(name, kind, nullable=False, info={"category": category}, **options)]


def _table(name: str, *columns: list[sa.Column[Any]], key: str) -> None:
    """One table with its primary key."""
    op.create_table(name, *(each for some in columns for each in some), sa.PrimaryKeyConstraint(key, name=f"pk_{name}"))


def upgrade() -> None:
    """Make them."""
    _table(
        "policy_bundles",
        _key("system.operations", sa.BigInteger(), "version", autoincrement=False),
        _columns("system.operations", sa.Text(), "digest", "policy_digest", "active_from", "expires", "accepted_at"),
        _columns("system.operations", sa.Text(), "begun_at", "withdrawn_at", null=True),
        key="version",
    )
    _table(
        "policy_stops",
        _key("system.operations", sa.Text(), "stop_id"),
        _columns("system.operations", sa.Text(), "importer", "purpose"),
        _columns("user.content", sa.Text(), "reason"),
        _columns("system.operations", sa.Text(), "origin", "set_at"),
        _columns("system.operations", sa.Text(), "lifted_at", null=True),
        _columns("user.content", sa.Text(), "lifted_why"),
        key="stop_id",
    )
    _table(
        "policy_state",
        _key("system.operations", sa.Integer(), "id", autoincrement=False),
        _columns("system.operations", sa.BigInteger(), "generation", "notice"),
        _columns("system.operations", sa.Text(), "tried_at", "went_well_at", null=True),
        _columns("system.operations", sa.Text(), "code", "fault"),
        key="id",
    )
