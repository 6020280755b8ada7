"""An answer as a table and charts: values with margins, marks in words, how many decimals say something. It never fills a gap."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from global_index.queries.answer import Answer, Column, Mark, Row, Status

MOST_BARS = 40
MOST_CHARTS = 4
NOT_STATED = "-"
_CERTAIN = 5.0
"""From this margin on, cents say nothing."""
_DAY = re.compile(r"\d{4}(-\d{2})?(-\d{2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShown:
    """One cell. `digits` is None for text."""

    value: str | int | Decimal | None
    margin: float | None
    mark: str
    digits: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartShown:
    """One measure over one group column: the label and what `charts.js` draws."""

    label: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerShown:
    """What the page needs to know of an answer besides the answer itself."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[CellShown, ...], ...]
    charts: tuple[ChartShown, ...]
    marked: bool
    below_zero: bool
    answered: int
    asked: int

    @property
    def heads(self) -> list[dict[str, str]]:
        """The column heads of the table."""
        names = [f"{one.name} ({one.unit})" if one.unit else one.name for one in self.columns]
        kinds = ["" if one.kind == "key" else "number" for one in self.columns]
        return [{"label": name, "kind": kind} for name, kind in zip(names, kinds, strict=True)]


def shown(answer: Answer) -> AnswerShown:
    """The answer for the page."""
    rows = tuple(_row(row, answer.columns) for row in answer.rows)
    cells = [cell for row in rows for cell in row]
    asked = [one for one in answer.coverage if one.status is not Status.NOT_ASKED]
    return AnswerShown(
        columns=answer.columns,
        rows=rows,
        charts=_charts(answer),
        marked=any(cell.mark for cell in cells),
        below_zero=any(cell.digits is not None and isinstance(cell.value, int | Decimal) and cell.value < 0 for cell in cells),
        answered=sum(one.status is Status.ANSWERED for one in asked),
        asked=len(asked),
    )


def _row(row: Row, columns: Sequence[Column]) -> tuple[CellShown, ...]:
    parts = zip(columns, row.values, row.margins, row.marks, strict=True)
    return tuple(
        CellShown(value=value, margin=margin, mark=mark.value, digits=_digits(column, margin))
        for column, value, margin, mark in parts
    )


def _digits(column: Column, margin: float | None) -> int | None:
    if column.kind == "key":
        return None
    if column.kind == "count":
        return 0
    return 0 if margin is not None and margin >= _CERTAIN else 2


def _charts(answer: Answer) -> tuple[ChartShown, ...]:
    """One chart a measure, side by side: two measures on one axis would need two scales."""
    keys = [at for at, column in enumerate(answer.columns) if column.kind == "key"]
    if len(keys) != 1 or not 1 < len(answer.rows) <= MOST_BARS:
        return ()
    measures = [at for at, column in enumerate(answer.columns) if column.kind != "key"]
    return tuple(_chart(answer, keys[0], at) for at in measures[:MOST_CHARTS])


def _chart(answer: Answer, key: int, measure: int) -> ChartShown:
    column = answer.columns[measure]
    name = f"{column.name} ({column.unit})" if column.unit else column.name
    categories = [str(row.values[key]) if row.values[key] is not None else NOT_STATED for row in answer.rows]
    over_time = all(_DAY.fullmatch(category) for category in categories)
    series = {
        "name": name,
        "data": [_point(row, measure) for row in answer.rows],
        "error": [_margin(row, measure) for row in answer.rows],
    }
    spec = {"type": "line" if over_time else "bar", "categories": categories, "series": [series]}
    return ChartShown(label=f"{name}, {answer.columns[key].name}", spec=spec)


def _point(row: Row, measure: int) -> float | None:
    value = row.values[measure]
    hidden = value is None or isinstance(value, str) or row.marks[measure] is Mark.WITHHELD
    return None if hidden else float(value)  # type: ignore[arg-type]  # a hidden value is not used


def _margin(row: Row, measure: int) -> float | None:
    margin = row.margins[measure]
    return None if margin is None else round(margin, 4)
