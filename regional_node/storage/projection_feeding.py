"""Feeding the projection from the store: first whole tables, then what the outbox names. It never reads an envelope."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, Engine, func, select

from chassis.database import reading
from policies.engine.readings import TABLES, ReadingTable
from regional_node.crm.fields import RecordType
from regional_node.storage.projection_schema import KeyedHash, load, owned, store_columns
from regional_node.storage.tables import RECORDS, outbox
from regional_node.usecases.questions import Domains

BATCH = 20_000
_AT_ONCE = 500  # parameters in one statement


class Feeding:
    """Moves rows from the store into the live tables of an open projection, in the transaction of whoever calls."""

    def __init__(self, engine: Engine, connection: duckdb.DuckDBPyConnection, *, hashed: KeyedHash, domains: Domains) -> None:
        self._engine = engine
        self._duck = connection
        self._hashed = hashed
        self._domains = domains

    def everything(self) -> int:
        """Empty the live tables and read all rows of one state of the store; returns the outbox place they stand for."""
        with reading(self._engine) as connection:
            place = self._end(connection)
            for table in TABLES.values():
                self._duck.execute(f"DELETE FROM live.{table.name}")  # noqa: S608 - a name from the catalogue
                for rows in self._all_rows(connection, table):
                    self._load(table, rows)
        return place

    def next_events(self, place: int) -> tuple[int, int]:
        """Bring over what one batch of events after `place` names; returns the new place and how many events still wait."""
        with reading(self._engine) as connection:
            found = connection.execute(
                select(outbox.c.seq, outbox.c.type, outbox.c.record_id)
                .where(outbox.c.seq > place)
                .order_by(outbox.c.seq)
                .limit(BATCH)
            ).all()
            if not found:
                return place, 0
            named: dict[str, set[str]] = {}
            for _, kind, record_id in found:
                named.setdefault(kind, set()).add(record_id)
            for kind, ids in named.items():
                table = TABLES.get(kind)
                if table is not None:
                    self._refresh(connection, table, sorted(ids))
            last = int(found[-1][0])
            waiting = connection.execute(select(func.count()).select_from(outbox).where(outbox.c.seq > last)).scalar_one()
        return last, int(waiting)

    def waiting(self, place: int) -> int:
        """How many events come after `place`."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).select_from(outbox).where(outbox.c.seq > place)).scalar_one())

    def _refresh(self, connection: Connection, table: ReadingTable, ids: Sequence[str]) -> None:
        there: set[str] = set()
        batches = []
        for start in range(0, len(ids), _AT_ONCE):
            rows = self._rows(connection, table, ids[start : start + _AT_ONCE])
            there.update(row[0] for row in rows)
            batches.append(rows)
        self._forget(table, ids, everywhere=False)
        for rows in batches:
            self._load(table, rows)
        gone = [record_id for record_id in ids if record_id not in there]
        if gone:
            self._forget(table, gone, everywhere=True)

    def _forget(self, table: ReadingTable, ids: Sequence[str], *, everywhere: bool) -> None:
        """Remove rows; `everywhere` is for records that are gone: the frozen epoch too, and all that hangs on an erased subject."""
        self._duck.register("gone", pa.table({"key": [self._hashed(record_id) for record_id in ids]}))
        for schema in ("live", "epoch") if everywhere else ("live",):
            self._duck.execute(f"DELETE FROM {schema}.{table.name} WHERE row_key IN (SELECT key::UUID FROM gone)")  # noqa: S608 - as above
            if everywhere and owned(table):
                for other in TABLES:
                    self._duck.execute(f"DELETE FROM {schema}.{other} WHERE subject_key IN (SELECT key::UUID FROM gone)")  # noqa: S608 - as above
        self._duck.unregister("gone")

    def _load(self, table: ReadingTable, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        hashed = self._hashed
        columns: dict[str, Any] = {"row_key": [hashed(row[0]) for row in rows]}
        columns["subject_key"] = columns["row_key"] if owned(table) else [hashed(row[1]) for row in rows]
        for number, name in enumerate(store_columns(table), start=2):
            columns[name] = _column([row[number] for row in rows])
        self._duck.register("batch", pa.table(columns))
        self._duck.execute(load(table, self._domains, batch="batch"))
        self._duck.unregister("batch")

    def _rows(self, connection: Connection, table: ReadingTable, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
        marks = ", ".join("?" if connection.dialect.name == "sqlite" else "%s" for _ in ids)
        sql = f"{_select(table)} WHERE id IN ({marks})"
        return connection.exec_driver_sql(sql, tuple(ids)).fetchall()

    def _all_rows(self, connection: Connection, table: ReadingTable) -> Iterator[Sequence[Sequence[Any]]]:
        streamed = connection.execution_options(stream_results=True).exec_driver_sql(_select(table))
        while rows := streamed.fetchmany(BATCH):
            yield rows

    @staticmethod
    def _end(connection: Connection) -> int:
        return int(connection.execute(select(func.max(outbox.c.seq))).scalar() or 0)


def _select(table: ReadingTable) -> str:
    stored = RECORDS[RecordType(table.name)]
    names = ", ".join(f'"{stored.c[name].name}"' for name in ("id", "subject_id", *store_columns(table)))
    return f"SELECT {names} FROM {stored.name}"  # noqa: S608 - names from our own metadata


def _column(values: Iterable[Any]) -> "pa.Array[Any]":
    given = list(values)
    known = next((value for value in given if value is not None), None)
    if isinstance(known, int):
        return pa.array(given, pa.int64())
    if isinstance(known, date):
        return pa.array(given, pa.date32())
    return pa.array(given, pa.string())
