"""What is wrong with a bundle that loads: dead and shadowed rules, gaps, contradictions, what ends soon. It decides nothing.

A rule is called dead or shadowed only where the solver has shown that no request can bring it to bear. Needs z3.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations

from policies.engine.diagnostics import Diagnostic, Severity
from policies.engine.document import Policy
from policies.engine.evaluator import Policies
from policies.engine.obligations import merge
from policies.engine.registry import Mechanism
from policies.engine.symbolic.library import Expr, every, negated, some, z3
from policies.engine.symbolic.model import Model, Side, model
from policies.engine.symbolic.section import RuleModel, SectionModel
from policies.engine.terms import tests_of
from policies.engine.vocabulary import Effect, Kind

QUARTER = timedelta(days=90)
PATIENCE_MS = 10_000


def analyse(policies: Policies, *, at: date | None = None, window: timedelta = QUARTER) -> list[Diagnostic]:
    """Every finding in the order of the files; what ends or is due is looked for only on a given day."""
    findings = [*_gaps(policies)]
    if at is not None:
        findings += [*_endings(policies, at, window), *_reviews(policies, at)]
    dead: dict[str, list[bool]] = {}
    for kind in dict.fromkeys(kind for _, kind in policies.sections):
        kept = _Kind(model(kind, [policies]))
        for name, is_dead in kept.dead():
            dead.setdefault(name, []).append(is_dead)
        findings += kept.findings()
    findings += [_dead(policy) for policy in policies.documents.policies if all(dead.get(policy.name, [False]))]
    unique = {(finding.where, finding.message): finding for finding in findings}
    return sorted(unique.values(), key=lambda finding: (finding.file, finding.line, finding.message))


def _finding(policy: Policy, message: str, remedy: str, severity: Severity = Severity.WARNING) -> Diagnostic:
    file, _, line = policy.ref.place.rpartition(":")
    return Diagnostic(file=file, line=int(line), column=1, message=message, remedy=remedy, severity=severity)


def _dead(policy: Policy) -> Diagnostic:
    message = f"policy `{policy.name}` can never hold: its conditions contradict each other"
    return _finding(policy, message, "correct its `when`, or remove it", Severity.ERROR)


def _gaps(policies: Policies) -> Iterator[Diagnostic]:
    first: dict[str, Policy] = {}
    for policy in policies.documents.policies:
        first.setdefault(policy.law, policy)
    for law, jurisdiction in policies.registry.jurisdictions.items():
        if law not in first:
            message = f"no policy speaks for the law of `{law}`, so it denies everything"
            remedy = "write one, or leave it so where nothing may leave"
            file = f"laws/{law.lower()}.yaml"
            yield Diagnostic(file=file, line=1, column=1, message=message, remedy=remedy, severity=Severity.WARNING)
        elif not jurisdiction.overlay:
            silent = [kind.value for kind in Kind if (law, kind) not in policies.sections]
            if silent:
                message = f"the policies of `{law}` say nothing of {', '.join(silent)}, so it is denied"
                yield _finding(first[law], message, "add a policy with that `kind`, or leave it denied")


def _endings(policies: Policies, at: date, window: timedelta) -> Iterator[Diagnostic]:
    """What is in force and ends within the window."""
    for policy in policies.documents.policies:
        if policy.start <= at < policy.end <= at + window:
            message = f"policy `{policy.name}` ends on {policy.end.isoformat()}"
            yield _finding(policy, message, "write what follows it, or let it end")
    for mechanism in policies.registry.mechanisms:
        if mechanism.start <= at < mechanism.end <= at + window:
            yield from _ending(policies, mechanism)


def _ending(policies: Policies, mechanism: Mechanism) -> Iterator[Diagnostic]:
    importer = f" for `{mechanism.importer}`" if mechanism.importer else ""
    message = f"mechanism `{mechanism.id}` of `{mechanism.law}`{importer} ends on {mechanism.end.isoformat()}"
    remedy = "see what replaces it, and tell who relies on it"
    relying = [policy for policy in policies.documents.policies if policy.law == mechanism.law and _relies(policy, mechanism)]
    for policy in relying:
        yield _finding(policy, f"policy `{policy.name}` rests on it: {message}", remedy)
    if not relying:
        file = f"laws/{mechanism.law.lower()}.yaml"
        yield Diagnostic(file=file, line=1, column=1, message=message, remedy=remedy, severity=Severity.WARNING)


def _relies(policy: Policy, mechanism: Mechanism) -> bool:
    return any(test.path == "mechanisms.valid" and mechanism.id in test.operands for test in tests_of(policy.when))


def _reviews(policies: Policies, at: date) -> Iterator[Diagnostic]:
    for policy in policies.documents.policies:
        if policy.review is not None and at >= policy.review.again_before:
            message = f"policy `{policy.name}` was to be reviewed before {policy.review.again_before.isoformat()}"
            yield _finding(policy, message, f"ask `{policy.review.by}` and move `last` and `again_before`")


class _Kind:
    """The rules of one kind, with a solver that knows what a request may be; days are left free, which can only hide a finding."""

    def __init__(self, compiled: Model) -> None:
        self._side: Side = compiled.sides[0]
        self._space = compiled.space
        self._solver = z3.Solver()
        self._solver.set("timeout", PATIENCE_MS)
        self._solver.add(*compiled.space.rules, compiled.space.tidy())

    def _never(self, *parts: Expr) -> bool:
        self._solver.push()
        self._solver.add(*parts)
        answer = self._solver.check()
        self._solver.pop()
        return bool(answer == z3.unsat)

    def dead(self) -> Iterator[tuple[str, bool]]:
        """Every rule, and whether no request makes it hold."""
        for law, section in self._side.sections.items():
            for rule in section.rules:
                yield rule.rule.policy.name, self._never(self._side.verdicts.attached[law], rule.holds)

    def findings(self) -> Iterator[Diagnostic]:
        """What is shadowed, contradicts, or stands twice."""
        for section in self._side.sections.values():
            yield from self._shadowed(section)
            yield from self._doubled(section)
        yield from self._unmergeable()

    def _shadowed(self, section: SectionModel) -> Iterator[Diagnostic]:
        objections = section.of(Effect.PROHIBIT)
        for rule in section.rules:
            effect = rule.rule.policy.effect
            silent = effect is Effect.OBLIGE and not (rule.rule.has_forms or rule.rule.obligations)
            if effect is Effect.PROHIBIT or silent or section.overlay or self._never(rule.holds):
                continue
            free = negated(some([objection.holds for objection in objections]))
            given = section.permitted if effect is not Effect.PERMIT else rule.holds
            if self._never(rule.holds, free, given):
                yield self._shadow(rule, objections)

    def _shadow(self, rule: RuleModel, objections: list[RuleModel]) -> Diagnostic:
        policy = rule.rule.policy
        alone = [o.rule.policy for o in objections if self._never(rule.holds, negated(o.holds))]
        by = ", ".join(f"`{other.name}` ({other.ref.place})" for other in alone) or "the prohibitions of the same law together"
        message = f"policy `{policy.name}` never decides: wherever it holds, {by} denies or nothing is permitted"
        return _finding(policy, message, "narrow one of them, or remove this one")

    def _doubled(self, section: SectionModel) -> Iterator[Diagnostic]:
        for one, other in combinations(sorted(section.rules, key=_stands), 2):
            first, second = one.rule.policy, other.rule.policy
            effects = {first.effect, second.effect}
            opposed = effects == {Effect.PERMIT, Effect.PROHIBIT}
            if not (opposed or len(effects) == 1) or not _alike(first, second) or not self._equivalent(one, other):
                continue
            if opposed:
                message = f"policy `{second.name}` contradicts `{first.name}` ({first.ref.place}): both hold for the same requests"
                yield _finding(second, message, "decide which of them the law means, and remove the other", Severity.ERROR)
            elif _says_the_same(first, second):
                message = f"policy `{second.name}` overlaps `{first.name}` ({first.ref.place}): same law, effect and conditions"
                yield _finding(second, message, "end the earlier one where the later begins, or merge them", Severity.ERROR)

    def _equivalent(self, one: RuleModel, other: RuleModel) -> bool:
        day = self._space.day
        start, end = max(one.rule.start, other.rule.start), min(one.rule.end, other.rule.end)
        return self._never(day >= start, day < end, z3.Xor(one.holds, other.holds)) and not self._never(one.holds, other.holds)

    def _unmergeable(self) -> Iterator[Diagnostic]:
        by_name = {policy.name: policy for policy in self._side.policies.documents.policies}
        for name, owed in self._side.verdicts.owed.items():
            spec = self._side.policies.registry.obligations[name]
            for (one, when), (other, then) in combinations(owed, 2):
                if merge(one, other, spec) is None and not self._never(every([when, then])):
                    policy, earlier = by_name[other.rule.policy], by_name[one.rule.policy]
                    message = (
                        f"`{name}` of `{policy.name}` cannot be met together with that of `{earlier.name}` ({earlier.ref.place})"
                    )
                    yield _finding(policy, message, "give both the same arguments, or narrow one of them", Severity.ERROR)


def _stands(model: RuleModel) -> tuple[str, int]:
    file, _, line = model.rule.policy.ref.place.rpartition(":")
    return file, int(line)


def _alike(one: Policy, other: Policy) -> bool:
    """Whether two policies are in force together and look at the same facts; others are not equivalent in any way that matters."""
    overlap = max(one.start, other.start) < min(one.end, other.end)
    return overlap and _paths(one) == _paths(other)


def _paths(policy: Policy) -> frozenset[str]:
    return frozenset(test.path for test in tests_of(policy.when))


def _says_the_same(one: Policy, other: Policy) -> bool:
    """Duties under the same conditions that oblige to different things complete each other."""
    return one.effect is not Effect.OBLIGE or _names(one) == _names(other)


def _names(policy: Policy) -> tuple[frozenset[str], bool, frozenset[str]]:
    return frozenset(duty.name for duty in policy.duties), bool(policy.categories), frozenset(policy.reasons)
