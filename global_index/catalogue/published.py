"""The published catalogue as an analyst sees it: tables, columns and the values each column may have. It holds no data.

Domains that the law of the house declares come with the catalogue; those of one region (the countries it serves) are announced by
the regions and joined here, so that `country = 'BR'` is known as soon as a region serves Brazil.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from global_index.catalogue.regions import Region
from policies.engine.readings import OTHER, REGION_COLUMN, TABLES, ColumnType, ReadingColumn, ReadingTable

CURRENCIES = (
    "AUD", "BGN", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KRW",
    "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD", "THB", "TRY", "USD", "ZAR",
)  # fmt: skip
"""What amounts can be converted to: the currencies of the European Central Bank's reference rates."""

_NO_MINOR_UNIT = frozenset({"JPY", "KRW", "ISK"})  # ISO 4217
_MINOR_DIGITS = 2
_DECIMAL_DIGITS = 3


def minor_digits(currency: str) -> int:
    """How many decimals the minor unit of a currency has (ISO 4217)."""
    return 0 if currency in _NO_MINOR_UNIT else _MINOR_DIGITS


def decimals_of(column: ReadingColumn, currency: str | None = None) -> int:
    """By how many decimals an integer of this column is scaled."""
    if column.type is ColumnType.MONEY:
        return minor_digits(currency or "EUR")
    return _DECIMAL_DIGITS if column.type is ColumnType.DECIMAL else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Tables with their columns, the names of the regions, and for each region the values it announced."""

    tables: Mapping[str, ReadingTable]
    regions: tuple[str, ...]
    announced: Mapping[str, Mapping[tuple[str, str], frozenset[str]]]

    def table(self, name: str) -> ReadingTable | None:
        """The table of that name, or None."""
        return self.tables.get(name)

    def domain(self, table: str, column: ReadingColumn) -> tuple[str, ...]:
        """Every value the column may have in some region, in order; empty when no region has announced any."""
        if column.domain is not None:
            return column.domain
        found: set[str] = set()
        for domains in self.announced.values():
            found.update(domains.get((table, column.name), ()))
        return (*sorted(found - {OTHER}), OTHER) if found else ()

    def domain_in(self, region: str, table: str, column: ReadingColumn) -> frozenset[str] | None:
        """The values the column may have in one region, None when the region has announced none."""
        if column.domain is not None:
            return frozenset(column.domain)
        values = self.announced.get(region, {}).get((table, column.name))
        return None if values is None else values | {OTHER}


def published(regions: Sequence[Region]) -> Catalogue:
    """The catalogue over these regions."""
    return Catalogue(
        tables=TABLES,
        regions=tuple(sorted(region.name for region in regions)),
        announced={region.name: {place: frozenset(values) for place, values in region.domains.items()} for region in regions},
    )


def nearest(wrong: str, known: Sequence[str]) -> str:
    """The remedy for an unknown name: the nearest known one, else all of them."""
    near = get_close_matches(wrong.lower(), known, n=2, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(f"`{name}`" for name in near)
    return "use one of: " + ", ".join(f"`{name}`" for name in known) if known else "none is known yet"


def column_names(table: ReadingTable) -> tuple[str, ...]:
    """Every name that may stand where a column may, `region` first."""
    return (REGION_COLUMN, *(column.name for column in table.columns))
