"""What one law says of one kind, as formulas: when each rule holds, when a fault denies, when it permits. It decides nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from policies.engine.calendars import Calendar, after
from policies.engine.counting import CounterSpec
from policies.engine.derived import DERIVED
from policies.engine.evaluator import Policies
from policies.engine.facts import CLAIM, FactType, Lasting
from policies.engine.registry import Registry
from policies.engine.rules import Rule, Section
from policies.engine.symbolic.claims import Standing, StandingModel
from policies.engine.symbolic.conditions import Value, condition, covers, known_as, value_of
from policies.engine.symbolic.derived import Derivation
from policies.engine.symbolic.library import FALSE, TRUE, Expr, every, negated, some, z3
from policies.engine.symbolic.space import Space
from policies.engine.vocabulary import Effect, Kind

WINDOW = "data.window"


@dataclass(frozen=True, slots=True)
class RuleModel:
    """One rule: when it is in force and holds, and when it is in force and cannot be told."""

    rule: Rule
    holds: Expr
    untold: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionModel:
    """One law on one kind. `faults` are what cannot be read; `standing` are its mechanisms, where a rule asks for them.

    `heard` is false where an overlay asks for categories alone that are not among those stated.
    """

    law: str
    overlay: bool
    rules: tuple[RuleModel, ...]
    faults: Expr
    heard: Expr
    standing: Standing | None

    def of(self, effect: Effect) -> list[RuleModel]:
        """Its rules of one effect."""
        return [model for model in self.rules if model.rule.policy.effect is effect]

    @property
    def permitted(self) -> Expr:
        """Whether a permit is given."""
        return some([model.holds for model in self.of(Effect.PERMIT)])

    @property
    def denies(self) -> Expr:
        """Whether it denies: by a fault, an objection, something untold, or for want of a permit."""
        objections = [model.holds for model in self.of(Effect.PROHIBIT)]
        untold = [model.untold for model in self.rules if model.rule.policy.effect is not Effect.PERMIT]
        unpermitted = FALSE if self.overlay else negated(self.permitted)
        return every([self.heard, some([self.faults, *objections, *untold, unpermitted])])


def counter_flag(path: str, what: str) -> str:
    """The names of what a node's counter answers: `known`, `broken`, and its number."""
    return f"counters.{path}:{what}"


@dataclass(slots=True)
class _Facts(Mapping[str, Value]):
    """The facts of one section by their paths."""

    space: Space
    registry: Registry
    derivation: Derivation | None = None  # without a standing while the mechanisms are judged

    def __getitem__(self, path: str) -> Value:
        if path in DERIVED:
            return self._derived(path)
        spec = self.registry.facts[path]
        value = value_of(self.space.raws[path], spec)
        if spec.lasting is not None:
            return self._lasting(value, spec.lasting)
        return value if spec.counter is None else self._counted(value, spec.counter)

    def __iter__(self) -> Iterator[str]:
        return iter(self.registry.facts)

    def __len__(self) -> int:
        return len(self.registry.facts)

    def _derived(self, path: str) -> Value:
        if self.derivation is None:
            message = f"`{path}` is derived, and from nothing"
            raise KeyError(message)
        return self.derivation.value(path)

    def _lasting(self, value: Value, lasting: Lasting) -> Value:
        """Stated as such, else from the day that it follows from."""
        begun = self.space.raws[".".join(lasting.of)]
        started, day = begun.numbers[FactType.DATE], self.space.day

        def last_of(number: int) -> int:
            return after(date.fromordinal(number), lasting.lasts, Calendar()).toordinal()

        last = self.space.on_date(f"last {begun.path} {lasting.lasts}", started, last_of)
        there = every([begun.tag(FactType.DATE), started <= day])
        lasts = every([negated(value.known), day <= last])
        known = some([value.known, there])
        return Value(type=FactType.BOOLEAN, known=known, true=some([every([value.known, value.true]), lasts]), texts={}, members={})

    def _counted(self, value: Value, spec: CounterSpec) -> Value:
        """Stated as such, else stated over the same window, else counted by the node."""
        same = self.space.raws[WINDOW].texts.get(spec.window, FALSE) if spec.stated is not None else FALSE
        elsewhere = self.space.raws[spec.stated] if spec.stated is not None else None
        there = elsewhere.tags.get(FactType.INTEGER, FALSE) if elsewhere is not None else FALSE
        counted = self.space.flag(counter_flag(spec.name, "known"))
        number = self.space.number(counter_flag(spec.name, "number"))
        if elsewhere is not None:
            number = z3.If(same, elsewhere.numbers[FactType.INTEGER], number)
        known = some([value.known, every([same, there]), every([negated(same), counted])])
        number = z3.If(value.known, value.number, number)
        return Value(type=FactType.INTEGER, known=known, number=number, texts={}, members={})


def model_section(policies: Policies, section: Section, kind: Kind, space: Space) -> SectionModel:
    """The formulas of one compiled section."""
    registry, jurisdiction = policies.registry, section.jurisdiction
    facts = _Facts(space, registry)
    facts.derivation = Derivation(
        space=space, kind=kind, jurisdiction=jurisdiction, release=registry.release, standing=None, facts=registry.facts
    )
    standing = None
    if section.mechanisms is not None:
        standing = StandingModel(
            space=space,
            mechanisms=tuple(m for m in registry.mechanisms if m.law == jurisdiction.code),
            calendar=jurisdiction.calendar,
            values=facts,
            specs=registry.facts,
        ).standing()
        facts.derivation = replace(facts.derivation, standing=standing)
    rules = (*section.objections, *section.reviews, *section.duties, *section.permits)
    return SectionModel(
        law=jurisdiction.code,
        overlay=jurisdiction.overlay,
        rules=tuple(_rule(rule, facts, space) for rule in rules),
        faults=_faults(section, registry, space),
        heard=_heard(section, facts.derivation),
        standing=standing,
    )


def _heard(section: Section, derivation: Derivation) -> Expr:
    if section.touches is None or not section.jurisdiction.overlay:
        return TRUE
    there = derivation.together().items()
    touched = [flag for word, flag in there if any(covers(head, word) for head in section.touches)]
    return some([negated(derivation.categories_known()), *touched])


def _rule(rule: Rule, facts: _Facts, space: Space) -> RuleModel:
    verdict = condition(rule.term, facts.__getitem__)
    in_force = z3.And(space.day >= rule.start, space.day < rule.end)
    return RuleModel(rule, every([in_force, verdict.holds]), every([in_force, verdict.untold]))


def _faults(section: Section, registry: Registry, space: Space) -> Expr:
    """What is stated where the section reads, and cannot be read."""
    found: list[Expr] = []
    for path in section.slots.numbers:
        if path not in DERIVED and not path.startswith(CLAIM):
            raw, spec = space.raws[path], registry.facts[path]
            known = known_as(raw, spec)
            found += [raw.hidden, every([raw.stated, negated(known)])]
            if spec.counter is not None:
                found.append(_counter_fault(known, spec.counter, space))
    return some(found)


def _counter_fault(known: Expr, spec: CounterSpec, space: Space) -> Expr:
    same = space.raws[WINDOW].texts.get(spec.window, FALSE) if spec.stated is not None else FALSE
    return every([negated(known), negated(same), space.flag(counter_flag(spec.name, "broken"))])
