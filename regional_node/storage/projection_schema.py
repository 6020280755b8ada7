"""The tables of the projection and how a row of the store becomes one of theirs. No direct identifier has a column here.

Record and subject ids are kept as keyed hashes under a key of the node, so that the file names nobody's record; strings outside
their declared domain become `other`; times are cut to the day; money stays in integer minor units.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from policies.engine.readings import OTHER, TABLES, ColumnType, ReadingColumn, ReadingTable
from regional_node.crm.fields import FIELDS, FieldType
from regional_node.usecases.questions import Domains

VERSION = 1
"""Raise it when a table's shape or the meaning of a column changes: the file is then rebuilt."""

_TYPES = {
    ColumnType.TERM: "VARCHAR",
    ColumnType.DATE: "DATE",
    ColumnType.MONEY: "BIGINT",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.DECIMAL: "BIGINT",
}

_OWN_SUBJECT = {"people", "companies"}
"""Tables whose row is its own subject, so that a subject holds one row by construction."""

_INSTANTS = {"created_at", *(f.name for fields in FIELDS.values() for f in fields if f.type is FieldType.TIMESTAMP)}
"""Columns that the store keeps as microseconds since 1970."""

_TOLD = {
    # a deal begins when it was opened; an import makes the record much later
    ("deals", "created_at"): ("opened_at", "created_at"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A column that the store does not hold: days from the first known of `begin` to `end`."""

    begin: tuple[str, ...]
    end: str


DERIVED = {("deals", "cycle_days"): Derived(begin=("opened_at", "created_at"), end="closed_at")}


def owned(table: ReadingTable) -> bool:
    """Whether every row of the table is its own subject."""
    return table.name in _OWN_SUBJECT


def regional_domains(values: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The region's domains by (table, column) from those by column name, each with `other`."""
    return {
        (table.name, column.name): (*(v for v in dict.fromkeys(values.get(column.name, ())) if v != OTHER), OTHER)
        for table in TABLES.values()
        for column in table.columns
        if column.regional_domain
    }


def fingerprint(domains: Domains) -> str:
    """What the file's rows depend on beside the store: another fingerprint means another file."""
    body = [[table, column, list(values)] for (table, column), values in sorted(domains.items())]
    tables = [[t.name, [[c.name, c.type.value, list(c.domain or ())] for c in t.columns]] for t in TABLES.values()]
    return hashlib.sha256(json.dumps([VERSION, body, tables]).encode()).hexdigest()


def create(table: ReadingTable, schema: str) -> str:
    """The statement that makes the table."""
    columns = ", ".join(f'"{c.name}" {_TYPES[c.type]}' for c in table.columns)
    return f"CREATE TABLE IF NOT EXISTS {schema}.{table.name} (row_key UUID NOT NULL, subject_key UUID NOT NULL, {columns})"


def store_columns(table: ReadingTable) -> tuple[str, ...]:
    """The columns of the store that the table is made of, ids apart, in a fixed order."""
    wanted: dict[str, None] = {}
    for column in table.columns:
        derived = DERIVED.get((table.name, column.name))
        names = (*derived.begin, derived.end) if derived else _TOLD.get((table.name, column.name), (column.name,))
        wanted.update(dict.fromkeys(names))
    return tuple(wanted)


def load(table: ReadingTable, domains: Domains, *, batch: str) -> str:
    """The statement that takes every row of `batch` (text and integers as the store gave them) into the live table."""
    chosen = ", ".join(_loaded(table, column, domains) for column in table.columns)
    return f"INSERT INTO live.{table.name} SELECT row_key::UUID, subject_key::UUID, {chosen} FROM {batch}"  # noqa: S608 - names from the catalogue


def _loaded(table: ReadingTable, column: ReadingColumn, domains: Domains) -> str:
    derived = DERIVED.get((table.name, column.name))
    if derived is not None:
        begin = ", ".join(_day(name) for name in derived.begin)
        return f"date_diff('day', coalesce({begin}), {_day(derived.end)})"
    names = _TOLD.get((table.name, column.name), (column.name,))
    if column.type is ColumnType.DATE:
        return f"coalesce({', '.join(_day(name) for name in names)})"
    if column.type is not ColumnType.TERM:
        return f'TRY_CAST("{column.name}" AS BIGINT)'
    values = column.domain if column.domain is not None else domains[(table.name, column.name)]
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return (
        f'CASE WHEN "{column.name}" IS NULL THEN NULL WHEN "{column.name}" IN ({listed}) THEN "{column.name}" ELSE \'{OTHER}\' END'
    )


def _day(name: str) -> str:
    if name in _INSTANTS:
        return f'CAST(make_timestamp("{name}") AS DATE)'
    return f'TRY_CAST("{name}" AS DATE)'


class KeyedHash:
    """Ids to 16-byte keyed hashes in the text form of a UUID column. One keyed object, copied: three times faster."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)

    def __call__(self, identifier: str) -> str:
        """The hash as 32 hexadecimal digits."""
        copied = self._keyed.copy()
        copied.update(identifier.encode())
        return copied.hexdigest()[:32]
