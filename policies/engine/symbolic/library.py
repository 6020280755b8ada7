"""The one place that imports z3: heavy, and needed by analysis alone. Nothing here builds a formula."""

from typing import Any, TypeAlias

from policies.engine.errors import Code, DomicileError

__all__ = ["FALSE", "TRUE", "AnalysisMissing", "Expr", "every", "negated", "some", "z3"]

REMEDY = "pip install --require-hashes -r requirements/analysis.txt"


class AnalysisMissing(DomicileError):  # noqa: N818 - a state of the installation, as its code says
    """The library that analysis needs is not installed."""

    code = Code.ANALYSIS_MISSING


try:
    import z3  # type: ignore[import-untyped, import-not-found, unused-ignore]
except ImportError:
    raise AnalysisMissing("analysing policies needs `z3-solver`, which is not installed", remedy=f"`{REMEDY}`") from None

Expr: TypeAlias = Any
"""A z3 expression; z3 ships no types."""

TRUE: Expr = z3.BoolVal(True)  # noqa: FBT003 - z3's own signature
FALSE: Expr = z3.BoolVal(False)  # noqa: FBT003 - the same


def some(parts: list[Expr]) -> Expr:
    """At least one; constants are folded."""
    left = [part for part in parts if part is not FALSE]
    if any(part is TRUE for part in left):
        return TRUE
    return FALSE if not left else left[0] if len(left) == 1 else z3.Or(left)


def every(parts: list[Expr]) -> Expr:
    """All of them; constants are folded."""
    left = [part for part in parts if part is not TRUE]
    if any(part is FALSE for part in left):
        return FALSE
    return TRUE if not left else left[0] if len(left) == 1 else z3.And(left)


def negated(part: Expr) -> Expr:
    """Its negation; constants are folded."""
    return FALSE if part is TRUE else TRUE if part is FALSE else z3.Not(part)
