"""One ordinary request, with one thing changed."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine import verdict
from policies.engine.cases import load_cases, run
from policies.engine.deadline_cases import run_deadline
from policies.engine.decision import Obligation, RuleRef
from policies.engine.evaluator import compile_policies, decide, load_policies
from policies.engine.memo import Memo
from policies.engine.obligations import merge
from policies.engine.parser import load, parse_text
from policies.engine.registry_parser import SHIPPED, shipped_registry
from policies.engine.request import FieldAsked, TransferRequest
from policies.engine.vocabulary import Form, Kind, Outcome

POLICIES = load_policies(SHIPPED.parent)
AT = date(2026, 11, 22)
GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "law" / "cases.yaml"
ORDINARY = TransferRequest(
    kind=Kind.TRANSFER,
    facts={
        "exporter": {"region": "EU", "state": "DE"},
        "importer": {"region": "EU", "state": "IE", "role": "controller"},
        "data": {"shape": "record", "categories": ["user.contact.email"]},
        "purpose": "analytics.reporting",
        "legal_basis": "A6-1-f",
    },
)
DPF = {"region": "US", "role": "controller", "dpf": {"listed": True, "covers": ["non_hr"]}}


def asked(**facts):
    return replace(ORDINARY, facts={**ORDINARY.facts, **facts})


def test_an_ordinary_request_is_allowed_with_its_rule_place_and_citation():
    decision = decide(POLICIES, ORDINARY, at=AT)
    assert (decision.outcome, decision.reasons) == (Outcome.ALLOW, ("intra_eea",))
    assert decision.rules[0].place.startswith("gdpr.yaml:")
    assert decision.rules[0].cite
    assert decision.policy_digest == POLICIES.digest


def test_no_policies_deny():
    decision = decide(compile_policies(load([])), ORDINARY, at=AT)
    assert (decision.outcome, decision.reasons) == (Outcome.DENY, ("no_policy",))


def test_a_law_without_policies_denies_though_another_permits():
    decision = decide(POLICIES, replace(ORDINARY, laws=("ZZ",)), at=AT)
    assert (decision.outcome, decision.reasons) == (Outcome.DENY, ("no_policy",))


def test_all_laws_that_attach_must_permit():
    decision = decide(POLICIES, asked(importer=DPF, subject={"type": "customer", "region": "BR"}), at=AT)
    assert decision.outcome is Outcome.DENY
    assert "scc_br" in decision.try_instead


@pytest.mark.parametrize("path", ["exporter", "importer", "purpose", "legal_basis"])
def test_a_fact_that_is_not_stated_denies(path):
    facts = {key: value for key, value in asked(importer=DPF).facts.items() if key != path}
    decision = decide(POLICIES, replace(ORDINARY, facts=facts), at=AT)
    assert decision.outcome is Outcome.DENY
    assert "indeterminate_input" in decision.reasons
    assert decision.faults


@pytest.mark.parametrize(
    "wrong",
    [
        {"importer": {**DPF, "dpf": {"listed": "true", "covers": ["non_hr"]}}},
        {"importer": "US"},
        {"purpose": "world.domination"},
        {"legal_basis": 6},
        {"data": {"shape": "blob", "categories": ["user.contact.email"]}},
        {"data": {"shape": "record", "categories": ["user.aura"]}},
        {"data": {"shape": "record", "categories": "user.contact.email"}},
        {"exporter": {"region": "XX"}},
        {"exporter": {"region": 7}},
    ],
)
def test_a_value_that_cannot_be_read_denies(wrong):
    decision = decide(POLICIES, asked(**wrong), at=AT)
    assert decision.outcome is Outcome.DENY
    assert decision.faults


def test_an_unknown_fact_in_a_permit_does_not_undo_another_permit_but_in_a_prohibition_it_denies():
    texts = {
        effect: f"policy: p\nlaw: EU\ntitle: t\ncite: [c]\neffect: {effect}\nwhen: {{subject.gpc: true}}\nreasons: [no_permit]\n"
        for effect in ("permit", "prohibit")
    }
    ordinary = "policy: q\nlaw: EU\ntitle: t\ncite: [c]\neffect: permit\nwhen: {importer.region: EU}\n---\n"
    assert decide(compile_policies(parse_text(ordinary + texts["permit"], "x")), ORDINARY, at=AT).outcome is Outcome.ALLOW
    assert decide(compile_policies(parse_text(ordinary + texts["prohibit"], "x")), ORDINARY, at=AT).outcome is Outcome.DENY


def test_one_objection_outweighs_every_permit():
    decision = decide(POLICIES, asked(importer=DPF, legal_basis="A6-1-a", consent={"status": "withdrawn"}), at=AT)
    assert decision.outcome is Outcome.DENY
    assert decision.reasons[0] == "consent_withdrawn" or "consent_withdrawn" in decision.reasons


def test_review_is_not_a_permit():
    text = "policy: p\nlaw: EU\ntitle: t\ncite: [c]\neffect: {}\nwhen: {{importer.region: EU}}\nreasons: [no_permit]\n"
    both = text.format("permit") + "---\n" + text.format("review").replace("policy: p", "policy: q")
    decision = decide(compile_policies(parse_text(both, "x")), ORDINARY, at=AT)
    assert decision.outcome is Outcome.REVIEW
    assert not decision.outcome.permits


@pytest.mark.parametrize(
    ("region", "importer", "first", "last"),
    [("EU", DPF, date(2023, 7, 10), None), ("EU", {"region": "GB", "role": "controller"}, date(2021, 6, 28), date(2031, 12, 26)),
     ("BR", {"region": "EU", "role": "controller"}, date(2026, 1, 27), None)],
)  # fmt: skip
def test_adequacy_opens_on_its_first_day_and_ends_after_its_last(region, importer, first, last):
    request = asked(exporter={"region": region}, importer=importer, subject={"type": "customer"}, legal_basis="contract")
    assert not decide(POLICIES, request, at=first.replace(day=first.day - 1)).outcome.permits
    assert decide(POLICIES, request, at=first).outcome.permits
    if last:
        assert decide(POLICIES, request, at=last).outcome.permits
        assert not decide(POLICIES, request, at=last.replace(day=last.day + 1)).outcome.permits


FIELDS = (
    FieldAsked(name="name", category="user.name"),
    FieldAsked(name="email", category="user.contact.email"),
    FieldAsked(name="notes", category="user.content"),
)


def test_each_field_leaves_in_its_own_form_with_rule_and_citation():
    decision = decide(POLICIES, replace(ORDINARY, fields=FIELDS), at=AT)
    assert decision.outcome is Outcome.REDACT
    assert [f.form for f in decision.fields] == [Form.CLEAR, Form.MASK, Form.WITHHOLD]
    assert decision.field("email").rules[0].policy == "eu-data-minimisation"
    assert "GDPR Art. 5(1)(c)" in decision.field("email").rules[0].cite


def test_a_denial_withholds_every_field():
    decision = decide(POLICIES, replace(asked(importer={"region": "US", "role": "controller"}), fields=FIELDS), at=AT)
    assert decision.outcome is Outcome.DENY
    assert {f.form for f in decision.fields} == {Form.WITHHOLD}


def test_a_field_that_no_permit_covers_is_withheld_and_the_strictest_form_wins():
    text = "policy: {}\nlaw: EU\ntitle: t\ncite: [c]\neffect: permit\nwhen: {{importer.region: EU}}\nfields: {}\n"
    one, two = text.format("p", "{user.name: clear, user.contact: clear}"), text.format("q", "{user.contact: mask}")
    decision = decide(compile_policies(parse_text(one + "---\n" + two, "x")), replace(ORDINARY, fields=FIELDS), at=AT)
    assert [f.form for f in decision.fields] == [Form.CLEAR, Form.MASK, Form.WITHHOLD]


def test_without_the_strictest_rule_the_mask_would_be_lost(monkeypatch):
    monkeypatch.setattr(verdict, "STRICTNESS", {form: -form.strictness for form in Form})
    decision = decide(replace(POLICIES, memo=Memo()), replace(ORDINARY, fields=FIELDS), at=AT)
    assert decision.field("email").form is Form.CLEAR


def test_an_aggregate_owes_noise_with_exact_fractions():
    request = replace(asked(data={"shape": "aggregate", "categories": ["user.behavior"]}), kind=Kind.RELEASE)
    decision = decide(POLICIES, request, at=AT)
    assert decision.outcome is Outcome.ALLOW
    assert dict(decision.obligation("noise").arguments) == {"rho_per_measure": "1/400", "min_cell": 10}


def test_of_two_noise_obligations_the_smaller_rho_and_the_larger_cell_win():
    rule = RuleRef(policy="p", law="EU", place="x:1")
    one = Obligation(name="noise", arguments={"rho_per_measure": "1/400", "min_cell": 10}, rule=rule)
    two = Obligation(name="noise", arguments={"rho_per_measure": "1/800", "min_cell": 5}, rule=rule)
    merged = merge(one, two, shipped_registry().obligations["noise"])
    assert dict(merged.arguments) == {"rho_per_measure": "1/800", "min_cell": 10}


def test_an_importer_without_a_mechanism_is_told_what_would_have_allowed_it():
    decision = decide(POLICIES, asked(importer={"region": "US", "role": "controller", "dpf": {"listed": False}}), at=AT)
    assert decision.reasons == ("no_mechanism",)
    assert decision.try_instead[:3] == ("dpf", "scc_eu_2021", "bcr_eu")
    assert any("GDPR Art. 46" in rule.cite for rule in decision.rules)


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the golden suite of law cases is not beside this repository")
def test_the_golden_cases_of_the_shipped_laws_pass():
    golden = load_cases(GOLDEN, POLICIES.registry)
    results = run(POLICIES, golden.cases)
    assert len(results) >= 82
    assert [(r.case.id, r.missing) for r in results if not r.passed] == []
    deadlines = [run_deadline(case) for case in golden.deadlines]
    assert len(deadlines) >= 8
    assert [each.case.id for each in deadlines if not each.passed] == []


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200),
    st.sampled_from(["EU", "US", "BR", "record", "aggregate", "A6-1-f", "sales", ""]),
)
_FACTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["region", "role", "dpf", "listed", "shape", "status"]), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["exporter", "importer", "subject", "data", "purpose", "legal_basis", "consent"]), _FACTS, max_size=7
    ),
    st.sampled_from(list(Kind)),
    st.lists(st.dictionaries(st.sampled_from(["id", "tia"]), _FACTS, max_size=2), max_size=2),
)
def test_whatever_is_asked_there_is_a_verdict_and_a_permit_has_a_rule(facts, kind, claims):
    decision = decide(POLICIES, TransferRequest(kind=kind, facts=facts, mechanisms=tuple(claims)), at=AT)
    assert decision.reasons
    assert decision.rules or decision.outcome is Outcome.DENY
    assert not (decision.faults and decision.outcome.permits)


def test_special_fields_stay_even_where_the_minimisation_rule_is_gone():
    documents = load(SHIPPED.parent)
    fewer = replace(documents, policies=tuple(p for p in documents.policies if p.name != "eu-data-minimisation"))
    religion = FieldAsked(name="religion", category="user.demographic.religious_belief")
    decision = decide(compile_policies(fewer), replace(ORDINARY, fields=(*FIELDS, religion)), at=AT)
    assert decision.field("religion").form is Form.WITHHOLD
    assert decision.field("notes").form is Form.CLEAR


def test_a_denial_for_another_reason_names_no_mechanism_that_would_not_help():
    inside = asked(importer={"region": "EU", "state": "IE", "role": "processor", "processor_contract": False})
    decision = decide(POLICIES, inside, at=AT)
    assert decision.outcome is Outcome.DENY
    assert decision.try_instead == ("processor_contract",)
