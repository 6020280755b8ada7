"""SQL text -> a Question with typed plans, checked against the catalogue. Nothing of the text goes further than this file.

(1) read the text as one SELECT  (2) find the table  (3) read keys and figures  (4) read WHERE  (5) check what belongs together
(6) read HAVING, ORDER BY, LIMIT  (7) make the plans.
"""

from dataclasses import dataclass

from sqlglot import exp

from global_index.catalogue.published import Catalogue, nearest
from global_index.queries.columns import Names
from global_index.queries.conditions import Reader, Where
from global_index.queries.literals import LONGEST_SHOWN
from global_index.queries.measures import measured
from global_index.queries.parse import Parsed, parse, table_of
from global_index.queries.question import Figure, Key, Output, Question
from global_index.queries.sorting import Terms, limit_of
from policies.engine.crossing import DatePart
from policies.engine.readings import ColumnType, ReadingTable

MOST_OUTPUTS = 20
MOST_KEYS = 4
MOST_MEASURES = 8


def plan_question(text: str, catalogue: Catalogue) -> Question:
    """The question of `text`. Raises QuestionError with line and column, the reason and the nearest thing that works."""
    parsed = parse(text)  # (1)
    node, alias = table_of(parsed)  # (2)
    name = str(node.this.this).lower()
    table = catalogue.table(name)
    if table is None:
        known = tuple(catalogue.tables)
        shown = f" `{name}`" if len(name) <= LONGEST_SHOWN else ""
        raise parsed.invalid(node, f"unknown table{shown}", nearest(name, known))
    return _Planner(parsed=parsed, catalogue=catalogue, table=table, names=Names(parsed=parsed, table=table, alias=alias)).plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    parsed: Parsed
    catalogue: Catalogue
    table: ReadingTable
    names: Names

    def plan(self) -> Question:
        """The question."""
        outputs = self._outputs()  # (3)
        keys = self._keys(outputs)
        reader = Reader(parsed=self.parsed, table=self.table, catalogue=self.catalogue, resolve=self.names.column)
        where = reader.read(self.parsed.select.args.get("where"))  # (4)
        self._require_grouped(outputs, keys)  # (5)
        terms = Terms(parsed=self.parsed, names=self.names, catalogue=self.catalogue, outputs=outputs, keys=keys)
        having = terms.having(self.parsed.select.args.get("having"))  # (6)
        order = terms.order(self.parsed.select.args.get("order"))
        figures = tuple(dict.fromkeys([*(o.of for o in outputs if isinstance(o.of, Figure)), *terms.figures]))
        if not figures:
            raise self.parsed.unsupported(
                self.parsed.select, "rows never leave a region, only figures do", "add count(*), sum(x) or avg(x)"
            )
        for figure in figures:
            self._require_one_currency(figure, keys, where)
        recipes, plans = measured(table=self.table, keys=keys, figures=figures, where=where)  # (7)
        if any(len(plan.aggregates) > MOST_MEASURES for plan in plans):
            raise self.parsed.unsupported(
                self.parsed.select, f"a question has {MOST_MEASURES} measures at most", "ask for fewer at once"
            )
        return Question(
            table=self.table.name,
            keys=keys,
            outputs=outputs,
            figures=figures,
            recipes=recipes,
            plans=plans,
            regions=where.regions,
            having=having,
            order=order,
            limit=limit_of(self.parsed),
        )

    def _outputs(self) -> tuple[Output, ...]:
        found: list[Output] = []
        for node in self.parsed.select.expressions:
            if isinstance(node, exp.Star):
                raise self.parsed.unsupported(
                    node, "rows never leave a region, so SELECT * is not answered", "name columns and count(*)"
                )
            inner = node.this if isinstance(node, exp.Alias) else node
            of: Key | Figure = self.names.figure(inner) if self.names.is_figure(inner) else self.names.key(inner)
            found.append(Output(name=self._name(node, of), of=of))
        if not 0 < len(found) <= MOST_OUTPUTS:
            raise self.parsed.unsupported(self.parsed.select, f"a question shows 1 to {MOST_OUTPUTS} columns", "name what you need")
        return tuple(found)

    def _name(self, node: exp.Expr, of: Key | Figure) -> str:
        if isinstance(node, exp.Alias):
            return str(node.args["alias"].this).lower()
        if isinstance(of, Key):
            return of.column if of.part is None else f"{of.column}_{of.part.value}"
        if of.column is None:
            return of.kind.value
        word = "sum" if of.kind.value == "sum" else "avg"
        return f"{word}_{of.column}" + (f"_{of.currency.lower()}" if of.currency else "")

    def _keys(self, outputs: tuple[Output, ...]) -> tuple[Key, ...]:
        group = self.parsed.select.args.get("group")
        nodes = group.expressions if group is not None else []
        keys = tuple(dict.fromkeys(self._grouped(node, outputs) for node in nodes))
        if len(keys) > MOST_KEYS:
            raise self.parsed.unsupported(nodes[0], f"a question groups by {MOST_KEYS} columns at most", "ask with fewer")
        return keys

    def _grouped(self, node: exp.Expr, outputs: tuple[Output, ...]) -> Key:
        if isinstance(node, exp.Literal) and not node.is_string:
            return self._by_position(node, outputs)
        if isinstance(node, exp.Column) and not node.args.get("table"):
            name = str(node.this.this).lower() if isinstance(node.this, exp.Identifier) else ""
            named = [o.of for o in outputs if o.name == name]
            if named and self.table.column(name) is None and isinstance(named[0], Key):
                return named[0]
        if self.names.is_figure(node):
            raise self.parsed.invalid(node, "a figure cannot be grouped by", "group by columns")
        return self.names.key(node)

    def _by_position(self, node: exp.Expr, outputs: tuple[Output, ...]) -> Key:
        text = str(node.this)
        number = int(text) if text.isdecimal() and len(text) < 4 else 0  # noqa: PLR2004 - no question has a thousand columns
        if not 1 <= number <= len(outputs):
            raise self.parsed.invalid(node, "there is no column at this position", f"use 1 to {len(outputs)}")
        of = outputs[number - 1].of
        if not isinstance(of, Key):
            raise self.parsed.invalid(node, f"column {number} is a figure and cannot be grouped by", "group by the other columns")
        return of

    def _require_grouped(self, outputs: tuple[Output, ...], keys: tuple[Key, ...]) -> None:
        for node, output in zip(self.parsed.select.expressions, outputs, strict=True):
            if isinstance(output.of, Key) and output.of not in keys:
                raise self.parsed.invalid(
                    node, f"`{output.of.column}` is shown and not grouped by", f"add GROUP BY {_written(output.of)}"
                )

    def _require_one_currency(self, figure: Figure, keys: tuple[Key, ...], where: Where) -> None:
        column = self.table.column(figure.column) if figure.column else None
        if column is None or column.type is not ColumnType.MONEY or figure.currency is not None:
            return
        if where.currency is None and Key(column=str(column.currency_column)) not in keys:
            raise self.parsed.invalid(
                self.parsed.select,
                f"`{column.name}` holds amounts of different currencies, which cannot be added",
                f"convert with in_currency({column.name}, 'EUR') or group by {column.currency_column}",
            )


def _written(key: Key) -> str:
    return key.column if key.part is None else f"date_trunc('{DatePart(key.part).value}', {key.column})"
