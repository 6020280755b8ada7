"""A duty that people carry out is carried out when the register says so, and not otherwise."""

import pytest

from policies.engine.decision import Decision, Obligation, RuleRef
from policies.engine.vocabulary import Outcome, Shape
from regional_node.egress.discharge import Circumstances, left_over
from regional_node.egress.importers import Importer
from tests.unit.egress.ordinary import AT

DUTIES = {
    "transparency_13_1_f": "notice_names_transfer",
    "honour_deletion_downstream": "deletion_forwarded",
    "service_provider_terms": "ccpa_contract",
    "keep_tia_current": "tia_kept_current",
    "copy_on_request": "clauses_copied_on_request",
}


def undone(duty, **facts):
    owed = Obligation(name=duty, arguments={}, rule=RuleRef(policy="p", law="EU", place="p.yaml:1"))
    importer = Importer(id="hq", name="HQ", jurisdiction="EU", purposes={}, facts=facts)
    decision = Decision(outcome=Outcome.ALLOW_WITH_OBLIGATIONS, reasons=(), obligations=(owed,))
    return left_over(decision, Circumstances(importer=importer, shape=Shape.RECORD, at=AT.date()))


@pytest.mark.parametrize("duty", DUTIES)
def test_a_duty_of_people_needs_its_fact_in_the_register(duty):
    assert undone(duty, **{DUTIES[duty]: True}) == ()
    assert undone(duty) == (duty,)
    others = {fact: True for fact in DUTIES.values() if fact != DUTIES[duty]}
    assert undone(duty, **others) == (duty,)


@pytest.mark.parametrize("duty", DUTIES)
@pytest.mark.parametrize("stated", [False, None, 1, "true", "yes"])
def test_nothing_but_true_states_it(duty, stated):
    assert undone(duty, **{DUTIES[duty]: stated}) == (duty,)


def test_a_duty_that_is_not_known_is_not_carried_out():
    assert undone("sing", sing=True) == ("sing",)
