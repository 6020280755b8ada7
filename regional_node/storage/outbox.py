"""The outbox of one unit of work: what happened to which record, written with it. It holds ids and closed words, never a value.

Readers go by `seq` and must never skip one. SQLite has one writer, so the order of `seq` is that of commits. On PostgreSQL the rows
are held back to the last moment before the commit and written under an advisory lock, since otherwise a later number could become
visible before an earlier one.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from regional_node.crm.changes import ChangeKind
from regional_node.crm.records import Record
from regional_node.storage.bulk import Row, insert_rows
from regional_node.storage.tables import outbox

_COLUMNS = ("type", "subject_id", "record_id", "kind")
_LOCK = 0x444F4D4F5554  # an arbitrary constant; advisory locks are per database
_HELD = 10_000  # rows held back at most: a longer import takes the lock early instead of the memory


class Outbox:
    """Collects events of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Row] = []
        self._limit = 0 if connection.dialect.name == "sqlite" else _HELD

    def tell(self, kind: ChangeKind, records: Sequence[Record]) -> None:
        """Add one event a record."""
        self._rows.extend((record.type.value, record.subject_id, record.id, kind.value) for record in records)
        if len(self._rows) > self._limit:
            self.flush()

    def flush(self) -> None:
        """Write what is held back; the commit must follow soon."""
        if not self._rows:
            return
        if self._limit:
            self._connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        insert_rows(self._connection, outbox, _COLUMNS, self._rows)
        self._rows.clear()
