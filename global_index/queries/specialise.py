"""What of a condition is left for one region: values which it cannot have by its own announced domain are answered here.

A region refuses values outside its domains, and rightly. That a region does not serve a country is public, so nothing is
learned here.
"""

from dataclasses import replace

from global_index.catalogue.published import Catalogue
from policies.engine.crossing import AllOf, AnyOf, Comparison, Condition, Membership, Operator, Plan
from policies.engine.readings import ColumnType, ReadingTable


class NothingMatchesError(Exception):
    """No row of the region can match, whatever it holds."""


def for_region(plan: Plan, region: str, catalogue: Catalogue) -> Plan | None:
    """The plan as this region can read it, None when no row of it can match."""
    table = catalogue.table(plan.table)
    if plan.where is None or table is None:
        return plan
    try:
        return replace(plan, where=_left(plan.where, region, table, catalogue))
    except NothingMatchesError:
        return None


def _left(condition: Condition, region: str, table: ReadingTable, catalogue: Catalogue) -> Condition:
    match condition:
        case Comparison(column=name) | Membership(column=name):
            column = table.column(name)
            if column is None or column.type is not ColumnType.TERM or not column.regional_domain:
                return condition
            known = catalogue.domain_in(region, table.name, column)
            return condition if known is None else _within(condition, known)
        case AllOf(conditions=members):
            return AllOf(conditions=tuple(_left(member, region, table, catalogue) for member in members))
        case AnyOf(conditions=members):
            return _any(members, region, table, catalogue)
        case _:
            return condition


def _any(members: tuple[Condition, ...], region: str, table: ReadingTable, catalogue: Catalogue) -> Condition:
    kept: list[Condition] = []
    for member in members:
        try:
            kept.append(_left(member, region, table, catalogue))
        except NothingMatchesError:
            continue
    if not kept:
        raise NothingMatchesError
    return kept[0] if len(kept) == 1 else AnyOf(conditions=tuple(kept))


def _within(condition: Comparison | Membership, known: frozenset[str]) -> Condition:
    if isinstance(condition, Comparison):
        if condition.operator not in {Operator.EQ, Operator.NE} or condition.value in known:
            return condition
        if condition.operator is Operator.EQ:
            raise NothingMatchesError
        return Comparison(column=condition.column, operator=Operator.IS_NOT_NULL)
    values = tuple(value for value in condition.values if value in known)
    if values:
        return Membership(column=condition.column, values=values, negated=condition.negated)
    if condition.negated:
        return Comparison(column=condition.column, operator=Operator.IS_NOT_NULL)
    raise NothingMatchesError
