"""What a record may hold: every field checked, all faults told at once. Nothing here repeats a value, stores or looks anything up.

Text is kept in NFC without surrounding space; control characters are refused (in long text, line ends and tabs are text). Terms
are put in the spelling of their domain. A value may come typed (date, int) or as the text of JSON and files.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from policies.engine.errors import Code, DomicileError
from policies.engine.readings import BIRTH_DECADES, OTHER
from regional_node.crm.contact import normal_email
from regional_node.crm.domains import UNDECLARED, Domains
from regional_node.crm.fields import FIELDS, FieldSpec, FieldType, RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import Plain, Value

LARGEST = 10**15
THOUSAND = 1000
EARLIEST = date(1850, 1, 1)
LATEST = date(2200, 1, 1)
_ID = re.compile(r"[0-9a-f]{32}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FEWEST_DIGITS = 3
_NAMES_OF = {
    RecordType.PEOPLE: ("given_name", "family_name", "email", "phone", "mobile"),
    RecordType.COMPANIES: ("name",),
}


class FaultCode(StrEnum):
    """What is wrong with a field. Grammar: an adjective or a past participle."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    CONTROL_CHARACTER = "control_character"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_PHONE = "not_a_phone"
    NOT_AN_ADDRESS = "not_a_web_address"
    NOT_A_DATE = "not_a_date"
    NOT_A_TIME = "not_a_time"
    OUTSIDE_DOMAIN = "outside_domain"
    NO_SUCH_RECORD = "no_such_record"
    IN_THE_FUTURE = "in_the_future"
    NOT_TO_BE_KEPT = "not_to_be_kept"  # the policies of the region; the next two as well
    NEEDS_CONSENT = "needs_consent"
    DISCOURAGED = "discouraged"  # a warning: the field is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Which rule of which law says so, and what it cites; no rule where none permits, or a fact that decides is not known."""

    law: str = ""
    rule: str = ""
    cite: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The rule with its citations, else why none permits."""
        if not self.rule:
            return "; ".join(self.faults or self.reasons)
        return f"{self.law}, rule `{self.rule}`" + (f" ({', '.join(self.cite)})" if self.cite else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """One fault: the field's name, what is wrong, how to mend it, and by which rule of a policy. It never holds the value."""

    field: str
    code: FaultCode
    remedy: str
    ground: Ground | None = None

    def __str__(self) -> str:
        """The field, what is wrong with it, and by which rule."""
        by = f" by {self.ground}" if self.ground is not None else ""
        return f"`{self.field}` {self.code.value.replace('_', ' ')}{by}"


class FieldsInvalidError(DomicileError):
    """Fields that are not acceptable, all of them."""

    code = Code.INPUT_INVALID

    def __init__(self, faults: tuple[FieldFault, ...]) -> None:
        told = ", ".join(
            f"`{fault.field}` {fault.code.value.replace('_', ' ')}" + (f" by {fault.ground}" if fault.ground else "")
            for fault in faults
        )
        super().__init__(f"fields are not acceptable: {told}", remedy="; ".join(dict.fromkeys(f.remedy for f in faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The values in their normal form (empty fields left out, sealed ones wrapped) and what was wrong with the others."""

    values: Mapping[str, Value]
    emptied: frozenset[str]
    faults: tuple[FieldFault, ...]


class _FaultError(Exception):
    def __init__(self, code: FaultCode, remedy: str) -> None:
        super().__init__(code)
        self.fault_code = code
        self.remedy = remedy


def check(record_type: RecordType, given: Mapping[str, object], *, domains: Domains, today: date) -> Checked:
    """Check and normalise each given field by itself. `emptied` are those given as null or empty text."""
    values: dict[str, Value] = {}
    emptied: set[str] = set()
    faults: list[FieldFault] = []
    specs = _SPECS[record_type]
    for name, raw in given.items():
        spec = specs.get(name)
        if spec is None:
            remedy = f"`{record_type.value}` has: {', '.join(specs)}"
            faults.append(FieldFault(field=_shown(name), code=FaultCode.UNKNOWN, remedy=remedy))
            continue
        plain = raw.reveal() if isinstance(raw, Personal) else raw
        try:
            value = _normal(spec, plain, domains)
        except _FaultError as error:
            faults.append(FieldFault(field=name, code=error.fault_code, remedy=error.remedy))
            continue
        if value is None:
            emptied.add(name)
        else:
            values[name] = Personal(value) if spec.sealed else value
    _derive(values, emptied, faults, today=today)
    return Checked(values=values, emptied=frozenset(emptied), faults=tuple(faults))


def missing(record_type: RecordType, values: Mapping[str, Value]) -> tuple[FieldFault, ...]:
    """What the whole record lacks: something to know it by, and a currency where there is money."""
    faults = []
    known_by = _NAMES_OF.get(record_type, ())
    if known_by and not any(name in values for name in known_by):
        remedy = f"give {' or '.join(f'`{name}`' for name in known_by)}"
        faults.append(FieldFault(field=known_by[0], code=FaultCode.MISSING, remedy=remedy))
    specs = _SPECS[record_type]
    if "currency" not in values and any(specs[name].type is FieldType.MONEY for name in values):
        faults.append(FieldFault(field="currency", code=FaultCode.MISSING, remedy="money needs its `currency`"))
    return tuple(faults)


def birth_decade(born: date) -> str:
    """The decade of a date of birth, as the catalogue writes it."""
    decade = f"{born.year // 10 * 10}s"
    return decade if decade in BIRTH_DECADES else OTHER


def _derive(values: dict[str, Value], emptied: set[str], faults: list[FieldFault], *, today: date) -> None:
    born = values.get("date_of_birth")
    if isinstance(born, Personal) and isinstance(day := born.reveal(), date):
        if day > today:
            faults.append(FieldFault(field="date_of_birth", code=FaultCode.IN_THE_FUTURE, remedy="give a day that has been"))
        values["birth_decade"] = birth_decade(day)
        emptied.discard("birth_decade")
    elif "date_of_birth" in emptied and "birth_decade" not in values:
        emptied.add("birth_decade")


def _normal(spec: FieldSpec, raw: object, domains: Domains) -> Plain:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if spec.type is FieldType.TERM:
        return _term(spec, raw, domains)
    return _READERS[spec.type](spec, raw)


def _text(spec: FieldSpec, raw: object) -> str:
    if not isinstance(raw, str):
        raise _FaultError(FaultCode.WRONG_TYPE, "give text")
    text = unicodedata.normalize("NFC", raw.strip())
    if len(text) > spec.max_length:
        raise _FaultError(FaultCode.TOO_LONG, f"use at most {spec.max_length} characters")
    allowed = "\n\r\t" if spec.type is FieldType.LONG_TEXT or spec.name == "street" else ""
    if not text.isprintable() and any(unicodedata.category(s) in {"Cc", "Cs"} and s not in allowed for s in text):
        raise _FaultError(FaultCode.CONTROL_CHARACTER, "remove the control characters")
    return text


def _email(spec: FieldSpec, raw: object) -> str:
    normal = normal_email(_text(spec, raw))
    if normal is None:
        raise _FaultError(FaultCode.NOT_AN_EMAIL, "write an address such as `name@example.com`")
    return normal


def _phone(spec: FieldSpec, raw: object) -> str:
    text = _text(spec, raw)
    if sum(sign.isdigit() for sign in text) < _FEWEST_DIGITS:
        raise _FaultError(FaultCode.NOT_A_PHONE, "write a number, best with its country: `+49 30 1234567`")
    return text


def _url(spec: FieldSpec, raw: object) -> str:
    text = _text(spec, raw)
    written = text if "://" in text else f"https://{text}"
    if not re.fullmatch(r"https?://[^\s/?#@<>\"]+\.[^\s/?#@<>\"]+(?:[/?#][^\s<>\"]*)?", written, re.IGNORECASE):
        raise _FaultError(FaultCode.NOT_AN_ADDRESS, "write an address such as `https://example.com`")
    return text


def _date(_spec: FieldSpec, raw: object) -> date:
    if isinstance(raw, str) and _DATE.fullmatch(raw.strip()):
        try:
            raw = date.fromisoformat(raw.strip())
        except ValueError:
            raw = None
    if isinstance(raw, datetime) or not isinstance(raw, date) or not EARLIEST <= raw < LATEST:
        raise _FaultError(FaultCode.NOT_A_DATE, "write a real day as `2026-11-22`")
    return raw


def _timestamp(_spec: FieldSpec, raw: object) -> datetime:
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(raw.strip())
        except ValueError:
            raw = None
    if not isinstance(raw, datetime) or raw.tzinfo is None or not EARLIEST <= raw.date() < LATEST:
        raise _FaultError(FaultCode.NOT_A_TIME, "write a time with its zone as `2026-11-22T09:30:00Z`")
    return raw.astimezone(UTC)


def _integer(spec: FieldSpec, raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        unit = {FieldType.MONEY: "minor units (cents)", FieldType.DECIMAL: "thousandths"}.get(spec.type, "whole numbers")
        raise _FaultError(FaultCode.WRONG_TYPE, f"give an integer, in {unit}")
    bounds = (0, THOUSAND) if spec.type is FieldType.DECIMAL else (-LARGEST, LARGEST)
    if not bounds[0] <= raw <= bounds[1]:
        raise _FaultError(FaultCode.TOO_LARGE, f"stay within {bounds[0]} to {bounds[1]}")
    return raw


def _reference(_spec: FieldSpec, raw: object) -> str:
    if not isinstance(raw, str) or not _ID.fullmatch(raw):
        raise _FaultError(FaultCode.NO_SUCH_RECORD, "give the id of a record: 32 hexadecimal digits")
    return raw


def _term(spec: FieldSpec, raw: object, domains: Domains) -> str:
    text = _text(spec, raw)
    if spec.name in UNDECLARED:
        return text
    known = domains.match(spec, text)
    if known is None:
        raise _FaultError(FaultCode.OUTSIDE_DOMAIN, domains.nearest(spec, text))
    return known


_READERS: dict[FieldType, Callable[[FieldSpec, object], Plain]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.URL: _url,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _integer,
    FieldType.MONEY: _integer,
    FieldType.REFERENCE: _reference,
}
_SPECS = {record_type: {spec.name: spec for spec in specs} for record_type, specs in FIELDS.items()}


def _shown(name: str) -> str:
    """A field's name as it was sent, kept short and printable."""
    return "".join(sign if sign.isalnum() or sign in "_-." else "?" for sign in name[:60])
