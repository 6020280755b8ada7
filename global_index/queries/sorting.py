"""HAVING, ORDER BY and LIMIT: what is done with figures that are noisy already. Post-processing, so it costs a region nothing."""

from dataclasses import dataclass, field

from sqlglot import exp

from global_index.catalogue.published import Catalogue
from global_index.queries.columns import Names
from global_index.queries.conditions import MIRRORED, OPERATORS, tree_of
from global_index.queries.literals import day_of, is_constant, number_of, region_of, term_of
from global_index.queries.parse import Parsed
from global_index.queries.question import Check, Constant, Every, Figure, Key, Leaf, Output, Sorting, Tree
from policies.engine.crossing import Operator
from policies.engine.readings import REGION_COLUMN

MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Reads what stands in HAVING and ORDER BY; `figures` collects measures that SELECT does not show."""

    parsed: Parsed
    names: Names
    catalogue: Catalogue
    outputs: tuple[Output, ...]
    keys: tuple[Key, ...]
    figures: list[Figure] = field(default_factory=list)

    def having(self, clause: exp.Expr | None) -> Tree[Check] | None:
        """The tests on rows of the answer."""
        return None if clause is None else tree_of(self.parsed, clause.this, self._test)

    def order(self, clause: exp.Expr | None) -> tuple[Sorting, ...]:
        """The terms to sort by."""
        found: list[Sorting] = []
        for node in clause.expressions if clause is not None else []:
            if not isinstance(node, exp.Ordered) or node.args.get("with_fill"):
                raise self.parsed.unsupported(node, "this way to sort is not answered", "name a column, a position or a figure")
            of = self._by_position(node.this) or self._term(node.this)
            found.append(Sorting(of=of, descending=bool(node.args.get("desc")), nulls_first=bool(node.args.get("nulls_first"))))
        return tuple(found)

    def _by_position(self, node: exp.Expr) -> Key | Figure | None:
        if not isinstance(node, exp.Literal):
            return None
        text = str(node.this)
        number = int(text) if not node.is_string and text.isdecimal() and len(text) < 4 else 0  # noqa: PLR2004 - no question has a thousand columns
        if not 1 <= number <= len(self.outputs):
            raise self.parsed.invalid(node, "there is no column at this position", f"use 1 to {len(self.outputs)}")
        return self.outputs[number - 1].of

    def _term(self, node: exp.Expr) -> Key | Figure:
        if isinstance(node, exp.Paren):
            return self._term(node.this)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier) and not node.args.get("table"):
            name = str(node.this.this).lower()
            for output in self.outputs:
                if output.name == name:
                    return output.of
        if self.names.is_figure(node):
            figure = self.names.figure(node)
            self.figures.append(figure)
            return figure
        key = self.names.key(node)
        if key not in self.keys:
            raise self.parsed.invalid(node, f"`{key.column}` is not grouped by", "use a column of GROUP BY or a figure")
        return key

    def _test(self, node: exp.Expr) -> Tree[Check]:
        match node:
            case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return Leaf(test=self._comparison(node))
            case exp.Is() if isinstance(node.expression, exp.Null):
                return Leaf(test=Check(of=self._term(node.this), operator=Operator.IS_NULL))
            case exp.In() if node.expressions and not node.args.get("query"):
                of = self._term(node.this)
                return Leaf(
                    test=Check(of=of, operator=Operator.EQ, values=tuple(self._constant(of, one) for one in node.expressions))
                )
            case exp.Between() if not node.args.get("symmetric"):
                of = self._term(node.this)
                low, high = self._constant(of, node.args["low"]), self._constant(of, node.args["high"])
                tests = (Check(of=of, operator=Operator.GE, values=(low,)), Check(of=of, operator=Operator.LE, values=(high,)))
                return Every(members=(Leaf(test=tests[0]), Leaf(test=tests[1])))
            case _:
                raise self.parsed.unsupported(node, "this condition is not answered", "compare a figure with a number")

    def _comparison(self, node: exp.Expr) -> Check:
        operator, left, right = OPERATORS[type(node)], node.this, node.expression
        if is_constant(left) and not is_constant(right):
            operator, left, right = MIRRORED[operator], right, left
        of = self._term(left)
        return Check(of=of, operator=operator, values=(self._constant(of, right),))

    def _constant(self, of: Key | Figure, node: exp.Expr) -> Constant:
        if not is_constant(node):
            raise self.parsed.unsupported(node, "a constant is wanted here", "write a value")
        if isinstance(of, Figure):
            return number_of(self.parsed, node)
        if of.column == REGION_COLUMN:
            return region_of(self.parsed, node, self.catalogue)
        if of.part is not None:
            return day_of(self.parsed, node).isoformat()
        column = self.names.table.column(of.column)
        domain = self.catalogue.domain(self.names.table.name, column) if column is not None else ()
        return term_of(self.parsed, node, domain, of.column)


def limit_of(parsed: Parsed) -> int | None:
    """How many rows to show at most."""
    clause = parsed.select.args.get("limit")
    if clause is None:
        return None
    node = clause.args.get("expression")
    text = str(node.this) if isinstance(node, exp.Literal) and not node.is_string else ""
    if not text.isdecimal() or len(text) > len(str(MOST_ROWS)) or int(text) > MOST_ROWS:
        raise parsed.invalid(clause, f"LIMIT takes a number from 0 to {MOST_ROWS}", "write for example `LIMIT 10`")
    return int(text)
