"""Numbers and days that may name a person: refused at the index and at the node, told without the value, kept nowhere."""

import json
from dataclasses import asdict, replace
from types import ModuleType

import pytest

from global_index.errors import QuestionError
from global_index.queries import literals
from global_index.queries.desk import Desk
from global_index.queries.expect import Advisor
from global_index.queries.plan import plan_question
from policies.engine.crossing import (
    Aggregate,
    AggregateKind,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Membership,
    Not,
    Operator,
    Plan,
    askable_numbers,
)
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import Bounds, ReadingColumn
from regional_node.usecases import questions
from tests.unit.index.ordinary import AT, CATALOGUE, WHO, FakeAsker, FakeDirectory, FakeHistory, here
from tests.unit.index.test_asking import fan_out

PHONE = "4915112345678"
CPF = "52998224725"
BORN = "1961-07-23"
TYPED = [
    f"lead_score = {PHONE}",
    f"lead_score = -{PHONE}",
    f"{PHONE} >= lead_score",
    f"lead_score in (5, {CPF})",
    f"lead_score between 0 and {CPF}",
    f"not (lead_score <> {CPF})",
    f"churn_risk < {CPF}",
    f"currency = 'EUR' and lifetime_value = {CPF}",
    f"currency = 'EUR' and lifetime_value = {CPF[:-2]}.{CPF[-2:]}",
    f"lead_score > 5 and last_activity_at = '{BORN}'",
    f"last_activity_at = date '{BORN}'",
    f"last_activity_at in ('2026-01-31', '{BORN}')",
    f"churned_at between '{BORN}' and '2026-01-31'",
    f"lead_score = {PHONE} and last_activity_at = '{BORN}'",
]
DOMAINS = {("people", "currency"): ("EUR",)}
COUNT = Aggregate(kind=AggregateKind.COUNT)


def shows(text: str) -> list[str]:
    """Which of the three stand in `text`, whole or without their signs."""
    return [one for one in (PHONE, CPF, CPF[:-2], BORN) if one in text]


def sql(condition: str) -> str:
    return " ".join(["select count(*) from people\nwhere", condition])


def told(error: BaseException) -> str:
    return " ".join([str(error), repr(error), repr(error.args), repr(vars(error)), str(error.__cause__)])


@pytest.mark.parametrize("condition", TYPED)
async def test_a_number_or_a_day_that_names_a_person_is_refused_and_appears_nowhere(
    condition: str, caplog: pytest.LogCaptureFixture
) -> None:
    asker, history = FakeAsker(), FakeHistory()
    desk = Desk(
        directory=FakeDirectory(),
        fan_out=fan_out(asker),
        history=history,
        advisor=Advisor(policies=None, importers={}, today=AT.date),
        elsewhere=here,
        new_id=lambda: "1" * 32,
        now=lambda: AT,
    )
    text = sql(condition)
    with caplog.at_level("DEBUG"):
        for way in (desk.explain, lambda text, _who: desk.check(text)):
            with pytest.raises(QuestionError):
                way(text, WHO)
        with pytest.raises(QuestionError) as refusal:
            await desk.ask(text, WHO)
    assert refusal.value.code is Code.QUESTION_INVALID
    assert (refusal.value.line, refusal.value.column > 1) == (2, True)
    assert " to " in refusal.value.remedy  # the range
    assert not shows(told(refusal.value) + caplog.text)
    assert not asker.asked
    assert not history.lines


NODE: list[Condition] = [
    Comparison(column="lead_score", operator=Operator.EQ, value=int(PHONE)),
    Comparison(column="lead_score", operator=Operator.GT, value=-1),
    Comparison(column="lead_score", operator=Operator.LE, value=101),
    Comparison(column="churn_risk", operator=Operator.LT, value=int(CPF)),
    Comparison(column="lifetime_value", operator=Operator.EQ, value=int(CPF)),
    Comparison(column="lifetime_value", operator=Operator.EQ, value=500_001),
    Membership(column="lead_score", values=(5, int(CPF))),
    Comparison(column="last_activity_at", operator=Operator.EQ, value=BORN),
    Comparison(column="last_activity_at", operator=Operator.EQ, value="2036-01-01"),
    Membership(column="last_activity_at", values=("2026-01-31", BORN), negated=True),
]


@pytest.mark.parametrize("condition", NODE)
@pytest.mark.parametrize("around", ["nothing", "not", "and", "or"])
def test_the_node_refuses_it_too_whatever_the_index_let_through(condition: Condition, around: str) -> None:
    other = Comparison(column="segment", operator=Operator.EQ, value="consumer")
    where = {
        "nothing": condition,
        "not": Not(condition=condition),
        "and": AllOf(conditions=(other, condition)),
        "or": AnyOf(conditions=(other, condition)),
    }[around]
    with pytest.raises(DomicileError) as refusal:
        questions.check_plan(Plan(table="people", aggregates=(COUNT,), where=where), DOMAINS)
    assert refusal.value.code is Code.QUESTION_UNSUPPORTED
    assert " to " in refusal.value.remedy
    assert not shows(told(refusal.value))


@pytest.mark.parametrize(
    "condition",
    [
        "lead_score between 0 and 100",
        "churn_risk between 0 and 1",
        "currency = 'EUR' and lifetime_value <= 5000",
        "last_activity_at between '2010-01-01' and '2035-12-31'",
    ],
)
def test_the_ends_of_the_ranges_are_taken_by_both(condition: str) -> None:
    (plan,) = plan_question(sql(condition), CATALOGUE).plans
    assert questions.check_plan(plan, DOMAINS).name == "people"


def test_a_column_without_bounds_takes_no_number_at_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(column: ReadingColumn) -> Bounds | None:
        return askable_numbers(replace(column, bounds=None))

    for module in (literals, questions):
        monkeypatch.setattr(module, "askable_numbers", unbounded)
    with pytest.raises(QuestionError, match="no declared bounds"):
        plan_question(sql("lead_score = 5"), CATALOGUE)
    where = Comparison(column="lead_score", operator=Operator.EQ, value=5)
    with pytest.raises(DomicileError, match="no declared bounds"):
        questions.check_plan(Plan(table="people", aggregates=(COUNT,), where=where), DOMAINS)


@pytest.mark.parametrize("careless", [literals, questions])
def test_a_build_without_the_guard_is_caught_by_the_same_look(careless: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(careless, "askable_numbers", lambda _column: Bounds(low=-(2**62), high=2**62))
    monkeypatch.setattr(careless, "askable_day", lambda _day: True)
    if careless is literals:
        assert shows(json.dumps([asdict(plan) for plan in plan_question(sql(TYPED[-1]), CATALOGUE).plans])) == [PHONE, BORN]
    else:
        for where in NODE:
            questions.check_plan(Plan(table="people", aggregates=(COUNT,), where=where), DOMAINS)
