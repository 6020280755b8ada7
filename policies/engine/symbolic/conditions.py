"""Terms as z3 formulas in three values: a pair says when a term holds and when it does not; where neither, it cannot be told.

Written from the meaning of the terms and not from the closures of the decider, so that each can be held against the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.engine.facts import CATEGORIES, PURPOSES, FactSpec, FactType
from policies.engine.symbolic.library import FALSE, TRUE, Expr, every, negated, some
from policies.engine.symbolic.space import LISTS, WORDS, Raw
from policies.engine.terms import Every, NoneOf, Op, Operand, Some, Term, Test


@dataclass(frozen=True, slots=True)
class Verdict:
    """When a term holds and when it fails; never both."""

    holds: Expr
    fails: Expr

    @property
    def untold(self) -> Expr:
        """When it cannot be told."""
        return every([negated(self.holds), negated(self.fails)])

    def flipped(self) -> "Verdict":
        """Its negation."""
        return Verdict(self.fails, self.holds)


UNTOLD = Verdict(FALSE, FALSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A fact as a rule sees it: whether it is known, and what it is."""

    type: FactType
    known: Expr
    true: Expr = FALSE
    number: Any = None
    texts: Mapping[str, Expr]
    members: Mapping[str, Expr]


def known_as(raw: Raw, spec: FactSpec) -> Expr:
    """When a stated value is of a declaration's type and values."""
    domain = {FactType.PURPOSE: PURPOSES, FactType.CATEGORIES: CATEGORIES}.get(spec.type, frozenset(spec.one_of))
    if spec.type in WORDS:
        other_kinds = [] if domain else [flag for k, flag in raw.tags.items() if k in {FactType.DATE, FactType.TIME}]
        return some([flag for word, flag in raw.texts.items() if not domain or word in domain] + other_kinds)
    if spec.type not in raw.tags:
        return FALSE
    if spec.type not in LISTS:
        return raw.tags[spec.type]
    strange = [flag for word, flag in raw.members.items() if domain and word not in domain]
    return every([raw.tags[spec.type], *(negated(flag) for flag in strange)])


def value_of(raw: Raw, spec: FactSpec) -> Value:
    """A stated fact as a declaration reads it."""
    return Value(
        type=spec.type,
        known=known_as(raw, spec),
        true=raw.true,
        number=raw.numbers.get(spec.type),
        texts=raw.texts,
        members=raw.members,
    )


def condition(term: Term, value: Callable[[str], Value]) -> Verdict:
    """The formula of a term over the facts that `value` gives."""
    if isinstance(term, Test):
        return _test(term, value(term.path))
    parts = [condition(inner, value) for inner in term.terms]
    if isinstance(term, Every):
        return Verdict(every([p.holds for p in parts]), some([p.fails for p in parts]))
    any_of = Verdict(some([p.holds for p in parts]), every([p.fails for p in parts]))
    return any_of if isinstance(term, Some) else _none(term, any_of)


def _none(_: NoneOf, any_of: Verdict) -> Verdict:
    return any_of.flipped()


def _test(test: Test, value: Value) -> Verdict:
    if test.op in {Op.EQ, Op.IN, Op.NOT, Op.HAS}:
        truth = some([_is(operand, value) for operand in test.operands])
    elif test.op is Op.LE:
        truth = value.number <= test.operands[0]
    elif test.op is Op.AFTER:
        truth = value.number > test.operands[0]
    else:
        truth = value.number < test.operands[0]
    verdict = Verdict(every([value.known, truth]), every([value.known, negated(truth)]))
    return verdict.flipped() if test.op is Op.NOT else verdict


def _is(operand: Operand, value: Value) -> Expr:
    if value.type is FactType.BOOLEAN:
        return value.true if operand is True else negated(value.true)
    if value.type is FactType.LIST:
        return value.members.get(str(operand), FALSE)
    if value.type in {FactType.CATEGORIES, FactType.PURPOSE}:
        words = value.members if value.type is FactType.CATEGORIES else value.texts
        return some([flag for word, flag in words.items() if covers(str(operand), word)])
    if value.type is FactType.TEXT:
        return value.texts.get(str(operand), FALSE)
    return value.number == operand


def covers(general: str, special: str) -> bool:
    """Whether a purpose or category is another, or lies below it."""
    return special == general or special.startswith(f"{general}.")


def constant(words: Mapping[str, Expr], kind: FactType = FactType.TEXT) -> Value:
    """A derived text that is always known."""
    return Value(type=kind, known=TRUE, texts=words, members=words)


def truth(known: Expr, holds: Expr) -> Value:
    """A derived yes or no."""
    return Value(type=FactType.BOOLEAN, known=known, true=holds, texts={}, members={})
