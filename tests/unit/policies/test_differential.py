"""Two readings of one policy, the decider's and the solver's: random requests must not tell them apart."""

from datetime import date
from itertools import islice

import pytest

pytest.importorskip("z3", reason="z3-solver is not installed: pip install --require-hashes -r requirements/analysis.txt")

from policies.engine import evaluator
from policies.engine.derived import DERIVED
from policies.engine.evaluator import compile_policies, decide, load_policies
from policies.engine.parser import parse_text
from policies.engine.registry_parser import SHIPPED
from policies.engine.request import TransferRequest
from policies.engine.symbolic import derived as symbolic_derived
from policies.engine.symbolic.concrete import encode
from policies.engine.symbolic.model import Model, model
from policies.engine.vocabulary import Form, Kind
from tests.policy_requests import Requests
from tests.walking import walk

pytestmark = pytest.mark.filterwarnings("ignore:Requested Holidays")  # of the years that the package of holidays does not reach

POLICIES = load_policies(SHIPPED.parent)
SEED = 20261122
SHORT = 400
MILLION = 1_000_000


def reading_of(compiled: Model):
    """The solver's reading as a function from an assignment to outcome and forms."""
    verdicts = compiled.sides[0].verdicts
    grades = [(word, grade) for word, reach in verdicts.reach.items() for grade in reach]
    formulas = dict(verdicts.outcomes)
    formulas |= {pair: verdicts.reach[pair[0]][pair[1]] for pair in grades}
    evaluate = walk({str(key): when for key, when in formulas.items()})

    def read(request, at):
        found = evaluate(encode(compiled.space, request, at))
        outcome = next(outcome for outcome in verdicts.outcomes if found[str(outcome)])
        forms = {}
        for asked in request.fields:
            grade = max((g for g in verdicts.reach[asked.category] if found[str((asked.category, g))]), default=0)
            forms[asked.name] = Form.WITHHOLD if outcome.value == "deny" else list(Form)[grade]
        return outcome, forms

    return read


def differences(policies, kind, count, seed, ask=decide):
    """What the two readings do not agree on, and how often each outcome came about."""
    compiled = model(kind, [policies])
    read = reading_of(compiled)
    found, seen = [], {}
    for request, at in islice(iter(Requests(policies, kind, compiled.space, seed)), count):
        decision = ask(policies, request, at=at)
        theirs = read(request, at)
        ours = (decision.outcome, {f.name: f.form for f in decision.fields})
        seen[decision.outcome] = seen.get(decision.outcome, 0) + 1
        if ours != theirs:
            found.append((request, at, ours, theirs))
    return found, seen


@pytest.mark.parametrize("kind", list(Kind))
def test_the_decider_and_the_solver_read_every_request_alike(kind):
    found, seen = differences(POLICIES, kind, SHORT, SEED)
    assert found == []
    assert len(seen) > 1, "nothing was ever permitted, so nothing was compared"


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_a_million_requests_are_read_alike():
    each = MILLION // len(Kind)
    assert [request for kind in Kind for request in differences(POLICIES, kind, each, SEED + 1)[0]] == []


def test_the_solver_knows_every_fact_that_the_engine_computes():
    assert set(symbolic_derived.COMPUTED) == set(DERIVED)


SMALL = """
policy: p
law: EU
title: t
cite: [c]
effect: permit
when: {importer.region: EU}
---
policy: q
law: EU
title: t
cite: [c]
effect: prohibit
when: {subject.objected: true, importer.role: processor}
reasons: [no_permit]
"""


def test_a_decider_that_overlooks_an_error_inside_a_prohibition_is_found_out(monkeypatch):
    policies = compile_policies(parse_text(SMALL, "small.yaml"))
    assert differences(policies, Kind.TRANSFER, 300, SEED)[0] == []
    monkeypatch.setattr(evaluator, "_untold", lambda *_: None)
    weakened = compile_policies(parse_text(SMALL, "small.yaml"))
    found, _ = differences(weakened, Kind.TRANSFER, 3_000, SEED)
    assert {(ours[0].value, theirs[0].value) for _, _, ours, theirs in found} == {("allow", "deny")}


def test_a_law_whose_permits_ask_for_other_categories_denies_and_is_not_passed_over():
    text = "policy: p\nlaw: EU\ntitle: t\ncite: [c]\neffect: permit\nwhen: {data.categories: {has: user.name}}\n"
    policies = compile_policies(parse_text(text, "small.yaml"))
    facts = {"exporter": {"region": "EU"}, "data": {"categories": ["user.health_and_medical"]}}
    assert not decide(policies, TransferRequest(kind=Kind.TRANSFER, facts=facts), at=date(2026, 11, 22)).outcome.permits
    assert differences(policies, Kind.TRANSFER, 300, SEED)[0] == []


@pytest.mark.parametrize("laws", [("PCI",), ()])
def test_an_overlay_alone_permits_nothing(laws):
    facts = {"exporter": {} if laws else {"region": "PCI"}, "importer": {"region": "US"}}
    assert not decide(POLICIES, TransferRequest(kind=Kind.TRANSFER, facts=facts, laws=laws), at=date(2026, 11, 22)).outcome.permits
