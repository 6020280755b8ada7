"""Merging shares: sums, variances, margins, what was withheld, and what is done with noisy figures afterwards."""

from decimal import Decimal
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from global_index.queries.answer import Answer, Mark
from global_index.queries.merge import CONFIDENCE, merge
from global_index.queries.plan import plan_question
from global_index.queries.question import Question
from policies.engine.crossing import Share
from tests.unit.index.ordinary import CATALOGUE, QUESTION, share

Cells = dict[tuple[str | None, ...], tuple[int, ...]]


def asked(text: str) -> Question:
    return plan_question(text, CATALOGUE)


def shares_of(
    question: Question, cells: dict[str, Cells], suppressed: dict[str, int] | None = None, sd: int = 2
) -> dict[str, list[Share | None]]:
    held = suppressed or {}
    return {name: [share(name, question.plans[0], own, suppressed=held.get(name, 0), sd=sd)] for name, own in cells.items()}


def values(answer: Answer) -> list[tuple[object, ...]]:
    return [row.values for row in answer.rows]


def test_cells_of_regions_add_up_by_key() -> None:
    question = asked(QUESTION)  # measures in plan order: sum, count
    cells: dict[str, Cells] = {
        "eu-de": {("DE", "consumer"): (12_345, 100), ("FR", "consumer"): (500, 20)},
        "us-ca": {("DE", "consumer"): (100, 3)},
    }
    answer = merge(question, shares_of(question, cells), CATALOGUE)
    assert values(answer) == [
        ("DE", "consumer", 103, Decimal("124.45")),
        ("FR", "consumer", 20, Decimal("5.00")),
    ]


def test_margins_are_of_the_sum_of_variances() -> None:
    question = asked("select count(*) from people")
    answer = merge(question, shares_of(question, {"eu-de": {(): (10,)}, "br-sp": {(): (20,)}}, sd=3), CATALOGUE)
    assert answer.rows[0].margins == (round(CONFIDENCE * 18**0.5, 2),)


def test_a_cell_withheld_in_one_region_makes_the_merged_cell_partial() -> None:
    question = asked("select country, count(*) from people group by country")
    cells: dict[str, Cells] = {"eu-de": {("DE",): (100,), ("FR",): (40,)}, "us-ca": {("US",): (50,)}}
    answer = merge(question, shares_of(question, cells, suppressed={"us-ca": 1}), CATALOGUE)
    marks = {row.values[0]: row.marks[1] for row in answer.rows}
    # us-ca announced DE and US: only DE can be what it withheld
    assert marks == {"DE": Mark.PARTIAL, "FR": Mark.WHOLE, "US": Mark.WHOLE}


def test_a_figure_that_every_region_withheld_is_marked_and_never_zero() -> None:
    question = asked("select count(*) from people")
    answer = merge(question, shares_of(question, {"eu-de": {}}, suppressed={"eu-de": 1}), CATALOGUE)
    assert values(answer) == [(None,)]
    assert answer.rows[0].marks == (Mark.WITHHELD,)


def test_no_region_no_row() -> None:
    question = asked("select count(*) from people")
    assert merge(question, {}, CATALOGUE).rows == ()


def test_grouped_by_region_nothing_is_added_across() -> None:
    question = asked("select region, count(*) from people group by region order by 2 desc")
    answer = merge(question, shares_of(question, {"eu-de": {(): (10,)}, "br-sp": {(): (20,)}}), CATALOGUE)
    assert values(answer) == [("br-sp", 20), ("eu-de", 10)]


def test_an_average_is_a_sum_by_a_count_with_the_margin_of_both() -> None:
    question = asked("select avg(lead_score) from people")
    plan = question.plans[0]
    order = [m.kind.value for m in plan.aggregates]
    cell = tuple({"sum": 5_000, "count": 100}[kind] for kind in order)
    answer = merge(question, {"eu-de": [share("eu-de", plan, {(): cell}, sd=2)]}, CATALOGUE)
    assert values(answer) == [(Decimal("50.00"),)]
    assert isclose(answer.rows[0].margins[0] or 0, CONFIDENCE * (4 + 2500 * 4) ** 0.5 / 100, rel_tol=1e-3)


def test_an_average_over_a_count_that_may_be_zero_is_withheld() -> None:
    question = asked("select avg(lead_score) from people")
    answer = merge(question, {"eu-de": [share("eu-de", question.plans[0], {(): (3, 3)}, sd=2)]}, CATALOGUE)
    assert answer.rows[0].values == (None,)
    assert answer.rows[0].marks == (Mark.WITHHELD,)


def test_amounts_grouped_by_currency_have_the_decimals_of_their_row() -> None:
    question = asked("select currency, sum(lifetime_value) from people group by currency")
    cells: dict[str, Cells] = {"eu-de": {("EUR",): (12_345,), ("JPY",): (12_345,)}}
    assert values(merge(question, shares_of(question, cells), CATALOGUE)) == [("EUR", Decimal("123.45")), ("JPY", 12_345)]


def test_having_order_and_limit_work_on_noisy_figures() -> None:
    question = asked(
        "select country, count(*) as n from people group by country having n > 15 and country <> 'FR' order by n desc limit 1"
    )
    cells: dict[str, Cells] = {"eu-de": {("DE",): (16,), ("FR",): (99,), ("US",): (30,), ("BR",): (3,)}}
    assert values(merge(question, shares_of(question, cells), CATALOGUE)) == [("US", 30)]


def test_rows_without_a_key_come_last_unless_told_otherwise() -> None:
    cells: dict[str, Cells] = {"eu-de": {(None,): (1,), ("DE",): (2,)}}
    for order, first in (("", "DE"), ("order by country desc", "DE"), ("order by country nulls first", None)):
        question = asked(" ".join(["select country, count(*) from people group by country", order]))
        assert merge(question, shares_of(question, cells), CATALOGUE).rows[0].values[0] == first


@given(st.lists(st.dictionaries(st.sampled_from(["DE", "FR", "US", None]), st.integers(-(10**12), 10**12)), max_size=6))
def test_merging_adds_as_plain_addition_does(parts: list[dict[str | None, int]]) -> None:
    question = asked("select country, count(*) from people group by country")
    shares = {f"r{n}": [share(f"r{n}", question.plans[0], {(k,): (v,) for k, v in own.items()})] for n, own in enumerate(parts)}
    expected: dict[str | None, int] = {}
    for own in parts:
        for key, value in own.items():
            expected[key] = expected.get(key, 0) + value
    assert {row.values[0]: row.values[1] for row in merge(question, shares, CATALOGUE).rows} == expected
