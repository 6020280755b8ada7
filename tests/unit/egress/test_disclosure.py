"""Every declared cell is answered with noise; what an answer costs follows from what one subject can change."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from policies.engine.crossing import Aggregate, AggregateKind, Comparison, DatePart, GroupKey, Operator, Plan
from policies.engine.decision import Obligation, RuleRef
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import OTHER, TABLES, SubjectClass
from regional_node.egress.answering import in_order
from regional_node.egress.disclosure import NoiseTerms, disclosure, noise_terms, noised, question_digest
from regional_node.egress.thresholds import threshold
from regional_node.usecases.readings import Clamp, ExactCell
from tests.unit.egress.ordinary import COUNT, PLAN, SPENT, seeded

TERMS = NoiseTerms(rho_per_measure=Fraction(1, 400), min_cell=10)
CLAMPS = (Clamp(low=0, high=1), Clamp(low=0, high=500_000))
REGION = {("people", "country"): ("DE", "AT", OTHER), ("orders", "country"): ("DE", OTHER), ("orders", "currency"): ("EUR", OTHER)}
TODAY = date(2026, 11, 22)


def how(plan=PLAN, clamps=CLAMPS, terms=TERMS):
    return disclosure(plan, TABLES[plan.table], clamps, terms, domains=REGION, frozen_on=TODAY)


def test_every_key_of_the_cross_product_is_there_null_and_other_too():
    keys = how().keys
    assert len(keys) == len(set(keys)) == 4 * 7
    assert (None, None) in keys
    assert (OTHER, "consumer") in keys


def test_a_column_that_is_never_empty_has_no_null_cell():
    keys = how(
        Plan(table="people", group_by=(GroupKey(column="created_at", part=DatePart.YEAR),), aggregates=(COUNT,)), CLAMPS[:1]
    ).keys
    assert keys == (*((f"{year}-01-01",) for year in range(2017, 2027)), (OTHER,))


def test_months_go_back_ten_years_and_end_today():
    months = how(
        Plan(table="people", group_by=(GroupKey(column="churned_at", part=DatePart.MONTH),), aggregates=(COUNT,)), CLAMPS[:1]
    ).keys
    assert months[0] == ("2017-01-01",)
    assert months[-3] == ("2026-11-01",)
    assert len(months) == 9 * 12 + 11 + 2


def test_too_many_cells_are_refused_with_a_remedy():
    plan = Plan(
        table="people",
        group_by=(GroupKey(column="segment"), GroupKey(column="lead_source"), GroupKey(column="churned_at", part=DatePart.MONTH)),
        aggregates=(COUNT,),
    )
    with pytest.raises(DomicileError) as refused:
        how(plan, CLAMPS[:1])
    assert refused.value.code is Code.QUESTION_UNSUPPORTED
    assert refused.value.remedy


def test_a_question_pays_for_each_measure():
    assert how().rho == Fraction(2, 400)
    assert how().counted_by == 0


def test_a_question_without_a_count_pays_for_one():
    alone = how(replace(PLAN, aggregates=(SPENT,)), CLAMPS[1:])
    assert alone.rho == Fraction(2, 400)
    assert alone.counted_by is None
    assert alone.counting == 200


def test_rows_of_one_subject_raise_the_noise_of_a_count():
    orders = Plan(table="orders", aggregates=(COUNT, Aggregate(kind=AggregateKind.SUM, column="amount", currency="EUR")))
    found = how(orders, (Clamp(low=0, high=10), Clamp(low=0, high=100_000)))
    assert found.variances == (Fraction(10**2 * 200), Fraction(100_000**2 * 4 * 200))
    assert found.counted_by is None
    assert found.counting == 4 * 200


def test_rows_that_may_be_a_companys_are_charged_to_both_accounts():
    found = how(Plan(table="orders", aggregates=(COUNT,)), (Clamp(low=0, high=10),))
    assert (found.subject_class, found.also) == (SubjectClass.PERSON, (SubjectClass.COMPANY,))
    assert how().also == ()


def test_a_cell_without_rows_is_noised_like_any_other():
    quiet = replace(how(), min_cell=-(10**6), threshold=-(10**6))
    cells, suppressed = noised(quiet, [], seeded(1).randrange)
    assert len(cells) == len(quiet.keys)
    assert suppressed == 0
    assert any(cell.values[0] != 0 for cell in cells)


def test_cells_under_the_threshold_are_taken_out_by_their_noised_count():
    exact = [ExactCell(keys=("DE", "consumer"), totals=(5_000, 10**9), subjects=5_000)]
    sharp = replace(how(), variances=(Fraction(1), Fraction(1)), counting=Fraction(1))
    cells, suppressed = noised(sharp, exact, seeded(2).randrange)
    assert [cell.keys for cell in cells] == [("DE", "consumer")]
    assert suppressed == len(sharp.keys) - 1


def test_what_lies_outside_the_declared_cells_is_never_answered():
    strange = [ExactCell(keys=("Canarytown", "consumer"), totals=(9_999, 1), subjects=9_999)]
    cells, _ = noised(replace(how(), min_cell=-(10**6), threshold=-(10**6)), strange, seeded(3).randrange)
    assert all(cell.keys != ("Canarytown", "consumer") for cell in cells)


def test_equal_questions_have_one_digest_and_others_another():
    def digest(plan=PLAN, **changed):
        asked = in_order(plan)
        told = {"policy_digest": "p", "epoch": "2026-11-22", "importer": "acme-hq", "purpose": "analytics.reporting"} | changed
        return question_digest(asked, how(asked), CLAMPS, **told)

    same = replace(PLAN, group_by=PLAN.group_by[::-1], aggregates=PLAN.aggregates[::-1])
    assert digest(same) == digest()
    others = [
        digest(policy_digest="q"),
        digest(epoch="2026-11-23"),
        digest(importer="acme-us"),
        digest(purpose="sales"),
        digest(replace(PLAN, where=Comparison(column="segment", operator=Operator.EQ, value="consumer"))),
    ]
    assert len({digest(), *others}) == 6


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"rho_per_measure": "0", "min_cell": 10},
        {"rho_per_measure": "-1/4", "min_cell": 10},
        {"rho_per_measure": "2", "min_cell": 10},
        {"rho_per_measure": "1/0", "min_cell": 10},
        {"rho_per_measure": "much", "min_cell": 10},
        {"rho_per_measure": 1, "min_cell": 10},
        {"rho_per_measure": "1/400"},
        {"rho_per_measure": "1/400", "min_cell": 0},
        {"rho_per_measure": "1/400", "min_cell": True},
    ],
)
def test_noise_that_cannot_be_read_is_no_permit(arguments):
    owed = Obligation(name="noise", arguments=arguments, rule=RuleRef(policy="p", law="EU", place="gdpr.yaml:1"))
    with pytest.raises(DomicileError) as refused:
        noise_terms(owed)
    assert refused.value.code is Code.TRANSFER_DENIED


def cells_shown(found, seeds=range(100)):
    """In how many of the answers to a question about nobody anybody appears."""
    return sum(bool(noised(found, [], seeded(seed).randrange)[0]) for seed in seeds)


def test_over_a_large_domain_hardly_an_answer_shows_a_group_of_nobody():
    """131 months, nobody in any: in one answer of a hundred at most a month appears; two standard deviations show some in most."""
    months = Plan(table="people", group_by=(GroupKey(column="churned_at", part=DatePart.MONTH),), aggregates=(COUNT,))
    found = how(months, CLAMPS[:1])
    assert cells_shown(found) <= 4
    assert cells_shown(replace(found, threshold=29), range(20)) > 15


def test_the_threshold_grows_with_the_cells_and_is_never_under_the_least_group():
    few, many = (threshold(Fraction(200), cells=cells, min_cell=10) for cells in (1, 4_096))
    assert (few, many) == (34, 66)
    assert threshold(Fraction(1, 4), cells=1, min_cell=10) == 10


def test_another_threshold_makes_another_question():
    """Else an answer that was recorded under a lower one would be served again."""
    told = {"policy_digest": "p", "epoch": "2026-11-22", "importer": "acme-hq", "purpose": "analytics.reporting"}
    assert question_digest(PLAN, how(), CLAMPS, **told) != question_digest(PLAN, replace(how(), threshold=29), CLAMPS, **told)


def test_a_count_of_rows_below_zero_or_too_small_is_withheld():
    """200 people hold the orders of the cell, so it is there; its count of rows has five times the noise and may be below zero."""
    orders = Plan(table="orders", aggregates=(COUNT,))
    found = how(orders, (Clamp(low=0, high=10),))
    exact = [ExactCell(keys=(), totals=(200,), subjects=200)]
    counts = [noised(found, exact, seeded(seed).randrange)[0] for seed in range(200)]
    assert all(cell.values[0] >= 10 for cells in counts for cell in cells)
    unwatched = [noised(replace(found, row_counts=()), exact, seeded(seed).randrange)[0] for seed in range(200)]
    assert any(cell.values[0] < 0 for cells in unwatched for cell in cells)


def test_a_small_count_over_everybody_is_withheld():
    everybody = how(Plan(table="people", aggregates=(COUNT,)), CLAMPS[:1])
    shown = [noised(everybody, [], seeded(seed).randrange) for seed in range(300)]
    assert sum(bool(cells) for cells, _ in shown) <= 6
