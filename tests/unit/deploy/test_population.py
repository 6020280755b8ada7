"""The made-up people: the same every time, plausible for their place, and at no address that anyone could have."""

import csv
import hashlib
from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import combinations, pairwise
from math import log
from pathlib import Path
from statistics import mean, pstdev
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from deploy import terms
from deploy.places import REGIONS
from deploy.population import HEADERS, Population, draw_population, main, write_population
from deploy.rates import FIRST_DAY, daily_rates
from policies.engine import readings
from regional_node.crm.fields import FIELDS, FieldType, RecordType

TODAY = date(2026, 11, 22)
PEOPLE = 2_000
RESERVED = ("example.com", "example.org", "example.net")
REFERENCES = {"external_id", "company_external_id", "person_external_id"}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Population]:
    return {name: draw_population(name, people=PEOPLE, today=TODAY) for name in REGIONS}


@pytest.fixture(params=sorted(REGIONS))
def population(request: pytest.FixtureRequest, drawn: dict[str, Population]) -> Population:
    return drawn[request.param]


def digest_of(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.iterdir()))).hexdigest()


def test_the_same_seed_and_day_give_the_same_files(tmp_path: Path) -> None:
    for run in ("first", "second"):
        main(["--region", "br-sp", "--out", str(tmp_path / run), "--people", "300", "--today", "2026-11-22"])
    assert digest_of(tmp_path / "first") == digest_of(tmp_path / "second")
    assert (tmp_path / "first").stat().st_mode & 0o077 == 0


def test_another_seed_gives_other_people() -> None:
    ours, theirs = (draw_population("us-ca", people=300, seed=seed, today=TODAY).rows["people"] for seed in (1, 2))
    assert {row["email"] for row in ours} != {row["email"] for row in theirs}


def test_every_header_is_a_field_of_the_model_or_a_reference() -> None:
    assert set(HEADERS) == {kind.value for kind in RecordType}
    for kind, headers in HEADERS.items():
        fields = {spec.name for spec in FIELDS[RecordType(kind)] if spec.type is not FieldType.REFERENCE}
        assert set(headers) - REFERENCES <= fields, kind
        assert len(set(headers)) == len(headers)


def test_every_row_has_only_the_columns_of_its_file(population: Population) -> None:
    for kind, rows in population.rows.items():
        assert {key for row in rows for key in row} <= set(HEADERS[kind]), kind


def test_the_counts_follow_the_people(population: Population) -> None:
    counts = {kind: len(rows) for kind, rows in population.rows.items()}
    assert counts == {"companies": 200, "people": 2_000, "deals": 1_200, "orders": 4_000, "activities": 4_000}


def test_terms_lie_in_the_published_domains(population: Population) -> None:
    place = REGIONS[population.region]
    regional = {
        "country": {country.code for country in place.countries},
        "currency": {place.currency},
        "language": set(place.languages),
        "time_zone": set(place.time_zones),
        "pipeline": set(terms.PIPELINES),
        "stage": set(terms.STAGES),
        "product": set(terms.PRODUCTS),
    }
    for kind, rows in population.rows.items():
        for spec in FIELDS[RecordType(kind)]:
            domain = set(spec.domain) if spec.domain else regional.get(spec.name)
            if domain is None or spec.type is not FieldType.TERM:
                continue
            said = {row[spec.name] for row in rows if row.get(spec.name)}
            assert said <= domain, (kind, spec.name)
            assert said, (kind, spec.name)


def test_the_words_of_the_trade_are_those_of_the_catalogue() -> None:
    assert set(terms.LIFECYCLE) | set(terms.SCORES) <= set(readings.LIFECYCLE_STAGES)
    assert set(terms.LEAD_SOURCES) <= set(readings.LEAD_SOURCES)
    assert set(terms.SIZE_BANDS) <= set(readings.SIZE_BANDS)
    assert set(terms.ACTIVITY_KINDS) <= set(readings.ACTIVITY_KINDS)
    assert {c for channels in terms.ACTIVITY_CHANNELS.values() for c in channels} <= set(readings.CHANNELS)
    assert {o for outcomes in terms.ACTIVITY_OUTCOMES.values() for o in outcomes} <= set(readings.ACTIVITY_OUTCOMES)


def test_every_value_reads_as_its_type(population: Population) -> None:
    for kind, rows in population.rows.items():
        for spec in FIELDS[RecordType(kind)]:
            said = [row[spec.name] for row in rows if row.get(spec.name)]
            match spec.type:
                case FieldType.DATE:
                    assert all(date.fromisoformat(value) <= date(2027, 6, 1) for value in said)
                case FieldType.TIMESTAMP:
                    assert all(datetime.fromisoformat(value).tzinfo == UTC for value in said)
                case FieldType.MONEY:
                    assert all(Fraction(value) >= 0 and len(value.partition(".")[2]) == 2 for value in said)
                case FieldType.DECIMAL:
                    assert all(0 <= Fraction(value) <= 1 and len(value.partition(".")[2]) == 3 for value in said)
                case FieldType.INTEGER:
                    assert all(int(value) >= 0 for value in said)
                case _:
                    assert all(len(value) <= spec.max_length and value == value.strip() for value in said)


def test_references_point_at_rows_of_the_same_region(population: Population) -> None:
    people = {row["external_id"] for row in population.rows["people"]}
    companies = {row["external_id"] for row in population.rows["companies"]}
    for rows in population.rows.values():
        assert {row["person_external_id"] for row in rows if row.get("person_external_id")} <= people
        assert {row["company_external_id"] for row in rows if row.get("company_external_id")} <= companies
        assert len({row["external_id"] for row in rows}) == len(rows)


def test_every_mail_address_lies_in_a_reserved_domain(population: Population) -> None:
    addresses = [row["email"] for row in population.rows["people"] if row["email"]]
    assert len(addresses) == len(set(addresses))
    assert len(addresses) > 0.95 * PEOPLE
    assert all(address.isascii() for address in addresses)
    domains = {address.rpartition("@")[2] for address in addresses}
    assert all(domain in RESERVED or domain.endswith(".example") for domain in domains)
    sites = {row["website"] for row in population.rows["companies"]}
    assert all(site.removeprefix("https://").endswith(".example") for site in sites)


def test_phones_are_valid_where_they_stand(population: Population) -> None:
    people = population.rows["people"]
    said = [(row[key], row["country"]) for row in people for key in ("phone", "mobile") if row[key]]
    valid = [phonenumbers.is_valid_number_for_region(phonenumbers.parse(number), country) for number, country in said]
    assert sum(valid) > 0.99 * len(valid)
    assert len({row["external_id"] for row in people if row["phone"]}) > 0.4 * PEOPLE


def test_german_and_american_numbers_are_kept_free_for_fiction(drawn: dict[str, Population]) -> None:
    kept = ("+49 30 23125", "+49 40 66969", "+49 89 99998", "+49 221 4710", "+49 69 90009", "+49 171 39200", "+49 176 040690")
    german = {row[k] for row in drawn["eu-de"].rows["people"] for k in ("phone", "mobile") if row["country"] == "DE" and row[k]}
    assert all(number.startswith(kept) for number in german)
    american = {row[k] for row in drawn["us-ca"].rows["people"] for k in ("phone", "mobile") if row[k]}
    assert all("-555-01" in number for number in american)


def test_people_live_where_the_region_says(drawn: dict[str, Population]) -> None:
    countries = Counter(row["country"] for row in drawn["eu-de"].rows["people"])
    for code, share in {"DE": 0.78, "AT": 0.12, "NL": 0.06, "LU": 0.04}.items():
        assert countries[code] / PEOPLE == pytest.approx(share, abs=0.03)
    states = Counter(row["state"] for row in drawn["us-ca"].rows["people"])
    assert states["CA"] / PEOPLE > 0.9
    assert Counter(row["state"] for row in drawn["br-sp"].rows["people"]).most_common(1)[0][0] == "SP"


def test_a_postal_code_fits_its_city(drawn: dict[str, Population]) -> None:
    berliners = [row for row in drawn["eu-de"].rows["people"] if row["city"] == "Berlin"]
    assert {row["state"] for row in berliners} == {"Berlin"}
    assert all(row["postal_code"].startswith("1") and len(row["postal_code"]) == 5 for row in berliners)
    paulistanos = [row for row in drawn["br-sp"].rows["people"] if row["city"] == "São Paulo"]
    assert all(row["postal_code"][0] == "0" and row["postal_code"][5] == "-" for row in paulistanos)


def test_every_time_zone_exists() -> None:
    for region in REGIONS.values():
        assert all(ZoneInfo(zone) for zone in (*region.time_zones, region.time_zone))


def test_three_in_a_hundred_of_a_region_are_known_in_another_too(drawn: dict[str, Population]) -> None:
    def known(name: str) -> dict[str, tuple[str, ...]]:
        rows = drawn[name].rows["people"]
        return {r["email"]: (r["given_name"], r["family_name"], r["date_of_birth"]) for r in rows if r["email"]}

    shared: Counter[str] = Counter()
    for one, other in combinations(REGIONS, 2):
        both = known(one).keys() & known(other).keys()
        assert all(known(one)[email] == known(other)[email] for email in both)
        shared.update({one: len(both), other: len(both)})
    assert all(shared[name] / PEOPLE == pytest.approx(0.03, abs=0.002) for name in REGIONS)


def test_someone_known_twice_has_two_records_of_their_own(drawn: dict[str, Population]) -> None:
    german = {row["email"]: row for row in drawn["eu-de"].rows["people"] if row["email"]}
    twice = [(german[row["email"]], row) for row in drawn["br-sp"].rows["people"] if row["email"] in german]
    assert twice
    assert all(here["external_id"] != there["external_id"] and here["country"] != there["country"] for here, there in twice)


def test_lifetime_value_is_what_the_paid_orders_add_up_to(population: Population) -> None:
    paid: Counter[str] = Counter()
    for order in population.rows["orders"]:
        if order["status"] in {"paid", "shipped", "delivered"}:
            paid[order["person_external_id"]] += round(Fraction(order["amount"]) * 100)
    for person in population.rows["people"]:
        assert Fraction(person["lifetime_value"]) * 100 == paid[person["external_id"]]


def test_lifetime_values_are_skewed_as_a_logarithm_evens_out(population: Population) -> None:
    level = REGIONS[population.region].price_level
    values = [float(row["lifetime_value"]) / level for row in population.rows["people"] if float(row["lifetime_value"]) > 0]
    logs = [log(value) for value in values]
    spread = pstdev(logs)
    skew = mean(((value - mean(logs)) / spread) ** 3 for value in logs)
    assert 300 < mean(values) < 1_500
    assert 0.7 < spread < 1.5
    assert abs(skew) < 1


def test_nothing_happens_before_a_person_came_or_after_they_left(population: Population) -> None:
    people = {row["external_id"]: row for row in population.rows["people"]}
    for order in population.rows["orders"]:
        buyer = people[order["person_external_id"]]
        assert buyer["acquired_at"] <= order["ordered_at"] <= buyer["last_activity_at"] <= "2026-11-22"
    for row in people.values():
        assert (row["lifecycle_stage"] == "churned") == bool(row.get("churned_at"))
        assert row["date_of_birth"] < "2008-11-23"
        if row.get("churned_at"):
            assert row["last_activity_at"] < row["churned_at"] <= "2026-11-22"


def test_segments_follow_the_firm(population: Population) -> None:
    for row in population.rows["people"]:
        assert (row["segment"] == "consumer") == (not row.get("company_external_id"))
    shares = Counter(row["segment"] for row in population.rows["people"])
    assert shares["consumer"] / PEOPLE == pytest.approx(0.6, abs=0.08)
    assert len(shares) == 5


def test_a_closed_deal_has_its_day_and_an_open_one_has_none(population: Population) -> None:
    for deal in population.rows["deals"]:
        assert bool(deal["closed_at"]) == (deal["status"] != "open")
        assert not deal["closed_at"] or deal["opened_at"] <= deal["closed_at"] <= "2026-11-22"
        assert (deal["stage"] in terms.OPEN_STAGES) == (deal["status"] == "open")


def test_the_files_are_read_back_as_they_were_written(tmp_path: Path, drawn: dict[str, Population]) -> None:
    counts = write_population(drawn["eu-de"], tmp_path)
    for kind, headers in HEADERS.items():
        with (tmp_path / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        assert tuple(reader.fieldnames or ()) == headers
        assert len(rows) == counts[kind]


def test_rates_cover_every_working_day_and_are_plausible() -> None:
    rates = daily_rates(seed=2026, until=TODAY)
    days = [date.fromisoformat(row[0]) for row in rates]
    assert days[0] == FIRST_DAY
    assert (TODAY - days[-1]).days < 4
    assert max((later - day).days for day, later in pairwise(days)) == 3
    for _, usd, brl, gbp in rates:
        assert 0.95 < float(usd) < 1.35
        assert 2.8 < float(brl) < 7.2
        assert 0.65 < float(gbp) < 0.98
    assert rates == daily_rates(seed=2026, until=TODAY)
