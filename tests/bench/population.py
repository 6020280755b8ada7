"""Made-up people in our own dialect, and a node's home that declares what stands in them. Nobody in them exists."""

import csv
from datetime import date
from pathlib import Path

from deploy.people import draw_people
from deploy.places import REGIONS
from deploy.population import HEADERS
from regional_node.bootstrap.home import House, found, open_house
from regional_node.settings import NodeSettings

SEED, TODAY = 2026, date(2026, 11, 22)
COLUMNS = tuple(name for name in HEADERS["people"] if name != "company_external_id")
"""Without the reference to a company, whose file is not imported here."""


def write_region(region: str, path: Path, *, people: int) -> Path:
    """A file of so many people of a region of the demo."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(person.row for person in draw_people(SEED, REGIONS[region], count=people, today=TODAY))
    return path


def declared(path: Path) -> dict[str, tuple[str, ...]]:
    """The settings that say which countries, currencies, languages and time zones are in a file."""
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    names = {"countries": "country", "currencies": "currency", "languages": "language", "time_zones": "time_zone"}
    return {setting: tuple(sorted({row[column] for row in rows} - {""})) for setting, column in names.items()}


def new_house(folder: Path, file: Path, **more: str) -> House:
    """A fresh home of eu-de on the embedded store, as `regional-node init` makes it."""
    settings = NodeSettings(
        region="eu-de",
        jurisdiction="EU",
        state="DE",
        organisation="domicile-de",
        default_country="DE",
        time_zone="Europe/Berlin",
        **{**declared(file), **more},
    )
    found(folder, settings)
    return open_house(folder, settings)
