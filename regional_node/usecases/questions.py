"""Checking a plan against the published catalogue, at the node, whatever the index has checked. Nothing here computes an answer.

A constant is never repeated in an error: what an analyst typed may name a person. Column and table names are. For the same reason
numbers lie within the column's bounds and days within the public range, or the plan is refused before anything keeps it.
"""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from typing import NoReturn, TypeAlias

from policies.engine.crossing import (
    FIRST_DAY,
    LAST_DAY,
    PLAN_VERSION,
    Aggregate,
    AggregateKind,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    GroupKey,
    Membership,
    Not,
    Operator,
    Plan,
    askable_day,
    askable_numbers,
)
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import TABLES, ColumnType, ReadingColumn, ReadingTable

MAX_KEYS = 4
MAX_MEASURES = 8
MAX_DEPTH = 8
MAX_CONDITIONS = 100
MAX_VALUES = 100
_NO_VALUE = {Operator.IS_NULL, Operator.IS_NOT_NULL}
_EQUALITY = {Operator.EQ, Operator.NE, *_NO_VALUE}

Domains: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]


def refuse(what: str, remedy: str = "") -> NoReturn:
    """Raise QUESTION_UNSUPPORTED."""
    raise DomicileError(what, where="question", remedy=remedy, code=Code.QUESTION_UNSUPPORTED)


def check_plan(plan: Plan, domains: Domains) -> ReadingTable:
    """The plan's table, when the plan may be computed at all. Raises `DomicileError` (QUESTION_UNSUPPORTED).

    `domains` are the region's own by (table, column); a column's published domain counts where it has one.
    """
    if plan.version != PLAN_VERSION:
        refuse(f"plan version `{plan.version}` is not known here", f"send version {PLAN_VERSION}")
    table = TABLES.get(plan.table)
    if table is None:
        refuse("unknown table", _nearest(plan.table, tuple(TABLES)))
    _check_keys(plan, table)
    _check_measures(plan, table, domains)
    if plan.where is not None:
        _Conditions(table, domains).check(plan.where, 1)
    return table


def domain_of(table: ReadingTable, column: ReadingColumn, domains: Domains) -> tuple[str, ...]:
    """Every value the column may hold beside NULL, `other` included. Raises when the region has declared none."""
    values = column.domain if column.domain is not None else domains.get((table.name, column.name))
    if not values:
        refuse(f"`{column.name}` has no declared domain in this region", "declare it in the node's settings")
    return values


def column_of(table: ReadingTable, name: str) -> ReadingColumn:
    """The column of that name. Raises QUESTION_UNSUPPORTED with the nearest names."""
    column = table.column(name)
    if column is None:
        refuse(f"unknown column in `{table.name}`", _nearest(name, tuple(c.name for c in table.columns)))
    return column


def single_currency(plan: Plan) -> str | None:
    """The one currency that the plan's condition fixes, or None."""
    members = plan.where.conditions if isinstance(plan.where, AllOf) else (plan.where,)
    for member in members:
        if isinstance(member, Comparison) and (member.column, member.operator) == ("currency", Operator.EQ):
            return str(member.value)
    return None


def _check_keys(plan: Plan, table: ReadingTable) -> None:
    if len(plan.group_by) > MAX_KEYS:
        refuse(f"more than {MAX_KEYS} group keys", "group by fewer columns")
    if len(set(plan.group_by)) != len(plan.group_by):
        refuse("a group key stands twice", "keep one")
    for key in plan.group_by:
        _check_key(key, column_of(table, key.column))


def _check_key(key: GroupKey, column: ReadingColumn) -> None:
    if column.type is ColumnType.DATE:
        if key.part is None:
            refuse(f"`{column.name}` cannot be a group key by the day", "use date_trunc('month', ...), quarter or year")
        return
    if column.type is not ColumnType.TERM:
        refuse(f"`{column.name}` cannot be a group key", "group by a column with a declared domain")
    if key.part is not None:
        refuse(f"`{column.name}` is not a date", "group by the column itself")


def _check_measures(plan: Plan, table: ReadingTable, domains: Domains) -> None:
    if not 1 <= len(plan.aggregates) <= MAX_MEASURES:
        refuse(f"a question has 1 to {MAX_MEASURES} measures", "ask for fewer at a time")
    if len(set(plan.aggregates)) != len(plan.aggregates):
        refuse("a measure stands twice", "keep one")
    for measure in plan.aggregates:
        if measure.kind is AggregateKind.COUNT:
            if measure.column is not None or measure.currency is not None:
                refuse("only rows are counted", "use count(*)")
        else:
            _check_sum(measure, plan, table, domains)


def _check_sum(measure: Aggregate, plan: Plan, table: ReadingTable, domains: Domains) -> None:
    if measure.column is None:
        refuse("a sum needs a column")
    column = column_of(table, measure.column)
    if column.bounds is None:
        refuse(f"`{column.name}` has no declared bounds, so it cannot be summed", "sum a measure of the catalogue")
    if column.type is not ColumnType.MONEY:
        if measure.currency is not None:
            refuse(f"`{column.name}` is not money", "sum the column itself")
        return
    if measure.currency is not None:
        return  # whether the currency has rates is the projection's to say
    grouped = any(key.column == column.currency_column for key in plan.group_by)
    if not grouped and single_currency(plan) not in domains.get((table.name, "currency"), ()):
        refuse(f"`{column.name}` holds several currencies, which are never added", "use in_currency(...) or group by currency")


class _Conditions:
    """Walks one condition with its limits."""

    def __init__(self, table: ReadingTable, domains: Domains) -> None:
        self._table = table
        self._domains = domains
        self._seen = 0

    def check(self, condition: Condition, depth: int) -> None:
        self._seen += 1
        if depth > MAX_DEPTH:
            refuse(f"the condition is nested deeper than {MAX_DEPTH} levels", "flatten it")
        if self._seen > MAX_CONDITIONS:
            refuse(f"the condition has more than {MAX_CONDITIONS} parts", "ask in several questions")
        match condition:
            case AllOf(conditions=members) | AnyOf(conditions=members):
                if not members:
                    refuse("a group of conditions is empty")
                for member in members:
                    self.check(member, depth + 1)
            case Not(condition=inner):
                self.check(inner, depth + 1)
            case Comparison(column=name, operator=operator, value=value):
                self._comparison(column_of(self._table, name), operator, value)
            case Membership(column=name, values=values):
                self._membership(column_of(self._table, name), values)
            case _:
                refuse("unknown kind of condition")

    def _comparison(self, column: ReadingColumn, operator: Operator, value: str | int | None) -> None:
        if operator in _NO_VALUE:
            if value is not None:
                refuse(f"a test of `{column.name}` for null takes no value")
            return
        if column.type is ColumnType.TERM and operator not in _EQUALITY:
            refuse(f"`{column.name}` has no order", "compare it with =, <> or in")
        self._constant(column, value)

    def _membership(self, column: ReadingColumn, values: tuple[str | int, ...]) -> None:
        if not 1 <= len(values) <= MAX_VALUES:
            refuse(f"a list of values holds 1 to {MAX_VALUES}")
        for value in values:
            self._constant(column, value)

    def _constant(self, column: ReadingColumn, value: str | int | None) -> None:
        if column.type is ColumnType.TERM:
            if not isinstance(value, str) or value not in domain_of(self._table, column, self._domains):
                refuse(f"a value is outside the domain of `{column.name}`", "see the region's catalogue for its values")
        elif column.type is ColumnType.DATE:
            _check_day(column, value)
        else:
            _check_number(column, value)


def _check_day(column: ReadingColumn, value: str | int | None) -> None:
    day = _calendar_day(value) if isinstance(value, str) else None
    if day is None:
        refuse(f"`{column.name}` is compared with a date", "write it as `2026-11-22`")
    if not askable_day(day):
        refuse(f"a day compared with `{column.name}` is outside what can be asked about", f"use {FIRST_DAY} to {LAST_DAY}")


def _check_number(column: ReadingColumn, value: str | int | None) -> None:
    bounds = askable_numbers(column)
    if bounds is None:
        refuse(f"`{column.name}` has no declared bounds, so it is compared with nothing", "remove the condition")
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(f"`{column.name}` is compared with a whole number of its unit")
    if not bounds.low <= value <= bounds.high:
        refuse(f"a number is outside the bounds of `{column.name}`", f"use {bounds.low} to {bounds.high} in its smallest unit")


def _calendar_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name[:64], known, n=3, cutoff=0.5) or known
    return "use one of: " + ", ".join(f"`{n}`" for n in near)
