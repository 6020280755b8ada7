"""Sessions of people and tokens of machines. Whoever reads the store learns neither: it holds SHA-256 digests of random secrets.

A digest without salt is enough here: the secrets are 256 random bits, which no table can list.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Engine, delete, insert, or_, select, update

from chassis.database import reading, writing
from chassis.web.accounts import Account, Clock, NewId, Random, known_roles
from chassis.web.tables import SignInTables
from policies.engine.errors import Code, DomicileError

TOKEN_PREFIX = "dom_"  # noqa: S105 - the public mark that secret scanners look for
_SECRET_BYTES = 32
_TOUCH_EVERY = 60  # seconds; a reading request should not be a write


class Means(StrEnum):
    """How a caller showed who they are. Grammar: one noun."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a person by session or a machine by token. `caller_id` is opaque and may be logged; `name` may not.

    `csrf` is what a form of this session must carry; it is empty for a token, which a browser never sends by itself.
    """

    caller_id: str
    name: str
    roles: frozenset[str]
    importer: str
    means: Means
    csrf: str


class Sessions:
    """Opens, finds and ends sessions. `idle` ends a forgotten one, `absolute` any."""

    def __init__(
        self,
        engine: Engine,
        tables: SignInTables,
        *,
        now: Clock,
        random: Random,
        idle: timedelta = timedelta(minutes=30),
        absolute: timedelta = timedelta(hours=12),
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._now = now
        self._random = random
        self.idle = idle
        self.absolute = absolute

    def open(self, account: Account) -> str:
        """A new secret for the cookie. It is always new: nothing that a browser brought along becomes a session."""
        secret, at = _secret(self._random), self._seconds()
        row = {"digest": digest(secret), "account_id": account.account_id, "created_at": at, "seen_at": at}
        with writing(self._engine) as connection:
            connection.execute(insert(self._tables.sessions).values(row))
        return secret

    def find(self, secret: str) -> Caller | None:
        """Who holds this secret, None when it is unknown, expired or its account disabled."""
        sessions, accounts, at = self._tables.sessions, self._tables.accounts, self._seconds()
        with reading(self._engine) as connection:
            row = connection.execute(
                select(
                    accounts.c.account_id,
                    accounts.c.username,
                    accounts.c.roles,
                    accounts.c.importer,
                    sessions.c.seen_at,
                ).where(
                    sessions.c.digest == digest(secret),
                    sessions.c.account_id == accounts.c.account_id,
                    accounts.c.disabled.is_(False),
                    sessions.c.seen_at > at - int(self.idle.total_seconds()),
                    sessions.c.created_at > at - int(self.absolute.total_seconds()),
                )
            ).first()
        if row is None:
            return None
        if at - row.seen_at >= _TOUCH_EVERY:
            with writing(self._engine) as connection:
                connection.execute(update(sessions).where(sessions.c.digest == digest(secret)).values(seen_at=at))
        return Caller(
            caller_id=row.account_id,
            name=row.username,
            roles=frozenset(row.roles.split()),
            importer=row.importer,
            means=Means.SESSION,
            csrf=csrf_token(secret),
        )

    def close(self, secret: str) -> None:
        """End one session."""
        with writing(self._engine) as connection:
            connection.execute(delete(self._tables.sessions).where(self._tables.sessions.c.digest == digest(secret)))

    def sweep(self) -> int:
        """Delete what has expired; a task of the worker. Returns how many."""
        sessions, at = self._tables.sessions, self._seconds()
        expired = or_(
            sessions.c.seen_at <= at - int(self.idle.total_seconds()),
            sessions.c.created_at <= at - int(self.absolute.total_seconds()),
        )
        with writing(self._engine) as connection:
            return connection.execute(delete(sessions).where(expired)).rowcount

    def _seconds(self) -> int:
        return int(self._now().timestamp())


class Tokens:
    """API tokens: each has roles, an importer and an end."""

    def __init__(
        self,
        engine: Engine,
        tables: SignInTables,
        *,
        roles: type[StrEnum],
        importer: str,
        now: Clock,
        random: Random,
        new_id: NewId,
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._roles = roles
        self._importer = importer
        self._now = now
        self._random = random
        self._new_id = new_id

    def issue(
        self, label: str, roles: Iterable[str], *, lasts: timedelta, owner: Account | None = None, importer: str | None = None
    ) -> tuple[str, str]:
        """(token id, secret). The secret is shown once and not kept. With an owner, disabling them stops the token."""
        if not timedelta() < lasts <= timedelta(days=366):
            raise DomicileError("a token must end within a year", remedy="issue it for 366 days or fewer", code=Code.INPUT_INVALID)
        token_id, secret = self._new_id(), TOKEN_PREFIX + _secret(self._random)
        at = self._seconds()
        row = {
            "token_id": token_id,
            "digest": digest(secret),
            "label": label,
            "owner_id": owner.account_id if owner else None,
            "roles": " ".join(sorted(known_roles(self._roles, roles))),
            "importer": importer or (owner.importer if owner else self._importer),
            "created_at": at,
            "expires_at": at + int(lasts.total_seconds()),
            "revoked": False,
        }
        with writing(self._engine) as connection:
            connection.execute(insert(self._tables.tokens).values(row))
        return token_id, secret

    def find(self, secret: str) -> Caller | None:
        """Whose token this is, None when it is unknown, expired, revoked or its owner disabled."""
        tokens, accounts = self._tables.tokens, self._tables.accounts
        with reading(self._engine) as connection:
            row = connection.execute(
                select(tokens, accounts.c.disabled)
                .join_from(tokens, accounts, tokens.c.owner_id == accounts.c.account_id, isouter=True)
                .where(tokens.c.digest == digest(secret), tokens.c.revoked.is_(False), tokens.c.expires_at > self._seconds())
            ).first()
        if row is None or (row.owner_id is not None and row.disabled is not False and row.disabled != 0):
            return None
        return Caller(
            caller_id=row.token_id,
            name=row.label,
            roles=frozenset(row.roles.split()),
            importer=row.importer,
            means=Means.TOKEN,
            csrf="",
        )

    def revoke(self, token_id: str) -> None:
        """Stop a token at once. Raises when there is none."""
        tokens = self._tables.tokens
        with writing(self._engine) as connection:
            done = connection.execute(update(tokens).where(tokens.c.token_id == token_id).values(revoked=True))
        if done.rowcount == 0:
            raise DomicileError(what=f"there is no token `{token_id}`", remedy="list the tokens", code=Code.RECORD_NOT_FOUND)

    def list(self) -> tuple[dict[str, object], ...]:
        """Id, label, roles, importer, end and state of every token, newest first; never a secret."""
        tokens = self._tables.tokens
        columns = [tokens.c[name] for name in ("token_id", "label", "roles", "importer", "created_at", "expires_at", "revoked")]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(tokens.c.token_id.desc()))
            return tuple(dict(row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's documented name

    def _seconds(self) -> int:
        return int(self._now().timestamp())


def digest(secret: str) -> str:
    """What the store keeps of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_token(secret: str) -> str:
    """The form token of a session: derived from its secret, so it changes with every sign-in and needs no column."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def _secret(random: Random) -> str:
    return base64.urlsafe_b64encode(random(_SECRET_BYTES)).rstrip(b"=").decode()
