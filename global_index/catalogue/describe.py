"""The catalogue in words and as plain data, for the console, the API and `--help`. It asks nobody anything."""

from collections.abc import Iterator
from typing import Any

from global_index.catalogue.published import Catalogue
from policies.engine.readings import REGION_COLUMN, TABLES, ColumnType, ReadingColumn, ReadingTable

_USES = {
    ColumnType.TERM: "compare, group",
    ColumnType.DATE: "compare, group by date_trunc",
    ColumnType.MONEY: "sum, avg, in_currency",
    ColumnType.INTEGER: "compare, sum, avg",
    ColumnType.DECIMAL: "compare, sum, avg",
}

DIALECT = """\
SELECT columns, date_trunc('month', d), region, count(*), sum(x), avg(x), in_currency(x, 'EUR') inside sum and avg, AS
FROM one table
WHERE and, or, not, =, <>, <, <=, >, >=, between, in, is null; `region = '...'` chooses who is asked
GROUP BY names or positions   HAVING and ORDER BY over the figures   LIMIT n"""


def described(catalogue: Catalogue) -> dict[str, Any]:
    """Tables, columns, types, domains and bounds as plain data."""
    return {
        "tables": [_table(catalogue, table) for table in catalogue.tables.values()],
        "regions": list(catalogue.regions),
        "dialect": DIALECT.splitlines(),
    }


def in_words() -> str:
    """What can be asked about, one table a line, for `--help`."""
    lines = [f"{table.name}({', '.join([REGION_COLUMN, *(c.name for c in table.columns)])})" for table in TABLES.values()]
    return "\n".join(lines)


def _table(catalogue: Catalogue, table: ReadingTable) -> dict[str, Any]:
    region = {"name": REGION_COLUMN, "type": ColumnType.TERM.value, "domain": list(catalogue.regions), "uses": "compare, group"}
    return {"name": table.name, "columns": [region, *_columns(catalogue, table)]}


def _columns(catalogue: Catalogue, table: ReadingTable) -> Iterator[dict[str, Any]]:
    for column in table.columns:
        told: dict[str, Any] = {
            "name": column.name,
            "type": column.type.value,
            "category": column.category.value,
            "uses": _uses(column),
        }
        if column.type is ColumnType.TERM:
            told["domain"] = list(catalogue.domain(table.name, column))
            told["regional"] = column.regional_domain
        if column.bounds is not None:
            told["bounds"] = [column.bounds.low, column.bounds.high]
        yield told


def _uses(column: ReadingColumn) -> str:
    return _USES[column.type]
