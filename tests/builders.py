"""Ordinary values that tests begin with; a test changes one thing. Everything here is made up."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import uuid_utils

from regional_node.crm.domains import Domains
from regional_node.crm.fields import RecordType, field_of
from regional_node.crm.personal import Personal
from regional_node.crm.records import ExternalId, Record
from regional_node.storage.keys import FileKeys, create_keys

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ORGANISATION = "acme-de"
DOMAINS = Domains(
    countries=("DE", "AT"),
    currencies=("EUR", "CHF"),
    languages=("de", "en"),
    time_zones=("Europe/Berlin",),
    pipelines=("sales",),
    stages=("prospecting", "won", "lost"),
    products=("basic", "plus"),
)


class Clock:
    """A clock that a test turns."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **by: float) -> None:
        self.at += timedelta(**by)


_made: Iterator[int] = count()


def new_id() -> str:
    """A UUIDv7 as 32 hexadecimal digits."""
    return uuid_utils.uuid7().hex


def record(record_type: RecordType, values: dict[str, Any], *, subject_id: str | None = None, **changed: Any) -> Record:
    """A record with sealed values wrapped; each is made a millisecond after the one before."""
    record_id = changed.pop("id", None) or new_id()
    at = changed.pop("at", NOW + timedelta(milliseconds=next(_made)))
    wrapped = {name: _wrapped(record_type, name, value) for name, value in values.items()}
    plain = Record(
        type=record_type,
        id=record_id,
        subject_id=subject_id or record_id,
        version=1,
        created_at=at,
        updated_at=at,
        values=wrapped,
    )
    return replace(plain, **changed) if changed else plain


def person(**changed: Any) -> Record:
    """An ordinary person; keyword arguments are fields, but `id`, `at`, `external` (key at `salesforce`) and `custom`."""
    extra = {name: changed.pop(name) for name in ("id", "at") if name in changed}
    if (key := changed.pop("external", None)) is not None:
        extra["external_ids"] = (ExternalId(system="salesforce", key=Personal(key)),)
    if (custom := changed.pop("custom", None)) is not None:
        extra["custom"] = {name: Personal(text) for name, text in custom.items()}
    values = {
        "given_name": "Zoë",
        "family_name": "Müller-Lüdenscheidt",
        "email": "zoe@example.net",
        "phone": "030 1234567",
        "date_of_birth": date(1984, 2, 29),
        "notes": "likes\ttea\\coffee\nand cake",
        "country": "DE",
        "segment": "consumer",
        "birth_decade": "1980s",
        "lifetime_value": 12_345,
        "currency": "EUR",
        "acquired_at": date(2024, 5, 6),
        **changed,
    }
    return record(RecordType.PEOPLE, {name: value for name, value in values.items() if value is not None}, **extra)


def company(**changed: Any) -> Record:
    """An ordinary company."""
    return record(
        RecordType.COMPANIES, {"name": "Kranbau Süd GmbH", "phone": "+49 89 7654321", "industry": "construction", **changed}
    )


def deal(subject: Record, **changed: Any) -> Record:
    """An ordinary deal with a person or a company."""
    points = {"person_id": subject.id} if subject.type is RecordType.PEOPLE else {"company_id": subject.id}
    values = {"name": "A crane", "stage": "won", "status": "won", "amount": 5_000, "currency": "EUR", **points, **changed}
    return record(RecordType.DEALS, values, subject_id=subject.id)


def keys(folder: Path) -> FileKeys:
    """The keys of a new node."""
    create_keys(folder, key_id=new_id(), random=secrets.token_bytes)
    return FileKeys(folder)


def _wrapped(record_type: RecordType, name: str, value: Any) -> Any:
    spec = field_of(record_type, name)
    assert spec is not None, name
    return Personal(value) if spec.sealed else value
