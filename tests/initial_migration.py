"""Writes a node's first migration from its metadata: `python -m tests.initial_migration`. Of use only before the first release.

After that a migration is written by hand (`python -m chassis.migrations FOLDER MESSAGE`), and a test compares the two.
"""

import importlib
import pkgutil
import sys
from itertools import groupby
from pathlib import Path

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Integer, MetaData, Table, Text, UniqueConstraint

GROUP = 8  # tables a function
FOLDER = Path(__file__).parents[1] / "regional_node/storage/migrations/versions"
HEAD = '''"""The first tables of a regional node: records, their keys and look-ups, the ledger, the accounts, who signs in.

Names and types are written out here: this file imports nothing of ours, so that it still runs when today's code is gone.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _columns(category: str, kind: Any, *names: str, null: bool = False, **options: Any) -> list[sa.Column[Any]]:
    """Columns of one kind that hold the same category of data."""
    return [sa.Column(name, kind, nullable=null, info={"category": category}, **options) for name in names]


def _table(name: str, *columns: list[sa.Column[Any]], key: tuple[str, ...], rest: Sequence[Any] = (), **options: Any) -> None:
    """One table with its primary key."""
    members = [column for some in columns for column in some]
    op.create_table(name, *members, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), *rest, **options)


def upgrade() -> None:
    """Make them."""
'''


def node_metadata() -> MetaData:
    """The metadata with every room's tables on it."""
    package = importlib.import_module("regional_node.storage")
    for module in pkgutil.iter_modules(package.__path__, prefix="regional_node.storage."):
        importlib.import_module(module.name)
    found: MetaData = importlib.import_module("regional_node.storage.metadata").metadata
    return found


def render(metadata: MetaData) -> str:
    tables = [metadata.tables[name] for name in sorted(metadata.tables)]
    groups = [tables[start : start + GROUP] for start in range(0, len(tables), GROUP)]
    names = [f"_{group[0].name}_to_{group[-1].name}" for group in groups]
    calls = "".join(f"    {name}()\n" for name in names)
    bodies = (f"\n\ndef {name}() -> None:\n{''.join(map(_table, group))}" for name, group in zip(names, groups, strict=True))
    return HEAD + calls + "".join(bodies)


def _table(table: Table) -> str:
    lines = ["    _table(", f'        "{table.name}",']
    for key, run in groupby(table.columns, key=_key):
        category, kind, null, options = key
        names = ", ".join(f'"{column.name}"' for column in run)
        told = "".join([", null=True" if null else "", options])
        lines.append(f'        _columns("{category}", {kind}, {names}{told}),')
    primary = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    unique = []
    for constraint in sorted(table.constraints, key=lambda one: str(one.name)):
        assert not isinstance(constraint, CheckConstraint | ForeignKeyConstraint), "not known here"
        if isinstance(constraint, UniqueConstraint):
            names = ", ".join(f'"{column.name}"' for column in constraint.columns)
            first = next(iter(constraint.columns)).name
            unique.append(f'sa.UniqueConstraint({names}, name="uq_{table.name}_{first}")')
    options = table.dialect_options["sqlite"]
    ends = [f"key=({primary}{',' if len(table.primary_key.columns) == 1 else ''})"] + (
        [f"rest=[{', '.join(unique)}]"] if unique else []
    )
    ends += ["sqlite_autoincrement=True"] if options["autoincrement"] else []
    ends += ["sqlite_with_rowid=False"] if options["with_rowid"] is False else []
    lines += [f"        {', '.join(ends)},", "    )"]
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        names = ", ".join(f'"{column.name}"' for column in index.columns)
        lines.append(f'    op.create_index("{index.name}", "{table.name}", [{names}], unique={bool(index.unique)})')
    return "\n".join(lines) + "\n"


def _key(column: Column) -> tuple[str, str, bool, str]:
    assert column.server_default is None, "not known here"
    options = ", autoincrement=False" if column.autoincrement is False and column.primary_key else ""
    return column.info["category"].value, _kind(column), bool(column.nullable), options


def _kind(column: Column) -> str:
    variants = getattr(column.type, "_variant_mapping", {})
    if isinstance(column.type, Text) and "postgresql" in variants:
        return "ID"
    if isinstance(column.type, BigInteger) and isinstance(variants.get("sqlite"), Integer):
        return "COUNTER"
    assert not variants, "not known here"
    return f"sa.{column.type!r}"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "0001_initial.py").write_text(render(node_metadata()), encoding="utf-8")
    sys.stdout.write(f"{FOLDER / '0001_initial.py'}\n")
