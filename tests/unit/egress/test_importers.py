"""The register of importers is strict: what it does not say in its own words, nobody is."""

import pytest

from policies.engine.diagnostics import PolicyError
from policies.engine.errors import Code, DomicileError
from regional_node.egress.importers import ImporterRegister, parse_importers
from tests.unit.egress.ordinary import IMPORTERS

ONE = "importers:\n  - {id: acme-hq, name: Acme, jurisdiction: EU, state: IE, purposes: {analytics.reporting: A6-1-f}}\n"


def test_an_importer_is_read_with_its_facts_mechanisms_and_purposes():
    text = ONE.replace("state: IE", "state: IE, facts: {dpf: {listed: false}}, mechanisms: [{id: dpf, checked_on: 2026-11-22}]")
    (importer,) = parse_importers(text, "importers.yaml")
    assert (importer.id, importer.jurisdiction, importer.state) == ("acme-hq", "EU", "IE")
    assert importer.facts == {"dpf": {"listed": False}}
    assert importer.mechanisms == ({"id": "dpf", "checked_on": "2026-11-22"},)
    assert importer.purposes == {"analytics.reporting": "A6-1-f"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "list of `importers`"),
        ("- a", "list of `importers`"),
        ("importers: {}", "not a list"),
        ("importers:\n  - acme", "not a mapping"),
        (ONE.replace("name:", "nmae:"), "unknown key `nmae`"),
        (ONE.replace("name: Acme, ", ""), "`name` is missing"),
        (ONE.replace("jurisdiction: EU", "jurisdiction: 7"), "not text"),
        (ONE.replace("analytics.reporting:", "analytics.reprting:"), "unknown purpose"),
        (ONE.replace("{analytics.reporting: A6-1-f}", "{}"), "`purposes`"),
        (ONE.replace("state: IE", "facts: {region: US}"), "not a fact of its own"),
        (ONE.replace("state: IE", "facts: [a]"), "`facts` is not a mapping"),
        (ONE.replace("state: IE", "mechanisms: [dpf]"), "`mechanisms`"),
        (ONE + ONE.splitlines()[1], "stands twice"),
        (ONE.replace("state: IE", "state: IE, state: DE"), "duplicate key"),
        (ONE.replace("state: IE", "state: &a IE"), "anchor"),
    ],
)
def test_a_register_that_is_not_well_formed_says_what_and_where(text, says):
    with pytest.raises(PolicyError) as wrong:
        parse_importers(text, "importers.yaml")
    assert any(says in found.message for found in wrong.value.diagnostics)
    assert all(found.where.startswith("importers.yaml:") for found in wrong.value.diagnostics)


def test_norway_is_not_false():
    assert parse_importers(ONE.replace("state: IE", "state: NO"), "f")[0].state == "NO"


def test_an_unknown_organisation_is_refused_with_the_nearest(tmp_path):
    (tmp_path / "importers.yaml").write_text(IMPORTERS)
    with pytest.raises(DomicileError, match="did you mean `acme-hq`") as unknown:
        ImporterRegister(tmp_path / "importers.yaml").find("acme-hg")
    assert unknown.value.code is Code.IMPORTER_UNKNOWN


def test_the_register_is_read_again_when_it_changes_and_forgets_when_it_breaks(tmp_path):
    path = tmp_path / "importers.yaml"
    register = ImporterRegister(path)
    with pytest.raises(DomicileError, match="cannot be read"):
        register.find("acme-hq")
    path.write_text(ONE)
    assert register.find("acme-hq").name == "Acme"
    path.write_text(ONE.replace("Acme", "Acme Headquarters"))
    assert register.find("acme-hq").name == "Acme Headquarters"
    path.write_text(ONE + "    more: 1\n")
    for _ in range(2):
        with pytest.raises(DomicileError):
            register.find("acme-hq")
