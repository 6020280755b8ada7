"""A record of the CRM: one frozen value for every kind, its fields by name. Nothing here is stored or sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from regional_node.crm.fields import RecordType
from regional_node.crm.personal import Personal

Plain: TypeAlias = str | int | date | datetime | None
Value: TypeAlias = Plain | Personal[Plain]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalId:
    """The key of this record in another system: `system` is a closed name (`salesforce`, `maven`), `key` may identify a person."""

    system: str
    key: Personal[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record. Sealed fields are `Personal`; `subject_id` is the person, else the company, else the record itself.

    Ids are UUIDv7 as 32 hex digits. `version` rises by one with every write and is the ETag. `custom` holds sealed custom
    fields by name, whatever their type, as text.
    """

    type: RecordType
    id: str
    subject_id: str
    version: int
    created_at: datetime
    updated_at: datetime
    values: Mapping[str, Value]
    custom: Mapping[str, Personal[str]] = field(default_factory=dict)
    external_ids: tuple[ExternalId, ...] = ()

    def plain(self, name: str) -> Plain:
        """The value of a field, revealed; None when empty."""
        value = self.values.get(name)
        return value.reveal() if isinstance(value, Personal) else value
