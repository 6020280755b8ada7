"""Every privacy account charges a question once, never beyond its cap, and never gives a period back."""

import threading
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.engine.errors import Code, DomicileError
from policies.engine.readings import SubjectClass
from regional_node.storage.accounts import StoredPrivacyAccount, StoredSpentTickets
from tests.contract.backends import fixture_engine, fixture_postgres_address  # noqa: F401 - fixtures
from tests.unit.egress.ordinary import AT

PERSON, COMPANY = SubjectClass.PERSON, SubjectClass.COMPANY
CAP = Fraction(1, 40)
STEP = Fraction(1, 200)
CHARGES = st.tuples(
    st.integers(0, 10**6), st.sampled_from([PERSON, COMPANY]), st.integers(1, 10**8), st.booleans(), st.integers(2024, 2028)
)


@pytest.fixture
def account(engine):
    return StoredPrivacyAccount(engine, caps={PERSON: CAP, COMPANY: CAP})


def charge(account, digest, **changed):
    return account.charge(**{"digest": digest, "subject_class": PERSON, "rho": STEP, "analyst": "a-17", "at": AT} | changed)


def test_a_charge_is_counted_once_for_each_digest(account):
    assert charge(account, "q1")
    assert not charge(account, "q1", analyst="a-18")
    assert charge(account, "q2")
    assert account.state(PERSON, at=AT).spent == 2 * STEP
    assert account.state(COMPANY, at=AT).spent == 0


def test_a_charge_beyond_the_cap_is_refused_and_leaves_no_trace(account):
    for number in range(5):
        charge(account, f"q{number}")
    with pytest.raises(DomicileError) as refused:
        charge(account, "q5")
    assert refused.value.code is Code.BUDGET_EXHAUSTED
    assert "2027-01-01" in refused.value.remedy
    assert account.state(PERSON, at=AT).spent == CAP
    assert not charge(account, "q0")


def test_both_classes_are_charged_or_neither(account):
    for number in range(5):
        charge(account, f"c{number}", subject_class=COMPANY)
    with pytest.raises(DomicileError):
        charge(account, "both", also=(COMPANY,))
    assert account.state(PERSON, at=AT).spent == 0
    assert charge(account, "both")


def test_a_charge_is_rounded_up(account):
    charge(account, "q", rho=Fraction(1, 3 * 10**9))
    assert account.state(PERSON, at=AT).spent == Fraction(1, 10**9)


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(-1, 200)])
def test_nothing_is_free_and_nothing_is_given_back(account, rho):
    with pytest.raises(DomicileError):
        charge(account, "q", rho=rho)


def test_a_new_year_has_a_new_budget_and_a_clock_set_back_gains_nothing(account):
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    for number in range(5):
        charge(account, f"q{number}")
    with pytest.raises(DomicileError):
        charge(account, "late", at=new_year - timedelta(microseconds=1))
    charge(account, "first", at=new_year)
    assert account.state(PERSON, at=AT).period == "2027"
    charge(account, "back", at=datetime(2025, 1, 1, tzinfo=UTC))
    assert account.state(PERSON, at=new_year).spent == 2 * STEP


def test_an_answer_is_kept_once_and_only_for_what_was_charged(account):
    charge(account, "q")
    assert account.recorded("q") is None
    account.record("q", b"answer", at=AT)
    assert account.recorded("q") == b"answer"
    for digest in ("q", "never charged"):
        with pytest.raises(DomicileError) as refused:
            account.record(digest, b"another", at=AT)
        assert refused.value.code is Code.LEDGER_BROKEN
    assert account.recorded("q") == b"answer"


def test_a_race_for_the_last_of_the_budget_has_one_winner(account):
    for number in range(4):
        charge(account, f"q{number}")
    won, lost = [], []

    def race(name):
        try:
            won.append(charge(account, f"race {name}"))
        except DomicileError as error:
            lost.append(error.code)

    threads = [threading.Thread(target=race, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [True]
    assert lost == [Code.BUDGET_EXHAUSTED] * 5
    assert account.state(PERSON, at=AT).spent == CAP


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHARGES, max_size=12))
def test_no_order_of_charges_passes_a_cap(account, data):
    for number, kind, parts, both, year in data:
        try:
            at = datetime(year, 6, 1, tzinfo=UTC)
            also = (COMPANY,) if both else ()
            charge(account, f"{number}", subject_class=kind, rho=Fraction(parts, 10**9), also=also, at=at)
        except DomicileError:
            continue
        assert account.state(kind, at=AT).spent <= CAP
        assert account.state(COMPANY, at=AT).spent <= CAP


def test_a_nonce_is_spent_once_and_forgotten_after_it_ends(engine):
    tickets = StoredSpentTickets(engine)
    end = AT + timedelta(minutes=2)
    assert tickets.spend("n1", expires_at=end, at=AT)
    assert not StoredSpentTickets(engine).spend("n1", expires_at=end, at=AT)
    assert not tickets.spend("n1", expires_at=end, at=end)
    assert tickets.spend("n2", expires_at=end + timedelta(minutes=5), at=end + timedelta(seconds=2))
    assert tickets.spend("n1", expires_at=end + timedelta(minutes=5), at=end + timedelta(seconds=3))


def test_a_race_with_one_ticket_has_one_winner(engine):
    tickets = StoredSpentTickets(engine)
    won = []
    threads = [
        threading.Thread(target=lambda: won.append(tickets.spend("n", expires_at=AT + timedelta(minutes=1), at=AT)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]
