"""Disclosure control of ad hoc questions: which cells are answered, what the answer costs, how much noise each figure carries.

Nothing here reads a record, opens a store or computes with a float. The choices, all public:
- every cell of the full cross product of the keys' declared domains is answered, `other` and NULL (where the column may be empty)
  included, and a cell without rows is noised like any other: that a cell is there says nothing;
- a subject is added or removed as a whole, with at most r rows in at most m groups and each of its totals clamped to B. The squared
  L2 sensitivity of a count of rows is then r^2, of a count of subjects min(m, r), of a sum B^2 min(m, r);
- one count of subjects is always paid for and withholds cells under the policy's `min_cell`, and those that its own noise could
  have made out of nobody: over all cells asked, an empty one passes in one answer of a hundred at most (`thresholds`). Where a
  subject holds one row, a question's own count(*) is that count; else it is added and stays inside, and a count of rows that
  itself comes out under `min_cell`, or below zero, withholds its cell too. Withholding looks at noised values only.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import product
from typing import Any

import rfc8785

from policies.engine.crossing import AggregateKind, Cell, Noise, Plan, canonical
from policies.engine.decision import Obligation
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import OTHER, ReadingTable, SubjectClass
from regional_node.egress.noise import Below, discrete_gaussian, gaussian_variance
from regional_node.egress.thresholds import threshold
from regional_node.usecases.questions import Domains, column_of, domain_of, refuse
from regional_node.usecases.readings import Clamp, ExactCell, periods

MAX_CELLS = 4_096
_INT64 = 2**63 - 1
_NEVER_EMPTY = "created_at"
_COMPANY_TABLES = {"companies"}
_SHARED_TABLES = {"deals", "orders", "activities"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseTerms:
    """What the policy asks: the charge of one measure, and under how many subjects a cell is withheld."""

    rho_per_measure: Fraction
    min_cell: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """How one question is answered. `variances` stand in plan order, `counting` is that of the count which withholds cells.

    `counted_by` is the plan's measure that serves as that count, None when it is added; `threshold` is the least that it shows.
    `row_counts` are the plan's measures that count rows.
    """

    variances: tuple[Fraction, ...]
    counting: Fraction
    counted_by: int | None
    row_counts: tuple[int, ...]
    min_cell: int
    threshold: int
    rho: Fraction
    keys: tuple[tuple[str | None, ...], ...]
    subject_class: SubjectClass
    also: tuple[SubjectClass, ...]


def noise_terms(obligation: Obligation) -> NoiseTerms:
    """The arguments of the policy's `noise` obligation. Raises TRANSFER_DENIED when they cannot be read: then nothing leaves."""
    rho, cell = obligation.arguments.get("rho_per_measure"), obligation.arguments.get("min_cell")
    if not isinstance(rho, str) or not isinstance(cell, int) or isinstance(cell, bool) or cell < 1:
        raise _unreadable(obligation)
    try:
        charge = Fraction(rho)
    except (ValueError, ZeroDivisionError):
        raise _unreadable(obligation) from None
    if not 0 < charge <= 1:
        raise _unreadable(obligation)
    return NoiseTerms(rho_per_measure=charge, min_cell=cell)


def _unreadable(obligation: Obligation) -> DomicileError:
    return DomicileError(
        "the noise that the policy asks for cannot be read",
        where=obligation.rule.place,
        remedy="write `rho_per_measure` as a fraction up to 1 in quotes and `min_cell` as a whole number",
        code=Code.TRANSFER_DENIED,
    )


def disclosure(
    plan: Plan, table: ReadingTable, clamps: Sequence[Clamp], terms: NoiseTerms, *, domains: Domains, frozen_on: date
) -> Disclosure:
    """How the plan is answered under these terms. Raises QUESTION_UNSUPPORTED when it has too many cells."""
    groups = min(table.groups_per_subject, table.rows_per_subject)
    squares = [
        table.rows_per_subject**2 if measure.kind is AggregateKind.COUNT else max(abs(clamp.low), abs(clamp.high), 1) ** 2 * groups
        for measure, clamp in zip(plan.aggregates, clamps, strict=True)
    ]
    variances = tuple(gaussian_variance(square, terms.rho_per_measure) for square in squares)
    one_row = table.rows_per_subject == 1
    counted_by = next((i for i, m in enumerate(plan.aggregates) if one_row and m.kind is AggregateKind.COUNT), None)
    counting = gaussian_variance(groups, terms.rho_per_measure) if counted_by is None else variances[counted_by]
    paid = len(variances) + (1 if counted_by is None else 0)
    keys = tuple(_all_keys(plan, table, domains, frozen_on))
    return Disclosure(
        variances=variances,
        counting=counting,
        counted_by=counted_by,
        row_counts=tuple(i for i, m in enumerate(plan.aggregates) if m.kind is AggregateKind.COUNT),
        min_cell=terms.min_cell,
        threshold=threshold(counting, cells=len(keys), min_cell=terms.min_cell),
        rho=terms.rho_per_measure * paid,
        keys=keys,
        subject_class=SubjectClass.COMPANY if table.name in _COMPANY_TABLES else SubjectClass.PERSON,
        # a deal is its person's, else its company's: both classes stand behind the rows, so both pay
        also=(SubjectClass.COMPANY,) if table.name in _SHARED_TABLES else (),
    )


def _all_keys(plan: Plan, table: ReadingTable, domains: Domains, frozen_on: date) -> Iterator[tuple[str | None, ...]]:
    each: list[tuple[str | None, ...]] = []
    cells = 1
    for key in plan.group_by:
        column = column_of(table, key.column)
        if key.part is None:
            values: tuple[str, ...] = domain_of(table, column, domains)
        else:
            values = (*(day.isoformat() for day in periods(key.part, frozen_on)), OTHER)
        each.append(values if key.column == _NEVER_EMPTY else (*values, None))
        cells *= len(each[-1])
    if cells > MAX_CELLS:
        refuse(
            f"the question has {cells} cells, every one of which is answered; at most {MAX_CELLS} are",
            "group by fewer columns, or by a coarser date",
        )
    return product(*each)


def question_digest(
    plan: Plan, how: Disclosure, clamps: Sequence[Clamp], *, policy_digest: str, epoch: str, importer: str, purpose: str
) -> str:
    """What makes two questions the same: H(policy, epoch, plan, noise parameters, importer, purpose), hex.

    The plan's measures stand in their order here, since a recorded answer's figures do.
    """
    body: dict[str, Any] = {
        "policy": policy_digest,
        "epoch": epoch,
        "plan": hashlib.sha256(canonical(plan)).hexdigest(),
        "keys": [[key.column, key.part.value if key.part else None] for key in plan.group_by],
        "measures": [[m.kind.value, m.column, m.currency] for m in plan.aggregates],
        "variances": [str(v) for v in (*how.variances, how.counting)],
        "clamps": [[str(c.low), str(c.high)] for c in clamps],
        "min_cell": how.min_cell,
        "threshold": how.threshold,
        "importer": importer,
        "purpose": purpose,
    }
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()


def noised(how: Disclosure, exact: Sequence[ExactCell], below: Below) -> tuple[tuple[Cell, ...], int]:
    """Every cell with noise, those under the threshold taken out, and how many were."""
    known = {cell.keys: cell for cell in exact}
    zeros = (0,) * len(how.variances)
    cells: list[Cell] = []
    for keys in how.keys:
        cell = known.get(keys)
        totals, subjects = (cell.totals, cell.subjects) if cell is not None else (zeros, 0)
        values = tuple(_cut(t + discrete_gaussian(v, below)) for t, v in zip(totals, how.variances, strict=True))
        count = values[how.counted_by] if how.counted_by is not None else subjects + discrete_gaussian(how.counting, below)
        if count >= how.threshold and all(values[i] >= how.min_cell for i in how.row_counts):
            cells.append(Cell(keys=keys, values=values))
    return tuple(cells), len(how.keys) - len(cells)


def noise_of(how: Disclosure) -> tuple[Noise, ...]:
    """The variance of each measure, as it travels."""
    return tuple(Noise(variance_numerator=v.numerator, variance_denominator=v.denominator) for v in how.variances)


def _cut(value: int) -> int:
    return max(-_INT64, min(value, _INT64))
