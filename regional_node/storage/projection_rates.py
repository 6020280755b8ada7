"""Exchange rates from a file in the manner of the European Central Bank: `Date,USD,BRL,...`, units per euro. Nothing is fetched.

A rate is kept as an integer: minor units of the currency per euro, in millionths. A day without a rate takes the last one
before it, a day before the first takes the first, so that a row never decides whether a question can be answered.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn

from policies.engine.errors import Code, DomicileError

FIRST_DAY = date.min
_MILLIONTHS = 6
_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,12}))?\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_EMPTY = {"", "N/A"}
_MAX_BYTES = 32 * 1024 * 1024

# ISO 4217 minor units that are not 2
_WHOLE = ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
_THOUSANDTHS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
_DIGITS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """From `day` on, `units` millionths of a minor unit of `currency` make one euro."""

    currency: str
    day: date
    units: int


def minor_digits(currency: str) -> int:
    """How many decimal digits the currency's minor unit has (ISO 4217)."""
    return _DIGITS.get(currency, 2)


def euro_only() -> tuple[Rate, ...]:
    """The rates of a region that has no file: the euro against itself."""
    return (Rate(currency="EUR", day=FIRST_DAY, units=100 * 10**_MILLIONTHS),)


def load_rates(path: Path) -> tuple[Rate, ...]:
    """The file's rates and the euro's own; without a file the euro's only. Raises `DomicileError` (FILE_INVALID) at its line."""
    if not path.exists():
        return euro_only()
    try:
        if path.stat().st_size > _MAX_BYTES:
            _refuse(path, 1, f"the file is larger than {_MAX_BYTES} bytes", "keep the years that matter")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rates = list(_read(path, csv.reader(file, strict=True)))
    except UnicodeDecodeError:
        _refuse(path, 1, "the file is not UTF-8 text", "save it as UTF-8")
    except csv.Error as error:
        _refuse(path, 1, f"the file is not CSV ({error})", "separate columns by commas")
    except OSError as error:
        _refuse(path, 1, f"the file cannot be read ({error.strerror})", "check its owner and mode")
    return (*euro_only(), *_with_first_days(rates))


def _read(path: Path, lines: Iterator[list[str]]) -> Iterator[Rate]:
    currencies = _currencies(path, [cell.strip() for cell in next(lines, [])])
    days: set[date] = set()
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        day = _day(path, number, cells[0].strip())
        if day in days:
            _refuse(path, number, f"`{day}` stands twice", "keep one line a day")
        days.add(day)
        yield from _rates_of_a_day(path, number, day, currencies, [cell.strip() for cell in cells[1:]])


def _currencies(path: Path, header: list[str]) -> list[str]:
    if header and header[-1] == "":  # the bank's own file ends its lines with a comma
        header.pop()
    if len(header) < 2 or header[0] != "Date":  # noqa: PLR2004 - a day and at least one currency
        _refuse(path, 1, "the first line is not `Date,USD,...`", "use the European Central Bank's layout")
    for name in header[1:]:
        if not _CURRENCY.match(name) or header.count(name) > 1 or name == "EUR":
            _refuse(path, 1, f"`{name[:20]}` is not a currency column", "use ISO 4217 codes, each once, without EUR")
    return header[1:]


def _rates_of_a_day(path: Path, number: int, day: date, currencies: list[str], cells: list[str]) -> Iterator[Rate]:
    if len(cells) < len(currencies) or any(cells[len(currencies) :]):
        what = f"{len(cells) + 1} cells, the first line has {len(currencies) + 1}"
        _refuse(path, number, what, "give one cell a column")
    for currency, text in zip(currencies, cells, strict=False):
        if text not in _EMPTY:
            yield Rate(currency=currency, day=day, units=_units(path, number, currency, text))


def _day(path: Path, number: int, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(path, number, f"`{text[:20]}` is not a date", "write it as `2026-11-22`")


def _units(path: Path, number: int, currency: str, text: str) -> int:
    found = _RATE.match(text)
    digits = minor_digits(currency) + _MILLIONTHS
    if found is None:
        _refuse(path, number, f"the rate of `{currency}` is not a number", "write it as `1.0823`")
    whole, part = found.group(1), found.group(2) or ""
    units = int(whole + part.ljust(digits, "0")[:digits])
    if units == 0:
        _refuse(path, number, f"the rate of `{currency}` is zero", "leave the cell empty where there is none")
    return units


def _with_first_days(rates: list[Rate]) -> list[Rate]:
    first: dict[str, Rate] = {}
    for rate in rates:
        known = first.get(rate.currency)
        if known is None or rate.day < known.day:
            first[rate.currency] = rate
    return [*(Rate(currency=r.currency, day=FIRST_DAY, units=r.units) for r in first.values()), *rates]


def _refuse(path: Path, line: int, what: str, remedy: str) -> NoReturn:
    raise DomicileError(what, where=f"{path.name}:{line}", remedy=remedy, code=Code.FILE_INVALID)
