"""What a cell says as a value of our model: text, contact points, dates, numbers, terms. Nothing here looks at another row.

A cell that cannot be a value raises CellError with a reason; it never carries the cell's text. A contact point that is none is
no error: the caller keeps its text sealed under another name.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache

from babel.numbers import get_currency_precision, list_currencies

from policies.engine.readings import OTHER
from regional_node.crm.contact import normal_phone
from regional_node.crm.domains import Domains
from regional_node.crm.fields import FieldSpec
from regional_node.crm.validation import EARLIEST, LARGEST, LATEST, THOUSAND
from regional_node.usecases.imports.places import SYNONYMS, country_code, slug
from regional_node.usecases.imports.reasons import CellError, Reason

_CUSTOM_LENGTH = 32_000
_LINES = "\n\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What the region's settings say to an import: its domains, and what is meant where a file is silent."""

    domains: Domains
    default_country: str
    default_currency: str


def text(cell: str, *, max_length: int, lines: bool = False) -> str:
    """Text in NFC without control characters, at most `max_length` long; a line end is a newline, or a comma without `lines`."""
    if not cell.isascii():
        cell = unicodedata.normalize("NFC", cell)
    if not cell.isprintable():
        cell = cell.replace("\r\n", "\n").replace("\r", "\n")
        if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in _LINES for c in cell):
            raise CellError(Reason.TEXT_CONTROL)
        if not lines:
            cell = ", ".join(part.strip() for part in cell.replace("\t", " ").split("\n") if part.strip())
    if len(cell) > max_length:
        raise CellError(Reason.TEXT_TOO_LONG)
    return cell


def custom_text(cell: str) -> str:
    """Text of a custom field."""
    return text(cell, max_length=_CUSTOM_LENGTH, lines=True)


_FEWEST_DIGITS = 3
_URL = re.compile(r"https?://[^\s/?#@<>\"]+\.[^\s/?#@<>\"]+(?:[/?#][^\s<>\"]*)?", re.IGNORECASE)
_E164 = re.compile(r"\+[1-9][0-9]{7,14}")  # the common case, accepted without the library


def phone(cell: str, *, country: str) -> str | None:
    """The number in E.164, read as one of `country` when it names none itself; None when it is none."""
    if _E164.fullmatch(cell):
        return cell
    return normal_phone(cell, country) if sum(map(str.isdigit, cell)) >= _FEWEST_DIGITS else None


def is_web_address(cell: str) -> bool:
    """Whether the text names a web page, with or without its scheme."""
    return _URL.fullmatch(cell if "://" in cell else f"https://{cell}") is not None


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day(cell: str) -> date:
    """A date, or the day (UTC) of a time."""
    if _DAY.fullmatch(cell):
        try:
            found = date.fromisoformat(cell)
        except ValueError:
            raise CellError(Reason.DATE_INVALID) from None
        if not EARLIEST <= found < LATEST:
            raise CellError(Reason.DATE_INVALID)
        return found
    try:
        return instant(cell).date()
    except CellError:
        raise CellError(Reason.DATE_INVALID) from None


def instant(cell: str) -> datetime:
    """A time in UTC; one without a zone is UTC, a date is its midnight."""
    if not _DAY.match(cell):
        raise CellError(Reason.TIME_INVALID)
    try:
        found = datetime.fromisoformat(cell)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise CellError(Reason.TIME_INVALID) from None
    if not EARLIEST <= found.date() < LATEST:
        raise CellError(Reason.TIME_INVALID)
    return found


_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{0,18})?(?:[eE][+-]?[0-9]{1,2})?")


def scaled(cell: str, places: int) -> int:
    """A decimal number (`130.0`, `1.39E8`) as an integer of 10^-places, half rounded to even."""
    if not _NUMBER.fullmatch(cell):
        raise CellError(Reason.NUMBER_INVALID)
    try:
        number = int(Decimal(cell).scaleb(places).to_integral_value())
    except InvalidOperation:
        raise CellError(Reason.NUMBER_INVALID) from None
    if abs(number) > LARGEST:
        raise CellError(Reason.NUMBER_INVALID)
    return number


def integer(cell: str) -> int:
    """A whole number; `130.0` is one, `130.5` is not."""
    thousandths = scaled(cell, 3)
    if thousandths % 1000:
        raise CellError(Reason.NUMBER_INVALID)
    return thousandths // 1000


def fraction(cell: str) -> int:
    """A share from 0 to 1, in thousandths."""
    thousandths = scaled(cell, 3)
    if not 0 <= thousandths <= THOUSAND:
        raise CellError(Reason.NUMBER_INVALID)
    return thousandths


def percentage(cell: str) -> int:
    """A share from 0 to 100 (`75.0`), in thousandths of one."""
    thousandths = scaled(cell, 1)
    if not 0 <= thousandths <= THOUSAND:
        raise CellError(Reason.NUMBER_INVALID)
    return thousandths


def flag(cell: str) -> bool:
    """`true` or `false`, `1` or `0`."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(cell.strip().lower())
    if found is None:
        raise CellError(Reason.FLAG_INVALID)
    return found


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


@cache
def currency_places(currency: str) -> int:
    """How many digits the minor unit of a currency has (EUR 2, JPY 0, KWD 3). Raises CellError for no currency."""
    if currency not in _currencies():
        raise CellError(Reason.CURRENCY_UNKNOWN)
    return get_currency_precision(currency)


def currency(cell: str) -> str:
    """An ISO 4217 code."""
    code = cell.upper()
    currency_places(code)
    return code


_BANDS = ((1000, "1000+"), (250, "250-999"), (50, "50-249"), (10, "10-49"), (1, "1-9"))


def size_band(employees: int) -> str:
    """The band of a company's size as the catalogue knows it."""
    return next((band for least, band in _BANDS if employees >= least), OTHER)


_OWNER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MEMORY = 4096


@dataclass(slots=True, kw_only=True)
class Terms:
    """The terms of one field: what a cell becomes, and what is to be said about it. Remembers a bounded number of cells."""

    spec: FieldSpec
    domains: Domains
    spellings: Mapping[str, str] = field(default_factory=dict)
    _memory: dict[str, tuple[str, Reason | None]] = field(default_factory=dict)

    def read(self, cell: str) -> tuple[str, Reason | None]:
        """The term and a remark; `other` with a remark where it is none of the domain (the caller seals the original)."""
        found = self._memory.get(cell)
        if found is None:
            found = self._read(cell)
            if len(self._memory) < _MEMORY:
                self._memory[cell] = found
        return found

    def _read(self, cell: str) -> tuple[str, Reason | None]:
        cell = self.spellings.get(cell, cell)
        if (domain := self.domains.of(self.spec)) is None:
            return (cell, None) if _OWNER.fullmatch(cell) else (OTHER, Reason.TERM_OTHER)
        if self.spec.name == "currency":
            return currency(cell), None
        if self.spec.name == "country":
            code_or_none = country_code(cell)
            if code_or_none is None:
                return OTHER, Reason.COUNTRY_UNKNOWN
            cell = code_or_none
        found = self.domains.match(self.spec, cell) or self._synonym(cell, domain)
        if found is not None:
            return found, None
        return OTHER, Reason.TERM_OTHER if self.spec.domain is not None else Reason.TERM_UNDECLARED

    def _synonym(self, cell: str, domain: tuple[str, ...]) -> str | None:
        if self.spec.name == "language":  # `pt-BR` where the region declares `pt`
            return self.domains.match(self.spec, cell.replace("_", "-").partition("-")[0])
        word = SYNONYMS.get(domain, {}).get(slug(cell), slug(cell))
        return word if word in domain else None
