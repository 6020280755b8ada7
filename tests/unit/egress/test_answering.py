"""The account is charged before an answer exists, once for each question, and never beyond its cap, wherever a crash falls."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.engine.crossing import Comparison, Operator, plan_digest
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import SubjectClass
from policies.engine.record import from_bytes
from policies.engine.vocabulary import Outcome
from regional_node.egress.payload import share_bytes
from tests.unit.egress.ordinary import AT, PLAN, house


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path, people=60)
    yield made
    made.readings.close()


def spent(h):
    return h.account.state(SubjectClass.PERSON, at=AT).spent


def about(value: int):
    return replace(PLAN, where=Comparison(column="lifetime_value", operator=Operator.GE, value=value))


@pytest.mark.parametrize(
    ("part", "step"), [("account", "charge"), ("readings", "measure"), ("account", "record"), ("ledger", "append")]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_step_is_finished_by_a_retry_without_a_second_charge(ordinary, monkeypatch, part, step, when):
    real = getattr(ordinary, part)
    whole = getattr(real, step)

    def dies(*arguments, **named):
        if when == "after":
            whole(*arguments, **named)
        raise Killed

    monkeypatch.setattr(real, step, dies)
    with pytest.raises(Killed):
        ordinary.ask()
    monkeypatch.undo()
    charged_already = (step, when) != ("charge", "before")
    assert spent(ordinary) == (Fraction(1, 200) if charged_already else 0)
    first, again = ordinary.ask(), ordinary.ask()
    assert share_bytes(first.value) == share_bytes(again.value)
    assert spent(ordinary) == Fraction(1, 200)
    assert {from_bytes(leaf).rho for leaf in ordinary.leaves()} == {"1/200"}


def test_a_charge_stands_even_when_the_projection_fails(ordinary, monkeypatch):
    def fails(*_):
        raise DomicileError("the projection cannot be read", code=Code.INTERNAL)

    monkeypatch.setattr(ordinary.readings, "measure", fails)
    with pytest.raises(DomicileError):
        ordinary.ask()
    assert spent(ordinary) == Fraction(1, 200)
    assert ordinary.leaves() == []


def test_what_another_copy_recorded_first_is_what_leaves(ordinary, monkeypatch):
    answer = ordinary.ask().value
    recorded = ordinary.account.recorded
    looks = []

    def late(digest):
        looks.append(digest)
        return None if len(looks) == 1 else recorded(digest)

    monkeypatch.setattr(ordinary.account, "recorded", late)
    assert share_bytes(ordinary.ask().value) == share_bytes(answer)
    assert spent(ordinary) == Fraction(1, 200)


def test_an_exhausted_account_says_what_is_left_and_computes_nothing(tmp_path, monkeypatch):
    h = house(tmp_path, people=20, caps="1/100")
    h.ask(about(1))
    h.ask(about(2))
    monkeypatch.setattr(h.readings, "measure", lambda *_: pytest.fail("computed without a charge"))
    with pytest.raises(DomicileError) as refused:
        h.ask(about(3))
    assert refused.value.code is Code.BUDGET_EXHAUSTED
    assert "costs 0.005, 0 is left of 2026" in refused.value.what
    kept = from_bytes(h.leaves()[-1])
    assert (len(h.leaves()), kept.outcome, kept.reasons, kept.rho) == (3, Outcome.DENY, ("budget_exhausted",), "")
    assert h.ask(about(1)).value.recorded
    h.readings.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=14))
def test_the_budget_is_never_exceeded_and_each_question_paid_once(tmp_path_factory, asked):
    h = house(tmp_path_factory.mktemp("budget"), people=5, caps="1/40")
    answered = {}
    for value, kill in asked:
        plan = about(value)
        gate = h.gate()
        if kill:
            gate._answering._readings = None  # the process ends before anything is charged
            with pytest.raises(AttributeError):
                gate.release_share(plan, h.ticket(plan_digest(plan)))
        elif value in answered or len(answered) < 5:
            bytes_left = share_bytes(gate.release_share(plan, h.ticket(plan_digest(plan))).value)
            assert answered.setdefault(value, bytes_left) == bytes_left
        else:
            with pytest.raises(DomicileError) as refused:
                gate.release_share(plan, h.ticket(plan_digest(plan)))
            assert refused.value.code is Code.BUDGET_EXHAUSTED
    assert spent(h) == Fraction(len(answered), 200)
    assert spent(h) <= Fraction(1, 40)
    h.readings.close()
