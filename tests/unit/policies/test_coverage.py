"""Coverage tells which policies and conditions the cases saw hold and not hold; the tally keeps both sides apart."""

from dataclasses import replace

from policies.engine.cases import Case, Expected, load_cases, run
from policies.engine.coverage import measure
from policies.engine.evaluator import compile_policies
from policies.engine.parser import load
from policies.engine.registry_parser import SHIPPED
from policies.engine.tally import Tally
from policies.engine.vocabulary import Outcome

POLICIES = compile_policies(load([SHIPPED.parent / "gdpr.yaml", SHIPPED.parent / "lgpd.yaml"]))
CASES = load_cases(SHIPPED.parent / "gdpr.cases.yaml", POLICIES.registry).cases


def test_the_cases_of_the_gdpr_see_every_condition_both_ways():
    assert measure(POLICIES, CASES).of_law("EU").percent == 100.0
    assert measure(POLICIES, CASES).percent < 100.0


def test_without_the_case_the_condition_is_told_with_its_place():
    found = measure(POLICIES, [case for case in CASES if case.id != "onward-of-brazilian-data"]).of_law("EU")
    (missing,) = found.uncovered
    assert (missing.policy, missing.unseen) == ("eu-onward-needs-a-contract", "false")
    assert missing.part == "`exporter.origin_region` is `EU`"
    assert f"gdpr.yaml:{missing.place.line}:{missing.place.column}: eu-onward-needs-a-contract" in str(found)
    assert found.percent < 100.0


def test_without_cases_nothing_is_covered():
    assert measure(POLICIES, []).percent == 0.0


def test_a_case_asked_before_counts_all_the_same():
    run(POLICIES, CASES)
    assert measure(POLICIES, CASES).of_law("EU").percent == 100.0


def wrong(case: Case) -> Case:
    return replace(case, expected=Expected(outcome=Outcome.ALLOW, fields={}, arguments={}))


def test_the_tally_keeps_doubtful_cases_and_both_recalls_apart():
    denied = next(case for case in CASES if case.expected.outcome is Outcome.DENY)
    allowed = next(case for case in CASES if case.expected.outcome.permits)
    tally = Tally(results=tuple(run(POLICIES, [denied, replace(allowed, doubtful=True), wrong(denied)])))
    body = tally.as_json()
    assert (body["passed"], body["failed"]) == (2, 1)
    assert (body["allow_recall"], body["deny_recall"]) == (0.5, 1.0)
    assert body["firm"]["failed"] == 1
    assert body["doubtful"] == {"passed": 1, "failed": 0, "allow_recall": 1.0, "deny_recall": None, "ids": [allowed.id]}
    assert "doubtful: 1 of 1 right; allow-recall 1 of 1 (100.0 %), deny-recall 0 of 0" in str(tally)


def test_a_case_may_name_all_the_rules_of_its_file_and_the_arguments_of_an_obligation():
    case = next(case for case in CASES if case.id == "aggregate")
    assert run(POLICIES, [case])[0].passed
    fewer = replace(case, expected=replace(case.expected, rules=case.expected.rules[:1]))
    assert run(POLICIES, [fewer])[0].missing == ("no rule eu-aggregate-noise",)
    other = replace(case, expected=replace(case.expected, arguments={"noise": {"min_cell": 11}}))
    assert run(POLICIES, [other])[0].missing == ("obligation noise with min_cell 11",)
