"""The trail of reads: who saw which record, and when. It holds ids only, and is durable before the record is shown.

Many readers share one commit: whoever gets the lock writes for all that wait.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine

from regional_node.crm.records import Record
from regional_node.storage.bulk import Row, insert_rows
from regional_node.storage.faults import told
from regional_node.storage.rows import microseconds
from regional_node.storage.tables import record_reads

_COLUMNS = ("subject_id", "id", "reader_id", "record_type", "record_id", "read_at")


class _Waiting:
    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.written = False


class SqlReadTrail:
    """Fits the ReadTrail Protocol. `new_id` gives UUIDv7 as 32 hexadecimal digits. Threads may share it."""

    def __init__(self, engine: Engine, *, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._new_id = new_id
        self._writer = threading.Lock()
        self._guard = threading.Lock()
        self._waiting = _Waiting()

    def note(self, reader_id: str, records: Sequence[Record], *, at: datetime) -> None:
        """Keep one row a record. Raises DomicileError (STORE_*) and then nothing may be shown."""
        when = microseconds(at)
        rows = [(r.subject_id, self._new_id(), reader_id, r.type.value, r.id, when) for r in records]
        with self._guard:
            mine = self._waiting
            mine.rows.extend(rows)
        with self._writer:
            if mine.written:
                return
            with self._guard:
                self._waiting = _Waiting()
            with told(), self._engine.begin() as connection:
                insert_rows(connection, record_reads, _COLUMNS, mine.rows)
            mine.written = True
