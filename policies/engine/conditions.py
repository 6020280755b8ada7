"""Compiles terms into closures over numbered slots, in three values: holds, does not hold, cannot be told (None).

Total by construction: a closure reads slots and compares; it never loops over input without bound, fails or assumes.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from policies.engine.facts import CATEGORIES, PURPOSES, FactSpec, FactType
from policies.engine.terms import Every, NoneOf, Op, Some, Term, Test

Verdict = bool | None
Values = Sequence[Any]
Closure = Callable[[Values], Verdict]

_HIERARCHIES = {FactType.PURPOSE: PURPOSES, FactType.CATEGORIES: CATEGORIES}


class Slots:
    """Numbers the facts that the rules of one section read."""

    def __init__(self, facts: dict[str, FactSpec]) -> None:
        self._facts = facts
        self.numbers: dict[str, int] = {}
        self.compiled: dict[int, tuple[Term, Closure]] = {}

    def number(self, path: str) -> int:
        """The slot of a path, made on first use."""
        return self.numbers.setdefault(path, len(self.numbers))

    def spec(self, path: str) -> FactSpec:
        """The declaration of a path."""
        return self._facts[path]

    def type_of(self, path: str) -> FactType | None:
        """The type of a path, None when it is not declared."""
        spec = self._facts.get(path)
        return None if spec is None else spec.type


def compile_term(term: Term, slots: Slots) -> Closure:
    """A closure from slot values to a verdict. Compiled once: terms are kept with their closures, so that no id is used twice."""
    known = slots.compiled.get(id(term))
    if known is None:
        known = slots.compiled[id(term)] = (term, _compile(term, slots))
    return known[1]


def _compile(term: Term, slots: Slots) -> Closure:
    match term:
        case Test():
            return _test(term, slots)
        case Every(terms=terms) if len(terms) == 1:
            return compile_term(terms[0], slots)
        case Every(terms=terms):
            return _every(tuple(compile_term(t, slots) for t in terms))
        case Some(terms=terms):
            return _some(tuple(compile_term(t, slots) for t in terms))
        case NoneOf(terms=terms):
            return _negated(_some(tuple(compile_term(t, slots) for t in terms)))


def _every(parts: tuple[Closure, ...]) -> Closure:
    def every(values: Values) -> Verdict:
        verdict: Verdict = True
        for part in parts:
            found = part(values)
            if found is False:
                return False
            if found is None:
                verdict = None
        return verdict

    return every


def _some(parts: tuple[Closure, ...]) -> Closure:
    def some(values: Values) -> Verdict:
        verdict: Verdict = False
        for part in parts:
            found = part(values)
            if found is True:
                return True
            if found is None:
                verdict = None
        return verdict

    return some


def _negated(part: Closure) -> Closure:
    def negated(values: Values) -> Verdict:
        found = part(values)
        return None if found is None else not found

    return negated


def _test(test: Test, slots: Slots) -> Closure:
    slot = slots.number(test.path)
    kind = slots.spec(test.path).type
    match test.op:
        case Op.HAS:
            return _has(slot, _accepted(kind, test.operands))
        case Op.EQ | Op.IN:
            return _member(slot, kind, test.operands)
        case Op.NOT:
            return _negated(_member(slot, kind, test.operands))
        case _:
            return _order(slot, test.op, test.operands[0])


def _member(slot: int, kind: FactType, operands: tuple[Any, ...]) -> Closure:
    if len(operands) == 1 and kind not in _HIERARCHIES:
        wanted = operands[0]
        return lambda values: None if (value := values[slot]) is None else bool(value == wanted)
    accepted = _accepted(kind, operands)
    return lambda values: None if (value := values[slot]) is None else value in accepted


def _has(slot: int, accepted: frozenset[Any]) -> Closure:
    return lambda values: None if (items := values[slot]) is None else not accepted.isdisjoint(items)


def _order(slot: int, op: Op, bound: Any) -> Closure:
    if op is Op.LE:
        return lambda values: None if (value := values[slot]) is None else bool(value <= bound)
    if op is Op.AFTER:
        return lambda values: None if (value := values[slot]) is None else bool(value > bound)
    return lambda values: None if (value := values[slot]) is None else bool(value < bound)


def _accepted(kind: FactType, operands: tuple[Any, ...]) -> frozenset[Any]:
    """The operands themselves and, of purposes and categories, every known word below one of them: both are closed lists."""
    if kind not in _HIERARCHIES:
        return frozenset(operands)
    return below(operands, _HIERARCHIES[kind])


def below(heads: Iterable[str], words: Iterable[str]) -> frozenset[str]:
    """The words that are one of the heads or more special than one."""
    exact = frozenset(heads)
    prefixes = tuple(f"{head}." for head in exact)
    return frozenset(word for word in words if word in exact or word.startswith(prefixes))


def unstated(term: Term, slots: Slots, values: Values) -> tuple[str, ...]:
    """The paths because of which a term cannot be told (empty when it can)."""
    if compile_term(term, slots)(values) is not None:
        return ()
    if isinstance(term, Test):
        return (term.path,)
    found = [path for inner in term.terms for path in unstated(inner, slots, values)]
    return tuple(dict.fromkeys(found))
