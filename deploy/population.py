"""A region's made-up people and trade as five files an import can read, the same for the same seed and day. Nobody in them exists.

`python -m deploy.population --region eu-de --out DIR [--people N] [--seed N] [--today YYYY-MM-DD]`
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.people import draw_people
from deploy.places import REGIONS
from deploy.rates import write_rates
from deploy.trade import Row, churn, draw_activities, draw_deals, draw_firms, draw_orders, employ, settle

SEED = 2026
PEOPLE = 20_000
FIRMS_PER_PERSON, DEALS_PER_PERSON, ORDERS_PER_PERSON, ACTIVITIES_PER_PERSON = 0.1, 0.6, 2, 2

_PLACE = ("street", "city", "postal_code", "state")
HEADERS: dict[str, tuple[str, ...]] = {
    "companies": (
        "external_id", "name", "website", "phone", *_PLACE, "country", "industry", "size_band", "employees",
        "annual_revenue", "currency", "owner",
    ),
    "people": (
        "external_id", "given_name", "family_name", "honorific", "email", "phone", "mobile", "job_title", *_PLACE,
        "date_of_birth", "notes", "country", "language", "time_zone", "birth_decade", "segment", "lifecycle_stage",
        "lead_source", "loyalty_tier", "lead_score", "churn_risk", "lifetime_value", "currency", "acquired_at",
        "churned_at", "last_activity_at", "company_external_id", "owner",
    ),
    "deals": (
        "external_id", "name", "notes", "country", "pipeline", "stage", "status", "product", "source", "amount",
        "currency", "probability", "opened_at", "expected_close_at", "closed_at", "person_external_id",
        "company_external_id", "owner",
    ),
    "orders": (
        "external_id", "number", "notes", "country", "status", "channel", "product", "amount", "currency", "ordered_at",
        "person_external_id", "company_external_id",
    ),
    "activities": (
        "external_id", "subject", "notes", "country", "kind", "channel", "direction", "outcome", "occurred_at",
        "person_external_id", "company_external_id", "owner",
    ),
}  # fmt: skip
"""The columns of each file, in the order in which files are imported: what is referred to comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A region's rows by file name, in the order of HEADERS."""

    region: str
    rows: Mapping[str, Sequence[Row]]


def draw_population(region_name: str, *, people: int = PEOPLE, seed: int = SEED, today: date) -> Population:
    """Everyone and everything of one region. Raises KeyError for a region without a place."""
    region = REGIONS[region_name]
    persons = draw_people(seed, region, count=people, today=today)
    firms = draw_firms(seed, region, count=max(1, round(people * FIRMS_PER_PERSON)))
    employ(seed, region, persons, firms)
    churn(seed, region, persons, today=today)
    orders = draw_orders(seed, region, persons, count=round(people * ORDERS_PER_PERSON), today=today)
    deals = draw_deals(seed, region, persons, firms, count=round(people * DEALS_PER_PERSON), today=today)
    activities = draw_activities(seed, region, persons, count=round(people * ACTIVITIES_PER_PERSON))
    settle(seed, region, persons, today=today)
    rows = {
        "companies": [firm.row for firm in firms],
        "people": [person.row for person in persons],
        "deals": deals,
        "orders": orders,
        "activities": activities,
    }
    return Population(region=region_name, rows=rows)


def write_population(population: Population, folder: Path) -> dict[str, int]:
    """Write the five files and say how many rows each has. The folder is made, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, headers in HEADERS.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, headers, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(population.rows[name])
    return {name: len(rows) for name, rows in population.rows.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one region's files and its rates, and print the counts as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.population", description="Write a region's made-up people and trade as CSV."
    )
    parser.add_argument("--region", required=True, choices=sorted(REGIONS), help="the region whose people to make up")
    parser.add_argument("--out", required=True, type=Path, help="the folder to write to")
    parser.add_argument("--people", type=int, default=PEOPLE, help="how many people (default %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same people (default %(default)s)")
    parser.add_argument("--today", type=date.fromisoformat, help="the last day of their history (default: today)")
    given = parser.parse_args(arguments)
    today = given.today or datetime.now(UTC).date()
    population = draw_population(given.region, people=given.people, seed=given.seed, today=today)
    counts = write_population(population, given.out)
    write_rates(given.out / "rates.csv", seed=given.seed, until=today)
    print(json.dumps({"region": given.region, "rows": counts}))


if __name__ == "__main__":
    main()
