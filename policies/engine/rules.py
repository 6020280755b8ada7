"""Policies compiled for one law and one kind of request: slots, rules by effect, forms. It decides nothing."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from policies.engine.conditions import Closure, Slots, below, compile_term
from policies.engine.counting import CounterSpec
from policies.engine.decision import Obligation, RuleRef
from policies.engine.derived import DERIVED, Setting
from policies.engine.document import Policy
from policies.engine.facts import CATEGORIES, CLAIM, FactType, Lasting, Reader, reader_of
from policies.engine.mechanisms import Mechanisms, compile_mechanisms
from policies.engine.registry import Jurisdiction, ObligationSpec, Registry
from policies.engine.terms import Every, Op, Test, tests_of
from policies.engine.vocabulary import Effect, Form


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy compiled. `start` and `end` are ordinals; `forms` maps every known category it speaks of to its form."""

    policy: Policy
    ref: RuleRef
    start: int
    end: int
    holds: Closure
    term: Every
    reasons: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    forms: Mapping[str, Form]
    has_forms: bool
    reads_mechanisms: bool


DAYS = 64
Derivations: TypeAlias = tuple[tuple[int, str, Callable[[Setting], Any]], ...]
"""A slot, the path of its fact and how it is computed."""
Stated: TypeAlias = tuple[int, tuple[str, ...], Reader, str]
"""A slot, the rest of its path below the first word, its reader and the whole path."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Rules of one effect, laid out by the value of the fact that most of them ask for first of all.

    A rule whose outermost conditions ask for another value cannot hold and is not heard; where the value is not known, all are.
    """

    every: tuple[Rule, ...]
    slot: int | None
    by_value: Mapping[Any, tuple[Rule, ...]]
    others: tuple[Rule, ...]

    def fitting(self, values: Sequence[Any]) -> tuple[Rule, ...]:
        """The rules that may hold, in their order."""
        if self.slot is None:
            return self.every
        value = values[self.slot]
        return self.every if value is None else self.by_value.get(value, self.others)


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules of a section that are in force on one day, by what they do."""

    objections: Shelf
    reviews: Shelf
    permits: Shelf
    duties: Shelf


@dataclass(frozen=True, slots=True)
class Section:
    """Everything that one law says of one kind. `stated` groups the facts to read by the first word of their path.

    `derived` facts are computed before the mechanisms are judged, `standing` after.
    `touches` are the categories one of which every rule asks for, None when a rule asks for none.
    """

    jurisdiction: Jurisdiction
    slots: Slots
    stated: tuple[tuple[str, tuple[Stated, ...]], ...]
    derived: Derivations
    counted: tuple[tuple[int, CounterSpec], ...]
    lasting: tuple[tuple[int, Lasting], ...]
    standing: Derivations
    mechanisms: Mechanisms | None
    objections: tuple[Rule, ...]
    reviews: tuple[Rule, ...]
    permits: tuple[Rule, ...]
    duties: tuple[Rule, ...]
    obligations: Mapping[str, ObligationSpec]
    size: int
    touches: frozenset[str] | None
    days: dict[int, InForce] = field(default_factory=dict, compare=False, repr=False)

    def on(self, day: int) -> InForce:
        """The rules in force on a day (an ordinal), remembered for the day last asked for and the few around it."""
        found = self.days.get(day)
        if found is None:
            parts = (self.objections, self.reviews, self.permits, self.duties)
            found = InForce(*(_shelf([rule for rule in part if rule.start <= day < rule.end], self.slots) for part in parts))
            if len(self.days) >= DAYS:
                self.days.clear()
            self.days[day] = found
        return found


def compile_section(policies: Sequence[Policy], jurisdiction: Jurisdiction, registry: Registry) -> Section:
    """Compile the policies of one law and kind, in their order."""
    slots = Slots(dict(registry.facts))
    rules = [_rule(policy, slots) for policy in policies]
    mechanisms = None
    if any(path.startswith("mechanisms.") for path in slots.numbers):
        mechanisms = compile_mechanisms(registry, jurisdiction.code, slots)
    stated: dict[str, list[Stated]] = {}
    derived: list[tuple[int, str, Callable[[Setting], Any]]] = []
    counted: list[tuple[int, CounterSpec]] = []
    lasting: list[tuple[int, Lasting]] = []
    for path, number in slots.numbers.items():
        spec = slots.spec(path)
        if spec.lasting is not None:
            lasting.append((number, spec.lasting))
        if spec.counter is not None:
            counted.append((number, spec.counter))
        if path in DERIVED:
            derived.append((number, path, DERIVED[path]))
        elif not path.startswith(CLAIM):  # evidence is read claim by claim
            stated.setdefault(spec.keys[0], []).append((number, spec.keys[1:], reader_of(spec), path))
    return Section(
        jurisdiction=jurisdiction,
        slots=slots,
        stated=tuple((head, tuple(facts)) for head, facts in stated.items()),
        derived=tuple(each for each in derived if not each[1].startswith("mechanisms.")),
        standing=tuple(each for each in derived if each[1].startswith("mechanisms.")),
        counted=tuple(counted),
        lasting=tuple(lasting),
        mechanisms=mechanisms,
        objections=_of(rules, Effect.PROHIBIT),
        reviews=_of(rules, Effect.REVIEW),
        permits=_of(rules, Effect.PERMIT),
        duties=_of(rules, Effect.OBLIGE),
        obligations=registry.obligations,
        size=len(slots.numbers),
        touches=_touches(rules),
    )


def _shelf(rules: Sequence[Rule], slots: Slots) -> Shelf:
    """Lay rules out by the fact that most of them ask for."""
    asked = [_values_asked(rule, slots) for rule in rules]
    paths = Counter(path for values in asked for path in values)
    path, times = max(paths.items(), key=lambda item: item[1], default=("", 0))
    if times < 2:  # noqa: PLR2004 - one rule alone gains nothing
        return Shelf(every=tuple(rules), slot=None, by_value={}, others=())
    known = {value for values in asked for value in values.get(path, ())}
    return Shelf(
        every=tuple(rules),
        slot=slots.number(path),
        by_value={
            value: tuple(rule for rule, values in zip(rules, asked, strict=True) if path not in values or value in values[path])
            for value in known
        },
        others=tuple(rule for rule, values in zip(rules, asked, strict=True) if path not in values),
    )


def _values_asked(rule: Rule, slots: Slots) -> dict[str, tuple[Any, ...]]:
    """The closed facts that a rule's outermost conditions ask for, with the values that they accept."""
    return {
        test.path: test.operands
        for test in rule.term.terms
        if isinstance(test, Test) and test.op in {Op.EQ, Op.IN} and slots.spec(test.path).type is FactType.TEXT
    }


def _of(rules: Sequence[Rule], effect: Effect) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.policy.effect is effect)


def _rule(policy: Policy, slots: Slots) -> Rule:
    return Rule(
        policy=policy,
        ref=policy.ref,
        start=policy.start.toordinal(),
        end=policy.end.toordinal(),
        holds=compile_term(policy.when, slots),
        term=policy.when,
        reasons=policy.reasons,
        obligations=tuple(Obligation(name=d.name, arguments=d.arguments, rule=policy.ref) for d in policy.duties),
        forms=_forms(policy.categories),
        has_forms=bool(policy.categories),
        reads_mechanisms=any(test.path.startswith("mechanisms.") for test in tests_of(policy.when)),
    )


def _forms(categories: Mapping[str, Form]) -> dict[str, Form]:
    """The form of every known category: the most specific key of the policy that covers it."""
    forms: dict[str, Form] = {}
    for category in CATEGORIES:
        key = category
        while key and key not in categories:
            key = key.rpartition(".")[0]
        if key:
            forms[category] = categories[key]
    return forms


def _touches(rules: Sequence[Rule]) -> frozenset[str] | None:
    """The categories one of which every rule asks for in its outermost conditions, None when one asks for none."""
    found: list[str] = []
    for rule in rules:
        asked = [
            test for test in rule.term.terms if isinstance(test, Test) and test.path == "data.categories" and test.op is Op.HAS
        ]
        if not asked:
            return None
        found.extend(str(operand) for operand in asked[0].operands)
    return below(found, CATEGORIES)
