"""One kind of request under one or two bundles, as formulas over one space. Sections that say the same share their formulas.

Nothing here searches; `policies.engine.diff` and `policies.engine.analysis` ask the solver.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from policies.engine.evaluator import Policies
from policies.engine.facts import CATEGORIES, CLAIM, PURPOSES, FactSpec, FactType
from policies.engine.registry import Mechanism
from policies.engine.rules import Rule, Section
from policies.engine.strict_yaml import Place
from policies.engine.symbolic.claims import WITHOUT, claim_flag, evidence_declared, evidence_keys, evidence_path
from policies.engine.symbolic.derived import (
    AMOUNTS,
    EARLIER,
    EARLIER_COUNT,
    EARLIER_OVERLAP,
    SAMPLES,
    field_flag,
    sample_flag,
    there_flag,
)
from policies.engine.symbolic.library import negated, z3
from policies.engine.symbolic.section import WINDOW, SectionModel, model_section
from policies.engine.symbolic.space import OTHER, Declared, Space, broken
from policies.engine.symbolic.verdict import PARTIES, Verdicts, law_flag, model_verdicts
from policies.engine.terms import Term, tests_of
from policies.engine.vocabulary import Kind

_ALWAYS = {
    "subject.age": FactType.INTEGER,
    "data.cell_count": FactType.INTEGER,
    EARLIER_COUNT: FactType.INTEGER,
    EARLIER_OVERLAP: FactType.INTEGER,
    "importer.region": FactType.TEXT,
    "frequency": FactType.TEXT,
    **dict.fromkeys(PARTIES, FactType.TEXT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One bundle on one kind."""

    policies: Policies
    sections: dict[str, SectionModel]
    verdicts: Verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One kind of request under each of the bundles given, over one space."""

    kind: Kind
    space: Space
    sides: tuple[Side, ...]


def model(kind: Kind, bundles: Sequence[Policies]) -> Model:
    """Compile a kind of request under one bundle or several."""
    space = space_of(kind, bundles)
    shared: dict[object, SectionModel] = {}
    sides: list[Side] = []
    for policies in bundles:
        sections: dict[str, SectionModel] = {}
        for (law, of), section in policies.sections.items():
            if of is kind:
                key = said_by(policies, section)
                if key not in shared:
                    shared[key] = model_section(policies, section, kind, space)
                sections[law] = shared[key]
        sides.append(Side(policies=policies, sections=sections, verdicts=model_verdicts(policies, kind, sections, space)))
    return Model(kind=kind, space=space, sides=tuple(sides))


def said_by(policies: Policies, section: Section) -> object:
    """Everything that a section's formulas are made of, without where it stands."""
    registry = policies.registry
    rules = rules_of(section)
    facts = [(path, registry.facts[path]) for path in section.slots.numbers]
    mechanisms = [] if section.mechanisms is None else [m for m in registry.mechanisms if m.law == section.jurisdiction.code]
    return unplaced((section.jurisdiction, [rule.policy for rule in rules], facts, mechanisms, registry.release))


def rules_of(section: Section) -> tuple[Rule, ...]:
    """Its rules in the order in which they are heard."""
    return (*section.objections, *section.reviews, *section.duties, *section.permits)


def unplaced(value: object) -> object:
    """A value without the places in it, in a form that compares and hashes."""
    if isinstance(value, Place):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        parts = ((f.name, unplaced(getattr(value, f.name))) for f in fields(value) if f.name != "place")
        return (type(value).__name__, *parts)
    if isinstance(value, Enum):
        return value
    if hasattr(value, "items"):
        return frozenset((unplaced(key), unplaced(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return tuple(unplaced(inner) for inner in value)
    if isinstance(value, bool):
        return ("bool", value)  # True and 1 are not the same word
    return value


def space_of(kind: Kind, bundles: Sequence[Policies]) -> Space:
    """The variables of a request of a kind, fine enough for all of the bundles."""
    declared: dict[str, Declared] = {path: Declared(types={of}) for path, of in _ALWAYS.items()}
    declared["data.categories"] = Declared(types={FactType.CATEGORIES})
    declared["data.categories"].says(sorted(CATEGORIES))
    space = Space()
    evidence: dict[str, dict[str, list[FactSpec]]] = {}
    for policies in bundles:
        for (law, of), section in policies.sections.items():
            if of is kind:
                _section_words(policies, section, declared, evidence)
                if section.mechanisms is not None:
                    _mechanism_words([m for m in policies.registry.mechanisms if m.law == law], policies, declared, evidence)
        _places(policies, declared)
    for path, found in declared.items():
        space.declare(path, found)
    _claims(space, evidence)
    _derived(space)
    codes = dict.fromkeys(code for policies in bundles for code in policies.registry.jurisdictions)
    for code in (*codes, OTHER):
        space.flag(law_flag(code))
    return space


def _section_words(
    policies: Policies, section: Section, declared: dict[str, Declared], evidence: dict[str, dict[str, list[FactSpec]]]
) -> None:
    registry = policies.registry
    for path in section.slots.numbers:
        spec = registry.facts[path]
        if spec.derived or path.startswith(CLAIM):
            continue
        _declare(spec, declared)
        if spec.lasting is not None:
            begun = ".".join(spec.lasting.of)
            declared.setdefault(begun, Declared()).types.add(FactType.DATE)
        if spec.counter is not None and spec.counter.stated is not None:
            declared.setdefault(WINDOW, Declared(types={FactType.TEXT})).says([spec.counter.window])
            stated = registry.facts.get(spec.counter.stated)
            _declare(stated or FactSpec(path=spec.counter.stated, type=FactType.INTEGER, means=""), declared)
    for rule in rules_of(section):
        _operand_words(rule.term, declared)
        for test in tests_of(rule.term):
            if test.path == "claims.stated":
                for key in map(str, test.operands):
                    specs = evidence.setdefault(WITHOUT, {}).setdefault(key, [])
                    specs += [registry.facts[path] for path in (f"{CLAIM}{key}",) if path in registry.facts]


def _declare(spec: FactSpec, declared: dict[str, Declared]) -> None:
    found = declared.setdefault(spec.path, Declared())
    found.types.add(spec.type)
    domain = {FactType.PURPOSE: sorted(PURPOSES), FactType.CATEGORIES: sorted(CATEGORIES)}.get(spec.type, spec.one_of)
    found.says(domain)


def _operand_words(term: Term, declared: dict[str, Declared]) -> None:
    for test in tests_of(term):
        if test.path in declared and test.path != "data.categories":
            declared[test.path].says(word for word in test.operands if isinstance(word, str))


def _mechanism_words(
    mechanisms: Sequence[Mechanism],
    policies: Policies,
    declared: dict[str, Declared],
    evidence: dict[str, dict[str, list[FactSpec]]],
) -> None:
    registry = policies.registry
    for mechanism in mechanisms:
        read: list[str] = []
        if mechanism.importer is not None:
            declared["importer.region"].says([mechanism.importer])
        if mechanism.scope is not None:
            _operand_words(mechanism.scope, declared)
            read = [t.path.removeprefix(CLAIM) for t in tests_of(mechanism.scope) if t.path.startswith(CLAIM)]
        known = evidence.setdefault(mechanism.id, {})
        for key in evidence_keys(mechanism, tuple(read)):
            specs = known.setdefault(key, [])
            if f"{CLAIM}{key}" in registry.facts:
                specs.append(registry.facts[f"{CLAIM}{key}"])


def _places(policies: Policies, declared: dict[str, Declared]) -> None:
    """Every place that the registry knows, and every other that a policy names, as exporter, origin, subject and importer."""
    registry = policies.registry
    for path in (*PARTIES, "importer.region"):
        declared[path].says(registry.jurisdictions)
        declared[path].says(member for j in registry.jurisdictions.values() for member in j.members)


def _claims(space: Space, evidence: dict[str, dict[str, list[FactSpec]]]) -> None:
    for name, keys in {**evidence, OTHER: {}}.items():
        space.claims[name] = tuple(keys)
        claimed = space.flag(claim_flag(name))
        for key, specs in keys.items():
            found = evidence_declared(specs)
            for spec in specs:
                found.says(spec.one_of)
            raw = space.declare(evidence_path(name, key), found, parents=False)
            space.rules.append(z3.Implies(negated(claimed), negated(raw.stated)))


def _derived(space: Space) -> None:
    for category in (*sorted(CATEGORIES), OTHER):
        space.flag(field_flag(category))
    samples = [space.flag(sample_flag(number)) for number in range(len(SAMPLES))]
    data = space.flag(broken("data"))
    stated = [*samples, space.flag(f"{AMOUNTS}!")]
    there, hidden = space.flag(there_flag(EARLIER)), space.flag(broken(EARLIER))
    space.rules.append(z3.AtMost(*stated, 1))
    space.rules.append(z3.AtMost(there, hidden, data, 1))
    space.rules += [z3.Implies(data, negated(flag)) for flag in stated]
    space.rules += [z3.Implies(space.raws[path].stated, there) for path in (EARLIER_COUNT, EARLIER_OVERLAP)]
