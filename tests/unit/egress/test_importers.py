"""The register of importers is strict: what it does not say in its own words, nobody is."""

import pytest

from policies.engine.diagnostics import PolicyError
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import load_policies
from regional_node.egress.importers import ImporterRegister, parse_importers, parse_register
from tests.unit.egress.ordinary import IMPORTERS, POLICIES

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


@pytest.fixture(scope="module")
def registry():
    return load_policies(POLICIES).registry


STATED = "exporter: {facts: {role: controller}, purpose: sales, legal_basis: contract}\n" + ONE


def test_what_the_region_states_of_itself_is_read(registry):
    found = parse_register(STATED, "importers.yaml", registry)
    assert found.exporter.facts == {"role": "controller"}
    assert (found.exporter.purpose, found.exporter.legal_basis) == ("sales", "contract")
    assert [importer.id for importer in found.importers] == ["acme-hq"]


def test_without_an_exporter_nothing_is_stated_of_it(registry):
    assert parse_register(ONE, "importers.yaml", registry).exporter.facts == {}


@pytest.mark.parametrize(
    ("text", "where", "says", "remedy"),
    [
        (STATED.replace("role:", "rolle:"), "1:", "unknown fact `exporter.rolle`", "`role`"),
        (STATED.replace("role: controller", "role: boss"), "1:", "`exporter.role` cannot have this value", "`controller`"),
        (STATED.replace("{role: controller}", "{region: US}"), "1:", "not a fact of its own", ""),
        (STATED.replace("purpose: sales", "purpose: sals"), "1:", "unknown purpose `sals`", "`sales`"),
        (STATED.replace("legal_basis: contract", "legal_basis: contrakt"), "1:", "unknown legal basis `contrakt`", "`contract`"),
        (STATED.replace("exporter: {facts:", "exporter: {fakts:"), "1:", "unknown key `fakts`", "`facts`"),
        (STATED.replace("exporter:", "exporters:"), "1:", "unknown key `exporters`", "`exporter`"),
        ("exporter: [a]\n" + ONE, "1:", "`exporter` is not a mapping", "facts"),
        (ONE.replace("A6-1-f", "A6-1-g"), "2:", "unknown legal basis `A6-1-g`", "`A6-1-f`"),
        (ONE.replace("jurisdiction: EU", "jurisdiction: EUU"), "2:", "unknown jurisdiction `EUU`", "`EU`"),
        (ONE.replace("state: IE", "state: XI"), "2:", "`XI` is no member of `EU`", "`IE`"),
        (ONE.replace("state: IE", "facts: {gruop: true}"), "2:", "unknown fact `importer.gruop`", "`group`"),
        (ONE.replace("state: IE", "facts: {group: 1}"), "2:", "`importer.group` cannot have this value", "true or false"),
        (ONE.replace("state: IE", "facts: {dpf: {covers: [hrr]}}"), "2:", "`importer.dpf.covers` cannot have", "`hr`"),
        (ONE.replace("state: IE", "facts: {dpf: {litsed: true}}"), "2:", "unknown fact `importer.dpf.litsed`", "`dpf.listed`"),
        (ONE.replace("state: IE", "facts: {deletion_forwarded: maybe}"), "2:", "`deletion_forwarded` is not true or false", "true"),
    ],
)
def test_what_is_stated_is_held_against_the_vocabulary_at_its_line(registry, text, where, says, remedy):
    with pytest.raises(PolicyError) as wrong:
        parse_register(text, "importers.yaml", registry)
    (found,) = wrong.value.diagnostics
    assert says in found.message
    assert remedy in found.remedy
    assert found.where.startswith(f"importers.yaml:{where}")


@pytest.mark.parametrize("code", ["EU", "DE", "US-CA", "JP", "BR", "TW"])
def test_a_place_that_exists_is_a_jurisdiction_whatever_the_laws_here_say_of_it(registry, code):
    assert (
        parse_importers(ONE.replace("jurisdiction: EU, state: IE", f"jurisdiction: {code}"), "f", registry)[0].jurisdiction == code
    )


def test_the_register_is_held_against_the_registry_that_the_gate_gives(tmp_path, registry):
    path = tmp_path / "importers.yaml"
    path.write_text(ONE.replace("A6-1-f", "A6-1-g"))
    register = ImporterRegister(path)
    assert register.names() == ("acme-hq",), "nobody has said yet which words there are"
    with pytest.raises(PolicyError, match="unknown legal basis"):
        register.find("acme-hq", registry)
    path.write_text(STATED)
    assert register.exporter().purpose == "sales"
