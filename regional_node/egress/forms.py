"""Putting one value into the form a decision lets it leave in. A form that is not known for a kind of field withholds it.

Masks are for recognising a thing one already knows, generalisations for telling groups: neither gives enough to find a person.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import date, datetime

from policies.engine.vocabulary import DataCategory, Form
from regional_node.crm.fields import FIELDS, FieldSpec, FieldType, RecordType
from regional_node.crm.records import Plain

HIDDEN = "•••"
_SHOWN_DIGITS = 2
_ENOUGH_DIGITS = 7
_ENOUGH_LETTERS = 3
_POSTAL_PREFIX = 2
_ENOUGH_POSTAL = 4
_READ = {DataCategory.CONTACT_CITY: ("state",)}


def fields_read(spec: FieldSpec) -> tuple[FieldSpec, ...]:
    """The other fields of a person whose values a generalisation of this one shows."""
    names = _READ.get(spec.category, ())
    return tuple(each for each in FIELDS[RecordType.PEOPLE] if each.name in names)


def put_into_form(
    spec: FieldSpec,
    form: Form,
    values: Mapping[str, Plain],
    *,
    forms: Mapping[str, Form],
    pseudonym_key: Callable[[], bytes],
) -> str | None:
    """The field's value in `form`, or None when nothing of it may leave or nothing is held. `values` are the record's own.

    `forms` says how the fields of `fields_read` may leave: one that may not leave clear is not shown in place of another.
    `pseudonym_key` gives the key of the importer who asks; two importers get pseudonyms that do not match.
    """
    value = values.get(spec.name)
    if value is None or value == "" or form is Form.WITHHOLD:
        return None
    if form is Form.CLEAR:
        return plain_text(value)
    if form is Form.PSEUDONYM:
        named = f"{spec.category.value}\x00{plain_text(value)}".encode()
        return hmac.digest(pseudonym_key(), named, hashlib.sha256).hex()[:32]
    if form is Form.MASK:
        return _masked(spec, plain_text(value))
    if any(forms.get(name) is not Form.CLEAR for name in _READ.get(spec.category, ())):
        return None
    return _generalised(spec, value, values)


def plain_text(value: Plain) -> str:
    """A value as text: dates in ISO form, numbers in decimal."""
    return value.isoformat() if isinstance(value, date) else str(value)


def _masked(spec: FieldSpec, text: str) -> str | None:
    if spec.category is DataCategory.CONTACT_EMAIL:
        return _masked_email(text)
    if spec.category is DataCategory.CONTACT_PHONE:
        digits = [each for each in text if each.isdecimal()]
        return HIDDEN + "".join(digits[-_SHOWN_DIGITS:]) if len(digits) >= _ENOUGH_DIGITS else None
    if spec.category is DataCategory.NAME:
        return text[0] + HIDDEN if len(text) >= _ENOUGH_LETTERS else HIDDEN
    return None


def _masked_email(text: str) -> str | None:
    local, at, domain = text.rpartition("@")
    name, dot, ending = domain.rpartition(".")
    if not (at and local and dot and name and ending.isalpha()):
        return None
    return f"{_initial(local)}@{_initial(name)}.{ending}"


def _initial(text: str) -> str:
    return text[0] + HIDDEN if len(text) >= _ENOUGH_LETTERS else HIDDEN


def _generalised(spec: FieldSpec, value: Plain, values: Mapping[str, Plain]) -> str | None:
    match spec.category:
        case DataCategory.DATE_OF_BIRTH:
            born = _day(value)
            return f"{born.year // 10 * 10}s" if born else None
        case DataCategory.CONTACT_POSTAL_CODE:
            code = str(value).strip()
            return code[:_POSTAL_PREFIX] + HIDDEN if len(code) >= _ENOUGH_POSTAL else None
        case DataCategory.CONTACT_CITY:
            state = values.get("state")
            return str(state) if state else None
        case DataCategory.LOCATION_IMPRECISE:
            area, slash, _ = str(value).partition("/")
            return area if slash else None
        case _:
            day = _day(value) if spec.type in {FieldType.DATE, FieldType.TIMESTAMP} else None
            return str(day.year) if day else None


def _day(value: Plain) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else None
