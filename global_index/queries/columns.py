"""Names and figures of a question against the catalogue: which column, which key, which measure. One function for every
place they stand.

The same reading serves SELECT, GROUP BY, HAVING and ORDER BY, so no clause can name what another could not.
"""

from dataclasses import dataclass

from sqlglot import exp

from global_index.catalogue.published import CURRENCIES, column_names, nearest
from global_index.queries.literals import LONGEST_SHOWN, text_of
from global_index.queries.parse import Parsed
from global_index.queries.question import Figure, FigureKind, Key
from policies.engine.crossing import DatePart
from policies.engine.readings import REGION_COLUMN, ColumnType, ReadingColumn, ReadingTable

_MEASURABLE = frozenset({ColumnType.MONEY, ColumnType.INTEGER, ColumnType.DECIMAL})
_MEASURES = "use count(*), sum(x) or avg(x)"
_PLACE = ("a column of the catalogue is wanted here", "name one column")
_UNANSWERED: dict[type[exp.Expr], tuple[str, str]] = {
    exp.Window: ("window functions are not answered", "use GROUP BY"),
    exp.Filter: ("FILTER is not answered", "use a condition in WHERE"),
    exp.Subquery: ("a question inside a question is not answered", "ask the inner question by itself"),
    exp.Case: ("CASE is not answered yet", "group by the column and add up what you need"),
    exp.Cast: ("casts are not answered", "name the column alone"),
    exp.Rollup: ("ROLLUP is not answered", "group by columns"),
    exp.Cube: ("CUBE is not answered", "group by columns"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that may stand in a question over one table, which the question may call by `alias`."""

    parsed: Parsed
    table: ReadingTable
    alias: str

    def column(self, node: exp.Expr) -> ReadingColumn | None:
        """The catalogue's column, None for `region`. Raises QuestionError for any other name."""
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise self.parsed.unsupported(node, *_UNANSWERED.get(type(node), _PLACE))
        if node.args.get("db") or node.args.get("catalog"):
            raise self.parsed.unsupported(node, "a column has no schema", "write its name alone")
        qualifier = node.args.get("table")
        if qualifier is not None and str(qualifier.this).lower() != self.alias:
            raise self.parsed.invalid(
                node, f"the question reads `{self.alias}` only", f"write `{self.alias}.` or nothing before the column"
            )
        name = str(node.this.this).lower()
        if name == REGION_COLUMN:
            return None
        found = self.table.column(name)
        if found is None:
            known = column_names(self.table)
            shown = f" `{name}`" if len(name) <= LONGEST_SHOWN else ""
            raise self.parsed.invalid(node, f"unknown column{shown}", nearest(name, known))
        return found

    def key(self, node: exp.Expr) -> Key:
        """A group key: a column with a domain, `region`, or date_trunc of a date."""
        if isinstance(node, exp.Paren):
            return self.key(node.this)
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            return self._period(node)
        column = self.column(node)
        if column is None:
            return Key(column=REGION_COLUMN)
        if column.type is ColumnType.DATE:
            raise self.parsed.unsupported(
                node, f"`{column.name}` is a day, and days single people out", f"use date_trunc('month', {column.name})"
            )
        if column.type is not ColumnType.TERM:
            raise self.parsed.unsupported(
                node, f"`{column.name}` has no list of values to group by", f"use sum({column.name}) or avg({column.name})"
            )
        return Key(column=column.name)

    def is_figure(self, node: exp.Expr) -> bool:
        """Whether `node` is meant as a measure."""
        plain = node.unnest() if isinstance(node, exp.Paren) else node
        if type(plain) in _UNANSWERED:
            return False
        return isinstance(plain, exp.AggFunc) or (
            isinstance(plain, exp.Func) and not isinstance(plain, exp.TimestampTrunc | exp.DateTrunc)
        )

    def figure(self, node: exp.Expr) -> Figure:
        """A measure: count(*), sum(x), avg(x), with in_currency(x, 'EUR') inside."""
        match node:
            case exp.Paren():
                return self.figure(node.this)
            case exp.Count():
                return self._count(node)
            case exp.Sum():
                return self._measure(node, FigureKind.SUM)
            case exp.Avg():
                return self._measure(node, FigureKind.AVERAGE)
            case _:
                raise self.parsed.unsupported(node, "this function is not answered", _MEASURES)

    def _count(self, node: exp.Count) -> Figure:
        inside = node.this
        if (
            isinstance(inside, exp.Star)
            and not node.expressions
            and not inside.args.get("except_")
            and not inside.args.get("except")
        ):
            return Figure(kind=FigureKind.COUNT)
        if isinstance(inside, exp.Distinct):
            raise self.parsed.unsupported(node, "count(distinct ...) is not answered yet", "use count(*)")
        raise self.parsed.unsupported(node, "only count(*) is answered", "use count(*) with a condition `x is not null`")

    def _measure(self, node: exp.Expr, kind: FigureKind) -> Figure:
        inside = node.this.this if isinstance(node.this, exp.Paren) else node.this
        if isinstance(inside, exp.Distinct):
            raise self.parsed.unsupported(node, "DISTINCT inside a measure is not answered", "leave it out")
        currency: str | None = None
        place = inside
        if isinstance(inside, exp.Anonymous) and str(inside.this).lower() == "in_currency":
            inside, currency = self._conversion(inside)
        if not isinstance(inside, exp.Column):
            raise self.parsed.unsupported(node, "a measure takes one column", "use sum(x) or sum(in_currency(x, 'EUR'))")
        column = self.column(inside)
        if column is None or column.type not in _MEASURABLE or column.bounds is None:
            name = REGION_COLUMN if column is None else column.name
            raise self.parsed.invalid(inside, f"`{name}` is not a number that can be added", f"use one of: {self._numbers()}")
        if currency is not None and column.type is not ColumnType.MONEY:
            raise self.parsed.invalid(place, f"`{column.name}` is not an amount of money", f"use sum({column.name})")
        return Figure(kind=kind, column=column.name, currency=currency)

    def _conversion(self, node: exp.Anonymous) -> tuple[exp.Expr, str]:
        if len(node.expressions) != 2:  # noqa: PLR2004 - in_currency(column, currency)
            raise self.parsed.invalid(node, "in_currency takes a column and a currency", "write in_currency(x, 'EUR')")
        column, wanted = node.expressions
        code = text_of(wanted)
        if code not in CURRENCIES:
            raise self.parsed.invalid(
                wanted, "amounts cannot be converted to this currency", "use one of: " + ", ".join(CURRENCIES)
            )
        return column, code

    def _period(self, node: exp.Expr) -> Key:
        unit = str(getattr(node.args.get("unit"), "this", "")).lower()
        if unit not in set(DatePart) or node.args.get("zone"):
            raise self.parsed.unsupported(node, "dates are truncated to a year, a quarter or a month", "use date_trunc('month', d)")
        column = self.column(node.this.this if isinstance(node.this, exp.Paren) else node.this)
        if column is None or column.type is not ColumnType.DATE:
            days = ", ".join(f"`{c.name}`" for c in self.table.columns if c.type is ColumnType.DATE)
            raise self.parsed.invalid(node, "date_trunc takes a date", f"use one of: {days}")
        return Key(column=column.name, part=DatePart(unit))

    def _numbers(self) -> str:
        return ", ".join(f"`{c.name}`" for c in self.table.columns if c.type in _MEASURABLE) or "count(*)"
