"""Shares of regions -> rows of one answer: sums by key, variances added, what was withheld marked. It never invents a figure.

A cell that a region withheld is missing from its share. Whether the region could have had it is known from its announced
domains; if
so the merged figure lacks that part and says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import NamedTuple

from global_index.catalogue.published import Catalogue, minor_digits
from global_index.queries.answer import Answer, Column, Mark, Row
from global_index.queries.measures import plan_keys
from global_index.queries.question import (
    Check,
    Every,
    Figure,
    FigureKind,
    Key,
    Leaf,
    Neither,
    Question,
    Recipe,
    Some,
    Sorting,
    Tree,
)
from policies.engine.crossing import Operator, Share
from policies.engine.readings import OTHER, TABLES

CONFIDENCE = 1.96
"""Standard deviations on either side of a figure that hold the true value in 95 of 100 answers."""

RowKey = tuple[str | None, ...]
Shares = Mapping[str, Sequence[Share | None]]
"""region -> its share for each plan of the question, None where it gave none."""


@dataclass(slots=True)
class _Sum:
    """What was added up for one row and one plan."""

    values: list[int]
    variances: list[float]
    missing: bool = False


class _Value(NamedTuple):
    value: int | Decimal | None
    margin: float | None
    mark: Mark


_Pair = tuple[RowKey, list[_Value]]
_KEY = _Value(None, None, Mark.WHOLE)
_NOTHING = _Value(None, None, Mark.WITHHELD)


def merge(question: Question, shares: Shares, catalogue: Catalogue) -> Answer:
    """The answer without its coverage. Regions that gave no share are no part of any sum: the coverage names them."""
    sums = [_added(question, number, shares, catalogue) for number in range(len(question.plans))]
    keys = dict.fromkeys(key for one in sums for key in one)
    if not question.keys and not keys and any(share is not None for parts in shares.values() for share in parts):
        keys = {(): None}  # a question without groups has one row, even when it is withheld
    recipes = [(figure.kind, question.recipes[figure]) for figure in question.figures]
    rows = [(key, [_figure(kind, recipe, question, key, sums[recipe.plan].get(key)) for kind, recipe in recipes]) for key in keys]
    if question.having is not None:
        rows = [row for row in rows if _holds(question.having, question, row) is True]
    for sorting in reversed(question.order or tuple(Sorting(of=key) for key in question.keys)):
        rows = _sorted(rows, _reader(sorting.of, question), sorting)
    kept = rows if question.limit is None else rows[: question.limit]
    readers = [_shown(output.of, question) for output in question.outputs]
    return Answer(
        columns=tuple(_columns(question)),
        rows=tuple(_row(row, readers) for row in kept),
        rows_per_subject=TABLES[question.table].rows_per_subject,
    )


def deviations(question: Question, shares: Sequence[Share | None]) -> tuple[float, ...]:
    """For each figure the standard deviation of one region's noise, in the figure's own unit (an average: of its sum)."""
    found: list[float] = []
    for figure in question.figures:
        recipe = question.recipes[figure]
        share = shares[recipe.plan]
        place = recipe.count if recipe.total is None else recipe.total
        if share is None or place is None:
            continue
        noise = share.noise[place]
        found.append(sqrt(noise.variance_numerator / noise.variance_denominator) / 10**recipe.decimals)
    return tuple(found)


def _added(question: Question, number: int, shares: Shares, catalogue: Catalogue) -> dict[RowKey, _Sum]:
    plan = question.plans[number]
    places = plan_keys(question.keys, plan)
    sums: dict[RowKey, _Sum] = {}
    for region, parts in shares.items():
        share = parts[number]
        if share is None:
            continue
        variances = [n.variance_numerator / n.variance_denominator for n in share.noise]
        for cell in share.cells:
            key = tuple(region if place is None else cell.keys[place] for place in places)
            known = sums.get(key)
            if known is None:
                sums[key] = _Sum(values=list(cell.values), variances=list(variances))
            else:
                known.values = [a + b for a, b in zip(known.values, cell.values, strict=True)]
                known.variances = [a + b for a, b in zip(known.variances, variances, strict=True)]
    if None not in places:
        _mark_missing(question, number, shares, catalogue, sums)
    return sums


def _mark_missing(question: Question, number: int, shares: Shares, catalogue: Catalogue, sums: dict[RowKey, _Sum]) -> None:
    """A row lacks the part of a region that withheld cells, has none here, and could have one."""
    table = catalogue.tables[question.table]
    columns = [table.column(key.column) if key.part is None else None for key in question.keys]
    places = plan_keys(question.keys, question.plans[number])
    for region, parts in shares.items():
        share = parts[number]
        if share is None or not share.suppressed:
            continue
        domains = [None if column is None else catalogue.domain_in(region, question.table, column) for column in columns]
        given = {tuple(cell.keys[place] for place in places if place is not None) for cell in share.cells}
        for key, one in sums.items():
            if key not in given and all(
                domain is None or value is None or value in domain or value == OTHER
                for value, domain in zip(key, domains, strict=True)
            ):
                one.missing = True


def _figure(kind: FigureKind, recipe: Recipe, question: Question, key: RowKey, found: _Sum | None) -> _Value:
    if found is None:
        return _NOTHING
    mark = Mark.PARTIAL if found.missing else Mark.WHOLE
    if recipe.total is None:
        at = recipe.count or 0
        return _Value(found.values[at], round(CONFIDENCE * sqrt(found.variances[at]), 2), mark)
    total, spread = found.values[recipe.total], found.variances[recipe.total]
    decimals = _decimals(recipe, question, key)
    if kind is FigureKind.SUM:
        return _Value(_scaled(total, decimals), round(CONFIDENCE * sqrt(spread) / 10**decimals, 2), mark)
    count, uncertain = found.values[recipe.count or 0], found.variances[recipe.count or 0]
    if count <= CONFIDENCE * sqrt(uncertain) or count <= 0:
        return _NOTHING  # a divisor that may be zero gives no average
    mean = total / count
    # The delta method for a ratio of two independent noisy figures.
    margin = CONFIDENCE * sqrt(spread + mean * mean * uncertain) / count
    return _Value(round(Decimal(mean).scaleb(-decimals), max(decimals, 2)), round(margin / 10**decimals, 4), mark)


def _decimals(recipe: Recipe, question: Question, key: RowKey) -> int:
    if not recipe.by_currency:
        return recipe.decimals
    currencies = [value for of, value in zip(question.keys, key, strict=True) if of.column == "currency"]
    return minor_digits(currencies[0]) if currencies and currencies[0] else recipe.decimals


def _scaled(value: int, decimals: int) -> int | Decimal:
    return Decimal(value).scaleb(-decimals) if decimals else value


Comparable = str | int | Decimal
_Reader = Callable[[_Pair], Comparable | None]


def _reader(of: Key | Figure, question: Question) -> _Reader:
    """A function from a row to the value of a key or figure."""
    if isinstance(of, Key):
        place = question.keys.index(of)
        return lambda row: row[0][place]
    number = question.figures.index(of)
    return lambda row: row[1][number].value


def _shown(of: Key | Figure, question: Question) -> Callable[[_Pair], tuple[Comparable | None, _Value]]:
    """A function from a row to what its column shows."""
    read = _reader(of, question)
    if isinstance(of, Key):
        return lambda row: (read(row), _KEY)
    number = question.figures.index(of)
    return lambda row: (row[1][number].value, row[1][number])


def _sorted(rows: list[_Pair], read: _Reader, sorting: Sorting) -> list[_Pair]:
    empty = [row for row in rows if read(row) is None]
    full = [row for row in rows if read(row) is not None]
    full.sort(key=read, reverse=sorting.descending)  # type: ignore[arg-type]  # one term has one type, and None was taken out
    return empty + full if sorting.nulls_first else full + empty


def _holds(tree: Tree[Check], question: Question, row: _Pair) -> bool | None:
    """SQL's three-valued logic: None where a figure is withheld."""
    match tree:
        case Leaf(test=test):
            return _passes(test, _reader(test.of, question)(row))
        case Neither(member=member):
            inner = _holds(member, question, row)
            return None if inner is None else not inner
        case Every(members=members):
            results = [_holds(member, question, row) for member in members]
            return False if False in results else None if None in results else True
        case Some(members=members):
            results = [_holds(member, question, row) for member in members]
            return True if True in results else None if None in results else False
    raise AssertionError("a tree has four kinds of nodes")


_COMPARED: dict[Operator, Callable[[int], bool]] = {
    Operator.EQ: lambda order: order == 0,
    Operator.NE: lambda order: order != 0,
    Operator.LT: lambda order: order < 0,
    Operator.LE: lambda order: order <= 0,
    Operator.GT: lambda order: order > 0,
    Operator.GE: lambda order: order >= 0,
}


def _passes(test: Check, value: Comparable | None) -> bool | None:
    if test.operator is Operator.IS_NULL:
        return value is None
    if value is None:
        return None
    if len(test.values) != 1:
        return value in test.values
    wanted = test.values[0]
    order = (value > wanted) - (value < wanted)  # type: ignore[operator]  # the reader gave the constant the figure's type
    return _COMPARED[test.operator](order)


def _columns(question: Question) -> Iterable[Column]:
    for output in question.outputs:
        if isinstance(output.of, Key):
            yield Column(name=output.name, kind="key")
        else:
            yield Column(name=output.name, kind=output.of.kind.value, unit=question.recipes[output.of].unit)


def _row(row: _Pair, readers: Sequence[Callable[[_Pair], tuple[Comparable | None, _Value]]]) -> Row:
    shown = [read(row) for read in readers]
    return Row(values=tuple(v for v, _ in shown), margins=tuple(f.margin for _, f in shown), marks=tuple(f.mark for _, f in shown))
