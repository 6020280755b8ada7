"""A plan of the history written as the question that makes it again. What was typed is not kept, so this is not it.

HAVING, ORDER BY, LIMIT, the regions that were chosen and averages are work of the index on the answer and stand in no plan: a plan
asks for sums and counts.
"""

import json
from decimal import Decimal
from typing import Any

from global_index.catalogue.published import decimals_of
from policies.engine.readings import TABLES, ColumnType, ReadingTable

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def written(plan: str) -> str:
    """SQL of the canonical JSON of a plan; the JSON itself when its table is not in the catalogue any more."""
    body: dict[str, Any] = json.loads(plan)
    table = TABLES.get(body["table"])
    if table is None:
        return plan
    keys = [_key(key) for key in body["group_by"]]
    measures = [_measure(one) for one in body["aggregates"]]
    lines = [f"SELECT {', '.join([*keys, *measures])}", f"FROM {table.name}"]
    if body["where"] is not None:
        lines.append(f"WHERE {_where(body['where'], table)}")
    if keys:
        lines.append(f"GROUP BY {', '.join(keys)}")
    return "\n".join(lines)


def _key(key: dict[str, Any]) -> str:
    return str(key["column"]) if key["part"] is None else f"date_trunc('{key['part']}', {key['column']})"


def _measure(one: dict[str, Any]) -> str:
    if one["kind"] == "count":
        return "count(*)"
    return f"sum(in_currency({one['column']}, '{one['currency']}'))" if one["currency"] else f"sum({one['column']})"


def _where(node: dict[str, Any], table: ReadingTable) -> str:
    """The top of the condition has no brackets: there the planner looks for the currency of amounts."""
    currency = _currency(node)
    return " AND ".join(_condition(member, table, currency) for member in node.get("all", [node]))


def _condition(node: dict[str, Any], table: ReadingTable, currency: str | None) -> str:
    [(word, body)] = node.items()
    match word:
        case "all" | "any":
            glue = " AND " if word == "all" else " OR "
            return "(" + glue.join(_condition(member, table, currency) for member in body) + ")"
        case "not":
            return f"NOT ({_condition(body, table, currency)})"
        case "Membership":
            values = ", ".join(_constant(value, body["column"], table, currency) for value in body["values"])
            return f"{body['column']} {'NOT IN' if body['negated'] else 'IN'} ({values})"
        case _:
            return _comparison(body, table, currency)


def _comparison(body: dict[str, Any], table: ReadingTable, currency: str | None) -> str:
    if body["operator"] in {"is_null", "is_not_null"}:
        return f"{body['column']} IS {'NULL' if body['operator'] == 'is_null' else 'NOT NULL'}"
    return f"{body['column']} {_SIGNS[body['operator']]} {_constant(body['value'], body['column'], table, currency)}"


def _constant(value: str | int, name: str, table: ReadingTable, currency: str | None) -> str:
    column = table.column(name)
    if isinstance(value, str):
        return f"'{value}'"
    if column is None or column.type is ColumnType.INTEGER:
        return str(value)
    return format(Decimal(value).scaleb(-decimals_of(column, currency)), "f")


def _currency(node: dict[str, Any]) -> str | None:
    """The one currency that a condition asks for, by which its amounts are in minor units."""
    [(word, body)] = node.items()
    if word == "all":
        return next((found for member in body if (found := _currency(member))), None)
    fits = word == "Comparison" and body["column"] == "currency" and body["operator"] == "eq"
    return str(body["value"]) if fits else None
