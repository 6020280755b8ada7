"""A record as a page shows it: each value in the reader's language, the names of the records it points at beside it. No markup."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from typing import Any

from babel import Locale
from babel.numbers import get_currency_precision

from chassis.web import languages
from regional_node.console.kinds import SPECS, TITLE, Face
from regional_node.crm.fields import FieldSpec, FieldType, RecordType
from regional_node.crm.records import Plain, Record

THOUSAND = 1000
_SCHEMES = ("https://", "http://")
_LINKS = {FieldType.EMAIL: "mailto:", FieldType.PHONE: "tel:"}
_EAST = (("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\uac00", "\ud7af"))
"""Kana, Han and Hangul, where the family name stands first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value. `kind` says how it is set: title, text, long, code (left to right), link, number, date, term, pointer.

    `text` of a term is the term itself, translated by the page; of a pointer the title, empty when that record is gone.
    """

    field: str
    kind: str
    text: str
    href: str = ""
    sealed: bool = False
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table: where it leads, and its cells."""

    href: str
    cells: tuple[Cell, ...]


Titles = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setter:
    """Sets values in one language, on the clocks of one zone."""

    lang: str
    zone: tzinfo

    def line(self, face: Face, record: Record, columns: Iterable[str], titles: Titles) -> Line:
        """A row with those columns; an empty value has an empty cell."""
        return Line(href=address(record), cells=tuple(self.cell(face, record, name, titles) for name in columns))

    def cell(self, face: Face, record: Record, name: str, titles: Titles) -> Cell:
        """One value of a record."""
        if name == TITLE:
            return Cell(field=name, kind="title", text=title_of(face, record), href=address(record))
        spec = SPECS[record.type][name]
        told: dict[str, Any] = {"field": name, "sealed": spec.sealed, "category": spec.category.value}
        value = record.plain(name)
        if value is None:
            return Cell(kind="number" if spec.type in _NUMBERS else "text", text="", **told)
        kind, text, href = self._set(spec, value, record, titles)
        return Cell(kind=kind, text=text, href=href, **told)

    def name(self, field: str, code: str) -> str | None:
        """A country, language or currency by its name in the reader's language, None for what has none."""
        return _names(self.lang, field).get(code)

    def _set(self, spec: FieldSpec, value: Plain, record: Record, titles: Titles) -> tuple[str, str, str]:
        if spec.type is FieldType.TERM:
            named = self.name(spec.name, str(value))
            return ("text" if named or spec.name in _AS_WRITTEN else "term"), named or str(value), ""
        if spec.type is FieldType.REFERENCE and spec.refers_to is not None:
            return "pointer", titles.get(str(value), ""), f"/{spec.refers_to.value}/{value}"
        if spec.type is FieldType.URL:
            return "link", str(value), web_address(str(value))
        if spec.type in _LINKS:
            return "code", str(value), _LINKS[spec.type] + str(value).replace(" ", "")
        if isinstance(value, date | datetime):
            return "date", self._day(value), ""
        if isinstance(value, int):
            return "number", self._number(spec, value, record), ""
        return ("long" if spec.type is FieldType.LONG_TEXT else "text"), str(value), ""

    def _day(self, value: date | datetime) -> str:
        if isinstance(value, datetime):
            return languages.moment(value, self.lang, self.zone, "short")
        return languages.day(value, self.lang)

    def _number(self, spec: FieldSpec, value: int, record: Record) -> str:
        if spec.type is FieldType.MONEY:
            currency = record.plain("currency")
            if not isinstance(currency, str):
                return languages.number(value, self.lang)
            return languages.money(value / 10 ** get_currency_precision(currency), self.lang, currency)
        if spec.type is FieldType.DECIMAL:
            return languages.percent(value / THOUSAND, self.lang)
        return languages.number(value, self.lang)


_AS_WRITTEN = frozenset({"owner", "currency", "time_zone", "country", "language"})
_NUMBERS = frozenset({FieldType.MONEY, FieldType.INTEGER, FieldType.DECIMAL})


def address(record: Record) -> str:
    """The address of a record's page."""
    return f"/{record.type.value}/{record.id}"


def title_of(face: Face, record: Record) -> str:
    """What a record is known by: its name in the order of its script, else a fallback, else nothing."""
    parts = [str(value) for name in face.known_by if (value := record.plain(name)) is not None]
    if len(parts) > 1 and _eastern(parts[-1]):
        return "".join(reversed(parts))
    if parts:
        return " ".join(parts)
    fallback = record.plain(face.fallback) if face.fallback else None
    return "" if fallback is None else str(fallback).replace("_", " ")


def initials(title: str) -> str:
    """One or two first letters, for the mark beside a name."""
    words = [word for word in title.split() if word[0].isalpha()]
    if not words:
        return ""
    ends = words[:1] if _eastern(words[0]) or len(words) == 1 else [words[0], words[-1]]
    return "".join(word[0] for word in ends).upper()


def pointed_at(records: Iterable[Record], names: Iterable[str]) -> dict[str, RecordType]:
    """Id -> kind of every record that those fields of `records` point at, once each."""
    wanted = tuple(names)
    found: dict[str, RecordType] = {}
    for record in records:
        for name in wanted:
            spec, value = SPECS[record.type].get(name), record.plain(name)
            if spec is not None and spec.refers_to is not None and value is not None:
                found[str(value)] = spec.refers_to
    return found


def web_address(text: str) -> str:
    """A link to a web address, nothing for any other scheme: an import may have kept what is none."""
    if text.lower().startswith(_SCHEMES):
        return text
    return "" if ":" in text.partition("/")[0] else f"https://{text}"


@cache
def _names(lang: str, field: str) -> Mapping[str, str]:
    locale = Locale.parse(lang.replace("-", "_"))
    lists: dict[str, Callable[[], Mapping[str, str]]] = {
        "country": lambda: {str(code): str(name) for code, name in locale.territories.items()},
        "language": lambda: {str(code).replace("_", "-"): str(name) for code, name in locale.languages.items()},
    }
    return lists[field]() if field in lists else {}


def _eastern(text: str) -> bool:
    return any(low <= text[0] <= high for low, high in _EAST)
