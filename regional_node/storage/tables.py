"""The tables of a region's records, and of what is written beside them. Direct identifiers stand only inside an envelope.

Times are whole microseconds since 1970, UTC (the same number on both engines); dates are dates (ISO text on SQLite); money is in
minor units, decimals in thousandths. Shard rules (Citus): a subject-owned table carries `subject_id` in its primary key, has no
foreign key and no unique constraint across subjects. `external_ids`, `idempotency` and `outbox` are not subject-owned: the first
two are routed by their keyed digest, the last belongs to the node.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Date, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.types import TypeEngine

from chassis.database import IDENTIFIER, classified
from chassis.web.tables import sign_in_tables
from policies.engine.vocabulary import DataCategory as C
from regional_node.crm.fields import FIELDS, FieldSpec, FieldType, RecordType
from regional_node.storage.metadata import metadata

_COLUMN_TYPES: dict[FieldType, type[TypeEngine[Any]] | TypeEngine[Any]] = {
    FieldType.TERM: Text,
    FieldType.DATE: Date,
    FieldType.TIMESTAMP: BigInteger,
    FieldType.INTEGER: BigInteger,
    FieldType.DECIMAL: BigInteger,
    FieldType.MONEY: BigInteger,
    FieldType.REFERENCE: IDENTIFIER,
}

OWN_SUBJECT = frozenset({RecordType.PEOPLE, RecordType.COMPANIES})
"""Kinds of record that are their own subject: their id is their `subject_id`."""


def _id(name: str, category: C, **options: Any) -> Column[Any]:
    return classified(name, IDENTIFIER, category=category, **options)


def _open_column(spec: FieldSpec) -> Column[Any]:
    return classified(spec.name, _COLUMN_TYPES[spec.type], category=spec.category, nullable=True)


def open_fields(record_type: RecordType) -> tuple[FieldSpec, ...]:
    """The fields that have a column of their own."""
    return tuple(spec for spec in FIELDS[record_type] if not spec.sealed)


def _record_table(record_type: RecordType) -> Table:
    name = record_type.value
    references = [spec.name for spec in open_fields(record_type) if spec.type is FieldType.REFERENCE]
    own_subject = record_type in OWN_SUBJECT
    return Table(
        name,
        metadata,
        _id("subject_id", C.UNIQUE_ID, primary_key=True),
        _id("id", C.UNIQUE_ID, primary_key=True),
        classified("version", Integer, category=C.SYSTEM_OPERATIONS, nullable=False),
        classified("created_at", BigInteger, category=C.SYSTEM_OPERATIONS, nullable=False),
        classified("updated_at", BigInteger, category=C.SYSTEM_OPERATIONS, nullable=False),
        *(_open_column(spec) for spec in open_fields(record_type)),
        classified("envelope", LargeBinary, category=C.CONTENT, nullable=False),
        Index(f"ix_{name}_created_at", "created_at", "id"),
        *(Index(f"ix_{name}_{reference}", reference) for reference in references),
        *(() if own_subject else (Index(f"ix_{name}_id", "id"),)),
    )


RECORDS: dict[RecordType, Table] = {record_type: _record_table(record_type) for record_type in RecordType}

# Wrapped data keys, one per subject (a company has one too). In a table of their own, left out of data backups (DESIGN D3).
person_keys = Table(
    "person_keys",
    metadata,
    _id("subject_id", C.UNIQUE_ID, primary_key=True),
    classified("wrapped", LargeBinary, category=C.SYSTEM_OPERATIONS, nullable=False),
    classified("kek_id", Text, category=C.SYSTEM_OPERATIONS, nullable=False),
    Index("ix_person_keys_kek_id", "kek_id"),
)

# A person's 128 random bits, the only thing the index learns. Not unique by constraint: that would cross shards; by chance it is.
pseudonyms = Table(
    "pseudonyms",
    metadata,
    _id("subject_id", C.UNIQUE_ID, primary_key=True),
    classified("pseudonym", LargeBinary, category=C.PSEUDONYM, nullable=False),
    classified("created_at", BigInteger, category=C.SYSTEM_OPERATIONS, nullable=False),
    Index("ix_pseudonyms_pseudonym", "pseudonym"),
)

# Exact look-up without the value: `kind` is `<record type>.<email|phone>`, `digest` the first 128 bits of a keyed HMAC.
blind_index = Table(
    "blind_index",
    metadata,
    classified("kind", Text, category=C.SYSTEM_OPERATIONS, primary_key=True),
    classified("digest", LargeBinary, category=C.CONTACT, primary_key=True),
    _id("subject_id", C.UNIQUE_ID, primary_key=True),
    sqlite_with_rowid=False,
)

# Name search without the name: `token` is 64 bits of a keyed HMAC over the kind of record and a prefix of a word.
name_tokens = Table(
    "name_tokens",
    metadata,
    classified("token", BigInteger, category=C.NAME, primary_key=True, autoincrement=False),
    _id("subject_id", C.UNIQUE_ID, primary_key=True),
    sqlite_with_rowid=False,
)

external_ids = Table(
    "external_ids",
    metadata,
    classified("record_type", Text, category=C.SYSTEM_OPERATIONS, primary_key=True),
    classified("system", Text, category=C.SYSTEM_OPERATIONS, primary_key=True),
    classified("digest", LargeBinary, category=C.UNIQUE_ID, primary_key=True),
    _id("subject_id", C.UNIQUE_ID, nullable=False),
    _id("record_id", C.UNIQUE_ID, nullable=False),
)

# Written as the last thing before a commit, under one lock on PostgreSQL, so that whoever reads by `seq` never skips one.
outbox = Table(
    "outbox",
    metadata,
    classified(
        "seq",
        BigInteger().with_variant(Integer, "sqlite"),
        category=C.SYSTEM_OPERATIONS,
        primary_key=True,
        autoincrement=True,
    ),
    classified("type", Text, category=C.SYSTEM_OPERATIONS, nullable=False),
    _id("subject_id", C.UNIQUE_ID, nullable=False),
    _id("record_id", C.UNIQUE_ID, nullable=False),
    classified("kind", Text, category=C.SYSTEM_OPERATIONS, nullable=False),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    metadata,
    classified("key_digest", Text, category=C.SYSTEM_OPERATIONS, primary_key=True),
    classified("request_hmac", Text, category=C.SYSTEM_OPERATIONS, nullable=False),
    classified("status", Integer, category=C.SYSTEM_OPERATIONS, nullable=False),
    _id("resource_id", C.UNIQUE_ID, nullable=False),
    classified("created_at", BigInteger, category=C.SYSTEM_OPERATIONS, nullable=False),
    Index("ix_idempotency_created_at", "created_at"),
)

# Who read personal fields of what, and when (GDPR Art. 5(2), 32): ids only.
record_reads = Table(
    "record_reads",
    metadata,
    _id("subject_id", C.UNIQUE_ID, primary_key=True),
    _id("id", C.SYSTEM_OPERATIONS, primary_key=True),
    classified("reader_id", Text, category=C.ORGANIZATION_ACCOUNT, nullable=False),
    classified("record_type", Text, category=C.SYSTEM_OPERATIONS, nullable=False),
    _id("record_id", C.UNIQUE_ID, nullable=False),
    classified("read_at", BigInteger, category=C.SYSTEM_OPERATIONS, nullable=False),
    Index("ix_record_reads_read_at", "read_at"),
)

sign_in = sign_in_tables(metadata)
"""The tables of sign-in: `accounts`, `sessions`, `tokens`, `attempts`."""
