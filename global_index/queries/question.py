"""A question that was understood: what to show, which plans to send, whom to ask, and what to do with noisy figures afterwards.

Values only. Nothing here reads SQL, asks a region or adds a number.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from policies.engine.crossing import DatePart, Operator, Plan

T = TypeVar("T")


class FigureKind(StrEnum):
    """What a figure is made of. Grammar: one noun; `average` is composed at the index from a sum and a count."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A group key: a column, a truncated date, or the region itself."""

    column: str
    part: DatePart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measure as it was asked for; `currency` is what money is converted to."""

    kind: FigureKind
    column: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Where a figure's parts stand: the plan's number, and the places of its sum and its count among that plan's measures.

    `decimals` scales the integer of the sum; with `by_currency` the row's own currency says how.
    """

    plan: int
    total: int | None = None
    count: int | None = None
    decimals: int = 0
    by_currency: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column of the answer."""

    name: str
    of: Key | Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Every(Generic[T]):
    """All members hold."""

    members: tuple["Tree[T]", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Some(Generic[T]):
    """At least one member holds."""

    members: tuple["Tree[T]", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neither(Generic[T]):
    """The member does not hold."""

    member: "Tree[T]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Generic[T]):
    """One test."""

    test: T


Tree = Every[T] | Some[T] | Neither[T] | Leaf[T]

Constant = str | Decimal | date


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A test on a row of the merged answer: `of operator value`, or membership in `values`."""

    of: Key | Figure
    operator: Operator
    values: tuple[Constant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """One term of ORDER BY."""

    of: Key | Figure
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything about one question. `regions` is None when all are asked. `recipes` answers figure -> where its parts stand."""

    table: str
    keys: tuple[Key, ...]
    outputs: tuple[Output, ...]
    figures: tuple[Figure, ...]
    recipes: dict[Figure, Recipe]
    plans: tuple[Plan, ...]
    regions: frozenset[str] | None = None
    having: Tree[Check] | None = None
    order: tuple[Sorting, ...] = ()
    limit: int | None = None
