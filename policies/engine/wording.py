"""Conditions and facts in words that a lawyer reads. It decides nothing and knows no policy."""

from typing import Any

from policies.engine.facts import FactSpec, FactType
from policies.engine.registry import Registry
from policies.engine.term_parser import operand_text
from policies.engine.terms import Every, NoneOf, Op, Term, Test

_WORDS = {
    Op.LT: "is below {}",
    Op.LE: "is at most {}",
    Op.BEFORE: "is before {}",
    Op.AFTER: "is after {}",
}


def condition(term: Term, registry: Registry) -> str:
    """A condition in words: `importer.region` is not `EU`."""
    if isinstance(term, Test):
        return _test(term, registry.facts[term.path])
    parts = [condition(part, registry) for part in term.terms]
    if len(parts) == 1 and not isinstance(term, NoneOf):
        return parts[0]
    if isinstance(term, Every):
        return " and ".join(f"({part})" if " or " in part else part for part in parts)
    joined = " or ".join(f"({part})" if " and " in part else part for part in parts)
    return f"none of: {joined}" if isinstance(term, NoneOf) else joined


def _test(test: Test, spec: FactSpec) -> str:
    shown = _listed([_quoted(spec.type, operand) for operand in test.operands])
    several = len(test.operands) > 1
    if test.op in _WORDS:
        return f"`{test.path}` {_WORDS[test.op].format(shown)}"
    if test.op is Op.HAS:
        return f"`{test.path}` holds {'one of ' if several else ''}{shown}"
    if test.op is Op.NOT:
        return f"`{test.path}` is {'none of' if several else 'not'} {shown}"
    return f"`{test.path}` is {'one of ' if several else ''}{shown}"


def stated(value: Any, spec: FactSpec) -> str:
    """The value of a fact as it was stated, or that it was not."""
    if value is None:
        return "not stated"
    if isinstance(value, list | tuple):
        return _listed([f"`{item}`" for item in value]) if value else "empty"
    return _quoted(spec.type, value)


def _quoted(kind: FactType, value: Any) -> str:
    return f"`{operand_text(kind, value)}`"


def _listed(words: list[str]) -> str:
    return ", ".join(words)
