"""What crosses a border is the same bytes tomorrow: recorded answers and tickets hang on them. What a plan may hold is small."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from policies.engine.crossing import (
    FIRST_DAY,
    LAST_DAY,
    Aggregate,
    AggregateKind,
    AllOf,
    AnyOf,
    Comparison,
    DatePart,
    GroupKey,
    Membership,
    Not,
    Operator,
    Plan,
    askable_day,
    askable_numbers,
    canonical,
    person_digest,
    plan_digest,
)
from policies.engine.readings import TABLES, ColumnType

GOLDEN = Plan(
    table="people",
    group_by=(GroupKey(column="country"), GroupKey(column="created_at", part=DatePart.MONTH)),
    aggregates=(
        Aggregate(kind=AggregateKind.COUNT),
        Aggregate(kind=AggregateKind.SUM, column="lifetime_value", currency="EUR"),
    ),
    where=AllOf(
        conditions=(
            Comparison(column="created_at", operator=Operator.GE, value="2026-01-31"),
            AnyOf(
                conditions=(
                    Comparison(column="lead_score", operator=Operator.GT, value=50),
                    Not(condition=Membership(column="segment", values=("consumer", "enterprise"))),
                )
            ),
            Comparison(column="churned_at", operator=Operator.IS_NULL),
        )
    ),
)
BYTES = (
    b'{"aggregates":[{"column":"lifetime_value","currency":"EUR","kind":"sum"},{"column":null,"currency":null,"kind"'
    b':"count"}],"group_by":[{"column":"country","part":null},{"column":"created_at","part":"month"}],"table":"peopl'
    b'e","version":1,"where":{"all":[{"Comparison":{"column":"churned_at","operator":"is_null","value":null}},{"Comp'
    b'arison":{"column":"created_at","operator":"ge","value":"2026-01-31"}},{"any":[{"Comparison":{"column":"lead_sc'
    b'ore","operator":"gt","value":50}},{"not":{"Membership":{"column":"segment","negated":false,"values":["consumer'
    b'","enterprise"]}}}]}]}}'
)
DIGEST = "961333c3ec7a345a55a48b2f14e2a195d6f1931dd016686dfe0056df3d7c45e7"


def test_the_bytes_of_a_plan_do_not_change_silently() -> None:
    assert canonical(GOLDEN) == BYTES
    assert plan_digest(GOLDEN) == DIGEST


@pytest.mark.parametrize(
    "changed",
    [{"table": "deals"}, {"group_by": ()}, {"aggregates": GOLDEN.aggregates[:1]}, {"where": None}, {"version": 2}],
    ids=lambda changed: next(iter(changed)),
)
def test_every_part_of_a_plan_counts(changed: dict[str, Any]) -> None:
    assert plan_digest(replace(GOLDEN, **changed)) != DIGEST


def test_what_a_ticket_for_a_person_is_bound_to_does_not_change_silently() -> None:
    assert person_digest(bytes(range(16)), ["email", "phone"]) == "d29d87fa4ac08a23885b522d0a3a4a2b53701101d6321d4794442a4a00d58a27"


def test_no_number_of_the_catalogue_is_as_long_as_a_telephone_or_an_identity_number() -> None:
    taken = [bounds for table in TABLES.values() for column in table.columns if (bounds := askable_numbers(column)) is not None]
    assert taken
    assert all(0 <= bounds.low <= bounds.high <= 9_999_999 for bounds in taken)


def test_a_column_without_bounds_takes_no_number() -> None:
    column = TABLES["people"].column("lead_score")
    assert column is not None
    assert askable_numbers(replace(column, bounds=None)) is None
    assert askable_numbers(replace(column, type=ColumnType.DATE)) is None


def test_days_are_askable_within_the_public_range_only() -> None:
    day = timedelta(days=1)
    assert [askable_day(one) for one in (FIRST_DAY - day, FIRST_DAY, LAST_DAY, LAST_DAY + day)] == [False, True, True, False]
    assert not askable_day(date(1961, 7, 23))
