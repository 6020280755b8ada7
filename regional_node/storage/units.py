"""The unit of work over a node's store: one transaction, rolled back unless committed. After an error nothing of it can be kept."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from chassis.database import reading
from policies.engine.errors import Code, DomicileError
from regional_node.storage.faults import told
from regional_node.storage.outbox import Outbox
from regional_node.storage.records import SqlRecords
from regional_node.storage.sealing import Indexer, Sealer
from regional_node.storage.tables import person_keys
from regional_node.usecases.records import OpenUnit, RecordStore


class SqlUnits:
    """Fits the UnitOfWork Protocol. `random` gives bytes fit for keys and pseudonyms, `now` the present time, aware."""

    def __init__(
        self,
        engine: Engine,
        *,
        sealer: Sealer,
        indexer: Indexer,
        random: Callable[[int], bytes],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._sealer = sealer
        self._indexer = indexer
        self._random = random
        self._now = now

    @property
    def bounded_reads(self) -> bool:
        """Whether a point read is short and local, so that it may run on an event loop: true for SQLite alone."""
        return self._engine.dialect.name == "sqlite"

    def __call__(self) -> AbstractContextManager[OpenUnit]:
        """Begin a unit that writes; on SQLite it waits for any other writer at its first statement."""
        return self._writing()

    def reading(self) -> AbstractContextManager[OpenUnit]:
        """Begin a unit that only reads: it waits for nobody, and the store itself refuses a write."""
        return self._reading()

    def mark(self, subject_id: str, message: bytes) -> bytes | None:
        """HMAC-SHA-256 of `message` under a key of the subject's own; None when it is not known or was erased (DESIGN D7)."""
        with told(), reading(self._engine) as connection:
            row = connection.execute(select(person_keys).where(person_keys.c.subject_id == subject_id)).first()
        return None if row is None else self._sealer.mark(row.kek_id, row.wrapped, message)

    @contextmanager
    def _writing(self) -> Iterator[OpenUnit]:
        with told():
            connection = self._engine.connect()
        with connection:
            outbox = Outbox(connection)
            yield _Unit(connection, outbox, self._records(connection, outbox))

    @contextmanager
    def _reading(self) -> Iterator[OpenUnit]:
        with told(), reading(self._engine) as connection:
            yield _ReadUnit(self._records(connection, Outbox(connection)))

    def _records(self, connection: Connection, outbox: Outbox) -> SqlRecords:
        return SqlRecords(connection, outbox, sealer=self._sealer, indexer=self._indexer, random=self._random, now=self._now)


class _Unit:
    def __init__(self, connection: Connection, outbox: Outbox, records: SqlRecords) -> None:
        self._connection = connection
        self._outbox = outbox
        self._records = records
        self.records: RecordStore = records

    def commit(self) -> None:
        """Make everything durable. A unit may go on afterwards, with a new transaction."""
        if self._records.broken:
            raise DomicileError("a unit of work that failed cannot be kept", remedy="begin a new one", code=Code.INTERNAL)
        with told():
            self._outbox.flush()
            self._connection.commit()


class _ReadUnit:
    def __init__(self, records: RecordStore) -> None:
        self.records = records

    def commit(self) -> None:
        """Refused: there is nothing to keep."""
        raise DomicileError("a unit that reads has nothing to commit", remedy="begin a unit that writes", code=Code.INTERNAL)
