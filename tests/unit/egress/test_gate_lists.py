"""What a list says decides on the day it is asked: listed yesterday is not listed today, and an old list opens nothing."""

import pytest

from policies.engine.denial import Denied
from policies.engine.diagnostics import PolicyError
from policies.engine.record import from_bytes
from policies.engine.registry_parser import shipped_registry
from regional_node.egress import discharge
from regional_node.egress.importers import ImporterRegister, parse_register
from regional_node.egress.requests import NodeIdentity
from tests.unit.egress.ordinary import AT, IMPORTERS, House, house

ACME = "  - {name: Acme Inc, covers: [non_hr], uk_extension: true}\n"
BETA = "  - {name: Beta LLC, covers: [non_hr]}\n"
LISTED = IMPORTERS.replace("dpf: {listed: false}", "notice_names_transfer: true").replace(
    "  - id: acme-us\n", "  - id: acme-us\n    lists: {dpf: Acme Inc}\n    mechanisms: [{id: dpf}]\n"
)
LOAD = "`regional-node lists load`"


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path, people=20)
    (made.folder / "importers.yaml").write_text(LISTED)
    (made.folder / "lists").mkdir()
    yield made
    made.readings.close()


def hold(made: House, entries: str = ACME, *, as_of: str = "2026-11-22", name: str = "dpf") -> None:
    """What `regional-node lists load` leaves behind: another file in the place of the one before."""
    fresh = made.folder / "lists" / "fresh"
    fresh.write_text(f"list: {name}\nas_of: {as_of}\nentries:\n{entries}")
    fresh.replace(made.folder / "lists" / f"{name}.yaml")


def refused(made: House) -> Denied:
    before = len(made.leaves())
    with pytest.raises(Denied) as denied:
        made.read("email", importer="acme-us")
    (leaf,) = made.leaves()[before:]
    assert from_bytes(leaf).payload_length == 0
    assert not from_bytes(leaf).outcome.permits
    return denied.value


def test_an_importer_on_todays_list_receives_and_the_record_says_what_the_list_said(ordinary):
    hold(ordinary)
    assert ordinary.read("email", importer="acme-us").value.fields[0].value == "w•••@c•••.example"
    records = [from_bytes(each) for each in ordinary.leaves()]
    kept = next(each for each in records if each.importer == "acme-us")
    assert kept.inputs["importer.dpf.listed"] is True
    assert kept.inputs["importer.dpf.covers"] == ("non_hr",)
    assert "verify_dpf_list" in kept.obligations


def test_listed_yesterday_is_not_listed_today(ordinary):
    hold(ordinary, ACME + BETA, as_of="2026-11-21")
    ordinary.read("email", importer="acme-us")
    hold(ordinary, BETA)
    denied = refused(ordinary)
    assert "recipient_outside_adequacy_scope" in denied.decision.reasons
    assert "`Acme Inc` is not on the list `dpf` of 2026-11-22" in denied.what
    assert from_bytes(ordinary.leaves()[-1]).inputs["importer.dpf.listed"] is False


def test_an_entry_that_ended_this_morning_ends_under_yesterdays_list_too(ordinary):
    hold(ordinary, ACME.replace("covers", "to: 2026-11-23, covers"))
    ordinary.read("email", importer="acme-us")
    hold(ordinary, ACME.replace("covers", "to: 2026-11-22, covers"), as_of="2026-11-21")
    assert "recipient_outside_adequacy_scope" in refused(ordinary).decision.reasons


@pytest.mark.parametrize(
    ("as_of", "leaves"), [("2026-11-22", True), ("2026-11-21", True), ("2026-11-20", False), ("2026-11-19", False)]
)
def test_a_list_older_than_the_policy_allows_leaves_the_duty_undone(ordinary, as_of, leaves):
    hold(ordinary, as_of=as_of)
    if leaves:
        ordinary.read("email", importer="acme-us")
        return
    denied = refused(ordinary)
    assert from_bytes(ordinary.leaves()[-1]).reasons == ("obligation_not_dischargeable",)  # what is told is what nobody would get
    assert f"the list `dpf` of {as_of} is" in denied.what
    assert LOAD in denied.what


def test_a_duty_left_undone_names_the_list_its_date_and_the_remedy(ordinary):
    hold(ordinary, as_of="2026-11-20")
    importer = ImporterRegister(ordinary.folder / "importers.yaml").find("acme-us", on=AT.date())
    told = discharge.named("verify_dpf_list", importer)
    assert told == "`verify_dpf_list` (the list `dpf` is of 2026-11-20; load today's with `regional-node lists load`)"


def test_a_gate_that_ignores_the_age_would_release(ordinary, monkeypatch):
    """The weakened build: without the comparison of days the old list lets the record out, so the test above notices."""
    hold(ordinary, as_of="2026-11-20")
    refused(ordinary)
    monkeypatch.setitem(discharge._TABLE, "verify_dpf_list", discharge._by_the_record)
    assert ordinary.read("email", importer="acme-us").value.fields


@pytest.mark.parametrize(
    "broken", ["", "list: dpf\nas_of: 2026-11-22\nentr", "list: dpf_uk\nas_of: 2026-11-22\nentries: []\n", "\x00"]
)
def test_a_list_that_breaks_is_not_remembered(ordinary, broken):
    hold(ordinary)
    ordinary.read("email", importer="acme-us")
    (ordinary.folder / "lists" / "dpf.yaml").write_text(broken)
    for _ in range(2):
        denied = refused(ordinary)
        assert "the list `dpf` cannot be read" in denied.what
        assert LOAD in denied.what


def test_a_list_that_is_gone_is_not_remembered(ordinary):
    assert "no list `dpf` is held" in refused(ordinary).what
    hold(ordinary)
    ordinary.read("email", importer="acme-us")
    (ordinary.folder / "lists" / "dpf.yaml").unlink()
    assert "no list `dpf` is held" in refused(ordinary).what


def test_a_list_of_a_day_to_come_says_nothing(ordinary):
    hold(ordinary, as_of="2026-11-23")
    assert "is of a day to come" in refused(ordinary).what


def test_others_go_on_when_one_importers_list_is_wanting(ordinary):
    refused(ordinary)
    assert ordinary.read("email", importer="acme-hq").value.fields


def test_the_british_extension_is_read_from_the_same_list(ordinary):
    ordinary.node = NodeIdentity(region="uk", jurisdiction="GB", organisation="acme-gb")
    bridge = LISTED.replace("mechanisms: [{id: dpf}]", "mechanisms: [{id: uk_us_data_bridge}]")
    (ordinary.folder / "importers.yaml").write_text(bridge)
    ordinary.index = "acme-us"
    hold(ordinary, ACME.replace("true", "false"))
    assert "recipient_outside_adequacy_scope" in ordinary_refusal(ordinary).decision.reasons
    hold(ordinary)
    assert region_reads(ordinary).value.fields
    (ordinary.folder / "importers.yaml").write_text(bridge.replace("{dpf: Acme Inc}", "{dpf: Acme Inc, dpf_uk: Acme Inc}"))
    assert "no list `dpf_uk` is held" in ordinary_refusal(ordinary).what
    hold(ordinary, BETA, name="dpf_uk")
    assert "`Acme Inc` is not on the list `dpf_uk`" in ordinary_refusal(ordinary).what
    hold(ordinary, ACME.replace(", uk_extension: true", ""), name="dpf_uk")
    assert region_reads(ordinary).value.fields
    hold(ordinary, ACME.replace(", uk_extension: true", ""), name="dpf_uk", as_of="2026-11-20")
    assert "the list `dpf_uk` of 2026-11-20 is 2 days old" in ordinary_refusal(ordinary).what


def region_reads(made):
    return made.read("email", importer="acme-us", region="uk")


def ordinary_refusal(made):
    with pytest.raises(Denied) as denied:
        region_reads(made)
    return denied.value


def test_nobody_is_cleared_by_not_being_among_the_covered_persons(ordinary):
    """28 CFR 202.211(a)(1) to (4): who owns it makes a company covered, listed or not."""
    hold(ordinary, "  - {name: Ru-Bank}\n", name="covered_persons")
    found = covered(ordinary, "Acme Inc")
    assert "covered_person" not in found.facts
    assert covered(ordinary, "Acme Inc", examined=True).facts["covered_person"] is False
    assert covered(ordinary, "RU BANK", examined=True).facts["covered_person"] is True
    hold(ordinary, "  - {name: Ru-Bank}\n", name="covered_persons", as_of="2026-11-20")
    assert "covered_person" not in covered(ordinary, "Acme Inc", examined=True).facts
    assert covered(ordinary, "Ru-Bank", examined=True).facts["covered_person"] is True


def covered(made, name, *, examined=False):
    text = LISTED.replace("{dpf: Acme Inc}", f"{{covered_persons: {name}}}")
    text = text.replace("notice_names", f"not_covered_by_ownership: {str(examined).lower()}, notice_names")
    (made.folder / "importers.yaml").write_text(text)
    return ImporterRegister(made.folder / "importers.yaml").find("acme-us", shipped_registry(), on=AT.date())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("notice_names", "dpf: {listed: true}, notice_names", "the list `dpf` states `importer.dpf.listed` already"),
        ("notice_names", "dpf: {covers: [hr]}, notice_names", "`importer.dpf.covers` already"),
        ("[{id: dpf}]", "[{id: dpf, checked_on: 2026-11-22}]", "the list `dpf` has a date of its own"),
        ("{dpf: Acme Inc}", "{dfp: Acme Inc}", "unknown list `dfp`"),
        ("{dpf: Acme Inc}", "{dpf: 7}", "`dpf` is not a name"),
        ("{dpf: Acme Inc}", "Acme Inc", "`lists` is not a mapping"),
    ],
)
def test_what_is_stated_twice_or_wrongly_is_told_at_its_line(old, new, says):
    text = LISTED.replace(old, new)
    with pytest.raises(PolicyError) as wrong:
        parse_register(text, "importers.yaml", shipped_registry())
    told = [each for each in wrong.value.diagnostics if says in each.message]
    assert told, [str(each) for each in wrong.value.diagnostics]
    assert told[0].line == text[: text.index(new)].count("\n") + 1
    assert told[0].remedy


def test_one_register_that_stays_open_sees_each_list_as_it_comes(ordinary):
    register = ImporterRegister(ordinary.folder / "importers.yaml")
    seen = []
    for entries in (ACME, BETA, ACME + BETA):
        hold(ordinary, entries)
        seen += [register.find("acme-us", on=AT.date()).facts["dpf"]["listed"] for _ in range(2)]
    assert seen == [True, True, False, False, True, True]
    assert "dpf" not in register.find("acme-us").facts
