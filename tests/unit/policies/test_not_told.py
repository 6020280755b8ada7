"""What is not told denies, whichever rule asks for it; and nothing that a request says makes the decision raise."""

from dataclasses import replace
from datetime import date

import pytest

from policies.engine.evaluator import compile_policies, decide, load_policies
from policies.engine.parser import parse_text
from policies.engine.registry_parser import SHIPPED
from policies.engine.request import FieldAsked, TransferRequest
from policies.engine.vocabulary import Form, Kind, Outcome

AT = date(2026, 11, 22)
PERMIT = "policy: open\nlaw: EU\ntitle: t\ncite: [c]\neffect: permit\nwhen: {importer.region: EU}\n---\n"
RULE = "policy: asks\nlaw: EU\ntitle: t\ncite: [c]\neffect: EFFECT\nwhen: {subject.gpc: true}\nMORE\n"
MORE = {"prohibit": "reasons: [no_permit]", "review": "reasons: [no_permit]", "oblige": "obligations: [record_ropa]"}
ORDINARY = TransferRequest(
    kind=Kind.TRANSFER,
    facts={
        "exporter": {"region": "EU", "state": "DE"},
        "importer": {"region": "EU", "state": "IE"},
        "data": {"shape": "record", "categories": ["user.contact.email"]},
        "purpose": "sales",
        "legal_basis": "A6-1-f",
    },
)


def policies(effect: str):
    return compile_policies(parse_text(PERMIT + RULE.replace("EFFECT", effect).replace("MORE", MORE[effect]), "x.yaml"))


@pytest.mark.parametrize("effect", MORE)
def test_a_fact_that_a_rule_asks_for_and_nobody_states_denies(effect):
    decision = decide(policies(effect), ORDINARY, at=AT)
    assert (decision.outcome, decision.reasons) == (Outcome.DENY, ("indeterminate_input",))
    assert any("asks: `subject.gpc` not stated" in fault for fault in decision.faults)


@pytest.mark.parametrize("effect", MORE)
def test_the_same_fact_stated_otherwise_leaves_the_permit_alone(effect):
    told = replace(ORDINARY, facts={**ORDINARY.facts, "subject": {"gpc": False}})
    assert decide(policies(effect), told, at=AT).outcome is Outcome.ALLOW


SHIPPED_POLICIES = load_policies(SHIPPED.parent)


@pytest.mark.parametrize("claimed", [["adequacy"], {"of": "it"}, 7, True, None, ""])
def test_a_claim_whose_name_is_no_text_is_no_mechanism_and_does_not_raise(claimed):
    request = replace(
        ORDINARY, facts={**ORDINARY.facts, "importer": {"region": "US", "role": "controller"}}, mechanisms=({"id": claimed},)
    )
    assert not decide(SHIPPED_POLICIES, request, at=AT).outcome.permits


@pytest.mark.parametrize("categories", [["user.bogus"], "user.contact.email", [7], [["user.name"]], {"user.name": True}, True])
def test_categories_that_cannot_be_read_deny_though_no_rule_reads_them(categories):
    told = replace(ORDINARY, facts={**ORDINARY.facts, "data": {"shape": "record", "categories": categories}})
    decision = decide(compile_policies(parse_text(PERMIT.removesuffix("---\n"), "x.yaml")), told, at=AT)
    assert decision.outcome is Outcome.DENY
    assert "`data.categories` is not of its declared type or values" in decision.faults


def test_a_field_of_an_unknown_category_does_not_leave():
    decision = decide(SHIPPED_POLICIES, replace(ORDINARY, fields=(FieldAsked(name="n", category="bogus"),)), at=AT)
    assert not decision.outcome.permits or decision.fields[0].form is Form.WITHHOLD
