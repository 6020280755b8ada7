"""The shapes of the API, made from the model's fields, as OpenAPI publishes them. Values are checked by the model, not here."""

from datetime import date, datetime
from types import GenericAlias
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from regional_node.crm.fields import FIELDS, FieldSpec, FieldType, RecordType

_SINGULAR = {
    RecordType.PEOPLE: "Person",
    RecordType.COMPANIES: "Company",
    RecordType.DEALS: "Deal",
    RecordType.ORDERS: "Order",
    RecordType.ACTIVITIES: "Activity",
}
_SAYS = {
    FieldType.MONEY: "Integer minor units (cents) of `currency`.",
    FieldType.DECIMAL: "Integer thousandths.",
    FieldType.TIMESTAMP: "A time with its zone.",
    FieldType.REFERENCE: "The id of a record.",
    FieldType.TERM: "A value of the region's domain.",
    FieldType.PHONE: "A phone number in any form; best with its country.",
}


class ExternalIdOut(BaseModel):
    """The key of a record in another system."""

    system: str
    key: str


class FieldFaultOut(BaseModel):
    """One field that was not acceptable."""

    field: str
    code: str
    remedy: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    request_id: str | None = None
    detail: str | None = None
    remedy: str | None = None
    where: str | None = None
    errors: list[FieldFaultOut] | None = None


def _python_type(spec: FieldSpec) -> Any:
    if spec.domain is not None:
        return Literal[spec.domain]
    if spec.type in {FieldType.MONEY, FieldType.INTEGER, FieldType.DECIMAL}:
        return int
    return {FieldType.DATE: date, FieldType.TIMESTAMP: datetime}.get(spec.type, str)


def _member(spec: FieldSpec) -> Any:
    words: dict[str, Any] = {"description": f"{_SAYS.get(spec.type, '')} Data category: {spec.category.value}.".strip()}
    kind = _python_type(spec)
    if spec.type is FieldType.REFERENCE:
        return (kind | None, Field(default=None, pattern="^[0-9a-f]{32}$", **words))
    if kind is str:
        return (kind | None, Field(default=None, max_length=spec.max_length, **words))
    return (kind | None, Field(default=None, **words))


def _given(record_type: RecordType) -> type[BaseModel]:
    members: dict[str, Any] = {spec.name: _member(spec) for spec in FIELDS[record_type]}
    name = f"{_SINGULAR[record_type]}In"
    return create_model(name, __config__=ConfigDict(extra="forbid"), **members)


def _shown(record_type: RecordType) -> type[BaseModel]:
    system: dict[str, Any] = {
        "id": (str, Field(description="UUIDv7, 32 hexadecimal digits.")),
        "type": (Literal[record_type.value], Field()),
        "subject_id": (str, Field(description="The person, company or record whose data these are.")),
        "version": (int, Field(description="Rises with every write; the ETag.")),
        "created_at": (datetime, Field()),
        "updated_at": (datetime, Field()),
    }
    members: dict[str, Any] = {spec.name: _member(spec) for spec in FIELDS[record_type]}
    ends: dict[str, Any] = {
        "custom": (dict[str, str], Field(default_factory=dict, description="Custom fields; kept sealed, set by imports.")),
        "external_ids": (list[ExternalIdOut], Field(default_factory=list)),
    }
    return create_model(_SINGULAR[record_type], **system, **members, **ends)


def _page(record_type: RecordType) -> type[BaseModel]:
    members: dict[str, Any] = {
        "records": (GenericAlias(list, (SHOWN[record_type],)), Field()),
        "next_cursor": (str | None, Field(description="Cursor of the next page, null at the end.")),
        "next": (str | None, Field(description="Address of the next page, null at the end and for searches.")),
    }
    return create_model(f"{_SINGULAR[record_type]}Page", **members)


def _search(record_type: RecordType) -> type[BaseModel]:
    members: dict[str, Any] = {
        name: (str | None, Field(default=None, description=words))
        for name, words in (
            ("email", "An e-mail address, exactly."),
            ("phone", "A phone number, in any form."),
            ("name", "Beginnings of words of the name."),
            ("cursor", "`next_cursor` of the page before."),
        )
    }
    members["equals"] = (dict[str, str | int], Field(default_factory=dict, description="Open fields and the values they equal."))
    members["limit"] = (int, Field(default=50, ge=1, le=200))
    members["fields"] = (list[str] | None, Field(default=None, description="Only these fields."))
    return create_model(f"{_SINGULAR[record_type]}Search", __config__=ConfigDict(extra="forbid"), **members)


GIVEN = {record_type: _given(record_type) for record_type in RecordType}
SHOWN = {record_type: _shown(record_type) for record_type in RecordType}
PAGES = {record_type: _page(record_type) for record_type in RecordType}
SEARCHES = {record_type: _search(record_type) for record_type in RecordType}


def singular(record_type: RecordType) -> str:
    """What one of them is called: `Person`."""
    return _SINGULAR[record_type]


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI request body of a model, its schema in place."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}
