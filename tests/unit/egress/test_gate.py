"""Nothing leaves but by the gate's road: decided, transformed, recorded, released, in that order; every fault keeps it in."""

import ast
import hashlib
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine.crossing import Entry, EntryBatch, Released, plan_digest
from policies.engine.denial import Denied
from policies.engine.errors import Code, DomicileError
from policies.engine.merkle import leaf_hash
from policies.engine.record import from_bytes
from policies.engine.registry_parser import shipped_registry
from policies.engine.vocabulary import Form, Outcome
from protos.status import trailer_of
from regional_node.crm.fields import RecordType, field_of
from regional_node.egress import gate as gate_module
from regional_node.egress import verdicts, views
from regional_node.egress.forms import put_into_form
from regional_node.egress.gate import Gate
from regional_node.egress.payload import batch_bytes, person_bytes, share_bytes
from regional_node.egress.policy_source import PolicySource
from tests.unit.egress.ordinary import IMPORTERS, PERSON, PLAN, POLICIES, PSEUDONYM, House, house, record

CANARIES = [str(PERSON[name]) for name in ("email", "phone", "street", "city", "postal_code", "date_of_birth", "notes")]
BATCH = EntryBatch(region="eu-de", feed_epoch="e", cursor=1, entries=(Entry(pseudonym=PSEUDONYM),), more=False)


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path)
    yield made
    made.readings.close()


def accounted_for(h: House, released: Released, payload: bytes) -> bool:
    """Whether the ledger holds, where the release says, a record of exactly this payload."""
    leaves = h.leaves()
    if not 0 <= released.leaf.index < len(leaves):
        return False
    leaf = leaves[released.leaf.index]
    kept = from_bytes(leaf)
    seal = (hashlib.sha256(payload).hexdigest(), len(payload))
    return leaf_hash(leaf) == released.leaf.leaf_hash and (kept.payload_digest, kept.payload_length) == seal


def nobody(h: House, *fields: str, **told: str):
    """Ask for a person who does not exist."""
    return h.read(*(fields or ("email",)), pseudonym=b"\xff" * 16, **told)


def refused(h: House, ask, code: Code = Code.TRANSFER_DENIED) -> Denied:
    """The denial of a call: recorded, without a payload."""
    before = len(h.leaves())
    with pytest.raises(Denied) as denied:
        ask()
    assert denied.value.code is code
    assert not denied.value.decision.outcome.permits
    (leaf,) = h.leaves()[before:]
    assert from_bytes(leaf).payload_length == 0
    assert not from_bytes(leaf).outcome.permits
    return denied.value


def test_an_ordinary_share_leaves_with_its_record(ordinary):
    released = ordinary.ask()
    assert released.decision.outcome is Outcome.ALLOW
    assert released.value.rho == "1/200"
    assert accounted_for(ordinary, released, share_bytes(released.value))


def test_a_record_says_who_asked_for_what_under_which_policy_and_names_nobody(ordinary):
    released = ordinary.ask()
    kept = from_bytes(ordinary.leaves()[released.leaf.index])
    assert (kept.analyst, kept.importer, kept.purpose, kept.rho) == ("a-17", "acme-hq", "analytics.reporting", "1/200")
    assert kept.plan_digest == plan_digest(PLAN)
    assert kept.policy_digest == released.decision.policy_digest
    assert kept.reading_epoch == "2026-11-22"
    assert set(kept.categories) == {"user.contact.address.country", "user.behavior", "user.behavior.purchase_history"}


def test_the_road_is_walked_in_its_order(ordinary, monkeypatch):
    walked = []
    for name in ("_decided", "_recorded"):
        step = getattr(Gate, name)
        monkeypatch.setattr(Gate, name, lambda *a, _s=step, _n=name, **k: (walked.append(_n), _s(*a, **k))[1])
    gate = ordinary.gate()
    answer = gate._answering.answer
    monkeypatch.setattr(gate._answering, "answer", lambda *a, **k: (walked.append("answer"), answer(*a, **k))[1])
    gate.release_share(PLAN, ordinary.ticket(plan_digest(PLAN)))
    assert walked == ["_decided", "answer", "_recorded"]


@pytest.mark.parametrize(
    "ask", [lambda h: h.ask(), lambda h: h.read("email"), lambda h: h.gate().release_entries(BATCH, "acme-hq")]
)
def test_when_the_ledger_fails_nothing_leaves(ordinary, ask):
    class Full:
        def append(self, leaf, *, at):
            raise DomicileError("the store has no space left", code=Code.STORE_FULL)

    ordinary.ledger = Full()
    with pytest.raises(DomicileError) as failed:
        ask(ordinary)
    assert failed.value.code is Code.STORE_FULL


def test_a_gate_that_forgets_the_record_is_caught(ordinary, monkeypatch):
    monkeypatch.setattr(Gate, "_recorded", lambda self, *a, **k: gate_module.LeafRef(index=0, leaf_hash=b"\0" * 32))
    released = ordinary.read("given_name")
    assert not accounted_for(ordinary, released, person_bytes(released.value))


def test_a_gate_that_records_something_else_is_caught(ordinary, monkeypatch):
    monkeypatch.setattr(gate_module, "person_bytes", lambda view: b"something else")
    released = ordinary.read("given_name")
    assert not accounted_for(ordinary, released, person_bytes(released.value))


def test_fields_leave_each_in_its_form(ordinary):
    released = ordinary.read("given_name", "email", "phone", "city", "postal_code", "date_of_birth", "street", "notes", "country")
    left = {field.name: (field.form, field.value) for field in released.value.fields}
    assert left == {
        "given_name": (Form.CLEAR, "Wilhelmina"),
        "email": (Form.MASK, "w•••@c•••.example"),
        "phone": (Form.MASK, "•••89"),
        "city": (Form.GENERALISE, "Berlin"),
        "postal_code": (Form.GENERALISE, "10•••"),
        "date_of_birth": (Form.GENERALISE, "1980s"),
        "street": (Form.WITHHOLD, None),
        "notes": (Form.WITHHOLD, None),
        "country": (Form.CLEAR, "DE"),
    }
    assert accounted_for(ordinary, released, person_bytes(released.value))
    assert all(field.rules for field in released.value.fields)


def test_what_is_withheld_is_in_no_byte_that_leaves_or_is_kept(ordinary):
    released = ordinary.read("email", "phone", "street", "city", "postal_code", "date_of_birth", "notes")
    written = person_bytes(released.value) + b"".join(ordinary.leaves()) + repr(released).encode()
    assert [canary for canary in CANARIES if canary.encode() in written] == []


def test_a_gate_that_does_not_transform_is_caught_by_the_same_look(ordinary, monkeypatch):
    monkeypatch.setattr(views, "put_into_form", lambda spec, form, values, **_: str(values[spec.name]))
    released = ordinary.read("email", "street")
    assert [canary for canary in CANARIES if canary.encode() in person_bytes(released.value)]


def test_a_field_that_the_decision_does_not_mention_is_withheld(ordinary, monkeypatch):
    decide = gate_module.decide
    monkeypatch.setattr(gate_module, "decide", lambda *a, **k: replace(decide(*a, **k), fields=()))
    released = ordinary.read("given_name")
    assert [(field.form, field.value) for field in released.value.fields] == [(Form.WITHHOLD, None)]


def test_an_unknown_field_is_refused_with_the_nearest_names(ordinary):
    with pytest.raises(DomicileError) as unknown:
        ordinary.read("e_mail")
    assert unknown.value.code is Code.INPUT_UNKNOWN
    assert "`email`" in unknown.value.remedy


def test_nobody_behind_a_pseudonym_is_said_so_and_recorded(ordinary):
    refused(ordinary, lambda: nobody(ordinary), Code.RECORD_NOT_FOUND)
    kept = from_bytes(ordinary.leaves()[-1])
    assert (kept.outcome, kept.reasons, kept.subject) == (Outcome.DENY, ("record_not_found",), "")


def test_an_importer_without_a_mechanism_is_denied_and_told_what_would_do(ordinary):
    denied = refused(ordinary, lambda: ordinary.read("email", importer="acme-us"))
    assert "no_mechanism" in denied.decision.reasons
    assert "dpf" in denied.decision.try_instead
    assert any("GDPR" in cite for rule in denied.decision.rules for cite in rule.cite)


def test_an_organisation_that_is_not_registered_is_denied(ordinary):
    refused(ordinary, lambda: ordinary.ask(importer="somebody"), Code.IMPORTER_UNKNOWN)


def test_a_purpose_that_is_not_registered_is_denied(ordinary):
    denied = refused(ordinary, lambda: ordinary.ask(purpose="sales"))
    assert denied.decision.reasons == ("purpose_not_registered",)


def test_a_register_that_cannot_be_read_registers_nobody(ordinary):
    (ordinary.folder / "importers.yaml").write_text(IMPORTERS + "\n  - {id: x, nam: y}\n")
    refused(ordinary, ordinary.ask, Code.IMPORTER_UNKNOWN)


def test_an_unknown_jurisdiction_denies(ordinary):
    (ordinary.folder / "importers.yaml").write_text(IMPORTERS.replace("jurisdiction: US", "jurisdiction: ZZ"))
    refused(ordinary, lambda: ordinary.read("email", importer="acme-us"))


def test_a_fault_of_the_evaluator_denies(ordinary, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(gate_module, "decide", broken)
    denied = refused(ordinary, ordinary.ask)
    assert denied.decision.reasons == ("indeterminate_input",)


def test_without_policies_nothing_leaves(ordinary, tmp_path):
    (tmp_path / "none").mkdir()
    ordinary.policies = PolicySource(tmp_path / "none")
    refused(ordinary, ordinary.ask, Code.POLICY_MISSING)
    refused(ordinary, lambda: ordinary.gate().release_entries(BATCH, "acme-hq"), Code.POLICY_MISSING)


def test_an_invalid_policy_stops_everything_until_it_is_mended(ordinary, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    shutil.copy(POLICIES / "gdpr.yaml", folder)
    ordinary.policies = PolicySource(folder)
    ordinary.ask()
    (folder / "extra.yaml").write_text("policy: [")
    refused(ordinary, ordinary.ask, Code.POLICY_INVALID)
    (folder / "extra.yaml").unlink()
    ordinary.ask()


def test_an_aggregate_without_a_noise_obligation_is_denied(ordinary, monkeypatch):
    decide = gate_module.decide
    monkeypatch.setattr(gate_module, "decide", lambda *a, **k: replace(decide(*a, **k), obligations=()))
    assert refused(ordinary, ordinary.ask).decision.reasons == ("noise_missing",)


def test_an_obligation_that_the_node_cannot_carry_out_denies(ordinary):
    clauses = "mechanisms: [{id: scc_eu_2021, module: 2, annexes_complete: true, tia: 2026-05-01}]"
    text = IMPORTERS.replace("    purposes: {essential", f"    {clauses}\n    purposes: {{essential").replace(
        "role: controller, dpf", "role: processor, processor_contract: true, dpf"
    )
    (ordinary.folder / "importers.yaml").write_text(text)
    denied = refused(ordinary, lambda: ordinary.read("email", importer="acme-us"))
    assert denied.decision.reasons == ("obligation_not_dischargeable",)
    assert "copy_on_request" in denied.decision.try_instead


def test_a_used_ticket_is_refused_and_stays_refused_for_another_gate(ordinary):
    ticket = ordinary.ticket(plan_digest(PLAN))
    ordinary.gate().release_share(PLAN, ticket)
    for _ in range(2):
        with pytest.raises(DomicileError) as replay:
            ordinary.gate().release_share(PLAN, ticket)
        assert replay.value.code is Code.TICKET_REFUSED
    assert len(ordinary.leaves()) == 1


@pytest.mark.parametrize(
    "changed", [{"region": "br-sp"}, {"request_digest": "0" * 64}, {"purpose": "gossip"}], ids=["region", "request", "purpose"]
)
def test_a_ticket_for_something_else_is_refused(ordinary, changed):
    with pytest.raises(DomicileError) as wrong:
        ordinary.ask(**changed)
    assert wrong.value.code is Code.TICKET_REFUSED
    assert ordinary.leaves() == []


def test_an_expired_or_foreign_ticket_is_refused(ordinary):
    ticket = ordinary.ticket(plan_digest(PLAN))
    ordinary.now += timedelta(minutes=3)
    with pytest.raises(DomicileError, match="expired"):
        ordinary.gate().release_share(PLAN, ticket)
    ordinary.index_key = Ed25519PrivateKey.from_private_bytes(b"j" * 32)
    foreign = ordinary.ticket(plan_digest(PLAN))
    ordinary.index_key = Ed25519PrivateKey.from_private_bytes(b"i" * 32)
    with pytest.raises(DomicileError, match="signature"):
        ordinary.gate().release_share(PLAN, foreign)


def test_the_same_question_gives_the_same_bytes_and_costs_nothing(ordinary):
    first, again = ordinary.ask(), ordinary.ask(analyst="a-18")
    assert again.value.recorded
    assert share_bytes(first.value) == share_bytes(again.value)
    kept = [from_bytes(ordinary.leaves()[each.leaf.index]) for each in (first, again)]
    assert [(each.rho, each.recorded) for each in kept] == [("1/200", False), ("1/200", True)]


def test_the_same_question_in_another_order_is_the_same_question(ordinary):
    first = ordinary.ask()
    again = ordinary.ask(replace(PLAN, group_by=PLAN.group_by[::-1], aggregates=PLAN.aggregates[::-1]))
    assert again.value.recorded
    turned = {cell.keys[::-1]: cell.values[::-1] for cell in again.value.cells}
    assert turned == {cell.keys: cell.values for cell in first.value.cells}
    assert again.value.noise == first.value.noise[::-1]


def test_a_recorded_answer_is_not_given_to_who_may_not_ask(ordinary):
    ordinary.ask()
    refused(ordinary, lambda: ordinary.ask(importer="somebody"), Code.IMPORTER_UNKNOWN)


def test_entries_leave_as_keys_under_their_own_decision(ordinary):
    released = ordinary.gate().release_entries(BATCH, "acme-hq")
    assert released.value == BATCH
    assert accounted_for(ordinary, released, batch_bytes(BATCH))
    denied = refused(ordinary, lambda: ordinary.gate().release_entries(BATCH, "acme-us"))
    assert "pseudonym_is_personal_data" in denied.decision.reasons


def test_nothing_but_the_gate_lets_a_pseudonym_of_one_importer_match_anothers(ordinary):
    spec = field_of(RecordType.PEOPLE, "email")
    values = {"email": PERSON["email"]}
    keys = (b"1" * 32, b"2" * 32)
    one, other = (put_into_form(spec, Form.PSEUDONYM, values, forms={}, pseudonym_key=lambda key=k: key) for k in keys)
    assert one != other
    assert PERSON["email"] not in (one, other)


def test_the_facts_of_a_person_are_those_of_the_record(ordinary, monkeypatch):
    asked = []
    decide = gate_module.decide
    monkeypatch.setattr(gate_module, "decide", lambda p, r, **k: (asked.append(r), decide(p, r, **k))[1])
    ordinary.person = record(PERSON | {"date_of_birth": date(2012, 11, 23)})
    ordinary.read("given_name")
    assert [each.facts["subject"] for each in asked] == [
        {"region": "EU", "natural_person": True},
        {"region": "EU", "natural_person": True, "type": "customer", "age": 13},
    ]
    ordinary.person = record({"given_name": "Ada"})
    ordinary.read("given_name")
    assert asked[-1].facts["subject"] == {"region": "EU", "natural_person": True}


NO_MINORS = """
policy: eu-no-minors
law: EU
title: Nobody below the age of consent is read from outside
cite: ["GDPR Recital 38"]
kind: transfer
effect: prohibit
when: {law.child: true}
reasons: [child_consent_invalid]
"""
MINOR, ADULT, UNKNOWN = ({**PERSON, "date_of_birth": born} for born in (date(2015, 1, 1), date(1984, 3, 17), None))


def under(h: House, text: str) -> None:
    """The shipped European policies and one more."""
    folder = h.folder / "policies"
    folder.mkdir()
    shutil.copy(POLICIES / "gdpr.yaml", folder)
    (folder / "extra.yaml").write_text(text)
    h.policies = PolicySource(folder)


def told_of(h: House, person: dict | None, **asked: str) -> tuple:
    """What crosses the border when a person, or nobody, is asked for and denied."""
    h.person = record(person or PERSON)
    with pytest.raises(Denied) as denied:
        nobody(h, "given_name", **asked) if person is None else h.read("given_name", **asked)
    return trailer_of(denied.value)


def test_a_denial_is_the_same_for_whoever_stands_behind_the_pseudonym_and_for_nobody(ordinary):
    under(ordinary, NO_MINORS)
    assert len({told_of(ordinary, person, importer="acme-us") for person in (MINOR, ADULT, UNKNOWN, None)}) == 1
    assert len({told_of(ordinary, person) for person in (MINOR, UNKNOWN, None)}) == 1
    assert len({told_of(ordinary, person, purpose="sales") for person in (MINOR, ADULT, None)}) == 1


def test_an_adult_is_read_where_a_minor_is_not_and_the_ledger_knows_why(ordinary):
    under(ordinary, NO_MINORS)
    assert ordinary.read("given_name").value.fields[0].value == "Wilhelmina"
    told_of(ordinary, MINOR)
    kept = from_bytes(ordinary.leaves()[-1])
    assert "child_consent_invalid" in kept.reasons
    assert kept.subject == "ab" * 32


def test_a_gate_that_tells_the_verdict_on_the_person_is_caught(ordinary, monkeypatch):
    under(ordinary, NO_MINORS)
    monkeypatch.setattr(Gate, "_deny_unseen", lambda self, verdict, _: self._deny(verdict.draft, verdict.decision, verdict.denial))
    assert told_of(ordinary, MINOR) != told_of(ordinary, UNKNOWN)


def test_a_person_erased_this_moment_is_nobody(ordinary):
    def erased():
        raise DomicileError("the person's key is gone", code=Code.RECORD_NOT_FOUND)

    gate = ordinary.gate()
    gate._people = lambda _: gate_module.Subject(record=record(), mark=erased)
    ordinary.gate = lambda: gate
    refused(ordinary, lambda: ordinary.read("given_name"), Code.RECORD_NOT_FOUND)


@pytest.mark.parametrize("asked", [("city",), ("city", "state")])
def test_a_state_that_may_not_leave_does_not_leave_as_a_city(ordinary, monkeypatch, asked):
    assert ordinary.read(*asked).value.fields[0].value == "Berlin"
    decide = gate_module.decide

    def strict(*given, **named):
        decision = decide(*given, **named)
        fields = tuple(replace(f, form=Form.MASK) if f.name == "state" else f for f in decision.fields)
        return replace(decision, fields=fields)

    monkeypatch.setattr(gate_module, "decide", strict)
    released = ordinary.read(*asked)
    city = released.value.fields[0]
    assert (city.form, city.value) == (Form.WITHHOLD, None)
    assert b"Berlin" not in person_bytes(released.value)


@pytest.mark.parametrize("name", ["extra.yml", "extra.YAML", "below/extra.yaml", "registry/extra.yaml"])
def test_a_prohibition_where_no_policy_is_read_stops_everything(ordinary, name):
    under(ordinary, NO_MINORS)
    ordinary.read("given_name")
    shutil.copytree(POLICIES / "registry", ordinary.folder / "policies" / "registry")
    stray = ordinary.folder / "policies" / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(NO_MINORS)
    refused(ordinary, lambda: ordinary.read("given_name"), Code.POLICY_INVALID)
    assert name in str(ordinary.policies.fault)
    stray.unlink()
    ordinary.read("given_name")


def test_every_reason_of_the_gate_has_its_sentence():
    tree = ast.parse("\n".join(Path(m.__file__).read_text(encoding="utf-8") for m in (gate_module, verdicts)))
    given = [n.args[0] for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "refusal"]
    given += [part for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg == "reasons" for part in ast.walk(n.value)]
    reasons = {n.value for n in given if isinstance(n, ast.Constant)} | {"form_not_possible", "no_permit"}
    assert {"record_not_found", "budget_exhausted", "noise_missing"} <= reasons
    assert reasons <= set(shipped_registry().reasons)
