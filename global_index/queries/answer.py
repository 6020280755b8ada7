"""An answer with its coverage, and how it is written as JSON. Values only; what is withheld is marked, never zero and never blank.

Each row has, beside its values, for each column the margin of a 95 % confidence interval (None for keys) and a mark: `partial` when
some region withheld its cell, `withheld` when all did, empty otherwise.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from policies.engine.crossing import LeafRef, Share
from policies.engine.decision import Decision, RuleRef


class Status(StrEnum):
    """How a region took a question. Grammar: a verb in the past, or an adjective.

    `unknown`: it answered with something that says neither yes nor no. `not_asked`: no row of it can match, by its announced
    domains.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    DOWN = "down"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


class Mark(StrEnum):
    """What is missing from a figure. Grammar: an adjective."""

    WHOLE = ""
    PARTIAL = "partial"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionAnswer:
    """What a region's node released: its share, the verdict it took, where it recorded it."""

    share: Share
    decision: Decision
    leaf: LeafRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How one region took part. `noise` is the standard deviation of each figure of the answer, in the figure's own unit."""

    region: str
    status: Status
    reason: str = ""
    detail: str = ""
    remedy: str = ""
    rules: tuple[RuleRef, ...] = ()
    reasons: tuple[str, ...] = ()
    try_instead: tuple[str, ...] = ()
    epoch: str | None = None
    frozen_at: datetime | None = None
    suppressed: int = 0
    noise: tuple[float, ...] = ()
    recorded: bool = False
    rho: Fraction = Fraction(0)
    leaves: tuple[int, ...] = ()
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: values, margins and marks, column by column."""

    values: tuple[str | int | Decimal | None, ...]
    margins: tuple[float | None, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of an answer: `kind` is key, count, sum or average; `unit` a currency or nothing."""

    name: str
    kind: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Columns, rows, coverage."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    coverage: tuple[Coverage, ...] = field(default=())
    rows_per_subject: int = 1

    @property
    def charged(self) -> Fraction:
        """What the question cost all regions together, in zCDP rho."""
        return sum((one.rho for one in self.coverage), Fraction(0))


def answer_json(answer: Answer) -> dict[str, Any]:
    """The interface that stays put (columns, rows, coverage, budget), with margins, marks and column facts beside it."""
    return {
        "columns": [column.name for column in answer.columns],
        "rows": [[plain(value) for value in row.values] for row in answer.rows],
        "coverage": [coverage_json(one) for one in answer.coverage],
        "budget": {
            "unit": "rho",
            "charged": decimal_text(answer.charged),
            "regions": {one.region: decimal_text(one.rho) for one in answer.coverage if one.status is Status.ANSWERED},
        },
        "margins": [list(row.margins) for row in answer.rows],
        "marks": [[mark.value for mark in row.marks] for row in answer.rows],
        "rows_per_subject": answer.rows_per_subject,
        "facts": [{"name": column.name, "kind": column.kind, "unit": column.unit} for column in answer.columns],
    }


def coverage_json(one: Coverage) -> dict[str, Any]:
    """How one region took part, as plain data."""
    rule = one.rules[0] if one.rules else None
    return {
        "region": one.region,
        "status": one.status.value,
        "reason": one.reason or None,
        "detail": one.detail or None,
        "remedy": one.remedy or None,
        "reasons": list(one.reasons),
        "rule": rule.policy if rule else None,
        "citation": list(rule.cite) if rule else [],
        "rules": [{"policy": r.policy, "law": r.law, "place": r.place, "cite": list(r.cite)} for r in one.rules],
        "try_instead": list(one.try_instead),
        "epoch": one.epoch,
        "frozen_at": one.frozen_at.isoformat() if one.frozen_at else None,
        "suppressed": one.suppressed,
        "noise": [round(deviation, 6) for deviation in one.noise],
        "recorded": one.recorded,
        "rho": decimal_text(one.rho),
        "leaf": one.leaves[0] if one.leaves else None,
        "leaves": list(one.leaves),
        "milliseconds": round(one.milliseconds, 1),
    }


def plain(value: str | int | Decimal | None) -> str | int | float | None:
    """A value as JSON has it."""
    return float(value) if isinstance(value, Decimal) else value


def decimal_text(value: Fraction) -> str:
    """A charge as a short decimal."""
    return format(float(value), ".9g")
