"""Reads `when:` and `scope:` into terms, checking every path, operator and value against the declared facts. Decides nothing."""

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from datetime import date
from enum import StrEnum

from policies.engine.diagnostics import use_one_of
from policies.engine.facts import CATEGORIES, CLAIM, PURPOSES, FactSpec, FactType, day_number, minute_of_day
from policies.engine.reading import Reading, kind_of
from policies.engine.strict_yaml import Entry, Mapping, Node, Scalar, Sequence
from policies.engine.terms import Every, NoneOf, Op, Operand, Some, Term, Test

_GROUPS: dict[str, type[Every] | type[Some] | type[NoneOf]] = {"all": Every, "any": Some, "none": NoneOf}
_NAMED_OPS = tuple(op.value for op in Op if op is not Op.EQ)
_LISTS = (FactType.LIST, FactType.CATEGORIES)
_OPS_OF: dict[FactType, tuple[Op, ...]] = {
    FactType.TEXT: (Op.EQ, Op.IN, Op.NOT),
    FactType.PURPOSE: (Op.EQ, Op.IN, Op.NOT),
    FactType.BOOLEAN: (Op.EQ, Op.NOT),
    FactType.INTEGER: (Op.EQ, Op.IN, Op.NOT, Op.LT, Op.LE),
    FactType.DATE: (Op.EQ, Op.NOT, Op.BEFORE, Op.AFTER),
    FactType.TIME: (Op.EQ, Op.NOT, Op.BEFORE, Op.AFTER),
    FactType.LIST: (Op.HAS,),
    FactType.CATEGORIES: (Op.HAS,),
}


_CLOSED: dict[FactType, Callable[[object], Operand | None]] = {
    FactType.BOOLEAN: lambda value: value if isinstance(value, bool) else None,
    FactType.INTEGER: lambda value: value if isinstance(value, int) and not isinstance(value, bool) else None,
    FactType.DATE: day_number,
    FactType.TIME: minute_of_day,
}


class Reads(StrEnum):
    """What a condition may read. Grammar: what it stands in."""

    POLICY = "policy"  # stated and derived facts
    SCOPE = "scope"  # stated facts, and the claim itself


class TermParser:
    """Reads conditions against one table of facts."""

    def __init__(self, facts: MappingOf[str, FactSpec], reading: Reading, *, reads: Reads = Reads.POLICY) -> None:
        """Only the scope of a mechanism, which stands before one claim, may read `claim.*`, the evidence of the claim."""
        self._facts = {
            path: spec for path, spec in facts.items() if not (spec.derived if reads is Reads.SCOPE else path.startswith(CLAIM))
        }
        self._reading = reading

    def every(self, node: Node, what: str) -> Every:
        """A mapping of conditions, all of which must hold."""
        terms: list[Term] = []
        for key, entry in self._reading.mapping(node, what).items():
            if key in _GROUPS:
                terms.append(self._group(key, entry))
            else:
                terms.extend(self._tests(key, entry))
        return Every(tuple(terms))

    def _group(self, key: str, entry: Entry) -> Term:
        members = self._reading.items(entry.value, "conditions")
        if isinstance(entry.value, Sequence) and not members:
            self._reading.wrong(entry.place, f"empty `{key}`", "give it at least one condition, or remove it")
        terms: list[Term] = []
        for member in members:
            inner = self.every(member, f"`{key}`")
            if isinstance(member, Mapping) and not inner.terms and not member.entries:
                self._reading.wrong(member.place, f"empty condition in `{key}`", "write a condition, or remove it")
            terms.append(inner.terms[0] if len(inner.terms) == 1 else inner)
        return _GROUPS[key](tuple(terms))

    def _tests(self, path: str, entry: Entry) -> list[Term]:
        spec = self._facts.get(path)
        if spec is None:
            self._reading.wrong(entry.place, f"unknown fact `{path}`", use_one_of(path, (*self._facts, *_GROUPS)))
            return []
        if not isinstance(entry.value, Mapping):
            return self._test(spec, Op.EQ, entry)
        if not entry.value.entries:
            self._reading.wrong(entry.place, f"no condition on `{path}`", use_one_of("", _NAMED_OPS))
        terms: list[Term] = []
        for word, inner in entry.value.entries.items():
            if word not in _NAMED_OPS:
                self._reading.wrong(inner.place, f"unknown operator `{word}`", use_one_of(word, _NAMED_OPS))
                continue
            terms.extend(self._test(spec, Op(word), inner))
        return terms

    def _test(self, spec: FactSpec, op: Op, entry: Entry) -> list[Term]:
        allowed = _OPS_OF[spec.type]
        if op not in allowed:
            words = " or ".join("a plain value" if o is Op.EQ else f"`{o.value}`" for o in allowed)
            self._reading.wrong(
                entry.place, f"`{spec.path}` is {_described(spec.type)} and cannot be tested with `{op.value}`", f"use {words}"
            )
            return []
        operands = self._operands(spec, op, entry.value)
        return [Test(path=spec.path, op=op, operands=operands, place=entry.place)] if operands else []

    def _operands(self, spec: FactSpec, op: Op, node: Node) -> tuple[Operand, ...]:
        if isinstance(node, Sequence):
            if op not in {Op.IN, Op.NOT, Op.HAS}:
                self._reading.expected(node, "one value", "use `in` for a list of values")
                return ()
            if not node.items:
                self._reading.wrong(node.place, "an empty list", "give at least one value")
            found = [self._operand(spec, item) for item in node.items]
            return tuple(value for value in found if value is not None)
        if op is Op.IN:
            self._reading.expected(node, "a list of values", "put the values in square brackets")
            return ()
        value = self._operand(spec, node)
        return () if value is None else (value,)

    def _operand(self, spec: FactSpec, node: Node) -> Operand | None:
        if not isinstance(node, Scalar):
            self._reading.wrong(node.place, f"expected one value for `{spec.path}`, found {kind_of(node)}", "write a plain value")
            return None
        if spec.type not in _CLOSED:
            return self._word(spec, node)
        value = _CLOSED[spec.type](node.value)
        if value is None:
            self._mistyped(spec, node)
        return value

    def _word(self, spec: FactSpec, node: Scalar) -> str | None:
        if not isinstance(node.value, str) or not node.value:
            self._mistyped(spec, node)
            return None
        known = {FactType.PURPOSE: sorted(PURPOSES), FactType.CATEGORIES: sorted(CATEGORIES)}.get(spec.type, spec.one_of)
        if known and node.value not in known and not (spec.type is FactType.CATEGORIES and node.value == "user"):
            name = {FactType.PURPOSE: "purpose", FactType.CATEGORIES: "data category"}.get(spec.type, f"value for `{spec.path}`")
            self._reading.wrong(node.place, f"unknown {name} `{node.value}`", use_one_of(node.value, known))
            return None
        return node.value

    def _mistyped(self, spec: FactSpec, node: Scalar) -> None:
        remedy = {
            FactType.BOOLEAN: "write true or false",
            FactType.DATE: "write a date that exists as YYYY-MM-DD",
            FactType.TIME: "write a clock time as HH:MM",
            FactType.INTEGER: "write a plain integer",
        }.get(spec.type, "write it as text, in quotes where it looks like a number or a boolean")
        shown = "nothing" if node.value is None else f"`{node.value}`"
        self._reading.wrong(node.place, f"`{spec.path}` is {_described(spec.type)}, found {shown}", remedy)


def _described(kind: FactType) -> str:
    return {
        FactType.TEXT: "a text",
        FactType.PURPOSE: "a purpose",
        FactType.BOOLEAN: "true or false",
        FactType.INTEGER: "an integer",
        FactType.DATE: "a date",
        FactType.TIME: "a clock time",
        FactType.LIST: "a list",
        FactType.CATEGORIES: "a list of data categories",
    }[kind]


def operand_text(kind: FactType, operand: Operand) -> str:
    """An operand as a person would write it."""
    if kind is FactType.DATE and isinstance(operand, int):
        return date.fromordinal(operand).isoformat()
    if kind is FactType.TIME and isinstance(operand, int):
        return f"{operand // 60:02d}:{operand % 60:02d}"
    if isinstance(operand, bool):
        return "true" if operand else "false"
    return str(operand)
