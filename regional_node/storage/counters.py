"""Counts of distinct persons and of contacts in the region's store, exact under concurrent reservations. It knows no person.

A person stands once in a scope, with the last day of a transfer; beside them each day holds how many persons stand on it, so that a
window is the sum of its days (at most 366 rows) and never a scan of the persons. `held_by` names the reservation that moved a
row last and alone may move it back; whoever counts on a row that another holds takes that right away, so nobody's count can vanish.
One transaction a call; calls of one scope stand in one line (an advisory lock on PostgreSQL, the one writer on SQLite).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)

from chassis.database import classified, reading, writing
from policies.engine.vocabulary import DataCategory
from regional_node.storage.bulk import among, insert_rows
from regional_node.storage.faults import told
from regional_node.storage.metadata import metadata
from regional_node.storage.rows import microseconds

KEPT_DAYS = 3 * 366
"""How long a count is kept: a policy of tomorrow may look back further than those of today, and none looks back three years."""

_SYSTEM = DataCategory.SYSTEM_OPERATIONS
_CHUNK = 1_000
_PERSONS = ("scope", "member", "last_on", "former_on", "held_by")

counted_persons = Table(
    "counted_persons",
    metadata,
    classified("scope", LargeBinary, category=_SYSTEM, primary_key=True),
    classified("member", LargeBinary, category=DataCategory.PSEUDONYM, primary_key=True),
    classified("last_on", Integer, category=_SYSTEM, nullable=False),
    classified("former_on", Integer, category=_SYSTEM),
    classified("held_by", Text, category=_SYSTEM),
    sqlite_with_rowid=False,
)
counted_days = Table(
    "counted_days",
    metadata,
    classified("scope", LargeBinary, category=_SYSTEM, primary_key=True),
    classified("day", Integer, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("persons", Integer, category=_SYSTEM, nullable=False),
    sqlite_with_rowid=False,
)
counted_contacts = Table(
    "counted_contacts",
    metadata,
    classified("scope", LargeBinary, category=DataCategory.PSEUDONYM, primary_key=True),
    classified("at", BigInteger, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("id", Text, category=_SYSTEM, primary_key=True),
    sqlite_with_rowid=False,
)


class StoredCounters:
    """Fits `CounterStore` on SQLite and PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._swept_on: date | None = None

    def reserve_persons(self, scope: bytes, members: Sequence[bytes], *, day: date, since: date, holder: str) -> int:
        """Count `members` on `day` for `holder`; how many distinct persons were counted on `since` or later, these included."""
        today = day.toordinal()
        with told(), writing(self._engine) as connection:
            _lock(connection, scope)
            moved: Counter[int] = Counter()
            for chunk in _chunks(members):
                moved.update(_reserve(connection, scope, chunk, today=today, holder=holder))
            _shift(connection, scope, moved)
            return _total(connection, scope, since)

    def persons(self, scope: bytes, members: Sequence[bytes], *, since: date) -> int:
        """How many it would be with these members; nothing is kept."""
        known = 0
        with told(), reading(self._engine) as connection:
            for chunk in _chunks(members):
                there = _of(connection, scope, chunk) & (counted_persons.c.last_on >= since.toordinal())
                known += connection.execute(select(func.count()).select_from(counted_persons).where(there)).scalar_one()
            return _total(connection, scope, since) + len(members) - known

    def take_back_persons(self, scope: bytes, members: Sequence[bytes], *, holder: str) -> None:
        """Undo what `holder` reserved, but for members that somebody else has counted on since."""
        with told(), writing(self._engine) as connection:
            _lock(connection, scope)
            moved: Counter[int] = Counter()
            for chunk in _chunks(members):
                moved.update(_take_back(connection, _of(connection, scope, chunk) & (counted_persons.c.held_by == holder)))
            _shift(connection, scope, moved)

    def reserve_contacts(self, scope: bytes, *, at: datetime, since: datetime, holder: str) -> int:
        """Count one contact at `at` for `holder`, once; how many there were after `since`, this one included."""
        table = counted_contacts.c
        with told(), writing(self._engine) as connection:
            _lock(connection, scope)
            mine = (table.scope == scope) & (table.id == holder)
            if connection.execute(select(table.id).where(mine).limit(1)).first() is None:
                insert_rows(connection, counted_contacts, ("scope", "at", "id"), [(scope, microseconds(at), holder)])
            return _contacts(connection, scope, since)

    def contacts(self, scope: bytes, *, since: datetime) -> int:
        """How many contacts there were after `since`; nothing is kept."""
        with told(), reading(self._engine) as connection:
            return _contacts(connection, scope, since)

    def take_back_contacts(self, scope: bytes, *, holder: str) -> None:
        """Undo the contact that `holder` reserved."""
        table = counted_contacts.c
        with told(), writing(self._engine) as connection:
            connection.execute(delete(counted_contacts).where((table.scope == scope) & (table.id == holder)))

    def sweep(self, *, at: datetime) -> int:
        """Forget what no window reaches any more, at most once a day; how many rows went."""
        today = at.astimezone(UTC).date()
        if self._swept_on == today:
            return 0
        oldest = today - timedelta(days=KEPT_DAYS)
        with told(), writing(self._engine) as connection:
            gone = [
                connection.execute(delete(counted_days).where(counted_days.c.day < oldest.toordinal())),
                connection.execute(delete(counted_persons).where(counted_persons.c.last_on < oldest.toordinal())),
                connection.execute(delete(counted_contacts).where(counted_contacts.c.at < microseconds(at - timedelta(KEPT_DAYS)))),
            ]
        self._swept_on = today
        return sum(each.rowcount for each in gone)


def _reserve(connection: Connection, scope: bytes, members: list[bytes], *, today: int, holder: str) -> Counter[int]:
    """Move these members to today; by how much each day's persons change."""
    table = counted_persons.c
    held = select(table.member, table.last_on, table.held_by).where(_of(connection, scope, members))
    known = {bytes(member): (int(last_on), held_by) for member, last_on, held_by in connection.execute(held)}
    fresh = [member for member in members if member not in known]
    older = [member for member, (last_on, _) in known.items() if last_on < today]
    taken = [m for m, (last_on, held_by) in known.items() if last_on >= today and held_by not in {None, holder}]
    insert_rows(connection, counted_persons, _PERSONS, [(scope, member, today, None, holder) for member in fresh])
    if older:
        moving = update(counted_persons).where(_of(connection, scope, older))
        connection.execute(moving.values(former_on=table.last_on, last_on=today, held_by=holder))
    if taken:
        connection.execute(update(counted_persons).where(_of(connection, scope, taken)).values(held_by=None))
    moved = Counter({today: len(fresh) + len(older)})
    moved.subtract(Counter(known[member][0] for member in older))
    return moved


def _take_back(connection: Connection, mine: ColumnElement[bool]) -> Counter[int]:
    """Put rows back to where they were; by how much each day's persons change."""
    table = counted_persons.c
    rows = connection.execute(select(table.last_on, table.former_on).where(mine)).all()
    connection.execute(delete(counted_persons).where(mine & table.former_on.is_(None)))
    connection.execute(update(counted_persons).where(mine).values(last_on=table.former_on, former_on=None, held_by=None))
    moved = Counter(int(former_on) for _, former_on in rows if former_on is not None)
    moved.subtract(Counter(int(last_on) for last_on, _ in rows))
    return moved


def _shift(connection: Connection, scope: bytes, moved: Counter[int]) -> None:
    table = counted_days.c
    for day, by in moved.items():
        if not by:
            continue
        here = (table.scope == scope) & (table.day == day)
        done = connection.execute(update(counted_days).where(here).values(persons=table.persons + by))
        if done.rowcount == 0:
            insert_rows(connection, counted_days, ("scope", "day", "persons"), [(scope, day, by)])


def _total(connection: Connection, scope: bytes, since: date) -> int:
    table = counted_days.c
    within = (table.scope == scope) & (table.day >= since.toordinal())
    return int(connection.execute(select(func.sum(table.persons)).where(within)).scalar() or 0)


def _contacts(connection: Connection, scope: bytes, since: datetime) -> int:
    table = counted_contacts.c
    within = (table.scope == scope) & (table.at > microseconds(since))
    return int(connection.execute(select(func.count()).select_from(counted_contacts).where(within)).scalar_one())


def _of(connection: Connection, scope: bytes, members: Sequence[bytes]) -> ColumnElement[bool]:
    member = counted_persons.c.member
    one = member == members[0] if len(members) == 1 else among(connection, member, members)  # a single person needs no join
    return (counted_persons.c.scope == scope) & one


def _lock(connection: Connection, scope: bytes) -> None:
    if connection.dialect.name == "postgresql":  # SQLite took its one write lock at BEGIN IMMEDIATE
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({int.from_bytes(scope[:8], 'big', signed=True)})")


def _chunks(members: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(members), _CHUNK):
        yield list(members[start : start + _CHUNK])
