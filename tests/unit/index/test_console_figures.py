"""Answers as the console draws them, and plans as it writes them: no gap is filled, and a plan written down makes itself again."""

from dataclasses import replace
from decimal import Decimal

import pytest

from global_index.console.figures import MOST_BARS, shown
from global_index.console.replay import written
from global_index.queries.answer import Answer, Column, Mark, Row
from global_index.queries.plan import plan_question
from policies.engine.crossing import canonical, plan_digest
from tests.unit.index.ordinary import CATALOGUE

COUNTRY = Column(name="country", kind="key")
COUNT = Column(name="count", kind="count")
VALUE = Column(name="avg_value", kind="average", unit="EUR")


def row(key: str | None, count: int | None, margin: float | None = 9.0, mark: Mark = Mark.WHOLE) -> Row:
    return Row(values=(key, count), margins=(None, margin), marks=(Mark.WHOLE, mark))


ORDINARY = Answer(columns=(COUNTRY, COUNT), rows=(row("DE", 100), row("FR", 50)))


def test_one_group_and_one_measure_make_a_bar_chart_with_margins() -> None:
    [chart] = shown(ORDINARY).charts
    assert chart.spec["type"] == "bar"
    assert chart.spec["categories"] == ["DE", "FR"]
    assert chart.spec["series"] == [{"name": "count", "data": [100.0, 50.0], "error": [9.0, 9.0]}]


def test_a_withheld_cell_is_a_gap_in_the_chart_never_a_zero() -> None:
    answer = replace(ORDINARY, rows=(row("DE", 100), row("FR", None, None, Mark.WITHHELD)))
    [chart] = shown(answer).charts
    assert chart.spec["series"][0]["data"] == [100.0, None]
    assert shown(answer).marked


def test_months_make_a_line() -> None:
    answer = replace(ORDINARY, rows=(row("2026-01", 100), row("2026-02", 50)))
    assert shown(answer).charts[0].spec["type"] == "line"


def test_each_measure_has_a_chart_of_its_own() -> None:
    columns = (COUNTRY, COUNT, VALUE)
    rows = tuple(Row(values=(c, 5, Decimal("3.25")), margins=(None, 1.0, 2.0), marks=(Mark.WHOLE,) * 3) for c in ("DE", "FR"))
    assert [c.spec["series"][0]["name"] for c in shown(Answer(columns=columns, rows=rows)).charts] == ["count", "avg_value (EUR)"]


@pytest.mark.parametrize(
    "answer",
    [
        replace(ORDINARY, rows=ORDINARY.rows[:1]),
        replace(ORDINARY, rows=tuple(row(str(at), at) for at in range(MOST_BARS + 1))),
        Answer(columns=(COUNT,), rows=(Row(values=(5,), margins=(1.0,), marks=(Mark.WHOLE,)),)),
    ],
    ids=["one row", "too many", "no group"],
)
def test_what_no_chart_would_show_has_none(answer: Answer) -> None:
    assert shown(answer).charts == ()


def test_cents_are_shown_only_where_the_margin_lets_them_say_something() -> None:
    columns = (COUNTRY, VALUE)
    sure, unsure = (
        Row(values=("DE", Decimal("12.34")), margins=(None, margin), marks=(Mark.WHOLE,) * 2) for margin in (0.5, 100.0)
    )
    digits = [cells[1].digits for cells in shown(Answer(columns=columns, rows=(sure, unsure))).rows]
    assert digits == [2, 0]


def test_a_figure_below_zero_is_pointed_out() -> None:
    assert shown(replace(ORDINARY, rows=(row("DE", -3),))).below_zero


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM people",
        "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people GROUP BY 1,2",
        "SELECT date_trunc('month', created_at), count(*) FROM people WHERE created_at >= '2026-01-01' GROUP BY 1",
        "SELECT segment, avg(lead_score) FROM people WHERE lead_score between 10 and 90 GROUP BY 1",
        "SELECT segment, sum(churn_risk) FROM people WHERE churn_risk > 0.25 AND NOT country IN ('DE','FR') GROUP BY 1",
        "SELECT segment, count(*) FROM people WHERE currency = 'EUR' AND lifetime_value > 12.5 GROUP BY 1",
        "SELECT segment, count(*) FROM people WHERE churned_at is null OR loyalty_tier <> 'gold' GROUP BY 1",
        "SELECT status, count(*) FROM deals WHERE status in ('won','lost') AND (source = 'web' OR cycle_days < 30) GROUP BY 1",
    ],
)
def test_a_plan_written_down_makes_itself_again(sql: str) -> None:
    for plan in plan_question(sql, CATALOGUE).plans:
        again = plan_question(written(canonical(plan).decode()), CATALOGUE)
        assert plan_digest(plan) in {plan_digest(one) for one in again.plans}


def test_a_plan_of_a_table_that_is_gone_is_shown_as_it_is() -> None:
    plan = '{"aggregates":[],"group_by":[],"table":"gone","version":1,"where":null}'
    assert written(plan) == plan
