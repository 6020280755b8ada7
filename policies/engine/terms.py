"""The terms of a condition: a small total grammar without loops, regular expressions or code. Nothing here is evaluated."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from policies.engine.strict_yaml import Place


class Op(StrEnum):
    """How a fact is compared. Grammar: the word of the policy file."""

    EQ = "=="
    IN = "in"
    NOT = "not"
    HAS = "has"
    LT = "<"
    LE = "<="
    BEFORE = "before"
    AFTER = "after"


Operand: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """`path op operands`. Dates are ordinals and clock times minutes already; one operand but for `in`, `not`, `has`."""

    path: str
    op: Op
    operands: tuple[Operand, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Every:
    """All of them hold (true when empty)."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them holds."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Not one of them holds."""

    terms: tuple["Term", ...]


Term: TypeAlias = Test | Every | Some | NoneOf


def tests_of(term: Term) -> tuple[Test, ...]:
    """Every test inside a term, in order."""
    if isinstance(term, Test):
        return (term,)
    return tuple(test for inner in term.terms for test in tests_of(inner))
