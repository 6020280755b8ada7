"""Writing many rows at the driver's own speed: executemany on SQLite, COPY on PostgreSQL. It commits nothing and reads nothing."""

import io
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Table, bindparam, func, select

Row = tuple[Any, ...]

_FEW = 8  # below this a COPY's two extra round trips cost more than they save
_ESCAPES = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert `rows`, each a tuple in the order of `columns` of int, str, bytes or None."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_insert(table.name, columns, "?"), list(rows))
    elif len(rows) < _FEW:
        connection.exec_driver_sql(_insert(table.name, columns, "%s"), list(rows))
    else:
        _copy(connection, table, columns, rows)


@cache
def _insert(table: str, columns: tuple[str, ...], mark: str) -> str:
    # The names are those of our own tables.
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(mark for _ in columns)})"  # noqa: S608 - as said above


def among(connection: Connection, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """The condition that `column` has one of many values: PostgreSQL joins an array, where it would compare a list in turn."""
    if connection.dialect.name == "sqlite":
        return column.in_(values)
    wanted = func.unnest(bindparam(None, list(values), type_=ARRAY(column.type)))
    return column.in_(select(wanted.column_valued("wanted")))


def _copy(connection: Connection, table: Table, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    body = "".join(["\t".join([_written(value) for value in row]) + "\n" for row in rows])
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN", stream=io.BytesIO(body.encode()))  # type: ignore[call-arg]  # pg8000's own argument
    finally:
        cursor.close()


def _written(value: Any) -> str:
    kind = type(value)
    if value is None:
        return "\\N"
    if kind is str:
        return str(value.translate(_ESCAPES)) if not value.isalnum() else str(value)
    if kind is bytes:
        return "\\\\x" + str(value.hex())
    return str(value)
