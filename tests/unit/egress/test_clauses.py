"""Standard clauses: what a denial says would have allowed it does allow it once the register states it whole, and not before."""

from dataclasses import replace

import pytest

from policies.engine.denial import Denied
from policies.engine.registry_parser import shipped_registry
from regional_node.egress.stated import DUTY_FACTS
from tests.unit.egress.ordinary import IMPORTERS, NODE, House, house, record

EUROPE = "[{id: scc_eu_2021, module: 1, annexes_complete: true, tia: 2026-05-01}]"
BRAZIL = "[{id: scc_br, unmodified: true, transparency_page: true}]"
KEPT = ("tia_kept_current", "clauses_copied_on_request")


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path, people=2)
    yield made
    made.readings.close()


def registered(h: House, mechanisms: str, *facts: str) -> House:
    """The American company with these mechanisms and duties kept."""
    stated = "can_resolve_pseudonym: true" + "".join(f", {fact}: true" for fact in facts) + "}\n    mechanisms: " + mechanisms
    hq, us = IMPORTERS.split("  - id: acme-us")
    (h.folder / "importers.yaml").write_text(hq + "  - id: acme-us" + us.replace("can_resolve_pseudonym: true}", stated))
    return h


def brazilian(h: House) -> House:
    h.node = replace(NODE, region="br-sp", jurisdiction="BR", state="SP")
    h.person = record({"given_name": "Ada", "country": "BR"})
    return h


def read(h: House):
    return h.read("given_name", importer="acme-us", region=h.node.region)


def test_complete_european_clauses_release(ordinary):
    assert read(registered(ordinary, EUROPE, *KEPT)).value.fields[0].value == "Wilhelmina"


@pytest.mark.parametrize("fact", KEPT)
def test_a_duty_that_is_not_stated_denies_and_names_the_fact(ordinary, fact):
    with pytest.raises(Denied) as denied:
        read(registered(ordinary, EUROPE, *(other for other in KEPT if other != fact)))
    assert denied.value.decision.reasons == ("obligation_not_dischargeable",)
    assert f"`{fact}: true`" in denied.value.what


@pytest.mark.parametrize("lacking", ["module: 1, ", "annexes_complete: true, ", ", tia: 2026-05-01"])
def test_european_clauses_without_their_evidence_deny(ordinary, lacking):
    with pytest.raises(Denied):
        read(registered(ordinary, EUROPE.replace(lacking, ""), *KEPT))


@pytest.mark.parametrize("tia", ["no", "off", "pending", "2027-1-5", "2026-11-23", "false"])
def test_an_assessment_that_proves_nothing_denies(ordinary, tia):
    with pytest.raises(Denied):
        read(registered(ordinary, EUROPE.replace("2026-05-01", tia), *KEPT))


def test_brazilian_clauses_release(ordinary):
    brazil = brazilian(registered(ordinary, BRAZIL, *KEPT))
    text = (brazil.folder / "importers.yaml").read_text()
    (brazil.folder / "importers.yaml").write_text(text.replace("state: IE\n", "state: IE\n    mechanisms: [{id: adequacy}]\n"))
    assert read(brazil).value.fields[0].value == "Ada"


@pytest.mark.parametrize("lacking", ["unmodified: true, ", ", transparency_page: true"])
def test_brazilian_clauses_without_their_evidence_deny(ordinary, lacking):
    with pytest.raises(Denied):
        read(brazilian(registered(ordinary, BRAZIL.replace(lacking, ""), *KEPT)))


def test_the_registry_says_of_every_duty_of_the_register_that_a_node_discharges_it():
    assert set(DUTY_FACTS) <= shipped_registry().discharged
