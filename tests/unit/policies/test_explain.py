"""An explanation names law, rule, place, citation, fact and remedy, and never another verdict than the decision's."""

from datetime import date

import pytest

from policies.engine.cases import load_cases
from policies.engine.evaluator import compile_policies, decide
from policies.engine.explain import explain
from policies.engine.parser import load
from policies.engine.registry_parser import SHIPPED
from policies.engine.request import FieldAsked, TransferRequest
from policies.engine.vocabulary import Kind

FILES = [SHIPPED.parent / f"{name}.yaml" for name in ("gdpr", "lgpd", "ccpa", "pci")]
POLICIES = compile_policies(load(FILES))
DAY = date(2026, 11, 22)
ORDINARY = {
    "exporter": {"region": "EU"},
    "importer": {"region": "US", "role": "controller", "dpf": {"listed": False}},
    "data": {"shape": "record", "categories": ["user.name"]},
    "purpose": "sales",
    "legal_basis": "A6-1-b",
    "subject": {"objected": False},
    "frequency": "systematic",
}


def said(facts=None, **parts):
    return explain(POLICIES, TransferRequest(kind=Kind.TRANSFER, facts=facts or ORDINARY, **parts), at=DAY)


def test_a_denial_names_the_law_the_rule_its_place_its_citation_and_the_decisive_facts():
    explanation = said()
    (law,) = (law for law in explanation.laws if law.law == "EU")
    (rule,) = law.determining
    assert law.verdict == "objects"
    assert rule.rule.policy == "eu-no-transfer-without-a-mechanism"
    assert rule.rule.place.startswith("gdpr.yaml:")
    assert {fact.path for fact in rule.facts} == {"importer.region", "mechanisms.state"}
    text = str(explanation)
    assert text.startswith("This may not leave.")
    assert "GDPR Art. 44; GDPR Art. 45; GDPR Art. 46" in text
    assert "the jurisdiction that the data would enter (`importer.region`) is `US`" in text


def test_each_way_out_says_what_it_needs_as_evidence():
    remedies = {remedy.name: remedy for remedy in said().remedies}
    assert remedies["scc_eu_2021"].evidence == ("module", "annexes_complete", "tia")
    assert "GDPR Art. 46(2)(c)" in str(remedies["scc_eu_2021"])
    assert any("importer.dpf.listed" in condition for condition in remedies["dpf"].conditions)


def test_a_step_outside_the_registry_names_the_rule_it_lifts():
    facts = {**ORDINARY, "importer": {"region": "EU", "role": "processor", "processor_contract": False}}
    (remedy,) = (found for found in said(facts).remedies if found.name == "processor_contract")
    assert remedy.kind == "lifts rule `eu-processor-needs-a-contract`"
    assert "importer.processor_contract" in str(remedy)


def test_a_fact_that_is_missing_is_named_with_its_rule():
    facts = {**ORDINARY, "importer": {"region": "EU", "role": "processor"}}
    (law,) = (law for law in said(facts).laws if law.law == "EU")
    (unknown,) = law.unknown
    assert law.verdict == "does not permit"
    assert [(fact.path, fact.known) for fact in unknown.facts] == [("importer.processor_contract", False)]
    assert "cannot be told" in str(said(facts))


def test_without_a_permission_the_nearest_ones_say_what_they_ask():
    facts = {**ORDINARY, "importer": {"region": "EU", "role": "controller"}}
    explanation = explain(POLICIES, TransferRequest(kind=Kind.STORAGE, facts={**facts, "importer": {"region": "US"}}), at=DAY)
    (law,) = (law for law in explanation.laws if law.law == "EU")
    assert [rule.rule.policy for rule in law.failed] == ["eu-local-storage"]
    assert "it asks that `importer.region` is `EU`" in str(explanation)


def test_each_field_names_its_form_and_rule():
    facts = {**ORDINARY, "importer": {"region": "EU", "role": "controller"}, "data": {"shape": "record"}}
    fields = (FieldAsked(name="email", category="user.contact.email"), FieldAsked(name="notes", category="user.content"))
    text = str(said(facts, fields=fields))
    assert "Field `email` (user.contact.email) leaves masked, by `eu-data-minimisation` (gdpr.yaml:" in text
    assert "Field `notes` (user.content) leaves not at all" in text


@pytest.mark.parametrize("name", ["gdpr", "lgpd", "ccpa", "pci"])
def test_every_case_is_explained_with_the_verdict_of_the_decider(name):
    for case in load_cases(SHIPPED.parent / f"{name}.cases.yaml", POLICIES.registry).cases:
        explanation = explain(POLICIES, case.request, at=case.at)
        decision = decide(POLICIES, case.request, at=case.at)
        assert explanation.decision == decision
        shown = {rule.rule for law in explanation.laws for rule in law.determining}
        assert set(decision.rules) <= shown
        body = explanation.as_json()
        assert body["outcome"] == decision.outcome.value
        assert [found["code"] for found in body["reasons"]] == list(decision.reasons)
        assert str(explanation)
