"""Reading a frozen epoch of the columnar projection. What it returns is exact and bounded, and never leaves without the gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from policies.engine.crossing import DatePart, Plan

YEARS_ASKABLE = 10
"""How far back a date can be a group key, the present year included. The range is public: that a period is there says nothing."""

_MONTHS = {DatePart.YEAR: 12, DatePart.QUARTER: 3, DatePart.MONTH: 1}


def periods(part: DatePart, frozen_on: date) -> tuple[date, ...]:
    """The first days of every period that is a group key, oldest first, up to the epoch's own day. Rows outside read `other`."""
    first = frozen_on.year - YEARS_ASKABLE + 1
    months = range(first * 12, frozen_on.year * 12 + frozen_on.month, _MONTHS[part])
    return tuple(date(m // 12, m % 12 + 1, 1) for m in months)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingEpoch:
    """The frozen data that answers use. `name` is stable within the epoch, e.g. a region-local date."""

    name: str
    frozen_at: datetime
    frozen_on: date  # the region's own day at that time


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamp:
    """Bounds of one measure, in its answer's integer unit (minor units of `currency` for money)."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCell:
    """One group, exact: keys as text in plan order, totals as integers in plan order, each subject bounded; how many subjects."""

    keys: tuple[str | None, ...]
    totals: tuple[int, ...]
    subjects: int


class Readings(Protocol):
    """The projection: fed from the outbox, frozen once an epoch."""

    def epoch(self, *, at: datetime) -> ReadingEpoch:
        """The epoch that answers a question asked now; freezes a new one when the period has turned."""
        ...

    def domains(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The region's own domains by (table, column), `other` included."""
        ...

    def clamps(self, plan: Plan) -> tuple[Clamp, ...]:
        """The bounds of each measure of the plan. Raises `DomicileError` (QUESTION_UNSUPPORTED) when a measure has none."""
        ...

    def measure(self, plan: Plan, epoch: ReadingEpoch) -> Sequence[ExactCell]:
        """Exact totals of the groups that have rows, each subject limited to the table's rows and groups and clamped.

        Raises `DomicileError`: unknown columns, values outside a domain. A row whose currency has no rate adds nothing to a sum:
        a refusal that depends on rows would tell about them.
        """
        ...
