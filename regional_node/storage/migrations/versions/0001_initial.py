"""The first tables of a regional node: records, their keys and look-ups, the ledger, the accounts, who signs in.

Names and types are written out here: this file imports nothing of ours, so that it still runs when today's code is gone.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _columns(category: str, kind: Any, *names: str, null: bool = False, **options: Any) -> list[sa.Column[Any]]:
    """Columns of one kind that hold the same category of data."""
    return [sa.Column(name, kind, nullable=null, info={"category": category}, **options) for name in names]


def _table(name: str, *columns: list[sa.Column[Any]], key: tuple[str, ...], rest: Sequence[Any] = (), **options: Any) -> None:
    """One table with its primary key."""
    members = [column for some in columns for column in some]
    op.create_table(name, *members, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), *rest, **options)


def upgrade() -> None:
    """Make them."""
    _activities_to_feed_state()
    _idempotency_to_outbox()
    _people_to_sign_in_accounts()
    _sign_in_attempts_to_spent_tickets()


def _activities_to_feed_state() -> None:
    _table(
        "activities",
        _columns("user.unique_id", ID, "subject_id", "id"),
        _columns("system.operations", sa.Integer(), "version"),
        _columns("system.operations", sa.BigInteger(), "created_at", "updated_at"),
        _columns("user.contact.address.country", sa.Text(), "country", null=True),
        _columns("user.behavior", sa.Text(), "kind", "channel", "direction", "outcome", null=True),
        _columns("user.behavior", sa.BigInteger(), "occurred_at", null=True),
        _columns("user.unique_id", ID, "person_id", null=True),
        _columns("user.workplace", ID, "company_id", null=True),
        _columns("user.organization_account", sa.Text(), "owner", null=True),
        _columns("user.content", sa.LargeBinary(), "envelope"),
        key=("subject_id", "id"),
    )
    op.create_index("ix_activities_company_id", "activities", ["company_id"], unique=False)
    op.create_index("ix_activities_created_at", "activities", ["created_at", "id"], unique=False)
    op.create_index("ix_activities_id", "activities", ["id"], unique=False)
    op.create_index("ix_activities_person_id", "activities", ["person_id"], unique=False)
    _table(
        "blind_index",
        _columns("system.operations", sa.Text(), "kind"),
        _columns("user.contact", sa.LargeBinary(), "digest"),
        _columns("user.unique_id", ID, "subject_id"),
        key=("kind", "digest", "subject_id"),
        sqlite_with_rowid=False,
    )
    _table(
        "companies",
        _columns("user.unique_id", ID, "subject_id", "id"),
        _columns("system.operations", sa.Integer(), "version"),
        _columns("system.operations", sa.BigInteger(), "created_at", "updated_at"),
        _columns("organization", sa.Text(), "country", "industry", "size_band", null=True),
        _columns("organization", sa.BigInteger(), "employees", "annual_revenue", null=True),
        _columns("organization", sa.Text(), "currency", null=True),
        _columns("organization", ID, "parent_id", null=True),
        _columns("user.organization_account", sa.Text(), "owner", null=True),
        _columns("user.content", sa.LargeBinary(), "envelope"),
        key=("subject_id", "id"),
    )
    op.create_index("ix_companies_created_at", "companies", ["created_at", "id"], unique=False)
    op.create_index("ix_companies_parent_id", "companies", ["parent_id"], unique=False)
    _table(
        "deals",
        _columns("user.unique_id", ID, "subject_id", "id"),
        _columns("system.operations", sa.Integer(), "version"),
        _columns("system.operations", sa.BigInteger(), "created_at", "updated_at"),
        _columns("user.contact.address.country", sa.Text(), "country", null=True),
        _columns("user.behavior", sa.Text(), "pipeline", "stage", "status", null=True),
        _columns("user.behavior.purchase_history", sa.Text(), "product", null=True),
        _columns("user.behavior", sa.Text(), "source", null=True),
        _columns("user.behavior.purchase_history", sa.BigInteger(), "amount", null=True),
        _columns("user.financial", sa.Text(), "currency", null=True),
        _columns("user.behavior", sa.BigInteger(), "probability", null=True),
        _columns("user.behavior", sa.Date(), "opened_at", "expected_close_at", "closed_at", null=True),
        _columns("user.unique_id", ID, "person_id", null=True),
        _columns("user.workplace", ID, "company_id", null=True),
        _columns("user.organization_account", sa.Text(), "owner", null=True),
        _columns("user.content", sa.LargeBinary(), "envelope"),
        key=("subject_id", "id"),
    )
    op.create_index("ix_deals_company_id", "deals", ["company_id"], unique=False)
    op.create_index("ix_deals_created_at", "deals", ["created_at", "id"], unique=False)
    op.create_index("ix_deals_id", "deals", ["id"], unique=False)
    op.create_index("ix_deals_person_id", "deals", ["person_id"], unique=False)
    _table(
        "external_ids",
        _columns("system.operations", sa.Text(), "record_type", "system"),
        _columns("user.unique_id", sa.LargeBinary(), "digest"),
        _columns("user.unique_id", ID, "subject_id", "record_id"),
        key=("record_type", "system", "digest"),
    )
    _table(
        "feed_batches",
        _columns("system.operations", sa.BigInteger(), "number", autoincrement=False),
        _columns("system.operations", sa.Text(), "sealed_at"),
        key=("number",),
    )
    _table(
        "feed_entries",
        _columns("system.operations", sa.BigInteger(), "batch", autoincrement=False),
        _columns("system.operations", sa.Integer(), "position", autoincrement=False),
        _columns("user.unique_id.pseudonymous", sa.LargeBinary(), "pseudonym"),
        _columns("system.operations", sa.Boolean(), "tombstone"),
        key=("batch", "position"),
    )
    op.create_index("ix_feed_entries_pseudonym", "feed_entries", ["pseudonym"], unique=False)
    _table(
        "feed_state",
        _columns("system.operations", sa.Integer(), "id", autoincrement=False),
        _columns("system.operations", sa.Text(), "epoch"),
        _columns("system.operations", sa.BigInteger(), "batches"),
        key=("id",),
    )


def _idempotency_to_outbox() -> None:
    _table(
        "idempotency",
        _columns("system.operations", sa.Text(), "key_digest", "request_hmac"),
        _columns("system.operations", sa.Integer(), "status"),
        _columns("user.unique_id", ID, "resource_id"),
        _columns("system.operations", sa.BigInteger(), "created_at"),
        key=("key_digest",),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"], unique=False)
    _table(
        "import_refusals",
        _columns("system.operations", ID, "run_id"),
        _columns("system.operations", sa.Integer(), "number", autoincrement=False),
        _columns("system.operations", sa.BigInteger(), "line"),
        _columns("system.operations", sa.Integer(), "column_number"),
        _columns("system.operations", sa.Text(), "reason"),
        _columns("user.unique_id", sa.Text(), "row_digest"),
        key=("run_id", "number"),
    )
    _table(
        "import_runs",
        _columns("system.operations", ID, "id"),
        _columns("system.operations", sa.BigInteger(), "started_at"),
        _columns("system.operations", sa.BigInteger(), "ended_at", null=True),
        _columns("system.operations", sa.Text(), "kind", "content_digest", "state", "fault"),
        _columns("system.operations", sa.BigInteger(), "created", "updated", "unchanged", "skipped", "rejected"),
        key=("id",),
    )
    op.create_index("ix_import_runs_started_at", "import_runs", ["started_at"], unique=False)
    _table(
        "ledger_leaves",
        _columns("system.operations", sa.BigInteger(), "number", autoincrement=False),
        _columns("system.operations", sa.LargeBinary(), "leaf", "hash"),
        _columns("system.operations", sa.Text(), "appended_at"),
        key=("number",),
    )
    _table(
        "ledger_state",
        _columns("system.operations", sa.Integer(), "id", autoincrement=False),
        _columns("system.operations", sa.BigInteger(), "size"),
        _columns("system.operations", sa.LargeBinary(), "frontier"),
        _columns("system.operations", sa.Text(), "checkpoint"),
        key=("id",),
    )
    _table(
        "name_tokens",
        _columns("user.name", sa.BigInteger(), "token", autoincrement=False),
        _columns("user.unique_id", ID, "subject_id"),
        key=("token", "subject_id"),
        sqlite_with_rowid=False,
    )
    _table(
        "orders",
        _columns("user.unique_id", ID, "subject_id", "id"),
        _columns("system.operations", sa.Integer(), "version"),
        _columns("system.operations", sa.BigInteger(), "created_at", "updated_at"),
        _columns("user.contact.address.country", sa.Text(), "country", null=True),
        _columns("user.behavior.purchase_history", sa.Text(), "status", "channel", "product", null=True),
        _columns("user.behavior.purchase_history", sa.BigInteger(), "amount", null=True),
        _columns("user.financial", sa.Text(), "currency", null=True),
        _columns("user.behavior.purchase_history", sa.Date(), "ordered_at", null=True),
        _columns("user.unique_id", ID, "person_id", null=True),
        _columns("user.workplace", ID, "company_id", null=True),
        _columns("user.content", sa.LargeBinary(), "envelope"),
        key=("subject_id", "id"),
    )
    op.create_index("ix_orders_company_id", "orders", ["company_id"], unique=False)
    op.create_index("ix_orders_created_at", "orders", ["created_at", "id"], unique=False)
    op.create_index("ix_orders_id", "orders", ["id"], unique=False)
    op.create_index("ix_orders_person_id", "orders", ["person_id"], unique=False)
    _table(
        "outbox",
        _columns("system.operations", COUNTER, "seq"),
        _columns("system.operations", sa.Text(), "type"),
        _columns("user.unique_id", ID, "subject_id", "record_id"),
        _columns("system.operations", sa.Text(), "kind"),
        key=("seq",),
        sqlite_autoincrement=True,
    )


def _people_to_sign_in_accounts() -> None:
    _table(
        "people",
        _columns("user.unique_id", ID, "subject_id", "id"),
        _columns("system.operations", sa.Integer(), "version"),
        _columns("system.operations", sa.BigInteger(), "created_at", "updated_at"),
        _columns("user.contact.address.country", sa.Text(), "country", null=True),
        _columns("user.demographic.language", sa.Text(), "language", null=True),
        _columns("user.location.imprecise", sa.Text(), "time_zone", null=True),
        _columns("user.demographic.age_range", sa.Text(), "birth_decade", null=True),
        _columns("user.behavior", sa.Text(), "segment", "lifecycle_stage", "lead_source", "loyalty_tier", null=True),
        _columns("user.behavior", sa.BigInteger(), "lead_score", "churn_risk", null=True),
        _columns("user.behavior.purchase_history", sa.BigInteger(), "lifetime_value", null=True),
        _columns("user.financial", sa.Text(), "currency", null=True),
        _columns("user.behavior", sa.Date(), "acquired_at", "churned_at", "last_activity_at", null=True),
        _columns("user.workplace", ID, "company_id", null=True),
        _columns("user.organization_account", sa.Text(), "owner", null=True),
        _columns("user.content", sa.LargeBinary(), "envelope"),
        key=("subject_id", "id"),
    )
    op.create_index("ix_people_company_id", "people", ["company_id"], unique=False)
    op.create_index("ix_people_created_at", "people", ["created_at", "id"], unique=False)
    _table(
        "person_keys",
        _columns("user.unique_id", ID, "subject_id"),
        _columns("system.operations", sa.LargeBinary(), "wrapped"),
        _columns("system.operations", sa.Text(), "kek_id"),
        key=("subject_id",),
    )
    op.create_index("ix_person_keys_kek_id", "person_keys", ["kek_id"], unique=False)
    _table(
        "privacy_charges",
        _columns("system.operations", sa.Text(), "digest", "subject_class", "period"),
        _columns("system.operations", sa.BigInteger(), "rho"),
        _columns("user.organization_account", sa.Text(), "analyst"),
        _columns("system.operations", sa.Text(), "charged_at"),
        key=("digest", "subject_class"),
    )
    _table(
        "privacy_periods",
        _columns("system.operations", sa.Text(), "subject_class", "period"),
        _columns("system.operations", sa.BigInteger(), "spent"),
        key=("subject_class", "period"),
    )
    _table(
        "pseudonyms",
        _columns("user.unique_id", ID, "subject_id"),
        _columns("user.unique_id.pseudonymous", sa.LargeBinary(), "pseudonym"),
        _columns("system.operations", sa.BigInteger(), "created_at"),
        key=("subject_id",),
    )
    op.create_index("ix_pseudonyms_pseudonym", "pseudonyms", ["pseudonym"], unique=False)
    _table(
        "record_reads",
        _columns("user.unique_id", ID, "subject_id"),
        _columns("system.operations", ID, "id"),
        _columns("user.organization_account", sa.Text(), "reader_id"),
        _columns("system.operations", sa.Text(), "record_type"),
        _columns("user.unique_id", ID, "record_id"),
        _columns("system.operations", sa.BigInteger(), "read_at"),
        key=("subject_id", "id"),
    )
    op.create_index("ix_record_reads_read_at", "record_reads", ["read_at"], unique=False)
    _table(
        "recorded_answers",
        _columns("system.operations", sa.Text(), "digest"),
        _columns("system.operations", sa.LargeBinary(), "answer"),
        _columns("system.operations", sa.Text(), "recorded_at"),
        key=("digest",),
    )
    _table(
        "sign_in_accounts",
        _columns("user.organization_account", ID, "account_id"),
        _columns("user.organization_account", sa.Text(), "username", "username_key", "password_hash"),
        _columns("system.operations", sa.Text(), "roles", "importer"),
        _columns("system.operations", sa.Boolean(), "disabled"),
        _columns("system.operations", sa.BigInteger(), "created_at"),
        key=("account_id",),
        rest=[sa.UniqueConstraint("username_key", name="uq_sign_in_accounts_username_key")],
    )


def _sign_in_attempts_to_spent_tickets() -> None:
    _table(
        "sign_in_attempts",
        _columns("user.organization_account", sa.Text(), "name_digest"),
        _columns("system.operations", sa.Integer(), "failures"),
        _columns("system.operations", sa.BigInteger(), "locked_until", "last_at"),
        key=("name_digest",),
    )
    _table(
        "sign_in_sessions",
        _columns("user.organization_account", sa.Text(), "digest"),
        _columns("user.organization_account", ID, "account_id"),
        _columns("system.operations", sa.BigInteger(), "created_at", "seen_at"),
        key=("digest",),
    )
    op.create_index("ix_sign_in_sessions_account_id", "sign_in_sessions", ["account_id"], unique=False)
    _table(
        "sign_in_tokens",
        _columns("system.operations", ID, "token_id"),
        _columns("system.operations", sa.Text(), "digest", "label"),
        _columns("user.organization_account", ID, "owner_id", null=True),
        _columns("system.operations", sa.Text(), "roles", "importer"),
        _columns("system.operations", sa.BigInteger(), "created_at", "expires_at"),
        _columns("system.operations", sa.Boolean(), "revoked"),
        key=("token_id",),
        rest=[sa.UniqueConstraint("digest", name="uq_sign_in_tokens_digest")],
    )
    _table(
        "spent_tickets",
        _columns("system.operations", sa.Text(), "nonce"),
        _columns("system.operations", sa.BigInteger(), "expires_at"),
        key=("nonce",),
    )
    op.create_index("ix_spent_tickets_expires_at", "spent_tickets", ["expires_at"], unique=False)
