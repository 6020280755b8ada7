"""Questions that are understood: the plans they give, golden and equal whichever way they are written."""

import json

import pytest

from global_index.catalogue.published import Catalogue
from global_index.queries.plan import plan_question
from global_index.queries.question import FigureKind, Question
from global_index.queries.specialise import for_region
from policies.engine.crossing import canonical, plan_digest
from tests.unit.index.ordinary import CATALOGUE, QUESTION


def asked(text: str, catalogue: Catalogue = CATALOGUE) -> Question:
    return plan_question(text, catalogue)


def where_of(condition: str) -> object:
    return json.loads(canonical(asked(" ".join(["select count(*) from people where", condition])).plans[0]))["where"]


def comparison(column: str, operator: str, value: object = None) -> object:
    return {"Comparison": {"column": column, "operator": operator, "value": value}}


def test_the_first_question_of_the_house_gives_this_plan() -> None:
    question = asked(QUESTION)
    assert [o.name for o in question.outputs] == ["country", "segment", "count", "sum_lifetime_value_eur"]
    assert [json.loads(canonical(plan)) for plan in question.plans] == [
        {
            "version": 1,
            "table": "people",
            "group_by": [{"column": "country", "part": None}, {"column": "segment", "part": None}],
            "aggregates": [
                {"kind": "sum", "column": "lifetime_value", "currency": "EUR"},
                {"kind": "count", "column": None, "currency": None},
            ],
            "where": None,
        }
    ]
    assert question.regions is None


@pytest.mark.parametrize(
    ("condition", "tree"),
    [
        ("segment = 'consumer'", comparison("segment", "eq", "consumer")),
        ("'consumer' = segment", comparison("segment", "eq", "consumer")),
        ("5 < lead_score", comparison("lead_score", "gt", 5)),
        ("churn_risk >= 0.25", comparison("churn_risk", "ge", 250)),
        ("lead_score <= 100", comparison("lead_score", "le", 100)),
        ("created_at >= '2026-01-31'", comparison("created_at", "ge", "2026-01-31")),
        ("created_at >= date '2026-01-31'", comparison("created_at", "ge", "2026-01-31")),
        ("churned_at is null", comparison("churned_at", "is_null")),
        ("churned_at is not null", comparison("churned_at", "is_not_null")),
        ("not (not segment = 'consumer')", comparison("segment", "eq", "consumer")),
        ("segment in ('consumer')", comparison("segment", "eq", "consumer")),
        (
            "lead_score between 1 and 5",
            {"all": [comparison("lead_score", "ge", 1), comparison("lead_score", "le", 5)]},
        ),
        (
            "not (lead_score < 1 or lead_score > 5)",
            {"all": [comparison("lead_score", "ge", 1), comparison("lead_score", "le", 5)]},
        ),
        (
            "currency = 'EUR' and lifetime_value > 10.5",
            {"all": [comparison("currency", "eq", "EUR"), comparison("lifetime_value", "gt", 1050)]},
        ),
    ],
)
def test_a_condition_becomes_this_tree(condition: str, tree: object) -> None:
    assert where_of(condition) == tree


def test_questions_that_mean_the_same_have_one_digest() -> None:
    ways = [
        "select country, count(*) from people where segment = 'consumer' and lead_score > 5 group by country",
        "SELECT country, count(*) AS n FROM people AS p WHERE p.lead_score > 5 AND (p.segment = 'consumer') GROUP BY 1",
        "select count(*), country from people where not (lead_score <= 5 or segment <> 'consumer') group by people.country;",
        "select country, count(*) from people where segment in ('consumer', 'consumer') and 5 < lead_score group by 1 limit 3",
    ]
    assert len({plan_digest(plan) for way in ways for plan in asked(way).plans}) == 1


def test_an_average_counts_only_rows_that_have_a_value() -> None:
    question = asked("select country, count(*), avg(lead_score), sum(lead_score) from people group by country")
    assert len(question.plans) == 2
    count, average = (json.loads(canonical(plan)) for plan in question.plans)
    assert count["where"] is None
    assert average["where"] == comparison("lead_score", "is_not_null")
    assert {a["kind"] for a in average["aggregates"]} == {"count", "sum"}
    assert [f.kind for f in question.figures] == [FigureKind.COUNT, FigureKind.AVERAGE, FigureKind.SUM]


def test_an_average_over_rows_that_have_a_value_needs_one_plan() -> None:
    assert len(asked("select count(*), avg(lead_score) from people where lead_score is not null").plans) == 1


def test_region_chooses_who_is_asked_and_never_travels() -> None:
    question = asked("select region, count(*) from people where region in ('eu-de', 'br-sp') and region <> 'br-sp' group by region")
    assert question.regions == frozenset({"eu-de"})
    assert question.plans[0].group_by == ()
    assert question.plans[0].where is None


def test_months_are_grouped_by_position_name_or_expression() -> None:
    ways = ["1", "m", "date_trunc('month', created_at)"]
    plans = [
        asked(" ".join(["select date_trunc('month', created_at) as m, count(*) from people group by", way])).plans for way in ways
    ]
    assert plans[0] == plans[1] == plans[2]


def test_a_value_that_a_region_cannot_have_is_answered_without_asking_it() -> None:
    plan = asked("select count(*) from people where country in ('BR', 'DE')").plans[0]
    assert json.loads(canonical(for_region(plan, "br-sp", CATALOGUE) or plan))["where"] == comparison("country", "eq", "BR")
    only_germany = asked("select count(*) from people where country = 'DE'").plans[0]
    assert for_region(only_germany, "br-sp", CATALOGUE) is None
    not_germany = asked("select count(*) from people where not country = 'DE'").plans[0]
    assert json.loads(canonical(for_region(not_germany, "br-sp", CATALOGUE) or plan))["where"] == comparison(
        "country", "is_not_null"
    )
