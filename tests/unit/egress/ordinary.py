"""An ordinary node for tests of the customs house: real store, ledger, account, projection and policies, a few hundred people."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from chassis.database import open_database
from policies.engine.crossing import Aggregate, AggregateKind, GroupKey, Plan, person_digest, plan_digest
from policies.engine.readings import LIFECYCLE_STAGES, SEGMENTS, SubjectClass
from policies.engine.signing import Ticket, sign_ticket
from regional_node.crm.fields import RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import Record
from regional_node.egress.gate import Gate
from regional_node.egress.given import Randomness, Subject
from regional_node.egress.importers import ImporterRegister
from regional_node.egress.policy_source import PolicySource
from regional_node.egress.requests import NodeIdentity
from regional_node.storage import accounts, feed, ledger, tables  # noqa: F401 - their tables
from regional_node.storage.accounts import StoredPrivacyAccount, StoredSpentTickets
from regional_node.storage.counters import StoredCounters
from regional_node.storage.ledger import LedgerKey, StoredLedger
from regional_node.storage.metadata import metadata
from regional_node.storage.projection import Projection
from regional_node.storage.projection_rates import load_rates
from regional_node.storage.tables import RECORDS, outbox
from regional_node.usecases.counters import Counting

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PSEUDONYM = bytes(range(16))
POLICIES = Path(__file__).parents[3] / "policies"
COUNT = Aggregate(kind=AggregateKind.COUNT)
SPENT = Aggregate(kind=AggregateKind.SUM, column="lifetime_value", currency="EUR")
PLAN = Plan(table="people", group_by=(GroupKey(column="country"), GroupKey(column="segment")), aggregates=(COUNT, SPENT))
DOMAINS = {"country": ("DE", "AT"), "currency": ("EUR", "USD"), "language": ("de",), "time_zone": ("Europe/Berlin",)}
IMPORTERS = """
importers:
  - id: acme-hq
    name: Acme Headquarters
    jurisdiction: EU
    state: IE
    facts: {group: true, role: controller, can_resolve_pseudonym: true}
    purposes: {analytics.reporting: A6-1-f, essential.service.operations.support: A6-1-b, functional.federation_index: A6-1-f}
  - id: acme-us
    name: Acme America
    jurisdiction: US
    facts: {group: true, role: controller, dpf: {listed: false}, can_resolve_pseudonym: true}
    purposes: {essential.service.operations.support: A6-1-b, analytics.reporting: A6-1-f, functional.federation_index: A6-1-f}
"""
RATES = "Date,USD\n2026-11-20,1.10\n2026-01-02,1.05\n"
PERSON = {
    "given_name": "Wilhelmina",
    "family_name": "Canarybird",
    "email": "wilhelmina@canarybird.example",
    "phone": "+4930123456789",
    "street": "Canarystreet 17",
    "city": "Canarytown",
    "postal_code": "10115",
    "state": "Berlin",
    "date_of_birth": date(1984, 3, 17),
    "notes": "canary note",
    "country": "DE",
    "lifecycle_stage": "customer",
    "time_zone": "Europe/Berlin",
}


def seeded(seed: int) -> random.Random:
    """Chance that repeats, so that a failing test fails again."""
    return random.Random(seed)  # noqa: S311 - a test's chance must repeat


def record(values: dict[str, Any] = PERSON) -> Record:
    shut = {name: Personal(value) for name, value in values.items()}
    return Record(type=RecordType.PEOPLE, id="1" * 32, subject_id="1" * 32, version=1, created_at=AT, updated_at=AT, values=shut)


def fill(engine: Engine, *, people: int, seed: int = 7, **fixed: Any) -> None:
    """People of a made-up region, with their outbox events."""
    chance = seeded(seed)
    rows = []
    for number in range(people):
        row = dict.fromkeys((c.name for c in RECORDS[RecordType.PEOPLE].columns), None)
        born = int(AT.timestamp() * 10**6)
        row |= {"subject_id": f"{number:032x}", "id": f"{number:032x}", "version": 1, "created_at": born, "updated_at": born}
        row |= {"envelope": b"sealed", "country": chance.choice(["DE", "AT", "XX"]), "segment": chance.choice(SEGMENTS)}
        row |= {"lifecycle_stage": chance.choice(LIFECYCLE_STAGES), "lifetime_value": chance.randrange(900_000)}
        row |= {
            "currency": chance.choice(["EUR", "USD"]),
            "last_activity_at": date(2026, 1, 5) + timedelta(days=chance.randrange(300)),
        }
        rows.append(row | fixed)
    write(engine, RecordType.PEOPLE, rows)


def write(engine: Engine, kind: RecordType, rows: Sequence[dict[str, Any]]) -> None:
    whole = [dict.fromkeys((c.name for c in RECORDS[kind].columns), None) | row for row in rows]
    with engine.begin() as connection:
        if whole:
            connection.execute(RECORDS[kind].insert(), whole)
            told = [{"type": kind.value, "subject_id": r["subject_id"], "record_id": r["id"], "kind": "created"} for r in whole]
            connection.execute(outbox.insert(), told)


def store(folder: Path) -> Engine:
    engine = open_database(f"sqlite:///{folder / 'node.db'}", synchronous="NORMAL")
    metadata.create_all(engine)
    return engine


def projection(engine: Engine, folder: Path, **changed: Any) -> Projection:
    (folder / "rates.csv").write_text(RATES)
    given: dict[str, Any] = {
        "file": folder / "projection.duckdb",
        "key_file": folder / "keys" / "projection.key",
        "domains": DOMAINS,
        "time_zone": "Europe/Berlin",
        "reading_epoch_seconds": 0,
        "rates": lambda: load_rates(folder / "rates.csv"),
    }
    return Projection(engine, **{**given, **changed})


NODE = NodeIdentity(region="eu-de", jurisdiction="EU", state="DE", organisation="acme-de")


@dataclass
class House:
    """All that a gate is made of, so that a test can change one thing."""

    engine: Engine
    folder: Path
    readings: Any
    ledger: Any
    account: Any
    policies: Any
    index_key: Ed25519PrivateKey
    node: NodeIdentity = NODE
    person: Record | None = None
    index: str = "acme-hq"
    now: datetime = AT
    below: Callable[[int], int] = seeded(11).randrange
    tickets: int = 0

    def gate(self) -> Gate:
        person = self.person or record()
        return Gate(
            node=self.node,
            policies=self.policies,
            importers=ImporterRegister(self.folder / "importers.yaml"),
            index=lambda: self.index,
            ticket_key=self.index_key.public_key,
            tickets=StoredSpentTickets(self.engine),
            ledger=self.ledger,
            account=self.account,
            counting=self.counting(),
            readings=self.readings,
            people=lambda pseudonym: Subject(record=person, mark=lambda: "ab" * 32) if pseudonym == PSEUDONYM else None,
            pseudonym_key=lambda importer: importer.encode().ljust(32, b"k"),
            clock=lambda: self.now,
            randomness=Randomness(below=self.below, nonce=lambda: "00" * 16),
        )

    def counting(self) -> Counting:
        return Counting(StoredCounters(self.engine), secret=b"c" * 32, zone=ZoneInfo("Europe/Berlin"))

    def ticket(self, digest: str, **changed: Any) -> bytes:
        self.tickets += 1
        plain = Ticket(
            analyst="a-17",
            role="analyst",
            purpose="analytics.reporting",
            importer="acme-hq",
            region="eu-de",
            request_digest=digest,
            nonce=f"{self.tickets:032x}",
            issued_at=self.now,
            expires_at=self.now + timedelta(minutes=2),
        )
        return sign_ticket(replace(plain, **changed), self.index_key)

    def ask(self, plan: Plan = PLAN, **changed: Any) -> Any:
        return self.gate().release_share(plan, self.ticket(plan_digest(plan), **changed))

    def read(self, *fields: str, pseudonym: bytes = PSEUDONYM, **changed: Any) -> Any:
        told = {"purpose": "essential.service.operations.support"} | changed
        return self.gate().release_person(pseudonym, fields, self.ticket(person_digest(pseudonym, fields), **told))

    def leaves(self) -> list[bytes]:
        return [leaf for _, leaf in self.ledger.leaves(0, 1000)]


def house(folder: Path, *, people: int = 300, caps: str = "1/4") -> House:
    engine = store(folder)
    fill(engine, people=people)
    (folder / "importers.yaml").write_text(IMPORTERS)
    signer = LedgerKey(origin="domicile.test/eu-de", key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))
    return House(
        engine=engine,
        folder=folder,
        readings=projection(engine, folder),
        ledger=StoredLedger(engine, signer=signer),
        account=StoredPrivacyAccount(engine, caps=dict.fromkeys(SubjectClass, Fraction(caps))),
        policies=PolicySource(POLICIES),
        index_key=Ed25519PrivateKey.from_private_bytes(b"i" * 32),
    )
