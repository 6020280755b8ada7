"""WHERE: from syntax to a typed condition and the regions it chooses. What is not a plain comparison with a constant is refused.

Negations are pushed down to the comparisons (which keeps the meaning where a value is missing), so that questions that mean
the same
give the same plan, and so that a condition on a value which a region cannot have can be answered without asking it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlglot import exp

from global_index.catalogue.published import Catalogue
from global_index.queries.literals import is_constant, region_of, value_for
from global_index.queries.parse import Parsed
from global_index.queries.question import Every, Leaf, Neither, Some, Tree
from policies.engine.crossing import AllOf, AnyOf, Comparison, Condition, Membership, Operator
from policies.engine.readings import REGION_COLUMN, ColumnType, ReadingColumn, ReadingTable

T = TypeVar("T")

MOST_TESTS = 100
MOST_VALUES = 100
DEEPEST = 6

OPERATORS: dict[type[exp.Expr], Operator] = {
    exp.EQ: Operator.EQ,
    exp.NEQ: Operator.NE,
    exp.LT: Operator.LT,
    exp.LTE: Operator.LE,
    exp.GT: Operator.GT,
    exp.GTE: Operator.GE,
}
MIRRORED = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}
OPPOSITE = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.GE: Operator.LT,
    Operator.GT: Operator.LE,
    Operator.LE: Operator.GT,
    Operator.IS_NULL: Operator.IS_NOT_NULL,
    Operator.IS_NOT_NULL: Operator.IS_NULL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which regions a condition chooses: those in `names`, or all but them."""

    names: frozenset[str]
    negated: bool
    node: exp.Expr


Test = Comparison | Membership | Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What WHERE came to: the plan's condition, the regions chosen (None: all), the one currency it fixes, columns
    known not null.
    """

    condition: Condition | None = None
    regions: frozenset[str] | None = None
    currency: str | None = None
    present: frozenset[str] = frozenset()


def tree_of(parsed: Parsed, node: exp.Expr, leaf: Callable[[exp.Expr], Tree[T]]) -> Tree[T]:
    """The and/or/not structure of a condition over the tests that `leaf` reads."""
    match node:
        case exp.Paren():
            return tree_of(parsed, node.this, leaf)
        case exp.And() | exp.Or():
            parts = _flat(node, type(node))
            if len(parts) > MOST_TESTS:
                raise parsed.unsupported(node, f"the condition has more than {MOST_TESTS} tests", "use `in (...)`")
            members = tuple(tree_of(parsed, part, leaf) for part in parts)
            return Every(members=members) if isinstance(node, exp.And) else Some(members=members)
        case exp.Not():
            return Neither(member=tree_of(parsed, node.this, leaf))
        case _:
            return leaf(node)


def _flat(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The members of a chain, left to right, without recursion: a chain leans to the left and may be long."""
    found: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, kind):
            waiting += [one.expression, one.this]
        else:
            found.append(one)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads WHERE against one table of the catalogue. `resolve` answers a Column node with the catalogue's column, None
    for `region`.
    """

    parsed: Parsed
    table: ReadingTable
    catalogue: Catalogue
    resolve: Callable[[exp.Expr], ReadingColumn | None]

    def read(self, where: exp.Expr | None) -> Where:
        """The typed condition. Raises QuestionError."""
        if where is None:
            return Where()
        currency = self._fixed_currency(where.this)
        tree = tree_of(self.parsed, where.this, lambda node: self._test(node, currency))
        members = tree.members if isinstance(tree, Every) else (tree,)
        regions: frozenset[str] | None = None
        kept: list[Condition] = []
        for member in members:
            plain = member.member if isinstance(member, Neither) else member
            if isinstance(plain, Leaf) and isinstance(plain.test, Chosen):
                regions = self._choose(regions, plain.test, negated=isinstance(member, Neither))
            else:
                kept.append(self._condition(member, negated=False))
        condition = None if not kept else kept[0] if len(kept) == 1 else AllOf(conditions=tuple(kept))
        if _size(condition) > MOST_TESTS:
            raise self.parsed.unsupported(where, f"the condition has more than {MOST_TESTS} tests", "use `in (...)`")
        if _depth(condition) > DEEPEST:
            raise self.parsed.unsupported(where, "the condition is nested too deeply", f"use at most {DEEPEST} levels of and, or")
        return Where(condition=condition, regions=regions, currency=currency, present=_present(kept))

    def _choose(self, so_far: frozenset[str] | None, test: Chosen, *, negated: bool) -> frozenset[str]:
        everyone = frozenset(self.catalogue.regions)
        chosen = everyone - test.names if test.negated != negated else test.names
        both = chosen if so_far is None else so_far & chosen
        if not both:
            raise self.parsed.invalid(test.node, "no region is left to ask", "choose at least one region")
        return both

    def _condition(self, tree: Tree[Test], *, negated: bool) -> Condition:
        match tree:
            case Neither(member=member):
                return self._condition(member, negated=not negated)
            case Leaf(test=Chosen() as test):
                raise self.parsed.unsupported(
                    test.node, "`region` chooses who is asked and cannot stand under OR", "join it to the other conditions with AND"
                )
            case Leaf(test=Comparison() as test):
                return _opposite(test) if negated else test
            case Leaf(test=Membership() as test):
                return Membership(column=test.column, values=test.values, negated=test.negated != negated)
            case Every(members=members) | Some(members=members):
                inner = tuple(self._condition(member, negated=negated) for member in members)
                return AllOf(conditions=inner) if isinstance(tree, Every) != negated else AnyOf(conditions=inner)
        raise AssertionError("a tree has four kinds of nodes")

    def _fixed_currency(self, node: exp.Expr) -> str | None:
        """The currency that `currency = '...'` fixes for every row, which makes amounts comparable."""
        for part in _flat(node, exp.And):
            if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column) and is_constant(part.expression):
                column = self.resolve(part.this)
                if column is not None and any(c.currency_column == column.name for c in self.table.columns):
                    return str(self._value(part.expression, column, None))
        return None

    def _test(self, node: exp.Expr, currency: str | None) -> Tree[Test]:
        match node:
            case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return Leaf(test=self._comparison(node, currency))
            case exp.Is():
                return Leaf(test=self._null(node))
            case exp.In():
                return Leaf(test=self._membership(node, currency))
            case exp.Between() if not node.args.get("symmetric"):
                low = self._compare(node, node.this, Operator.GE, node.args["low"], currency)
                high = self._compare(node, node.this, Operator.LE, node.args["high"], currency)
                return Every(members=(Leaf(test=low), Leaf(test=high)))
            case _:
                raise self.parsed.unsupported(
                    node, "this condition is not answered", "use =, <>, <, <=, >, >=, between, in, is null with and, or, not"
                )

    def _comparison(self, node: exp.Expr, currency: str | None) -> Test:
        operator, left, right = OPERATORS[type(node)], node.this, node.expression
        if is_constant(left) and not is_constant(right):
            operator, left, right = MIRRORED[operator], right, left
        return self._compare(node, left, operator, right, currency)

    def _compare(self, node: exp.Expr, left: exp.Expr, operator: Operator, right: exp.Expr, currency: str | None) -> Test:
        column = self._column(left)
        if isinstance(right, exp.Null):
            raise self.parsed.invalid(node, "nothing equals null", "write `is null` or `is not null`")
        if not is_constant(right):
            raise self.parsed.unsupported(right, "a column is compared with a constant only", "write a value here")
        if column is None:
            if operator not in {Operator.EQ, Operator.NE}:
                raise self.parsed.unsupported(node, "`region` has no order", "use =, <> or in")
            names = frozenset({region_of(self.parsed, right, self.catalogue)})
            return Chosen(names=names, negated=operator is Operator.NE, node=node)
        if column.type is ColumnType.TERM and operator not in {Operator.EQ, Operator.NE}:
            raise self.parsed.unsupported(node, f"`{column.name}` has no order", "use =, <> or in")
        return Comparison(column=column.name, operator=operator, value=self._value(right, column, currency))

    def _membership(self, node: exp.In, currency: str | None) -> Test:
        values = node.expressions
        if node.args.get("query") or node.args.get("unnest") or node.args.get("field") or not values:
            raise self.parsed.unsupported(node, "`in` takes a list of constants", "write for example `in ('a', 'b')`")
        if len(values) > MOST_VALUES:
            raise self.parsed.unsupported(node, f"the list has more than {MOST_VALUES} values", "ask for less at once")
        column = self._column(node.this)
        for value in values:
            if not is_constant(value):
                raise self.parsed.unsupported(value, "`in` takes a list of constants", "write for example `in ('a', 'b')`")
        if column is None:
            names = frozenset(region_of(self.parsed, value, self.catalogue) for value in values)
            return Chosen(names=names, negated=False, node=node)
        return Membership(column=column.name, values=tuple(self._value(value, column, currency) for value in values))

    def _null(self, node: exp.Expr) -> Test:
        if not isinstance(node.expression, exp.Null):
            raise self.parsed.unsupported(node, "`is` is followed by null only", "write `is null` or `is not null`")
        column = self._column(node.this)
        if column is None:
            raise self.parsed.invalid(node, f"`{REGION_COLUMN}` is never null", "remove the condition")
        return Comparison(column=column.name, operator=Operator.IS_NULL)

    def _column(self, node: exp.Expr) -> ReadingColumn | None:
        plain = node.this if isinstance(node, exp.Paren) else node
        if not isinstance(plain, exp.Column):
            raise self.parsed.unsupported(node, "a condition is about a column of the catalogue", "put the column on the left")
        return self.resolve(plain)

    def _value(self, node: exp.Expr, column: ReadingColumn, currency: str | None) -> str | int:
        return value_for(self.parsed, node, column=column, table=self.table, catalogue=self.catalogue, currency=currency)


def _opposite(test: Comparison) -> Comparison:
    return Comparison(column=test.column, operator=OPPOSITE[test.operator], value=test.value)


def _present(conditions: Sequence[Condition]) -> frozenset[str]:
    return frozenset(c.column for c in conditions if isinstance(c, Comparison) and c.operator is Operator.IS_NOT_NULL)


def _size(condition: Condition | None) -> int:
    match condition:
        case None:
            return 0
        case AllOf(conditions=members) | AnyOf(conditions=members):
            return sum(_size(member) for member in members)
        case _:
            return 1


def _depth(condition: Condition | None) -> int:
    match condition:
        case AllOf(conditions=members) | AnyOf(conditions=members):
            return 1 + max(_depth(member) for member in members)
        case _:
            return 1
