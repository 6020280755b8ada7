"""The real files, unchanged: their known answers, and the same import twice."""

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

from regional_node.crm.fields import RecordType
from regional_node.crm.validation import check, missing
from regional_node.usecases.imports import run_import
from regional_node.usecases.imports.journal import Counts
from regional_node.usecases.imports.reasons import Reason
from regional_node.usecases.imports.report import Report
from tests.unit.imports.world import NOW, REGION, World


def counts(report: Report) -> dict[str, Counts]:
    return {file.path.name: file.counts for file in report.files}


def test_the_pipeline_gives_its_known_answers(world: World, data: Path) -> None:
    report = run_import([data / "maven_iso"], world.tools)
    assert [file.path.name for file in report.files] == ["accounts.csv", "sales_pipeline.csv", "products.csv", "sales_teams.csv"]
    assert counts(report)["sales_pipeline.csv"] == Counts(created=8800)
    deals = world.records(RecordType.DEALS)
    assert Counter(deal.values["stage"] for deal in deals) == {"won": 4238, "lost": 2473, "engaging": 1589, "prospecting": 500}
    assert Counter(deal.values["status"] for deal in deals) == {"won": 4238, "lost": 2473, "open": 2089}
    won = [deal for deal in deals if deal.values["status"] == "won"]
    assert sum(deal.plain("amount") for deal in won) == 10_005_534 * 100
    assert all("amount" not in deal.values for deal in deals if deal.values["status"] != "won")
    days = [(deal.plain("closed_at") - deal.plain("opened_at")).days for deal in won]
    assert round(sum(days) / len(days), 3) == 51.782
    assert sum("company_id" not in deal.values for deal in deals) == 1425
    assert all(deal.subject_id == deal.id for deal in deals if "company_id" not in deal.values)
    assert Counter(deal.values["product"] for deal in deals)["GTX Pro"] == 1480
    assert all("sales_agent" in deal.custom for deal in deals)


def test_the_accounts_give_their_known_answers(world: World, data: Path) -> None:
    run_import([data / "maven_iso" / "accounts.csv"], world.tools)
    companies = world.records(RecordType.COMPANIES)
    by_name = {company.plain("name"): company for company in companies}
    assert len(companies) == 85
    assert sum("parent_id" in company.values for company in companies) == 15
    acme = by_name["Acme Corporation"]
    assert acme.values["industry"] == "technology"
    assert acme.plain("annual_revenue") == 110_004_000_000
    assert acme.values["size_band"] == "1000+"
    assert Counter(company.values["country"] for company in companies)["US"] == 71
    assert {company.values["country"] for company in companies} >= {"PH", "KR", "KE"}


def test_the_salesforce_objects_give_their_known_answers(world: World, data: Path) -> None:
    report = run_import([data / "salesforce"], world.tools)
    assert counts(report) == {
        "Account.csv": Counts(created=13),
        "Contact.csv": Counts(created=20),
        "Lead.csv": Counts(created=22),
        "Opportunity.csv": Counts(created=31),
    }
    deals = world.records(RecordType.DEALS)
    assert sum(deal.plain("amount") for deal in deals) == 5_760_000 * 100
    won = [deal for deal in deals if deal.values["status"] == "won"]
    assert (len(won), sum(deal.plain("amount") for deal in won)) == (18, 3_645_000 * 100)
    assert sum(deal.plain("amount") for deal in deals if deal.values["status"] == "open") == 2_115_000 * 100
    assert sum(deal.plain("amount") * deal.plain("probability") for deal in deals) == 4_739_500 * 100 * 1000
    assert all("company_id" in deal.values for deal in deals)


def test_the_salesforce_people_keep_what_is_odd_about_them(world: World, data: Path) -> None:
    report = run_import([data / "salesforce"], world.tools)
    people = world.records(RecordType.PEOPLE)
    leads = [person for person in people if person.values.get("lifecycle_stage") == "lead"]
    assert Counter(person.custom["Status"].reveal() for person in leads) == {
        "Working - Contacted": 12,
        "Closed - Not Converted": 4,
        "Open - Not Contacted": 3,
        "Closed - Converted": 3,
    }
    assert Counter(person.values["country"] for person in leads) == {"US": 19, "FR": 1, "JP": 1, "TW": 1}
    unverified = [person for person in people if "email_unverified" in person.custom]
    assert len(unverified) == 2
    assert all(person.plain("email") is None for person in unverified)
    pat = world.by_key(RecordType.PEOPLE, "003jV000005OEtQQAW", system="salesforce")
    assert (pat.plain("phone"), pat.values["country"], pat.custom["Level__c"].reveal()) == ("+33144274427", "FR", "Primary")
    rose = world.by_key(RecordType.PEOPLE, "003jV000005OEtNQAW", system="salesforce")
    assert rose.plain("street") == "313 Constitution Place\nAustin, TX 78767\nUSA"
    assert (rose.values["birth_decade"], rose.values["lead_source"]) == ("1970s", "event")
    shared = [f for file in report.files for f in file.remarks if f.reason is Reason.EMAIL_SHARED]
    assert len(shared) == 2  # Pat Stumuller and Andy Young are contacts too


def test_the_same_files_again_change_nothing(world: World, data: Path) -> None:
    folders = [data / "salesforce", data / "maven_iso"]
    first = run_import(folders, world.tools)
    before = {record.id: record for kind in RecordType for record in world.records(kind)}
    second = run_import(folders, world.tools)
    assert {name: c.unchanged for name, c in counts(second).items()} == {name: c.created for name, c in counts(first).items()}
    assert sum(c.created + c.updated + c.rejected for c in counts(second).values()) == 0
    assert before == {record.id: record for kind in RecordType for record in world.records(kind)}


def test_files_in_the_wrong_order_join_at_the_second_import(world: World, data: Path) -> None:
    alone = run_import([data / "salesforce" / "Opportunity.csv"], world.tools)
    assert alone.files[0].counts == Counts(created=31)
    assert {f.reason for f in alone.files[0].remarks} == {Reason.COMPANY_UNKNOWN}
    again = run_import([data / "salesforce"], world.tools)
    assert counts(again)["Opportunity.csv"] == Counts(updated=31)
    deals = world.records(RecordType.DEALS)
    assert all(deal.subject_id == deal.values["company_id"] for deal in deals)
    assert not any("company_external_id" in deal.custom for deal in deals)


def test_undeclared_products_are_other_with_the_original_sealed_until_declared(world: World, data: Path) -> None:
    pipeline = data / "maven_iso" / "sales_pipeline.csv"
    tools = replace(world.with_domains(products=("GTX Basic",)))
    report = run_import([pipeline], tools)
    assert report.files[0].reasons["product", Reason.TERM_UNDECLARED] == 8800 - 1866
    odd = world.by_key(RecordType.DEALS, "Z063OYW0", system="maven")
    assert (odd.values["product"], odd.custom["product_written"].reveal()) == ("other", "GTXPro")
    run_import([pipeline], world.tools)
    mended = world.by_key(RecordType.DEALS, "Z063OYW0", system="maven")
    assert (mended.values["product"], "product_written" in mended.custom, mended.version) == ("GTX Pro", False, 2)


def test_what_an_import_takes_the_records_own_check_takes(world: World, data: Path) -> None:
    run_import([data / "salesforce", data / "maven_iso"], world.tools)
    for kind in RecordType:
        for record in world.records(kind):
            checked = check(kind, record.values, domains=REGION.domains, today=NOW.date())
            assert (checked.faults, missing(kind, record.values)) == ((), ())
            assert dict(checked.values) == dict(record.values)


def test_a_file_of_no_dialect_is_refused_when_named_and_passed_over_in_a_folder(world: World, data: Path, tmp_path: Path) -> None:
    (tmp_path / "Account.csv").write_bytes((data / "salesforce" / "Account.csv").read_bytes())
    (tmp_path / "other.csv").write_bytes((data / "hubspot_style" / "hubspot_contacts.csv").read_bytes())
    report = run_import([tmp_path], world.tools)
    assert [path.name for path, _ in report.passed_over] == ["other.csv"]
    assert world.by_key(RecordType.COMPANIES, "001jV0000050DOzQAM", system="salesforce").created_at.date() == date(2026, 9, 2)
