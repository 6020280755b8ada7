"""The tables of sign-in, put by each tower into its own metadata and migrations. They hold no password and no token, only digests.

Times are whole seconds since 1970, UTC. All of this is about people who sign in, never about the people in the CRM.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Integer, MetaData, Table, Text

from chassis.database import classified, identifier
from policies.engine.vocabulary import DataCategory

_WHO = DataCategory.ORGANIZATION_ACCOUNT
_WHAT = DataCategory.SYSTEM_OPERATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInTables:
    """`accounts`, `sessions`, `tokens` and `attempts` (failed sign-ins by name, whether or not the name exists)."""

    accounts: Table
    sessions: Table
    tokens: Table
    attempts: Table


def sign_in_tables(metadata: MetaData) -> SignInTables:
    """Declare the four tables in `metadata`."""
    accounts = Table(
        "sign_in_accounts",
        metadata,
        identifier("account_id", _WHO, primary_key=True),
        classified("username", Text, _WHO, nullable=False),
        classified("username_key", Text, _WHO, nullable=False, unique=True),
        classified("password_hash", Text, _WHO, nullable=False),
        classified("roles", Text, _WHAT, nullable=False),
        classified("importer", Text, _WHAT, nullable=False),
        classified("disabled", Boolean, _WHAT, nullable=False),
        classified("created_at", BigInteger, _WHAT, nullable=False),
    )
    sessions = Table(
        "sign_in_sessions",
        metadata,
        classified("digest", Text, _WHO, primary_key=True),
        identifier("account_id", _WHO, nullable=False, index=True),
        classified("created_at", BigInteger, _WHAT, nullable=False),
        classified("seen_at", BigInteger, _WHAT, nullable=False),
    )
    tokens = Table(
        "sign_in_tokens",
        metadata,
        identifier("token_id", _WHAT, primary_key=True),
        classified("digest", Text, _WHAT, nullable=False, unique=True),
        classified("label", Text, _WHAT, nullable=False),
        identifier("owner_id", _WHO, nullable=True),
        classified("roles", Text, _WHAT, nullable=False),
        classified("importer", Text, _WHAT, nullable=False),
        classified("created_at", BigInteger, _WHAT, nullable=False),
        classified("expires_at", BigInteger, _WHAT, nullable=False),
        classified("revoked", Boolean, _WHAT, nullable=False),
    )
    attempts = Table(
        "sign_in_attempts",
        metadata,
        classified("name_digest", Text, _WHO, primary_key=True),
        classified("failures", Integer, _WHAT, nullable=False),
        classified("locked_until", BigInteger, _WHAT, nullable=False),
        classified("last_at", BigInteger, _WHAT, nullable=False),
    )
    return SignInTables(accounts=accounts, sessions=sessions, tokens=tokens, attempts=attempts)
