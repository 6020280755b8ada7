"""Where two readings of one request part: the formulas of each direction, and of what may be the cause. It asks no solver."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.engine.decision import Obligation
from policies.engine.difference import Cause, Direction
from policies.engine.document import Policy
from policies.engine.obligations import measure
from policies.engine.registry import ObligationKind, Strictest
from policies.engine.symbolic.derived import field_flag
from policies.engine.symbolic.library import FALSE, Expr, every, negated, some, z3
from policies.engine.symbolic.model import Model, Side, unplaced
from policies.engine.symbolic.section import RuleModel
from policies.engine.vocabulary import Effect, Outcome

ENGINE_REASONS = frozenset(
    {
        "no_policy", "obligation_conflict", "indeterminate_input", "no_permit", "every_field_withheld", "no_adequacy",
        "mechanism_not_yet_valid", "mechanism_invalid_on_date", "derogation_not_for_systematic", "mechanism_outside_scope",
        "recipient_outside_adequacy_scope", "mechanism_not_recognised_by_exporter_law",
    }
)  # fmt: skip
"""Reasons that the engine itself may give, beside those of the rules."""


def directions(model: Model) -> dict[Direction, Expr]:
    """When a request goes which way from the first bundle to the second."""
    old, new = model.sides
    was, now = old.verdicts.permits, new.verdicts.permits
    both = every([was, now])
    looser, stricter = _looser(model, old, new), _looser(model, new, old)
    outcomes = some([differs(old.verdicts.outcomes[o], new.verdicts.outcomes[o]) for o in Outcome])
    plain = every([z3.Not(differs(was, now)), negated(every([both, some([looser, stricter])]))])
    return {
        Direction.ALLOWED: every([negated(was), now]),
        Direction.DENIED: every([was, negated(now)]),
        Direction.LOOSER: every([both, looser]),
        Direction.STRICTER: every([both, stricter]),
        Direction.OTHERWISE: every([plain, some([outcomes, _reasons(old, new), _denial_duties(old, new)])]),
    }


def differs(one: Expr, other: Expr) -> Expr:
    """Whether two formulas have different values."""
    return FALSE if one is other or one.eq(other) else z3.Xor(one, other)


def _without(one: Expr, other: Expr) -> Expr:
    """One without the other."""
    return FALSE if one is other or one.eq(other) else every([one, negated(other)])


def _looser(model: Model, old: Side, new: Side) -> Expr:
    """Whether something leaves more freely under `new`, or less is owed."""
    parts: list[Expr] = []
    for word, reach in old.verdicts.reach.items():
        freer = some([_without(when, new.verdicts.reach[word][grade]) for grade, when in reach.items()])
        parts.append(every([model.space.flag(field_flag(word)), freer]))
    for name, owed in old.verdicts.owed.items():
        spec = old.policies.registry.obligations[name]
        if spec.kind is ObligationKind.ADVICE:
            continue
        then = new.verdicts.owed.get(name, ())
        later = new.policies.registry.obligations.get(name)
        kept = () if later is None or later.kind is ObligationKind.ADVICE else then
        parts.append(_without(_any(owed), _any(kept)))
        for key, how in spec.arguments.items():
            values = {str(o.arguments[key]): o.arguments[key] for o, _ in owed if key in o.arguments}
            parts += [_without(_as_strict(owed, key, how, v), _as_strict(kept, key, how, v)) for v in values.values()]
    return some(parts)


def _any(owed: tuple[tuple[Obligation, Expr], ...]) -> Expr:
    return some([when for _, when in owed])


def _as_strict(owed: tuple[tuple[Obligation, Expr], ...], key: str, how: Strictest, value: object) -> Expr:
    """Whether an argument is owed that is at least as strict as a value."""
    bound = measure(value, how)  # type: ignore[arg-type]  # an argument of an obligation
    found: list[Expr] = []
    for obligation, when in owed:
        if key not in obligation.arguments:
            continue
        own = measure(obligation.arguments[key], how)
        if own == bound:
            found.append(when)
        elif not isinstance(own, str | None) and not isinstance(bound, str | None):
            greater = how is Strictest.GREATEST
            if how is not Strictest.SAME and (own > bound if greater else own < bound):
                found.append(when)
    return some(found)


def _reasons(old: Side, new: Side) -> Expr:
    """Whether rules give other reasons, but for those that the engine may give as well."""
    engine = ENGINE_REASONS | {m.outside for side in (old, new) for m in side.policies.registry.mechanisms if m.outside}
    parts: list[Expr] = []
    for granting in (True, False):
        said, says = _said(old, granting=granting), _said(new, granting=granting)
        permitted = every([_granted(old), _granted(new)]) if granting else every([_refused(old), _refused(new)])
        codes = [code for code in {**said, **says} if code not in engine and not code.startswith("missing_evidence_")]
        parts.append(every([permitted, some([differs(said.get(code, FALSE), says.get(code, FALSE)) for code in codes])]))
    return some(parts)


def _granted(side: Side) -> Expr:
    return negated(side.verdicts.outcomes[Outcome.DENY])


def _refused(side: Side) -> Expr:
    return side.verdicts.outcomes[Outcome.DENY]


def _said(side: Side, *, granting: bool) -> dict[str, Expr]:
    found: dict[str, list[Expr]] = {}
    for law, section in side.sections.items():
        for model in section.rules:
            if _tells(model, overlay=section.overlay, granting=granting):
                for code in model.rule.reasons:
                    found.setdefault(code, []).append(every([side.verdicts.attached[law], section.heard, model.holds]))
    return {code: some(parts) for code, parts in found.items()}


def _tells(model: RuleModel, *, overlay: bool, granting: bool) -> bool:
    """Whether a rule that holds says its reasons in a permission, or in a denial."""
    effect = model.rule.policy.effect
    if effect is Effect.REVIEW:
        return True
    if effect is Effect.OBLIGE:
        return granting or not (model.rule.has_forms or model.rule.obligations)
    return (effect is Effect.PERMIT and not overlay) if granting else effect is Effect.PROHIBIT


def _denial_duties(old: Side, new: Side) -> Expr:
    """Whether denials on both sides leave other duties behind."""
    said, says = _left_behind(old), _left_behind(new)
    return every([_refused(old), _refused(new), some([differs(said.get(n, FALSE), says.get(n, FALSE)) for n in {**said, **says}])])


def _left_behind(side: Side) -> dict[str, Expr]:
    found: dict[str, list[Expr]] = {}
    for law, section in side.sections.items():
        for model in section.of(Effect.PROHIBIT):
            for obligation in model.rule.obligations:
                found.setdefault(obligation.name, []).append(every([side.verdicts.attached[law], model.holds]))
    return {name: some(parts) for name, parts in found.items()}


@dataclass(frozen=True, slots=True)
class Suspect:
    """What may be the cause of a difference, and when it is."""

    cause: Cause
    when: Expr


def suspects(model: Model) -> list[Suspect]:
    """Everything that the two bundles may hold differently."""
    old, new = model.sides
    found: list[Suspect] = []
    for law in sorted({*old.sections, *new.sections}):
        found += _of_rules(law, old, new)
        found += _of_mechanisms(law, old, new)
        was, now = _faults(law, old), _faults(law, new)
        found.append(Suspect(Cause(what="facts", name=f"that {law} reads", law=law), differs(was, now)))
    for law in sorted({*old.verdicts.attached, *new.verdicts.attached}):
        was, now = old.verdicts.attached.get(law, FALSE), new.verdicts.attached.get(law, FALSE)
        silent = differs(old.verdicts.silent.get(law, FALSE), new.verdicts.silent.get(law, FALSE))
        found.append(Suspect(Cause(what="law", name=law, law=law), some([differs(was, now), silent])))
    conflict = differs(old.verdicts.conflict, new.verdicts.conflict)
    found.append(Suspect(Cause(what="obligations", name="that contradict each other", law=""), conflict))
    return [suspect for suspect in found if suspect.when is not FALSE]


def _faults(law: str, side: Side) -> Expr:
    section = side.sections.get(law)
    return FALSE if section is None else every([side.verdicts.attached[law], section.heard, section.faults])


def _of_rules(law: str, old: Side, new: Side) -> list[Suspect]:
    was, now = _rules(law, old), _rules(law, new)
    found: list[Suspect] = []
    for name in {**was, **now}:
        before, after = was.get(name), now.get(name)
        cause = Cause(
            what="policy",
            name=name,
            law=law,
            old=None if before is None else before[0].ref.place,
            new=None if after is None else after[0].ref.place,
        )
        if before is not None and after is not None and _says(before[0], old) == _says(after[0], new):
            parts = [differs(one, other) for one, other in zip(before[1], after[1], strict=True)]
        else:
            parts = [*(before[1] if before else ()), *(after[1] if after else ())]
        found.append(Suspect(cause, some(parts)))
    return found


def _says(policy: Policy, side: Side) -> object:
    """What a policy does when it holds."""
    duties = [(duty, side.policies.registry.obligations[duty.name]) for duty in policy.duties]
    return unplaced((policy.effect, policy.categories, duties, policy.reasons))


def _rules(law: str, side: Side) -> dict[str, tuple[Policy, tuple[Expr, Expr]]]:
    section = side.sections.get(law)
    if section is None:
        return {}
    attached = every([side.verdicts.attached[law], section.heard])
    placed = {policy.name: policy for policy in side.policies.documents.policies}
    found: dict[str, tuple[Policy, tuple[Expr, Expr]]] = {}
    for model in section.rules:
        untold = FALSE if model.rule.policy.effect is Effect.PERMIT else model.untold
        name = model.rule.policy.name
        found[name] = (placed[name], (every([attached, model.holds]), every([attached, untold])))
    return found


def _of_mechanisms(law: str, old: Side, new: Side) -> list[Suspect]:
    was, now = _valid(law, old), _valid(law, new)
    return [
        Suspect(Cause(what="mechanism", name=name, law=law), differs(was.get(name, FALSE), now.get(name, FALSE)))
        for name in {**was, **now}
    ]


def _valid(law: str, side: Side) -> Mapping[str, Expr]:
    section = side.sections.get(law)
    if section is None or section.standing is None:
        return {}
    attached = every([side.verdicts.attached[law], section.heard])
    return {name: every([attached, when]) for name, when in section.standing.valid.items()}
