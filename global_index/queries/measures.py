"""Figures -> plans: which sums and counts to ask of a region, and how a figure is put together from them. It asks nobody.

An average counts only rows that have a value, so it gets a plan of its own with `x is not null`, unless the question says so
already.
Plans are written in canonical order, so that equal questions are equal bytes and a recorded answer fits whoever asks again.
"""

from dataclasses import asdict

import rfc8785

from global_index.catalogue.published import decimals_of
from global_index.queries.conditions import Where
from global_index.queries.question import Figure, FigureKind, Key, Recipe
from policies.engine.crossing import (
    Aggregate,
    AggregateKind,
    AllOf,
    Comparison,
    Condition,
    GroupKey,
    Operator,
    Plan,
    normalised,
)
from policies.engine.readings import REGION_COLUMN, ColumnType, ReadingTable

COUNT = Aggregate(kind=AggregateKind.COUNT)


def measured(
    *, table: ReadingTable, keys: tuple[Key, ...], figures: tuple[Figure, ...], where: Where
) -> tuple[dict[Figure, Recipe], tuple[Plan, ...]]:
    """For each figure its recipe, and the plans they refer to. A column that is averaged is summed once."""
    plans: list[Plan] = []
    recipes: dict[Figure, Recipe] = {}
    group_by = tuple(GroupKey(column=key.column, part=key.part) for key in keys if key.column != REGION_COLUMN)
    for needed, condition in _groups(figures, where):
        plan = _plan(table.name, group_by, needed, condition)
        for figure in needed:
            recipes[figure] = _recipe(figure, plan, number=len(plans), table=table, where=where)
        plans.append(plan)
    return recipes, tuple(plans)


def plan_keys(question_keys: tuple[Key, ...], plan: Plan) -> tuple[int | None, ...]:
    """For each key of the question, where it stands in the plan's cells; None for `region`."""
    places = {Key(column=key.column, part=key.part): at for at, key in enumerate(plan.group_by)}
    return tuple(places.get(key) for key in question_keys)


def _groups(figures: tuple[Figure, ...], where: Where) -> list[tuple[list[Figure], Condition | None]]:
    """Figures that can share a plan, each group with its condition."""
    apart: dict[str, list[Figure]] = {}
    shared: list[Figure] = []
    for figure in figures:
        if figure.kind is FigureKind.AVERAGE and figure.column is not None and figure.column not in where.present:
            apart.setdefault(figure.column, []).append(figure)
        else:
            shared.append(figure)
    for figure in list(shared):
        # A sum does not change when rows without a value are left out: it comes along with its average.
        if figure.kind is FigureKind.SUM and figure.column in apart:
            shared.remove(figure)
            apart[str(figure.column)].append(figure)
    groups: list[tuple[list[Figure], Condition | None]] = [(shared, where.condition)] if shared else []
    return groups + [(members, _also_present(where.condition, column)) for column, members in apart.items()]


def _also_present(condition: Condition | None, column: str) -> Condition:
    present = Comparison(column=column, operator=Operator.IS_NOT_NULL)
    return present if condition is None else AllOf(conditions=(condition, present))


def _plan(table: str, group_by: tuple[GroupKey, ...], figures: list[Figure], condition: Condition | None) -> Plan:
    wanted = {measure for figure in figures for measure in _measures(figure)}
    return Plan(
        table=table,
        group_by=tuple(sorted(group_by, key=lambda key: rfc8785.dumps(asdict(key)))),
        aggregates=tuple(sorted(wanted, key=lambda measure: rfc8785.dumps(asdict(measure)))),
        where=normalised(condition),
    )


def _measures(figure: Figure) -> tuple[Aggregate, ...]:
    if figure.kind is FigureKind.COUNT:
        return (COUNT,)
    total = Aggregate(kind=AggregateKind.SUM, column=figure.column, currency=figure.currency)
    return (total,) if figure.kind is FigureKind.SUM else (total, COUNT)


def _recipe(figure: Figure, plan: Plan, *, number: int, table: ReadingTable, where: Where) -> Recipe:
    if figure.kind is FigureKind.COUNT:
        return Recipe(plan=number, count=plan.aggregates.index(COUNT))
    column = table.column(str(figure.column))
    total = plan.aggregates.index(Aggregate(kind=AggregateKind.SUM, column=figure.column, currency=figure.currency))
    money = column is not None and column.type is ColumnType.MONEY
    unit = (figure.currency or where.currency or "") if money else ""
    return Recipe(
        plan=number,
        total=total,
        count=plan.aggregates.index(COUNT) if figure.kind is FigureKind.AVERAGE else None,
        decimals=decimals_of(column, unit) if column is not None else 0,
        by_currency=money and not unit,
        unit=unit,
    )
