"""A region's real embedded store for tests of imports, and files to import. Nothing here is a mock."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uuid_utils
from sqlalchemy import Engine

from chassis.database import open_database
from regional_node.crm.domains import Domains
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.storage.imports import SqlImportJournal
from regional_node.storage.keys import FileKeys, create_keys
from regional_node.storage.metadata import metadata
from regional_node.storage.sealing import Indexer, Sealer
from regional_node.storage.units import SqlUnits
from regional_node.usecases.imports import Region, Tools
from regional_node.usecases.records import Search

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DATA = Path(__file__).parents[4] / "shared" / "data"
REGION = Region(
    domains=Domains(
        countries=("DE", "AT", "US", "FR"),
        currencies=("EUR", "USD"),
        languages=("de", "en"),
        time_zones=("Europe/Berlin",),
        pipelines=("sales",),
        stages=(
            *("prospecting", "engaging", "won", "lost", "qualification", "needs_analysis", "value_proposition", "closed_won"),
            *("id_decision_makers", "perception_analysis", "proposal_price_quote", "negotiation_review", "closed_lost"),
        ),
        products=("GTX Basic", "GTX Pro", "GTX Plus Basic", "GTX Plus Pro", "MG Special", "MG Advanced", "GTK 500"),
    ),
    default_country="DE",
    default_currency="EUR",
)


def new_id() -> str:
    return str(uuid_utils.uuid7().hex)


class World:
    """One region's store in a folder."""

    def __init__(self, home: Path, *, url: str = "") -> None:
        self.engine: Engine = open_database(url or f"sqlite:///{home / 'region.db'}", synchronous="NORMAL")
        metadata.create_all(self.engine)
        create_keys(home / "keys", key_id=new_id(), random=os.urandom)
        keys = FileKeys(home / "keys")
        self.units = SqlUnits(
            self.engine,
            sealer=Sealer(keys, random=os.urandom),
            indexer=Indexer(keys, country="DE"),
            random=os.urandom,
            now=lambda: NOW,
        )
        self.journal = SqlImportJournal(self.engine)
        self.tools = Tools(
            unit_of_work=self.units,
            journal=self.journal,
            region=REGION,
            secret=keys.secret("request"),
            new_id=new_id,
            clock=lambda: NOW,
        )

    def with_domains(self, **domains: tuple[str, ...]) -> Tools:
        return replace(self.tools, region=replace(REGION, domains=replace(REGION.domains, **domains, _folded={})))

    def records(self, record_type: RecordType) -> list[Record]:
        found: list[Record] = []
        cursor = None
        with self.units.reading() as unit:
            while True:
                page = unit.records.search(Search(record_type=record_type, cursor=cursor, limit=500))
                found.extend(page.records)
                cursor = page.next_cursor
                if cursor is None:
                    return found

    def by_key(self, record_type: RecordType, key: str, *, system: str = "domicile") -> Record:
        with self.units.reading() as unit:
            record = unit.records.get(record_type, unit.records.find_external(record_type, system, [key])[key])
        assert record is not None
        return record
