"""The frozen values that cross a border: the typed plan, entries, shares, a person's fields, and the permit `Released`.

Nothing here touches a wire or a store. `Released` is defined here and constructed by the regional node's gate alone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import rfc8785

from policies.engine.decision import Decision, RuleRef
from policies.engine.readings import Bounds, ColumnType, ReadingColumn
from policies.engine.vocabulary import Form

T_co = TypeVar("T_co", covariant=True)

PLAN_VERSION = 1

FIRST_DAY = date(2010, 1, 1)
LAST_DAY = date(2035, 12, 31)
"""The days a plan may name, both inclusive. Fixed, so that index and node agree without a clock. They begin late because a birth
date must not fit; rows from before are still grouped by year, or asked for with `< '2010-01-01'`."""

_MONEY_TIMES = 100


class AggregateKind(StrEnum):
    """What is measured over a group. Grammar: one noun. Averages and the like are composed at the index from these."""

    COUNT = "count"
    SUM = "sum"


class DatePart(StrEnum):
    """Down to what a date is truncated for a group key. Grammar: one noun."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"


class Operator(StrEnum):
    """How a column is compared. Grammar: a two-letter comparison, or `is_null`."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IS_NULL = "is_null"
    IS_NOT_NULL = "is_not_null"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """A group key: a column of the plan's table with a declared domain, or a date truncated to `part`."""

    column: str
    part: DatePart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One measure. `column` is None for count. `currency` converts a money column at the rate of each row's own date."""

    kind: AggregateKind
    column: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`column operator value`; `value` is text of the domain, an ISO date, or a decimal integer (money in minor units)."""

    column: str
    operator: Operator
    value: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """`column in values`, or not in; the values are of the column's declared domain."""

    column: str
    values: tuple[str | int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every condition holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one condition holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


Condition = Comparison | Membership | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A question as the wire knows it: one catalogue table, group keys, measures, a condition. Never SQL."""

    table: str
    group_by: tuple[GroupKey, ...] = ()
    aggregates: tuple[Aggregate, ...]
    where: Condition | None = None
    version: int = PLAN_VERSION


def normalised(condition: Condition | None) -> Condition | None:
    """The same condition with nested `all`/`any` flattened and members sorted, so that equal questions look equal."""
    match condition:
        case AllOf(conditions=members) | AnyOf(conditions=members):
            return _normalised_group(type(condition), members)
        case Membership(column=column, values=values, negated=negated):
            kept = tuple(sorted(set(values), key=lambda v: (str(type(v)), v)))
            if len(kept) == 1:
                return Comparison(column=column, operator=Operator.NE if negated else Operator.EQ, value=kept[0])
            return Membership(column=column, values=kept, negated=negated)
        case Not(condition=Not(condition=inner)):
            return normalised(inner)
        case Not(condition=inner):
            plain = normalised(inner)
            assert plain is not None  # noqa: S101 - only None normalises to None
            return Not(condition=plain)
        case _:
            return condition


def _normalised_group(kind: type[AllOf] | type[AnyOf], members: Sequence[Condition]) -> Condition:
    flat: list[Condition] = []
    for member in members:
        plain = normalised(member)
        if isinstance(plain, kind):
            flat.extend(plain.conditions)
        elif plain is not None:
            flat.append(plain)
    unique = {rfc8785.dumps(_tagged(c)): c for c in flat}
    ordered = tuple(unique[key] for key in sorted(unique))
    return ordered[0] if len(ordered) == 1 else kind(conditions=ordered)


def _tagged(condition: Condition | None) -> Any:
    match condition:
        case None:
            return None
        case AllOf(conditions=members):
            return {"all": [_tagged(m) for m in members]}
        case AnyOf(conditions=members):
            return {"any": [_tagged(m) for m in members]}
        case Not(condition=inner):
            return {"not": _tagged(inner)}
        case _:
            return {type(condition).__name__: asdict(condition)}


def canonical(plan: Plan) -> bytes:
    """The plan as RFC 8785 canonical JSON after normalising its condition: equal questions give equal bytes."""
    body = {
        "version": plan.version,
        "table": plan.table,
        "group_by": sorted((asdict(key) for key in plan.group_by), key=rfc8785.dumps),
        "aggregates": sorted((asdict(measure) for measure in plan.aggregates), key=rfc8785.dumps),
        "where": _tagged(normalised(plan.where)),
    }
    return rfc8785.dumps(body)


def plan_digest(plan: Plan) -> str:
    """SHA-256 of the canonical plan, hex."""
    return hashlib.sha256(canonical(plan)).hexdigest()


def person_digest(pseudonym: bytes, fields: Sequence[str]) -> str:
    """What a ticket for a person is bound to: SHA-256 (hex) of the RFC 8785 JSON of this person and these fields, in order."""
    return hashlib.sha256(rfc8785.dumps({"fields": list(fields), "pseudonym": pseudonym.hex()})).hexdigest()


def askable_numbers(column: ReadingColumn) -> Bounds | None:
    """The integers a plan may compare `column` with, both inclusive; None when it takes no number.

    Money: up to 100 times the high bound, in minor units of any currency (5,000,000 for the largest column of today). So a
    number of more than seven digits, as a telephone, a tax or an identity card has, never stands in a plan.
    """
    if column.bounds is None or column.type in {ColumnType.TERM, ColumnType.DATE}:
        return None
    times = _MONEY_TIMES if column.type is ColumnType.MONEY else 1
    return Bounds(low=column.bounds.low * times, high=column.bounds.high * times)


def askable_day(day: date) -> bool:
    """Whether a plan may name this day."""
    return FIRST_DAY <= day <= LAST_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One group of an answer: its keys in plan order (None for NULL) and its noised integer values in plan order."""

    keys: tuple[str | None, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The noise of one measure: variance as an exact fraction in the measure's own unit squared (persons, minor units)."""

    variance_numerator: int
    variance_denominator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One region's noised part of an answer. `suppressed` counts cells withheld; `rho` is the zCDP charge as a decimal text."""

    region: str
    reading_epoch: str
    frozen_at: datetime
    cells: tuple[Cell, ...]
    noise: tuple[Noise, ...]
    suppressed: int
    rho: str
    recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the index may know of a person: a random 128-bit pseudonym, and either its linkage tokens or that it is gone."""

    pseudonym: bytes
    tokens: tuple[bytes, ...] = ()
    tombstone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryBatch:
    """A sealed, shuffled batch of entries. `cursor` is the batch's own number in the feed epoch; `more` says that others follow."""

    region: str
    feed_epoch: str
    cursor: int
    entries: tuple[Entry, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field as it left: `value` is None when withheld (or empty when the region holds nothing)."""

    name: str
    category: str
    form: Form
    value: str | None
    rules: tuple[RuleRef, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """The fields of one person as the gate let them out."""

    region: str
    pseudonym: bytes
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRef:
    """Where a release is recorded: its index in the exporter's log and the leaf hash (RFC 9162, 32 bytes)."""

    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class Released(Generic[T_co]):
    """The permit: a value that the gate decided on, transformed and recorded. Constructed by the gate alone."""

    value: T_co
    decision: Decision
    leaf: LeafRef
