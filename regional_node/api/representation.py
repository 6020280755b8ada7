"""A record as JSON and as headers, and back. Only what is asked for is shown; nothing here checks a role."""

import difflib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import FIELDS, RecordType
from regional_node.crm.records import Plain, Record
from regional_node.crm.validation import FieldFault

_SYSTEM = ("id", "type", "subject_id", "version", "created_at", "updated_at")
_ENDS = ("custom", "external_ids")
_LONGEST_KEY = 200
WARNINGS = "domicile-warnings"
encode = msgspec.json.Encoder().encode
NAMES = {kind: (*_SYSTEM, *(spec.name for spec in specs), *_ENDS) for kind, specs in FIELDS.items()}
_SEALED = {kind: {*_ENDS, *(spec.name for spec in specs if spec.sealed)} for kind, specs in FIELDS.items()}


def fault_shown(fault: FieldFault) -> dict[str, Any]:
    """A fault as a member of a problem's `errors`; with law, rule and citations where a policy says so."""
    told: dict[str, Any] = {"field": fault.field, "code": fault.code.value, "remedy": fault.remedy}
    if (ground := fault.ground) is not None:
        told |= {"law": ground.law, "rule": ground.rule, "cite": list(ground.cite), "because": [*ground.reasons, *ground.faults]}
    return told


def warnings(faults: Sequence[FieldFault]) -> dict[str, str]:
    """The header of a write that was done though policies advise against it: a JSON list in ASCII, nothing when there is none."""
    return {WARNINGS: json.dumps([fault_shown(fault) for fault in faults], separators=(",", ":"))} if faults else {}


def shown(record: Record, fields: frozenset[str] | None) -> dict[str, Any]:
    """The record as JSON values: all fields, empty ones null, or those of `fields` beside id, type and version."""
    whole: dict[str, Any] = {
        "id": record.id,
        "type": record.type.value,
        "subject_id": record.subject_id,
        "version": record.version,
        "created_at": _json(record.created_at),
        "updated_at": _json(record.updated_at),
    }
    for spec in FIELDS[record.type]:
        whole[spec.name] = _json(record.plain(spec.name))
    whole["custom"] = {name: value.reveal() for name, value in record.custom.items()}
    whole["external_ids"] = [{"system": one.system, "key": one.key.reveal()} for one in record.external_ids]
    return whole if fields is None else {name: value for name, value in whole.items() if name in fields}


def released(record: Record, view: Mapping[str, str | None]) -> dict[str, Any]:
    """What the gate let out of a record, with what says which record it is."""
    return {**view, "id": record.id, "type": record.type.value, "version": record.version}


def read_fields(record_type: RecordType, text: str | Sequence[str] | None) -> frozenset[str] | None:
    """The fields asked for, None for all. Raises INPUT_UNKNOWN with the nearest names."""
    if text is None:
        return None
    asked = [name.strip() for name in (text.split(",") if isinstance(text, str) else text) if name.strip()]
    names = NAMES[record_type]
    for name in asked:
        if name not in names:
            raise unknown_name(record_type, name, names, what="there is no such field")
    return frozenset({"id", "type", "version", *asked})


def shows_sealed(record_type: RecordType, fields: frozenset[str] | None) -> bool:
    """Whether sealed fields are among those shown."""
    return fields is None or bool(fields & _SEALED[record_type])


def unknown_name(record_type: RecordType, name: str, names: Sequence[str], *, what: str) -> DomicileError:
    """The error for a name that is not known; the name itself is not repeated."""
    near = difflib.get_close_matches(name, names, n=3) or names
    remedy = f"`{record_type.value}` has: {', '.join(f'`{one}`' for one in near)}"
    return DomicileError(what, remedy=remedy, code=Code.INPUT_UNKNOWN)


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def read_if_match(header: str | None) -> int:
    """The version an If-Match names. Raises PRECONDITION_MISSING without one, RECORD_CONFLICT for a tag that is none of ours."""
    if header is None or not header.strip():
        raise DomicileError(
            "the request does not say which version it changes",
            remedy="send If-Match with the ETag read",
            code=Code.PRECONDITION_MISSING,
        )
    tag = header.strip()
    if len(tag) > len('""') and tag[0] == tag[-1] == '"' and tag[1:-1].isdecimal() and tag.isascii():
        return int(tag[1:-1])
    raise DomicileError("If-Match names no version of this record", remedy="send the ETag read", code=Code.RECORD_CONFLICT)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises MESSAGE_TRUNCATED when it is none."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise DomicileError("the body is not a JSON object", remedy="send one object", code=Code.MESSAGE_TRUNCATED)
    return given


def read_idempotency_key(header: str | None) -> str | None:
    """The Idempotency-Key. Raises INPUT_INVALID for an empty or over-long one."""
    if header is None:
        return None
    if not header.strip() or len(header) > _LONGEST_KEY:
        what = "the Idempotency-Key is empty or too long"
        raise DomicileError(what, remedy=f"use 1 to {_LONGEST_KEY} characters", code=Code.INPUT_INVALID)
    return header.strip()


def _json(value: Plain) -> Plain:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
