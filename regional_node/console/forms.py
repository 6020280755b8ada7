"""The text of a form and the values of a record, one to the other. It checks no value: the model does, and names every fault.

A form carries, besides its texts, the mark of each text as it was shown. What differs from its mark is what its writer changed,
so two people who changed different fields do not undo each other's work.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from regional_node.console.kinds import Face
from regional_node.console.shown import THOUSAND
from regional_node.crm.fields import FieldSpec, FieldType
from regional_node.crm.records import Plain, Record

Texts = Mapping[str, str]

_DECIMAL = re.compile(r"-?\d{1,13}(?:[.,]\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,16}", re.ASCII)
_VERSION = re.compile(r"\d{1,9}", re.ASCII)
_PERCENT = 100
_USUAL_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form as it was sent. `seen` holds the mark of each text as it was shown, `version` that of the record, 0 for a new one."""

    texts: Texts
    seen: Texts
    version: int
    key: str

    def changed(self, present: Texts) -> frozenset[str]:
        """The fields that the writer changed; a field whose mark did not come along when it differs from what is kept."""
        return frozenset(
            name
            for name, text in self.texts.items()
            if (mark(text) != self.seen[name] if name in self.seen else text != present.get(name, ""))
        )


def digits_of(currency: object) -> int:
    """How many decimals amounts of a currency have (ISO 4217)."""
    return get_currency_precision(currency) if isinstance(currency, str) and currency else _USUAL_DIGITS


def mark(text: str) -> str:
    """A short digest that tells one text of a field from another; it stands beside the text itself, so it gives nothing away."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def texts_of(face: Face, record: Record | None, zone: tzinfo) -> dict[str, str]:
    """What the form of a record says in each field; of none, nothing."""
    if record is None:
        return dict.fromkeys(face.specs, "")
    currency = record.plain("currency") if "currency" in face.specs else None
    return {name: _text(spec, record.plain(name), currency, zone) for name, spec in face.specs.items()}


def marks(texts: Texts) -> str:
    """The marks of a form's texts, for its hidden field; an empty text has none to save room."""
    return json.dumps({name: mark(text) for name, text in texts.items() if text}, separators=(",", ":"))


def read_form(face: Face, form: Mapping[str, Any]) -> Filled:
    """A form as it was sent, line ends as in a record. Fields that it does not have are not in it."""
    texts = {name: given.replace("\r\n", "\n").strip() for name in face.specs if isinstance(given := form.get(name), str)}
    version, key = form.get("version"), form.get("key")
    numbered = isinstance(version, str) and _VERSION.fullmatch(version)
    return Filled(
        texts=texts,
        seen=_read_marks(form.get("seen"), texts),
        version=int(str(version)) if numbered else 0,
        key=key if isinstance(key, str) else "",
    )


def values_of(face: Face, texts: Texts, names: frozenset[str], *, currency: str, zone: tzinfo) -> dict[str, object]:
    """What those fields say, as values for the use case; what cannot be read goes on as text and is refused there by name."""
    return {name: _value(face.specs[name], texts[name], currency, zone) for name in sorted(names)}


def _read_marks(given: object, texts: Texts) -> dict[str, str]:
    try:
        found = json.loads(given) if isinstance(given, str) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {}
    return {name: str(found.get(name, mark(""))) for name in texts}


def _text(spec: FieldSpec, value: Plain, currency: object, zone: tzinfo) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if spec.type is FieldType.MONEY and isinstance(value, int):
        digits = digits_of(currency)
        return f"{Decimal(value).scaleb(-digits):.{digits}f}"
    if spec.type is FieldType.DECIMAL and isinstance(value, int):
        return f"{Decimal(value) * _PERCENT / THOUSAND:.1f}"
    return str(value).replace("\r\n", "\n").strip()


def _value(spec: FieldSpec, text: str, currency: str, zone: tzinfo) -> object:
    if not text:
        return None
    if spec.type is FieldType.MONEY:
        return _scaled(text, digits_of(currency))
    if spec.type is FieldType.DECIMAL:
        return _scaled(text, 1)
    if spec.type is FieldType.INTEGER:
        return int(text) if _WHOLE.fullmatch(text) else text
    if spec.type is FieldType.TIMESTAMP:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=zone)
        except ValueError:
            return text
    return text


def _scaled(text: str, digits: int) -> object:
    if not _DECIMAL.fullmatch(text):
        return text
    scaled = Decimal(text.replace(",", ".")).scaleb(digits)
    return int(scaled) if scaled == int(scaled) else text
