"""Whoever runs the index receives the bytes too: an answer leaves only when it may leave to both, in the stricter form."""

import hashlib

import pytest

from policies.engine.crossing import Entry, EntryBatch
from policies.engine.decision import Decision, FieldDecision, Obligation, RuleRef
from policies.engine.denial import Denied
from policies.engine.errors import Code
from policies.engine.record import from_bytes
from policies.engine.registry_parser import shipped_registry
from policies.engine.vocabulary import Form, Kind, Outcome, Shape
from regional_node.egress import gate as gate_module
from regional_node.egress.gate import Gate
from regional_node.egress.payload import person_bytes, share_bytes
from regional_node.egress.verdicts import Verdict, joined
from tests.unit.egress.ordinary import AT, IMPORTERS, PSEUDONYM, House, house

BATCH = EntryBatch(region="eu-de", feed_epoch="e", cursor=1, entries=(Entry(pseudonym=PSEUDONYM),), more=False)
SUBSIDIARY = """  - id: acme-de
    name: Acme Germany
    jurisdiction: EU
    state: DE
    facts: {group: true, role: controller}
    purposes: {analytics.reporting: A6-1-f, essential.service.operations.support: A6-1-b, functional.federation_index: A6-1-f}
"""
WAYS = {"share": lambda h, **told: h.ask(**told), "person": lambda h, **told: h.read("given_name", "email", **told)}


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path)
    (made.folder / "importers.yaml").write_text(IMPORTERS.rstrip() + "\n" + SUBSIDIARY)
    yield made
    made.readings.close()


def refused(h: House, ask) -> Denied:
    before = len(h.leaves())
    with pytest.raises(Denied) as denied:
        ask()
    (leaf,) = h.leaves()[before:]
    assert from_bytes(leaf).payload_length == 0
    assert not from_bytes(leaf).outcome.permits
    return denied.value


def test_an_index_that_may_not_have_a_record_does_not_get_it_in_anothers_name(ordinary):
    ordinary.index = "acme-us"
    denied = refused(ordinary, lambda: ordinary.read("given_name", importer="acme-hq"))
    assert "no_mechanism" in denied.decision.reasons
    assert "`acme-us`, which runs the index" in denied.what
    kept = from_bytes(ordinary.leaves()[-1])
    assert (kept.importer, kept.importer_jurisdiction, kept.analyst) == ("acme-us", "US", "a-17")


@pytest.mark.parametrize("way", WAYS)
def test_an_index_that_is_not_registered_receives_nothing(ordinary, way):
    ordinary.index = "somebody"
    denied = refused(ordinary, lambda: WAYS[way](ordinary))
    assert denied.code is Code.IMPORTER_UNKNOWN
    assert "`somebody`" in denied.what


@pytest.mark.parametrize("way", WAYS)
def test_an_index_without_the_purpose_receives_nothing(ordinary, way):
    every, only = SUBSIDIARY.partition("purposes: ")[2], "{functional.federation_index: A6-1-f}\n"
    (ordinary.folder / "importers.yaml").write_text(IMPORTERS.replace(every, only) + SUBSIDIARY)
    denied = refused(ordinary, lambda: WAYS[way](ordinary, importer="acme-de"))
    assert denied.decision.reasons == ("purpose_not_registered",)
    assert "`acme-hq`" in denied.what


def test_a_gate_that_decides_for_the_tickets_importer_alone_is_caught(ordinary, monkeypatch):
    ordinary.index = "acme-us"
    judged = Gate._judged
    monkeypatch.setattr(Gate, "_judged", lambda self, d, p, receivers, *more: judged(self, d, p, receivers[:1], *more))
    assert ordinary.read("given_name", importer="acme-hq").value.fields[0].value == "Wilhelmina"


def test_who_runs_the_index_and_asks_is_judged_and_recorded_once(ordinary, monkeypatch):
    asked = []
    decide = gate_module.decide
    monkeypatch.setattr(gate_module, "decide", lambda p, r, **k: (asked.append(r), decide(p, r, **k))[1])
    ordinary.ask()
    assert len(asked) == len(ordinary.leaves()) == 1


def test_both_who_receive_stand_in_the_ledger_with_what_they_received(ordinary):
    read = ordinary.read("given_name", importer="acme-de")
    shared = ordinary.ask(importer="acme-de")
    kept = [from_bytes(leaf) for leaf in ordinary.leaves()]
    assert [each.importer for each in kept] == ["acme-hq", "acme-de"] * 2
    seals = [hashlib.sha256(payload).hexdigest() for payload in (person_bytes(read.value), share_bytes(shared.value))]
    assert [each.payload_digest for each in kept] == [seals[0], seals[0], seals[1], seals[1]]
    assert [each.rho for each in kept] == ["", "", "", "1/200"]  # one answer, one charge
    assert (read.leaf.index, shared.leaf.index) == (1, 3)


def test_two_importers_do_not_share_a_recorded_answer(ordinary):
    first = ordinary.ask(importer="acme-hq")
    other = ordinary.ask(importer="acme-de")
    assert (first.value.recorded, other.value.recorded) == (False, False)
    assert [from_bytes(leaf).rho for leaf in ordinary.leaves() if from_bytes(leaf).rho] == ["1/200", "1/200"]
    assert ordinary.ask(importer="acme-de").value.recorded


@pytest.mark.parametrize("way", WAYS)
def test_the_purpose_of_the_keys_opens_nothing_but_keys(ordinary, way):
    denied = refused(ordinary, lambda: WAYS[way](ordinary, purpose="functional.federation_index"))
    assert denied.decision.reasons == ("purpose_not_for_answers",)
    assert "`analytics.reporting`" in denied.remedy
    assert "functional.federation_index" not in denied.decision.try_instead
    assert ordinary.gate().release_entries(BATCH, "acme-hq").value == BATCH


RULE = RuleRef(policy="p", law="EU", place="p.yaml:1")
REGISTRY = shipped_registry()


def verdict(
    importer: str, outcome: Outcome = Outcome.ALLOW, denial: str = "", noise: tuple[str, int] = (), **forms: Form
) -> Verdict:
    owed = (Obligation(name="noise", arguments={"rho_per_measure": noise[0], "min_cell": noise[1]}, rule=RULE),) if noise else ()
    fields = tuple(
        FieldDecision(name=n, category="user.name", form=f, rules=(RULE,), reasons=(importer,)) for n, f in forms.items()
    )
    decision = Decision(outcome=outcome, reasons=(importer,), rules=(RULE,), fields=fields, obligations=owed)
    draft = gate_module.DecisionRecord(
        kind=Kind.TRANSFER, at=AT, exporter_region="eu-de", exporter_jurisdiction="EU", importer=importer,
        importer_jurisdiction="EU", shape=Shape.RECORD, outcome=outcome, nonce="00" * 16,
    )  # fmt: skip
    return Verdict(decision=decision, draft=draft, denial=denial)


@pytest.mark.parametrize("order", [1, -1])
def test_each_field_leaves_in_the_stricter_of_two_forms(order):
    one, other = verdict("a", email=Form.MASK, name=Form.CLEAR), verdict("b", Outcome.REDACT, email=Form.CLEAR, name=Form.WITHHOLD)
    decision = joined([one, other][::order], REGISTRY).decision
    assert {f.name: f.form for f in decision.fields} == {"email": Form.MASK, "name": Form.WITHHOLD}
    assert decision.outcome is Outcome.REDACT


def test_a_field_that_one_of_two_does_not_mention_is_not_in_the_decision_on_both():
    assert joined([verdict("a", email=Form.CLEAR), verdict("b")], REGISTRY).decision.fields == ()


def test_two_noise_obligations_become_the_stricter_one():
    decision = joined([verdict("a", noise=("1/400", 10)), verdict("b", noise=("1/200", 25))], REGISTRY).decision
    (noise,) = decision.obligations
    assert dict(noise.arguments) == {"rho_per_measure": "1/400", "min_cell": 25}


def test_one_denial_of_two_denies():
    denied = joined([verdict("a"), verdict("b", Outcome.DENY, denial="no")], REGISTRY)
    assert denied.denial
    assert (denied.decision.outcome, denied.draft.importer) == (Outcome.DENY, "b")


def test_obligations_that_contradict_each_other_deny():
    odd = joined([verdict("a", noise=("1/400", 10)), verdict("b", noise=("much", 25))], REGISTRY)
    assert odd.denial
    assert (odd.decision.outcome, odd.decision.reasons) == (Outcome.DENY, ("obligation_conflict",))
