"""A verdict remembered is the verdict: same content, same day, same bundle; anything else is decided afresh."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

import policies as shipped
from policies.engine.cases import SUFFIX, Case, load_cases
from policies.engine.evaluator import Policies, decide, load_policies
from policies.engine.memo import MOST, Memo

FOLDER = Path(shipped.__file__).parent
POLICIES = load_policies(FOLDER)
CASES = [case for path in sorted(FOLDER.glob(f"*{SUFFIX}")) for case in load_cases(path, POLICIES.registry).cases]
CASE = next(case for case in CASES if case.id == "intra-eea")


def fresh(policies: Policies = POLICIES) -> Policies:
    return replace(policies, memo=Memo())


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: case.id)
def test_the_second_verdict_is_the_first_and_that_of_a_memo_without_memory(case: Case) -> None:
    bundle = fresh()
    first = decide(bundle, case.request, at=case.at)
    assert decide(bundle, case.request, at=case.at) is first
    assert decide(fresh(), case.request, at=case.at) == first


def test_the_next_day_is_decided_afresh() -> None:
    bundle = fresh()
    decide(bundle, CASE.request, at=CASE.at)
    decide(bundle, CASE.request, at=CASE.at + timedelta(days=1))
    assert len(bundle.memo.verdicts) == 2


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, "1"), (None, False), ([], ()), ("a", ["a"]), (0, False)])
def test_facts_that_python_takes_for_equal_are_not_the_same(one: object, other: object) -> None:
    memo = Memo()
    keys = {memo.key(replace(CASE.request, facts={"subject": {"gpc": value}}), date(2026, 11, 22)) for value in (one, other)}
    assert len(keys) == 2


def test_a_fact_that_changes_after_the_verdict_is_not_remembered_with_it() -> None:
    importer = dict(CASE.request.facts["importer"])
    request = replace(CASE.request, facts={**CASE.request.facts, "importer": importer})
    bundle = fresh()
    before = decide(bundle, request, at=CASE.at)
    importer["region"] = "KP"
    assert decide(bundle, request, at=CASE.at).outcome is not before.outcome


def test_what_has_no_bytes_of_its_own_is_decided_afresh() -> None:
    class Foreign(dict[str, object]):
        pass

    assert Memo().key(replace(CASE.request, facts=Foreign()), CASE.at) is None
    assert decide(fresh(), replace(CASE.request, facts=Foreign(CASE.request.facts)), at=CASE.at) == decide(
        fresh(), CASE.request, at=CASE.at
    )


def test_a_memo_is_emptied_when_full() -> None:
    memo = Memo()
    for number in range(MOST + 1):
        memo.keep(memo.laws, number, ())
    assert len(memo.laws) == 1
