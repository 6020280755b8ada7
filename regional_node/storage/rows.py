"""A record as a row and back: which column holds what, and how a time is written. Nothing here seals, opens or asks the store."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import FieldSpec, FieldType, RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import Record, Value
from regional_node.storage.bulk import Row
from regional_node.storage.sealing import Opened
from regional_node.storage.tables import open_fields

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SYSTEM = ("subject_id", "id", "version", "created_at", "updated_at")
OPEN = {record_type: open_fields(record_type) for record_type in RecordType}
_OPEN_NAMES = {kind: tuple(spec.name for spec in specs) for kind, specs in OPEN.items()}
_AS_IS = frozenset({str, int, type(None)})
COLUMNS = {kind: (*SYSTEM, *(spec.name for spec in specs), "envelope") for kind, specs in OPEN.items()}


def microseconds(at: datetime) -> int:
    """A time as the store keeps it."""
    return (at - _EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """A stored time."""
    return _EPOCH + timedelta(microseconds=stored)


def row_of(record: Record, version: int, envelope: bytes) -> Row:
    """The row of a record, in the order of COLUMNS, as the drivers take it."""
    values = record.values
    return (
        record.subject_id,
        record.id,
        version,
        microseconds(record.created_at),
        microseconds(record.updated_at),
        *[value if type(value := values.get(name)) in _AS_IS else _stored(value) for name in _OPEN_NAMES[record.type]],
        envelope,
    )


def record_of(record_type: RecordType, row: Sequence[Any], opened: Opened) -> Record:
    """The record of a row in the order of COLUMNS, with its sealed part opened."""
    values: dict[str, Value] = dict(opened.values)
    for spec, stored in zip(OPEN[record_type], row[len(SYSTEM) : -1], strict=True):
        if stored is not None:
            values[spec.name] = _read(spec, stored)
    return Record(
        type=record_type,
        id=row[1],
        subject_id=row[0],
        version=row[2],
        created_at=instant(row[3]),
        updated_at=instant(row[4]),
        values=values,
        custom=opened.custom,
        external_ids=opened.external_ids,
    )


def storable(number: int) -> bool:
    """Whether a number fits the store's widest integer, of 64 bits."""
    return -(2**63) <= number < 2**63


def comparable(spec: FieldSpec, text: str) -> str | int | date:
    """The stored form of a value that was typed to compare with. Raises INPUT_INVALID when it cannot be one."""
    try:
        found = _comparable(spec, text)
    except (ValueError, OverflowError):
        found = None
    if found is None or (isinstance(found, int) and not storable(found)) or "\0" in text:
        what, remedy = f"`{spec.name}` cannot have this value", f"it is of type {spec.type.value}"
        raise DomicileError(what, where=spec.name, remedy=remedy, code=Code.INPUT_INVALID)
    return found


def _comparable(spec: FieldSpec, text: str) -> str | int | date:
    if spec.type is FieldType.DATE:
        return date.fromisoformat(text)
    if spec.type is FieldType.TIMESTAMP:
        return microseconds(datetime.fromisoformat(text).astimezone(UTC))
    if spec.type in {FieldType.INTEGER, FieldType.DECIMAL, FieldType.MONEY}:
        return int(text)
    return text


def _stored(value: Value) -> str | int | None:
    """A date is written as ISO text, which both drivers take for a date."""
    plain = value.reveal() if isinstance(value, Personal) else value
    if isinstance(plain, datetime):
        return microseconds(plain)
    return plain.isoformat() if isinstance(plain, date) else plain


def _read(spec: FieldSpec, stored: Any) -> Value:
    if spec.type is FieldType.DATE:
        return date.fromisoformat(stored) if isinstance(stored, str) else stored
    if spec.type is FieldType.TIMESTAMP:
        return instant(stored)
    text_or_number: Value = stored
    return text_or_number
