"""Local accounts: who may sign in to this node, with argon2id passwords and a growing delay after failures. Knows no HTTP.

A sign-in is (1) refused while its name is locked, (2) counted as a failure before the password is looked at, so that a hundred
guesses at once are a hundred failures, (3) verified, against a dummy for an unknown name so that time tells nothing, (4) cleared.
"""

import hashlib
import threading
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError

from chassis.database import reading, writing
from chassis.web.tables import SignInTables
from policies.engine.errors import Code, DomicileError

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]
NewId = Callable[[], str]

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256  # characters; argon2 itself would take megabytes
LONGEST_USERNAME = 120
FREE_FAILURES = 5
FIRST_DELAY = 30  # seconds, doubled with each further failure
LONGEST_DELAY = 900
FORGOTTEN_AFTER = 86_400

# OWASP's argon2id minimum: 19 MiB, two passes. Two run at a time, so that a burst of sign-ins cannot take the memory.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_hashing = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person who signs in. `importer` is the organisation they act for: egress decides by it."""

    account_id: str
    username: str
    roles: frozenset[str]
    importer: str
    disabled: bool
    created_at: int


class Accounts:
    """The accounts of one node. `roles` is the tower's closed enum, `importer` the node's own organisation id."""

    def __init__(
        self,
        engine: Engine,
        tables: SignInTables,
        *,
        roles: type[StrEnum],
        importer: str,
        now: Clock,
        new_id: NewId,
        hasher: PasswordHasher = HASHER,
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._roles = roles
        self._importer = importer
        self._now = now
        self._new_id = new_id
        self._hasher = hasher

    def add(self, username: str, password: str, roles: Iterable[str], *, importer: str | None = None) -> Account:
        """Make an account. Raises DomicileError for a weak password, an unknown role or a name that is taken."""
        name = _acceptable_name(username)
        _require_good(password, name)
        account = Account(
            account_id=self._new_id(),
            username=name,
            roles=known_roles(self._roles, roles),
            importer=importer or self._importer,
            disabled=False,
            created_at=self.seconds(),
        )
        row = {
            "account_id": account.account_id,
            "username": account.username,
            "username_key": _key(account.username),
            "password_hash": self._hash(password),
            "roles": " ".join(sorted(account.roles)),
            "importer": account.importer,
            "disabled": False,
            "created_at": account.created_at,
        }
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(self._tables.accounts).values(row))
        except IntegrityError:
            raise DomicileError(
                what=f"there is an account named `{name}` already", remedy="choose another name", code=Code.RECORD_DUPLICATE
            ) from None
        return account

    def verify(self, username: str, password: str) -> Account:
        """The account of a right name and password. Raises SIGN_IN_LOCKED or SIGN_IN_REFUSED, which tell nothing of the name."""
        name = _key(username[:LONGEST_USERNAME])
        table = self._tables.accounts
        with writing(self._engine) as connection:
            self._refuse_locked(connection, name)  # (1)
            self._count_failure(connection, name)  # (2)
            row = connection.execute(select(table).where(table.c.username_key == name)).first()
        right = self._matches(row.password_hash if row else self._dummy, password)  # (3)
        if row is None or not right or row.disabled:
            raise DomicileError(
                "the name or the password is not right", remedy="check both, or ask for a reset", code=Code.SIGN_IN_REFUSED
            )
        with writing(self._engine) as connection:  # (4)
            connection.execute(delete(self._tables.attempts).where(self._tables.attempts.c.name_digest == _digest(name)))
            if self._hasher.check_needs_rehash(row.password_hash):
                stronger = {"password_hash": self._hash(password)}
                connection.execute(update(table).where(table.c.account_id == row.account_id).values(stronger))
        return _account(row)

    def disable(self, username: str) -> Account:
        """Shut an account out at once: its sessions end, its tokens stop working. Raises when there is none."""
        return self._change(username, disabled=True)

    def enable(self, username: str) -> Account:
        """Let a disabled account sign in again."""
        return self._change(username, disabled=False)

    def reset(self, username: str, password: str) -> Account:
        """Give a new password, end all sessions and lift the lock."""
        _require_good(password, username)
        return self._change(username, password_hash=self._hash(password))

    def list(self) -> tuple[Account, ...]:
        """All accounts by name."""
        table = self._tables.accounts
        with reading(self._engine) as connection:
            return tuple(_account(row) for row in connection.execute(select(table).order_by(table.c.username_key)))

    def count(self) -> int:
        """How many accounts there are."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).select_from(self._tables.accounts)).scalar_one())

    def _change(self, username: str, **values: Any) -> Account:
        table, sessions, attempts = self._tables.accounts, self._tables.sessions, self._tables.attempts
        name = _key(username)
        with writing(self._engine) as connection:
            connection.execute(update(table).where(table.c.username_key == name).values(values))
            row = connection.execute(select(table).where(table.c.username_key == name)).first()
            if row is None:
                raise DomicileError(
                    what=f"there is no account named `{username}`", remedy="list the accounts", code=Code.RECORD_NOT_FOUND
                )
            connection.execute(delete(sessions).where(sessions.c.account_id == row.account_id))
            connection.execute(delete(attempts).where(attempts.c.name_digest == _digest(name)))
        return _account(row)

    def _refuse_locked(self, connection: Connection, name: str) -> None:
        attempts = self._tables.attempts
        until = connection.execute(
            select(attempts.c.locked_until).where(attempts.c.name_digest == _digest(name))
        ).scalar_one_or_none()
        wait = (until or 0) - self.seconds()
        if wait > 0:
            raise DomicileError(
                "too many sign-ins under this name have failed", remedy=f"wait {wait} seconds", code=Code.SIGN_IN_LOCKED
            )

    def _count_failure(self, connection: Connection, name: str) -> None:
        attempts, at = self._tables.attempts, self.seconds()
        connection.execute(delete(attempts).where(attempts.c.last_at < at - FORGOTTEN_AFTER))
        fresh = {"name_digest": _digest(name), "failures": 1, "locked_until": 0, "last_at": at}
        upsert = postgres_insert if connection.dialect.name == "postgresql" else sqlite_insert
        counted = (
            upsert(attempts)
            .values(fresh)
            .on_conflict_do_update(
                index_elements=[attempts.c.name_digest], set_={"failures": attempts.c.failures + 1, "last_at": at}
            )
            .returning(attempts.c.failures)
        )
        failures = connection.execute(counted).scalar_one()
        if failures >= FREE_FAILURES:
            delay = min(FIRST_DELAY * 2 ** min(failures - FREE_FAILURES, 10), LONGEST_DELAY)
            connection.execute(update(attempts).where(attempts.c.name_digest == _digest(name)).values(locked_until=at + delay))

    @cached_property
    def _dummy(self) -> str:
        return self._hash("a password that nobody has")

    def _hash(self, password: str) -> str:
        with _hashing:
            return self._hasher.hash(unicodedata.normalize("NFKC", password))

    def _matches(self, password_hash: str, password: str) -> bool:
        if len(password) > LONGEST_PASSWORD:
            return False
        try:
            with _hashing:
                return self._hasher.verify(password_hash, unicodedata.normalize("NFKC", password))
        except (VerificationError, InvalidHashError):
            return False

    def seconds(self) -> int:
        """The time by the clock of the accounts, in seconds of the epoch."""
        return int(self._now().timestamp())


def known_roles(closed: type[StrEnum], roles: Iterable[str]) -> frozenset[str]:
    """The roles, each a member of the closed enum; at least one. Raises DomicileError naming the unknown one."""
    given = frozenset(str(role) for role in roles)
    unknown = sorted(given - {role.value for role in closed})
    if unknown or not given:
        choices = ", ".join(f"`{role.value}`" for role in closed)
        what = f"unknown role `{unknown[0]}`" if unknown else "no role is given"
        raise DomicileError(what, remedy=f"use one of: {choices}", code=Code.INPUT_UNKNOWN)
    return given


def _account(row: Row[Any]) -> Account:
    return Account(
        account_id=row.account_id,
        username=row.username,
        roles=frozenset(row.roles.split()),
        importer=row.importer,
        disabled=bool(row.disabled),
        created_at=row.created_at,
    )


def _key(username: str) -> str:
    return unicodedata.normalize("NFKC", username).strip().casefold()


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _acceptable_name(username: str) -> str:
    name = unicodedata.normalize("NFC", username).strip()
    if not name or len(name) > LONGEST_USERNAME or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise DomicileError(
            "the name is empty, too long or holds control characters",
            remedy=f"use 1 to {LONGEST_USERNAME} printable characters",
            code=Code.INPUT_INVALID,
        )
    return name


def _require_good(password: str, username: str) -> None:
    # Length over composition rules: NIST SP 800-63B section 3.1.1.
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or _key(password) == _key(username):
        raise DomicileError(
            "the password is too short, too long or equal to the name",
            remedy=f"use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
            code=Code.INPUT_INVALID,
        )
