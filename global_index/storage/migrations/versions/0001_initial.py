"""The index's first tables: regions and their certificates, entries, the history, who signs in.

Names and types are written out here: this file imports nothing of ours, so that it still runs when today's code is gone.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

IDENTIFIER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPERATIONS = {"category": "system.operations"}
PSEUDONYM = {"category": "user.unique_id.pseudonymous"}
ACCOUNT = {"category": "user.organization_account"}


def upgrade() -> None:
    """Make them."""
    _certificates()
    _entries()
    _entry_feeds()
    _history()
    _history_regions()
    _invites()
    _regions()
    _sign_in_accounts()
    _sign_in_attempts()
    _sign_in_sessions()
    _sign_in_tokens()


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("serial", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("role", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("position", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("pem", sa.LargeBinary(), nullable=False, info=OPERATIONS),
        sa.Column("issued_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("not_after", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("proved_at", sa.BigInteger(), nullable=True, info=OPERATIONS),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True, info=OPERATIONS),
        sa.PrimaryKeyConstraint("serial", name="pk_certificates"),
    )
    op.create_index("ix_certificates_region", "certificates", ["region"], unique=False)


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("pseudonym", sa.LargeBinary(16), nullable=False, info=PSEUDONYM),
        sa.Column("epoch", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("cluster", IDENTIFIER, nullable=False, info=PSEUDONYM),
        sa.Column("batch", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("region", "pseudonym", "epoch", name="pk_entries"),
    )
    op.create_index("ix_entries_cluster", "entries", ["cluster"], unique=False)


def _entry_feeds() -> None:
    op.create_table(
        "entry_feeds",
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("shown_epoch", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("shown_batch", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("fresh_epoch", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("fresh_batch", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("region", name="pk_entry_feeds"),
    )


def _history() -> None:
    op.create_table(
        "history",
        sa.Column("question_id", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("asked", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("analyst", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("importer", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("purpose", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("plans", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("digests", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("fields", sa.Text(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("question_id", name="pk_history"),
    )
    op.create_index("ix_history_analyst", "history", ["analyst"], unique=False)
    op.create_index("ix_history_at", "history", ["at"], unique=False)


def _history_regions() -> None:
    op.create_table(
        "history_regions",
        sa.Column("question_id", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("status", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("code", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("rho", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("leaf", sa.BigInteger(), nullable=True, info=OPERATIONS),
        sa.PrimaryKeyConstraint("question_id", "region", name="pk_history_regions"),
    )
    op.create_index("ix_history_regions_at", "history_regions", ["at"], unique=False)


def _invites() -> None:
    op.create_table(
        "invites",
        sa.Column("serial", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("region", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("jurisdiction", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("used_at", sa.BigInteger(), nullable=True, info=OPERATIONS),
        sa.PrimaryKeyConstraint("serial", name="pk_invites"),
    )
    op.create_index("ix_invites_region", "invites", ["region"], unique=False)


def _regions() -> None:
    op.create_table(
        "regions",
        sa.Column("name", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("jurisdiction", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("state", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("changed_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("invite_ends", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("address", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("seen_at", sa.BigInteger(), nullable=True, info=OPERATIONS),
        sa.Column("announcement", sa.Text(), nullable=True, info=OPERATIONS),
        sa.PrimaryKeyConstraint("name", name="pk_regions"),
    )


def _sign_in_accounts() -> None:
    op.create_table(
        "sign_in_accounts",
        sa.Column("account_id", IDENTIFIER, nullable=False, info=ACCOUNT),
        sa.Column("username", sa.Text(), nullable=False, info=ACCOUNT),
        sa.Column("username_key", sa.Text(), nullable=False, info=ACCOUNT),
        sa.Column("password_hash", sa.Text(), nullable=False, info=ACCOUNT),
        sa.Column("roles", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("importer", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("disabled", sa.Boolean(), nullable=False, info=OPERATIONS),
        sa.Column("created_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("account_id", name="pk_sign_in_accounts"),
        sa.UniqueConstraint("username_key", name="uq_sign_in_accounts_username_key"),
    )


def _sign_in_attempts() -> None:
    op.create_table(
        "sign_in_attempts",
        sa.Column("name_digest", sa.Text(), nullable=False, info=ACCOUNT),
        sa.Column("failures", sa.Integer(), nullable=False, info=OPERATIONS),
        sa.Column("locked_until", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("last_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("name_digest", name="pk_sign_in_attempts"),
    )


def _sign_in_sessions() -> None:
    op.create_table(
        "sign_in_sessions",
        sa.Column("digest", sa.Text(), nullable=False, info=ACCOUNT),
        sa.Column("account_id", IDENTIFIER, nullable=False, info=ACCOUNT),
        sa.Column("created_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("seen_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_in_sessions"),
    )
    op.create_index("ix_sign_in_sessions_account_id", "sign_in_sessions", ["account_id"], unique=False)


def _sign_in_tokens() -> None:
    op.create_table(
        "sign_in_tokens",
        sa.Column("token_id", IDENTIFIER, nullable=False, info=OPERATIONS),
        sa.Column("digest", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("label", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("owner_id", IDENTIFIER, nullable=True, info=ACCOUNT),
        sa.Column("roles", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("importer", sa.Text(), nullable=False, info=OPERATIONS),
        sa.Column("created_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, info=OPERATIONS),
        sa.Column("revoked", sa.Boolean(), nullable=False, info=OPERATIONS),
        sa.PrimaryKeyConstraint("token_id", name="pk_sign_in_tokens"),
        sa.UniqueConstraint("digest", name="uq_sign_in_tokens_digest"),
    )
