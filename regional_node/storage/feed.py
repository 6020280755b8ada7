"""The feed of pseudonymous keys: what waits is sealed on a clock into shuffled batches that never change again.

Within a batch the order is random, so that arriving together says nothing more than "since the last clock". A key that was fed and
has no person any more becomes a tombstone. Nothing here holds a person's id, a name or a time of writing.
"""

import secrets
from collections.abc import Callable, MutableSequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Engine, Integer, LargeBinary, Table, Text, func, insert, select, update

from chassis.database import classified, reading, writing
from policies.engine.crossing import Entry, EntryBatch
from policies.engine.errors import Code, DomicileError
from policies.engine.vocabulary import DataCategory
from regional_node.storage.bulk import insert_rows
from regional_node.storage.metadata import metadata
from regional_node.storage.tables import pseudonyms

BATCH_SIZE = 5_000
_COLUMNS = ("batch", "position", "pseudonym", "tombstone")
_CHANCE = secrets.SystemRandom()
_SYSTEM = DataCategory.SYSTEM_OPERATIONS
_LOCK = 0x444F4D464545  # an arbitrary constant: one sealer at a time on PostgreSQL

feed_state = Table(
    "feed_state",
    metadata,
    classified("id", Integer, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("epoch", Text, category=_SYSTEM, nullable=False),
    classified("batches", BigInteger, category=_SYSTEM, nullable=False),
)
feed_batches = Table(
    "feed_batches",
    metadata,
    classified("number", BigInteger, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("sealed_at", Text, category=_SYSTEM, nullable=False),
)
feed_entries = Table(
    "feed_entries",
    metadata,
    classified("batch", BigInteger, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("position", Integer, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("pseudonym", LargeBinary, category=DataCategory.PSEUDONYM, nullable=False, index=True),
    classified("tombstone", Boolean, category=_SYSTEM, nullable=False),
)


class StoredFeed:
    """Fits `Feed`. `shuffle` puts a list in random order in place; production takes it from the system's randomness."""

    def __init__(
        self,
        engine: Engine,
        *,
        region: str,
        shuffle: Callable[[MutableSequence[Any]], None] = _CHANCE.shuffle,
        new_epoch: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._engine = engine
        self._region = region
        self._shuffle = shuffle
        self._new_epoch = new_epoch

    def epoch(self) -> str:
        """The feed epoch; the first call of a store's life draws it."""
        with reading(self._engine) as connection:
            found = connection.execute(select(feed_state.c.epoch)).scalar()
        if found is not None:
            return str(found)
        with writing(self._engine) as connection:
            return self._state(connection)[0]

    def renew_epoch(self) -> str:
        """Forget every batch and draw a new epoch: after a restore, since what was fed since the backup is not known."""
        with writing(self._engine) as connection:
            self._state(connection)
            connection.execute(feed_entries.delete())
            connection.execute(feed_batches.delete())
            epoch = self._new_epoch()
            connection.execute(update(feed_state).values(epoch=epoch, batches=0))
        return epoch

    def cursor(self) -> int:
        """The number of the batch sealed last, 0 before the first."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(feed_state.c.batches)).scalar() or 0)

    def seal(self, *, at: datetime) -> int:
        """Seal what waits and return how many batches were made."""
        with writing(self._engine) as connection:
            _, last = self._state(connection)
            waiting = self._waiting(connection)
            if not waiting:
                return 0
            self._shuffle(waiting)
            rows = []
            for place, (pseudonym, tombstone) in enumerate(waiting):
                batch, position = last + 1 + place // BATCH_SIZE, place % BATCH_SIZE
                rows.append((batch, position, pseudonym, tombstone))
            made = (len(waiting) + BATCH_SIZE - 1) // BATCH_SIZE
            sealed_at = at.astimezone(UTC).isoformat()
            connection.execute(insert(feed_batches), [{"number": last + 1 + n, "sealed_at": sealed_at} for n in range(made)])
            insert_rows(connection, feed_entries, _COLUMNS, rows)
            connection.execute(update(feed_state).values(batches=last + made))
        return made

    def batch_after(self, feed_epoch: str, cursor: int) -> EntryBatch:
        """The next batch after `cursor`, empty with the same cursor when none follows. Raises EPOCH_UNKNOWN."""
        epoch = self.epoch()
        if feed_epoch not in {"", epoch}:
            raise DomicileError(
                "the feed has another epoch", where=self._region, remedy="pull from the beginning", code=Code.EPOCH_UNKNOWN
            )
        start = cursor if feed_epoch else 0
        with reading(self._engine) as connection:
            last = int(connection.execute(select(feed_state.c.batches)).scalar() or 0)
            if start > last:
                what = f"batch `{start}` was never sealed"
                raise DomicileError(what, where=self._region, remedy="pull from the beginning", code=Code.EPOCH_UNKNOWN)
            if start == last:
                return EntryBatch(region=self._region, feed_epoch=epoch, cursor=start, entries=(), more=False)
            found = connection.execute(
                select(feed_entries.c.pseudonym, feed_entries.c.tombstone)
                .where(feed_entries.c.batch == start + 1)
                .order_by(feed_entries.c.position)
            ).all()
        entries = tuple(Entry(pseudonym=bytes(row[0]), tombstone=bool(row[1])) for row in found)
        return EntryBatch(region=self._region, feed_epoch=epoch, cursor=start + 1, entries=entries, more=start + 1 < last)

    def _state(self, connection: Connection) -> tuple[str, int]:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        row = connection.execute(select(feed_state.c.epoch, feed_state.c.batches)).first()
        if row is not None:
            return str(row[0]), int(row[1])
        epoch = self._new_epoch()
        connection.execute(insert(feed_state).values(id=1, epoch=epoch, batches=0))
        return epoch, 0

    @staticmethod
    def _waiting(connection: Connection) -> list[tuple[bytes, bool]]:
        fed = select(feed_entries.c.pseudonym).where(feed_entries.c.pseudonym == pseudonyms.c.pseudonym).exists()
        new = connection.execute(select(pseudonyms.c.pseudonym).where(~fed)).scalars()
        waiting = [(bytes(pseudonym), False) for pseudonym in new]
        there = select(pseudonyms.c.subject_id).where(pseudonyms.c.pseudonym == feed_entries.c.pseudonym).exists()
        gone = connection.execute(
            select(feed_entries.c.pseudonym).where(~there).group_by(feed_entries.c.pseudonym).having(func.count() == 1)
        ).scalars()  # fed once and not buried yet
        return waiting + [(bytes(pseudonym), True) for pseudonym in gone]
