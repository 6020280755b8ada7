"""Constants of a question against the column they are compared with. What lies outside a domain, the bounds or the askable days
is refused and never repeated: a number or a day may name a person as well as a text does.
"""

import re
from datetime import date
from decimal import Decimal

from sqlglot import exp

from global_index.catalogue.published import Catalogue, decimals_of
from global_index.queries.parse import Parsed
from policies.engine.crossing import FIRST_DAY, LAST_DAY, askable_day, askable_numbers
from policies.engine.readings import REGION_COLUMN, ColumnType, ReadingColumn, ReadingTable

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"\d{1,18}(\.\d{1,6})?")
_SHOWN = 12
LONGEST_SHOWN = 40
"""A name longer than any of ours is not repeated."""


def is_constant(node: exp.Expr) -> bool:
    """Whether `node` is a number, a text, or a date made of a text."""
    if isinstance(node, exp.Neg):
        return isinstance(node.this, exp.Literal) and not node.this.is_string
    if isinstance(node, exp.Cast):
        return isinstance(node.this, exp.Literal) and node.to.is_type("date")
    return isinstance(node, exp.Literal)


def text_of(node: exp.Expr) -> str | None:
    """The text of a string literal or of `date '...'`, None for a number."""
    literal = node.this if isinstance(node, exp.Cast) else node
    return str(literal.this) if isinstance(literal, exp.Literal) and literal.is_string else None


def number_of(parsed: Parsed, node: exp.Expr) -> Decimal:
    """A plain decimal number. Raises QuestionError for text or for a form such as 1e9."""
    negative = isinstance(node, exp.Neg)
    literal = node.this if negative else node
    if not isinstance(literal, exp.Literal) or literal.is_string or not _NUMBER.fullmatch(str(literal.this)):
        raise parsed.invalid(node, "a number is wanted here", "write plain digits, for example `100` or `0.25`")
    value = Decimal(str(literal.this))
    return -value if negative else value


def day_of(parsed: Parsed, node: exp.Expr) -> date:
    """A day that may be asked about, written as '2026-01-31'."""
    text = text_of(node)
    day = _calendar_day(text) if text is not None else None
    if day is None:
        raise parsed.invalid(node, "a day is wanted here", "write it as '2026-01-31'")
    if not askable_day(day):
        raise parsed.invalid(
            node, "this day is outside what can be asked about", f"use a day from '{FIRST_DAY}' to '{LAST_DAY}', or group by year"
        )
    return day


def _calendar_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def term_of(parsed: Parsed, node: exp.Expr, domain: tuple[str, ...], name: str) -> str:
    """A text of the domain. The refusal names the column and what it may hold, never what was written."""
    text = text_of(node)
    if text is not None and not isinstance(node, exp.Cast) and text in domain:
        return text
    if not domain:
        raise parsed.invalid(
            node, f"no region has announced the values of `{name}` yet", "leave the condition out, or wait for a region"
        )
    shown = ", ".join(f"'{value}'" for value in domain[:_SHOWN]) + (", ..." if len(domain) > _SHOWN else "")
    raise parsed.invalid(node, f"this value is not in the domain of `{name}`", f"use one of: {shown}")


def value_for(
    parsed: Parsed, node: exp.Expr, *, column: ReadingColumn, table: ReadingTable, catalogue: Catalogue, currency: str | None
) -> str | int:
    """The constant as the plan carries it: text of the domain, an ISO date, or an integer in the column's unit."""
    match column.type:
        case ColumnType.TERM:
            return term_of(parsed, node, catalogue.domain(table.name, column), column.name)
        case ColumnType.DATE:
            return day_of(parsed, node).isoformat()
        case ColumnType.MONEY if currency is None:
            raise parsed.invalid(
                node,
                f"`{column.name}` holds amounts of different currencies",
                f"add `{column.currency_column} = 'EUR'` (or another) to compare amounts of one currency",
            )
        case _:
            return _scaled(parsed, node, column, currency)


def region_of(parsed: Parsed, node: exp.Expr, catalogue: Catalogue) -> str:
    """The name of a region of this federation."""
    return term_of(parsed, node, catalogue.regions, REGION_COLUMN)


def _scaled(parsed: Parsed, node: exp.Expr, column: ReadingColumn, currency: str | None) -> int:
    places = decimals_of(column, currency)
    bounds = askable_numbers(column)
    if bounds is None:
        raise parsed.invalid(
            node, f"`{column.name}` has no declared bounds, so no number is compared with it", "remove the condition"
        )
    scaled = number_of(parsed, node).scaleb(places)
    if scaled != scaled.to_integral_value():
        raise parsed.invalid(node, f"`{column.name}` has {places} decimals at most", "round the number")
    if not bounds.low <= scaled <= bounds.high:
        low, high = (Decimal(bound).scaleb(-places) for bound in (bounds.low, bounds.high))
        raise parsed.invalid(node, f"this number is outside the bounds of `{column.name}`", f"use a number from {low} to {high}")
    return int(scaled)
