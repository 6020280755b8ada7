"""The privacy account and the spent tickets of a region, kept in its store. Nothing here draws noise or decides.

Rho is kept in whole 1e-9 units, each charge rounded up, so the sum spent is never under-counted. A charge and its budget check
are one transaction under one lock; the digest is the key, so a retry finishes the same entry and is never charged twice.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction

from sqlalchemy import BigInteger, Connection, Engine, LargeBinary, Table, Text, delete, func, insert, select, update

from chassis.database import classified, reading, writing
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import SubjectClass
from policies.engine.vocabulary import DataCategory
from regional_node.storage.metadata import metadata
from regional_node.usecases.accounts import AccountState

_SYSTEM = DataCategory.SYSTEM_OPERATIONS
_UNIT = 10**9
_LOCK = 0x444F4D414343  # an arbitrary constant: charges of one region stand in one line on PostgreSQL

privacy_periods = Table(
    "privacy_periods",
    metadata,
    classified("subject_class", Text, category=_SYSTEM, primary_key=True),
    classified("period", Text, category=_SYSTEM, primary_key=True),
    classified("spent", BigInteger, category=_SYSTEM, nullable=False),  # 1e-9 rho
)
privacy_charges = Table(
    "privacy_charges",
    metadata,
    classified("digest", Text, category=_SYSTEM, primary_key=True),
    classified("subject_class", Text, category=_SYSTEM, primary_key=True),
    classified("period", Text, category=_SYSTEM, nullable=False),
    classified("rho", BigInteger, category=_SYSTEM, nullable=False),  # 1e-9 rho
    classified("analyst", Text, category=DataCategory.ORGANIZATION_ACCOUNT, nullable=False),
    classified("charged_at", Text, category=_SYSTEM, nullable=False),
)
recorded_answers = Table(
    "recorded_answers",
    metadata,
    classified("digest", Text, category=_SYSTEM, primary_key=True),
    classified("answer", LargeBinary, category=_SYSTEM, nullable=False),  # noised, so nobody's personal data
    classified("recorded_at", Text, category=_SYSTEM, nullable=False),
)
spent_tickets = Table(
    "spent_tickets",
    metadata,
    classified("nonce", Text, category=_SYSTEM, primary_key=True),
    classified("expires_at", BigInteger, category=_SYSTEM, nullable=False, index=True),  # seconds since 1970
)


class StoredPrivacyAccount:
    """One account per subject class and calendar year (UTC), capped by the region's settings."""

    def __init__(self, engine: Engine, *, caps: Mapping[SubjectClass, Fraction]) -> None:
        self._engine = engine
        self._caps = {kind: cap.numerator * _UNIT // cap.denominator for kind, cap in caps.items()}

    def recorded(self, digest: str) -> bytes | None:
        """The answer kept under that digest, or None."""
        with reading(self._engine) as connection:
            found = connection.execute(select(recorded_answers.c.answer).where(recorded_answers.c.digest == digest)).scalar()
        return None if found is None else bytes(found)

    def charge(
        self,
        *,
        digest: str,
        subject_class: SubjectClass,
        rho: Fraction,
        analyst: str,
        at: datetime,
        also: tuple[SubjectClass, ...] = (),
    ) -> bool:
        """Commit the charge to every class or to none; False when this digest was charged before."""
        if rho <= 0:
            raise DomicileError("a charge is not positive", where="privacy account", code=Code.INTERNAL)
        units = -(-rho.numerator * _UNIT // rho.denominator)
        with writing(self._engine) as connection:
            _lock(connection)
            known = select(privacy_charges.c.digest).where(privacy_charges.c.digest == digest).limit(1)
            if connection.execute(known).first() is not None:
                return False
            for kind in dict.fromkeys((subject_class, *also)):
                self._charge_one(connection, digest=digest, kind=kind, units=units, analyst=analyst, at=at)
        return True

    def _charge_one(
        self, connection: Connection, *, digest: str, kind: SubjectClass, units: int, analyst: str, at: datetime
    ) -> None:
        period, spent = _present(connection, kind, at)
        cap = self._caps.get(kind, 0)
        if spent + units > cap:
            raise _exhausted(kind, period, left=max(cap - spent, 0), wanted=units)
        where = (privacy_periods.c.subject_class == kind.value) & (privacy_periods.c.period == period)
        done = connection.execute(update(privacy_periods).where(where).values(spent=privacy_periods.c.spent + units))
        if done.rowcount == 0:
            connection.execute(insert(privacy_periods).values(subject_class=kind.value, period=period, spent=units))
        row = {"digest": digest, "subject_class": kind.value, "period": period, "rho": units, "analyst": analyst}
        connection.execute(insert(privacy_charges).values(**row, charged_at=_text(at)))

    def record(self, digest: str, answer: bytes, *, at: datetime) -> None:
        """Keep the answer to a charged digest. Refused (LEDGER_BROKEN) when nothing was charged or another answer stands."""
        with writing(self._engine) as connection:
            _lock(connection)
            charged = connection.execute(
                select(privacy_charges.c.digest).where(privacy_charges.c.digest == digest).limit(1)
            ).first()
            if charged is None:
                raise DomicileError("an answer was not charged for", where="privacy account", code=Code.LEDGER_BROKEN)
            if connection.execute(select(recorded_answers.c.digest).where(recorded_answers.c.digest == digest)).first() is not None:
                raise DomicileError("this question was answered before", where="privacy account", code=Code.LEDGER_BROKEN)
            connection.execute(insert(recorded_answers).values(digest=digest, answer=answer, recorded_at=_text(at)))

    def state(self, subject_class: SubjectClass, *, at: datetime) -> AccountState:
        """What is spent and allowed now."""
        with reading(self._engine) as connection:
            period, spent = _present(connection, subject_class, at)
        cap = self._caps.get(subject_class, 0)
        return AccountState(subject_class=subject_class, period=period, spent=Fraction(spent, _UNIT), cap=Fraction(cap, _UNIT))


class StoredSpentTickets:
    """Nonces spent, kept until their tickets expire."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def spend(self, nonce: str, *, expires_at: datetime, at: datetime) -> bool:
        """Keep the nonce durably; False when it was spent before."""
        with writing(self._engine) as connection:
            _lock(connection)
            connection.execute(delete(spent_tickets).where(spent_tickets.c.expires_at < int(at.timestamp())))
            if connection.execute(select(spent_tickets.c.nonce).where(spent_tickets.c.nonce == nonce)).first() is not None:
                return False
            # one second more than the ticket lives, since its expiry is cut to whole seconds here
            connection.execute(insert(spent_tickets).values(nonce=nonce, expires_at=int(expires_at.timestamp()) + 1))
        return True


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite took its one write lock at BEGIN IMMEDIATE
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _present(connection: Connection, kind: SubjectClass, at: datetime) -> tuple[str, int]:
    """The period that counts now, and what it has spent. It is the latest ever charged in: a clock set back gains nothing."""
    latest = connection.execute(
        select(func.max(privacy_periods.c.period)).where(privacy_periods.c.subject_class == kind.value)
    ).scalar()
    period = max(f"{at.astimezone(UTC).year:04d}", latest or "")
    spent = connection.execute(
        select(privacy_periods.c.spent).where(
            (privacy_periods.c.subject_class == kind.value) & (privacy_periods.c.period == period)
        )
    ).scalar()
    return period, int(spent or 0)


def _exhausted(kind: SubjectClass, period: str, *, left: int, wanted: int) -> DomicileError:
    share = f"this question costs {_decimal(wanted)}, {_decimal(left)} is left of {period}"
    fits = "ask for fewer measures, or repeat an answered question" if left else "repeat an answered question"
    return DomicileError(
        f"the privacy budget of the region for a {kind.value} is not enough: {share}",
        remedy=f"{fits}; the budget is new on {int(period) + 1:04d}-01-01 UTC",
        code=Code.BUDGET_EXHAUSTED,
    )


def _decimal(units: int) -> str:
    return f"{units // _UNIT}.{units % _UNIT:09d}".rstrip("0").rstrip(".")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
