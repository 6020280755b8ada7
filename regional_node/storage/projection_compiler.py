"""Compiling a checked plan to parametrised SQL of the projection. No text of a plan becomes SQL: names come from the catalogue,
constants are parameters, and nothing in a statement can fail because of what a row holds.

Contribution bounding happens here: a subject counts with at most `rows_per_subject` rows in at most `groups_per_subject` groups,
taken by the rows' keyed hashes so that the choice is stable and nobody outside can predict it, and each of its totals is clamped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from policies.engine.crossing import (
    Aggregate,
    AggregateKind,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    DatePart,
    GroupKey,
    Membership,
    Not,
    Operator,
    Plan,
)
from policies.engine.readings import OTHER, ColumnType, ReadingColumn, ReadingTable
from regional_node.usecases.questions import column_of
from regional_node.usecases.readings import Clamp, periods

_SIGN = {
    Operator.EQ: "=",
    Operator.NE: "<>",
    Operator.LT: "<",
    Operator.LE: "<=",
    Operator.GT: ">",
    Operator.GE: ">=",
}
EURO_UNITS = 100 * 10**6
"""A euro against itself, in millionths of a cent; every other rate is in millionths of its minor unit."""

_LARGEST = 10**15  # an amount beyond it cannot be an amount; cut, so that no product overflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL with its named parameters. Columns: the keys, the measures, then how many subjects stand behind the group."""

    sql: str
    parameters: dict[str, str | int | date]


@dataclass(slots=True)
class _Parameters:
    values: dict[str, str | int | date] = field(default_factory=dict)

    def add(self, value: str | int | date) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def compile_plan(
    plan: Plan, table: ReadingTable, clamps: Sequence[Clamp], *, schema: str, frozen_on: date, owned: bool
) -> Statement:
    """The statement that measures `plan` on `schema`. `clamps` stand in plan order (a count has none: None bounds are ignored).

    `owned` says that every row of the table is its subject itself, so one row a subject holds by itself.
    """
    with_rates = _Rates(frozen_on=frozen_on)
    parameters = _Parameters()
    keys = [_key(key, table, parameters, frozen_on) for key in plan.group_by]
    values = [_value(m, table, clamp, with_rates, parameters) for m, clamp in zip(plan.aggregates, clamps, strict=True)]
    where = _condition(plan.where, table, parameters) if plan.where is not None else "true"
    names = [f"k{i}" for i in range(len(keys))]
    measures = [f"v{i}" for i in range(len(values))]
    selected = ", ".join([*(f"{e} AS {n}" for e, n in zip(keys, names, strict=True)), *_aliased(values, measures)])
    source = f"{schema}.{table.name} t"
    if owned:
        bounded = f"SELECT {selected}, 1 AS subject FROM {source} {with_rates.joins()} WHERE {where}"  # noqa: S608 - names from the catalogue
    else:
        bounded = _bounded(
            table, source=source, where=where, selected=selected, joins=with_rates.joins(), names=names, clamps=clamps
        )
    groups = f"GROUP BY {', '.join(names)}" if names else ""
    totals = ", ".join([*names, *(f"coalesce(sum({m}), 0)::HUGEINT AS {m}" for m in measures), "count(*) AS subjects"])
    return Statement(sql=f"SELECT {totals} FROM ({bounded}) bounded {groups}", parameters=parameters.values)  # noqa: S608 - as above


def _aliased(values: Sequence[str], measures: Sequence[str]) -> list[str]:
    return [f"{value} AS {name}" for value, name in zip(values, measures, strict=True)]


def _bounded(
    table: ReadingTable, *, source: str, where: str, selected: str, joins: str, names: list[str], clamps: Sequence[Clamp]
) -> str:
    kept = (
        f"SELECT * FROM {source} WHERE {where} "  # noqa: S608 - names from the catalogue
        f"QUALIFY row_number() OVER (PARTITION BY subject_key ORDER BY row_key) <= {table.rows_per_subject}"
    )
    rows = f"SELECT subject_key, row_key, {selected} FROM ({kept}) t {joins}"  # noqa: S608 - as above
    by = ", ".join(["subject_key", *names])
    totals = [_clipped(f"coalesce(sum(v{i}), 0)", clamp) + f" AS v{i}" for i, clamp in enumerate(clamps)]
    listed = ", ".join([by, *totals, "min(row_key) AS first_row"])
    return (
        f"SELECT * FROM (SELECT {listed} FROM ({rows}) kept GROUP BY {by}) subjects "  # noqa: S608 - as above
        f"QUALIFY row_number() OVER (PARTITION BY subject_key ORDER BY first_row) <= {table.groups_per_subject}"
    )


def _clipped(expression: str, clamp: Clamp) -> str:
    return f"greatest(least({expression}, {int(clamp.high)}), {int(clamp.low)})"


def _key(key: GroupKey, table: ReadingTable, parameters: _Parameters, frozen_on: date) -> str:
    name = _quoted(column_of(table, key.column))
    if key.part is None:
        return f"t.{name}"
    known = periods(key.part, frozen_on)
    low = parameters.add(known[0])
    part = {DatePart.YEAR: "year", DatePart.QUARTER: "quarter", DatePart.MONTH: "month"}[key.part]
    high = parameters.add(frozen_on)
    inside = f"strftime(date_trunc('{part}', t.{name}), '%Y-%m-%d')"
    return f"CASE WHEN t.{name} IS NULL THEN NULL WHEN t.{name} BETWEEN {low} AND {high} THEN {inside} ELSE '{OTHER}' END"


def _value(measure: Aggregate, table: ReadingTable, clamp: Clamp, with_rates: "_Rates", parameters: _Parameters) -> str:
    if measure.kind is AggregateKind.COUNT:
        return "1"
    column = column_of(table, measure.column or "")
    amount = f"t.{_quoted(column)}"
    if column.type is ColumnType.MONEY and measure.currency is not None:
        amount = "(" + with_rates.converted(column, measure.currency, parameters) + ")"
    elif column.type is ColumnType.MONEY:
        # `other` stands for several currencies, which are never added
        amount = f"(CASE WHEN t.\"{column.currency_column}\" <> '{OTHER}' THEN {amount} END)"
    return f"CASE WHEN {amount} IS NULL THEN NULL ELSE {_clipped(amount, clamp)} END"


def _quoted(column: ReadingColumn) -> str:
    return f'"{column.name}"'


class _Rates:
    """The joins that conversion needs: one for each (date column, currency) but the euro, against which rates are kept."""

    def __init__(self, *, frozen_on: date) -> None:
        self._frozen_on = frozen_on
        self._needed: dict[tuple[str | None, str], tuple[int, str, str]] = {}

    def converted(self, column: ReadingColumn, currency: str, parameters: _Parameters) -> str:
        if currency == "EUR":
            return f't."{_euro_column(column)}"'
        asked = (column.date_column, currency)
        if asked not in self._needed:
            dated = _dated(column, parameters.add(self._frozen_on))
            self._needed[asked] = (len(self._needed), parameters.add(currency), dated)
        return _exchanged(f't."{column.name}"', f't."{_units_column(column)}"', f"a{self._needed[asked][0]}.units")

    def joins(self) -> str:
        return " ".join(
            f"ASOF LEFT JOIN epoch.rates a{number} ON a{number}.currency = {currency} AND a{number}.day <= {dated}"
            for number, currency, dated in self._needed.values()
        )


def _exchanged(held: str, own: str, asked: str) -> str:
    """Minor units of the asked currency for an amount held, both rates per euro, rounded half up."""
    amount = f"greatest(least({held}, {_LARGEST}), -{_LARGEST})::HUGEINT"
    # greatest and least pass over NULL and would make an amount of nothing
    return f"CASE WHEN {held} IS NULL THEN NULL ELSE ({amount} * (2 * {asked}) + {own}) // (2 * {own}) END"


def _units_column(column: ReadingColumn) -> str:
    """The frozen column beside a money column: the rate of the row's own currency on the row's own date."""
    return f"{column.name} units"


def _euro_column(column: ReadingColumn) -> str:
    """The frozen column beside a money column: the amount in euro cents at that rate."""
    return f"{column.name} EUR"


def _dated(column: ReadingColumn, otherwise: str) -> str:
    """The row's own date for conversion; a row without one takes the epoch's day."""
    return f'coalesce(t."{column.date_column}", {otherwise})' if column.date_column else otherwise


def freeze(table: ReadingTable, *, owned: bool) -> str:
    """The statement that freezes the live table, with `$day` the epoch's day. Rates must be frozen first.

    A subject that is its own row holds one row, whatever the store did.
    """
    money = [column for column in table.columns if column.type is ColumnType.MONEY]
    added, joins = "", ""
    for i, column in enumerate(money):
        euro = _exchanged(f't."{column.name}"', f"r{i}.units", str(EURO_UNITS))
        added += f', r{i}.units AS "{_units_column(column)}", TRY_CAST({euro} AS BIGINT) AS "{_euro_column(column)}"'
        day = _dated(column, "$day::DATE")
        joins += f' ASOF LEFT JOIN epoch.rates r{i} ON r{i}.currency = t."{column.currency_column}" AND r{i}.day <= {day}'
    one = "QUALIFY row_number() OVER (PARTITION BY subject_key ORDER BY row_key) = 1" if owned else ""
    return f"CREATE OR REPLACE TABLE epoch.{table.name} AS SELECT t.*{added} FROM live.{table.name} t{joins} {one}"  # noqa: S608 - names from the catalogue


def _condition(condition: Condition, table: ReadingTable, parameters: _Parameters) -> str:
    match condition:
        case AllOf(conditions=members):
            return "(" + " AND ".join(_condition(m, table, parameters) for m in members) + ")"
        case AnyOf(conditions=members):
            return "(" + " OR ".join(_condition(m, table, parameters) for m in members) + ")"
        case Not(condition=inner):
            return f"(NOT {_condition(inner, table, parameters)})"
        case Comparison(column=name, operator=operator, value=value):
            column = column_of(table, name)
            if operator in {Operator.IS_NULL, Operator.IS_NOT_NULL}:
                return f"(t.{_quoted(column)} IS {'NOT ' if operator is Operator.IS_NOT_NULL else ''}NULL)"
            return f"(t.{_quoted(column)} {_SIGN[operator]} {parameters.add(_constant(column, value))})"
        case Membership(column=name, values=values, negated=negated):
            column = column_of(table, name)
            listed = ", ".join(parameters.add(_constant(column, v)) for v in values)
            return f"(t.{_quoted(column)} {'NOT ' if negated else ''}IN ({listed}))"


def _constant(column: ReadingColumn, value: str | int | None) -> str | int | date:
    if value is None:
        raise TypeError(column.name)  # checked plans have none here
    return date.fromisoformat(str(value)) if column.type is ColumnType.DATE else value
