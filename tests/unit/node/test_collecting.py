"""What a region may keep is asked of its policies for every field that is written, and told field by field with the rule."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.engine.evaluator import Policies, decide, load_policies
from regional_node.api.objects import PREFIX
from regional_node.crm.fields import RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import Record
from regional_node.crm.roles import Role
from regional_node.crm.validation import FaultCode
from regional_node.usecases.collecting import Collecting, Collector, Rules, _Known
from regional_node.usecases.imports import run_import
from regional_node.usecases.imports.reasons import Reason
from tests.unit.imports.world import NOW, World
from tests.unit.node.conftest import Node, open_node
from tests.unit.node.console_world import hidden
from tests.unit.node.console_world import world as open_world

SHIPPED = Path(__file__).parents[3] / "policies"
DAY = NOW.date()
EU = Collector(jurisdiction="EU", party={"role": "controller", "organisation": "acme-de", "state": "DE"})
HEAD = """
policy: NAME
law: EU
title: A rule of a test
cite: ["GDPR Art. 5(1)(c)"]
review: {by: dpo, last: 2026-11-22, again_before: 2027-11-22}
kind: storage
"""
NO_BIRTHDAYS = HEAD.replace("NAME", "eu-no-birthdays") + (
    "effect: prohibit\nwhen: {stage: collection, data.categories: {has: user.demographic.date_of_birth}}\n"
    "reasons: [data_minimisation]\n"
)
ASKED_FOR_NOTES = HEAD.replace("NAME", "eu-notes-with-consent") + (
    "effect: prohibit\nwhen: {data.categories: {has: user.content}, none: [{consent.status: given}]}\nreasons: [consent_missing]\n"
)
NOT_TOGETHER = HEAD.replace("NAME", "eu-not-together") + (
    "effect: prohibit\nwhen: {all: [{data.categories: {has: user.job_title}}, {data.categories: {has: user.content}}]}\n"
    "reasons: [data_minimisation]\n"
)
ADVICE = HEAD.replace("NAME", "eu-titles-discouraged") + (
    "effect: oblige\nwhen: {stage: collection, data.categories: {has: user.job_title}}\n"
    "obligations: [discouraged]\nreasons: [collection_discouraged]\n"
)
NEEDS_A_PURPOSE = (
    HEAD.replace("NAME", "eu-purpose") + "effect: prohibit\nwhen: {purpose: employment}\nreasons: [data_minimisation]\n"
)
NO_CHILDREN = (
    HEAD.replace("NAME", "eu-no-children") + "effect: prohibit\nwhen: {law.child: true}\nreasons: [child_consent_invalid]\n"
)
ONLY_NAMES = HEAD.replace("NAME", "eu-names") + (
    "effect: permit\nwhen: {importer.region: EU}\nfields: {user.name: clear, user.contact: mask}\nreasons: [local_storage]\n"
)

Compiled = Callable[..., Policies]


@pytest.fixture
def compiled(tmp_path: Path) -> Compiled:
    """The shipped registry with the given rules, beside the one that lets data be kept in the region."""

    def one(*rules: str, base: bool = True) -> Policies:
        folder = tmp_path / f"policies-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(SHIPPED / "registry", folder / "registry")
        keep = HEAD.replace("NAME", "eu-kept-here") + "effect: permit\nwhen: {importer.region: EU}\nreasons: [local_storage]\n"
        for number, rule in enumerate([*([keep] if base else []), *rules]):
            (folder / f"{number}.yaml").write_text(rule, encoding="utf-8")
        return load_policies(folder)

    return one


def rules_of(policies: Policies | None, collector: Collector = EU) -> Rules:
    return Collecting(policies=lambda: policies, collector=lambda: collector).now(DAY)


def codes(
    rules: Rules, values: dict[str, Any], kind: RecordType = RecordType.PEOPLE, custom: tuple[str, ...] = ()
) -> dict[str, FaultCode]:
    found = rules.findings(kind, values, values, custom)
    return {fault.field: fault.code for fault in (*found.refused, *found.discouraged)}


BORN = {"given_name": "Zoë", "date_of_birth": Personal(date(1984, 3, 17))}


def test_an_ordinary_person_is_kept(compiled):
    assert codes(rules_of(compiled(NO_BIRTHDAYS)), {"given_name": "Zoë", "email": "z@example.net"}) == {}


def test_a_field_that_a_rule_prohibits_is_refused_with_the_rule_and_its_citation(compiled):
    (fault,) = rules_of(compiled(NO_BIRTHDAYS)).findings(RecordType.PEOPLE, BORN, BORN).refused
    assert (fault.field, fault.code) == ("date_of_birth", FaultCode.NOT_TO_BE_KEPT)
    assert fault.ground is not None
    assert str(fault.ground) == "EU, rule `eu-no-birthdays` (GDPR Art. 5(1)(c))"
    assert fault.ground.reasons == ("data_minimisation",)
    assert fault.remedy == "leave the field empty"


def test_a_field_that_needs_a_consent_nobody_recorded_says_so(compiled):
    assert codes(rules_of(compiled(ASKED_FOR_NOTES)), {"notes": "x", "given_name": "Zoë"}) == {"notes": FaultCode.NEEDS_CONSENT}


def test_a_discouraged_field_is_kept_with_a_warning(compiled):
    found = rules_of(compiled(ADVICE)).findings(RecordType.PEOPLE, ["job_title"], {"job_title": "x"})
    assert not found.refused
    assert [(fault.field, fault.code) for fault in found.discouraged] == [("job_title", FaultCode.DISCOURAGED)]


def test_fields_that_may_not_stand_together_are_named_both_and_the_others_not(compiled):
    values = {"job_title": "x", "notes": "y", "given_name": "Zoë"}
    assert set(codes(rules_of(compiled(NOT_TOGETHER)), values)) == {"job_title", "notes"}
    assert codes(rules_of(compiled(NOT_TOGETHER)), {"job_title": "x", "given_name": "Zoë"}) == {}


def test_a_permit_of_some_fields_refuses_the_others_and_what_it_would_only_mask(compiled):
    rules = rules_of(compiled(ONLY_NAMES, base=False))
    assert set(codes(rules, {"given_name": "Zoë", "email": "z@example.net", "notes": "x"})) == {"email", "notes"}


def test_without_a_valid_policy_the_data_are_kept():
    assert codes(rules_of(None), BORN) == {}


def test_a_law_that_is_silent_on_keeping_lets_data_be_kept_and_its_objections_still_hold(compiled):
    silent = Collector(jurisdiction="BR", party=EU.party)
    overlay = "".join(SHIPPED.joinpath("pci.yaml").read_text(encoding="utf-8"))
    assert codes(rules_of(compiled(overlay), silent), BORN) == {}


def test_a_rule_that_cannot_tell_refuses_until_the_region_states_the_fact(compiled):
    policies = compiled(NEEDS_A_PURPOSE)
    (fault,) = rules_of(policies).findings(RecordType.PEOPLE, ["given_name"], {"given_name": "Zoë"}).refused
    assert fault.ground is not None
    assert "`purpose` not stated" in str(fault.ground)
    assert codes(rules_of(policies, replace(EU, more={"purpose": "sales"})), {"given_name": "Zoë"}) == {}


def test_age_decides_where_a_rule_reads_it(compiled):
    rules = rules_of(compiled(NO_CHILDREN))
    young = {"given_name": "Zoë", "date_of_birth": Personal(DAY - timedelta(days=12 * 365))}
    assert codes(rules, BORN) == {}
    assert set(codes(rules, young)) == {"given_name", "date_of_birth"}
    assert codes(rules, {**young, "country": "FR"}) != {}


def test_what_was_kept_beside_a_field_is_of_its_category(compiled):
    none = (
        HEAD.replace("NAME", "eu-no-mail")
        + "effect: prohibit\nwhen: {data.categories: {has: user.contact.email}}\nreasons: [data_minimisation]\n"
    )
    rules = rules_of(compiled(none))
    assert codes(rules, {"given_name": "Zoë"}, custom=("email_unverified",)) == {"email_unverified": FaultCode.NOT_TO_BE_KEPT}
    assert codes(rules, {"given_name": "Zoë"}, custom=("anything",)) == {}


def test_a_new_day_and_a_new_bundle_are_asked_afresh(compiled):
    present: list[Policies] = [compiled()]
    collecting = Collecting(policies=lambda: present[0], collector=lambda: EU)
    first = collecting.now(DAY)
    assert collecting.now(DAY) is first
    assert collecting.now(DAY + timedelta(1)) is not first
    present[0] = compiled(NO_BIRTHDAYS)
    assert codes(collecting.now(DAY), BORN) != {}


def served(folder: Path, policies: Policies) -> Node:
    node = open_node(folder)
    node.editing._collecting = Collecting(policies=lambda: policies, collector=lambda: EU)
    return node


def test_the_api_refuses_the_field_with_law_rule_and_citation(tmp_path, compiled):
    node = served(tmp_path, compiled(NO_BIRTHDAYS))
    answer = node.client().post(f"{PREFIX}/people", json={"given_name": "Zoë", "date_of_birth": "1984-03-17"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (told,) = answer.json()["errors"]
    assert told == {
        "field": "date_of_birth",
        "code": "not_to_be_kept",
        "remedy": "leave the field empty",
        "law": "EU",
        "rule": "eu-no-birthdays",
        "cite": ["GDPR Art. 5(1)(c)"],
        "because": ["data_minimisation"],
    }
    assert node.rows("SELECT count(*) FROM people") == [(0,)]
    node.engine.dispose()


def test_the_api_refuses_a_change_too_and_warns_of_what_is_discouraged(tmp_path, compiled):
    node = served(tmp_path, compiled(NO_BIRTHDAYS, ADVICE))
    client = node.client()
    made = client.post(f"{PREFIX}/people", json={"given_name": "Zoë", "job_title": "Buyer"})
    assert made.status_code == 201
    (warning,) = json.loads(made.headers["domicile-warnings"])
    assert (warning["field"], warning["code"], warning["rule"]) == ("job_title", "discouraged", "eu-titles-discouraged")
    where, tag = made.headers["location"], {"if-match": made.headers["etag"]}
    assert client.patch(where, json={"date_of_birth": "1984-03-17"}, headers=tag).status_code == 422
    changed = client.patch(where, json={"city": "Berlin"}, headers=tag)
    assert changed.status_code == 200
    assert "domicile-warnings" not in changed.headers
    node.engine.dispose()


def test_an_import_refuses_the_row_and_names_column_rule_and_citation(tmp_path, compiled):
    world = World(tmp_path)
    path = tmp_path / "people.csv"
    path.write_text("external_id,given_name,date_of_birth,job_title\n1,Zoë,1984-03-17,\n2,Bob,,Buyer\n", encoding="utf-8")
    policies = compiled(NO_BIRTHDAYS, ADVICE)
    tools = replace(world.tools, collecting=Collecting(policies=lambda: policies, collector=lambda: EU))
    report = run_import([path], tools, dialect="domicile")
    (file,) = report.files
    assert (file.counts.created, file.counts.rejected) == (1, 1)
    (refused,) = file.rejections
    assert (refused.line, refused.header, refused.reason) == (2, "date_of_birth", Reason.FIELD_NOT_TO_BE_KEPT)
    told = json.loads(report.to_json())["files"][0]
    assert told["rejections"][0]["rule"] == "eu-no-birthdays"
    assert told["rejections"][0]["cite"] == ["GDPR Art. 5(1)(c)"]
    (advice,) = [each for each in told["remarks"] if each["reason"] == "field:discouraged"]
    assert (advice["column"], advice["rows"], advice["rule"]) == ("job_title", 1, "eu-titles-discouraged")
    assert any("by EU, rule `eu-no-birthdays` (GDPR Art. 5(1)(c))" in line for line in report.lines())
    assert [r.reason for r in world.journal.refusals(file.run_id)] == [Reason.FIELD_NOT_TO_BE_KEPT]
    world.engine.dispose()


NO_ADDRESSES_OF_CHILDREN = HEAD.replace("NAME", "eu-no-addresses-of-children") + (
    "effect: oblige\nwhen: {stage: collection, law.child: true}\n"
    "fields: {user.contact: withhold}\nreasons: [child_consent_invalid]\n"
)


def test_a_change_is_judged_with_the_fields_that_are_there_already(tmp_path, compiled):
    node = served(tmp_path, compiled(NO_ADDRESSES_OF_CHILDREN))
    client = node.client()
    made = client.post(f"{PREFIX}/people", json={"given_name": "Zoë", "email": "zoe@example.net", "date_of_birth": "1984-03-17"})
    assert made.status_code == 201
    where, tag = made.headers["location"], {"if-match": made.headers["etag"]}
    refused = client.patch(where, json={"date_of_birth": "2020-01-01"}, headers=tag)
    assert refused.status_code == 422
    assert [(told["field"], told["rule"]) for told in refused.json()["errors"]] == [("email", "eu-no-addresses-of-children")]
    assert client.patch(where, json={"date_of_birth": "2020-01-01", "email": None}, headers=tag).status_code == 200
    node.engine.dispose()


def test_a_further_text_that_was_refused_before_refuses_no_change_but_one_that_a_change_forbids_does(compiled):
    rules = rules_of(compiled(NO_ADDRESSES_OF_CHILDREN))
    child = {"given_name": "Zoë", "date_of_birth": Personal(date(2020, 1, 1))}
    texts = {"email_written": Personal("zoe at example")}
    former = Record(
        type=RecordType.PEOPLE, id="a", subject_id="a", version=1, created_at=NOW, updated_at=NOW, values=child, custom=texts
    )
    assert rules.refused(RecordType.PEOPLE, {**child, "job_title": "Buyer"}, texts, former) == ()
    grown = replace(former, values={**child, "date_of_birth": Personal(date(1984, 3, 17))})
    assert [fault.field for fault in rules.refused(RecordType.PEOPLE, child, texts, grown)] == ["email_written"]


def test_an_import_that_renews_a_record_is_judged_with_what_it_holds_already(tmp_path, compiled):
    world = World(tmp_path)
    policies = compiled(NO_ADDRESSES_OF_CHILDREN)
    tools = replace(world.tools, collecting=Collecting(policies=lambda: policies, collector=lambda: EU))
    head = "external_id,given_name,date_of_birth"
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(f"{head},email\n1,Zoë,1984-03-17,zoe@example.net\n2,Bob,1984-03-17,bob@example.net\n", encoding="utf-8")
    second.write_text(f"{head}\n1,Zoë,2020-01-01\n2,Bob,1984-03-18\n", encoding="utf-8")
    run_import([first], tools, dialect="domicile")
    (file,) = run_import([second], tools, dialect="domicile").files
    assert (file.counts.updated, file.counts.rejected) == (1, 1)
    (refused,) = file.rejections
    assert (refused.line, refused.field, refused.reason) == (2, "email", Reason.FIELD_NOT_TO_BE_KEPT)
    world.engine.dispose()


def test_what_collecting_decides_with_silent_laws_is_no_answer_of_the_bundle(compiled):
    kept_there = HEAD.replace("NAME", "us-kept").replace("law: EU", "law: US") + "effect: permit\nwhen: {stage: collection}\n"
    policies = compiled(kept_there, base=False)
    rules = rules_of(policies, Collector(jurisdiction="US-CA", party=EU.party))
    known, consent = _Known(natural_person=True, region="US-CA", type=None, age=None), {"status": "none"}
    kept, _ = rules._decided(["user.contact"], known, consent)
    assert kept.outcome.permits
    asked = rules._request(["user.contact"], known, consent)
    assert not decide(policies, asked, at=DAY).outcome.permits


def test_an_import_without_the_rules_would_keep_what_they_refuse(tmp_path):
    """The weakened build: nobody is asked."""
    world = World(tmp_path)
    path = tmp_path / "people.csv"
    path.write_text("external_id,given_name,date_of_birth\n1,Zoë,1984-03-17\n", encoding="utf-8")
    assert run_import([path], world.tools, dialect="domicile").files[0].counts.created == 1
    world.engine.dispose()


def console(folder: Path, policies: Policies) -> Iterator[Any]:
    with open_world(folder) as world:
        world.house.editing._collecting = Collecting(policies=lambda: policies, collector=lambda: EU)
        yield world.client(Role.AGENT)


@pytest.fixture
def browser(tmp_path: Path, compiled: Compiled) -> Iterator[Any]:
    yield from console(tmp_path / "home", compiled(NO_BIRTHDAYS, ADVICE))


def sent(client: Any, **fields: str) -> Any:
    page = client.get("/people/new")
    return client.post("/people/new", data={"csrf": hidden(page.text, "csrf"), "key": hidden(page.text, "key"), **fields})


def test_the_console_says_beside_the_field_which_rule_refuses_it(browser):
    answer = sent(browser, given_name="Zoë", date_of_birth="1984-03-17")
    assert answer.status_code == 422
    beside = answer.text.partition('id="date_of_birth-wrong"')[2].partition("</div>")[0]
    assert "do not let this be kept" in beside
    assert "EU, eu-no-birthdays (GDPR Art. 5(1)(c))" in beside


def test_the_console_notes_what_is_discouraged_and_keeps_it(browser):
    answer = sent(browser, given_name="Zoë", job_title="Buyer")
    assert answer.status_code == 303
    shown = browser.get(answer.headers["location"]).text
    assert "Kept, though the region" in shown
    assert "eu-titles-discouraged" in shown
    assert "discourage" not in browser.get(answer.headers["location"].partition("?")[0]).text
