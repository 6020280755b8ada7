"""The whole verdict as formulas: which laws attach, what they say together, the outcome and the form of each category.

It follows the decider step by step over the same compiled sections, and is held against it by the differential test.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.engine.decision import Obligation
from policies.engine.evaluator import Policies
from policies.engine.facts import CATEGORIES
from policies.engine.obligations import merge
from policies.engine.registry import ObligationKind
from policies.engine.rules import Rule
from policies.engine.symbolic.derived import field_flag, unreadable_categories
from policies.engine.symbolic.library import FALSE, TRUE, Expr, every, negated, some
from policies.engine.symbolic.section import RuleModel, SectionModel
from policies.engine.symbolic.space import OTHER, Space
from policies.engine.vocabulary import Effect, Form, Kind, Outcome

PARTIES = ("exporter.region", "exporter.origin_region", "subject.region")
_GRADES = [form.strictness for form in Form if form is not Form.CLEAR]
_WITHHOLD = Form.WITHHOLD.strictness


def law_flag(code: str) -> str:
    """The name of the flag that a request names a law."""
    return f"laws.{code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """When each outcome is the verdict. `reach[category][grade]`: a field of it leaves at least that strictly."""

    outcomes: Mapping[Outcome, Expr]
    attached: Mapping[str, Expr]
    silent: Mapping[str, Expr]
    misplaced: Expr
    conflict: Expr
    reach: Mapping[str, Mapping[int, Expr]]
    owed: Mapping[str, tuple[tuple[Obligation, Expr], ...]]

    @property
    def permits(self) -> Expr:
        """Whether anything at all may leave."""
        return some([self.outcomes[outcome] for outcome in Outcome if outcome.permits])


def model_verdicts(policies: Policies, kind: Kind, sections: Mapping[str, SectionModel], space: Space) -> Verdicts:
    """Everything together. `sections` are those of the bundle for this kind, by law."""
    return _Whole(policies, kind, dict(sections), space).verdicts()


@dataclass(slots=True)
class _Whole:
    """One bundle on one kind."""

    policies: Policies
    kind: Kind
    sections: dict[str, SectionModel]
    space: Space

    def verdicts(self) -> Verdicts:
        attached = self._attached()
        heard = {law: model for law, model in self.sections.items() if law in attached}
        silent = {law: e for law, e in attached.items() if law not in self.sections and law not in self.policies.overlays}
        silent[OTHER] = self.space.flag(law_flag(OTHER))
        misplaced = self._misplaced()
        owed = self._owed(heard, attached)
        conflict = self._conflict(owed)
        reach = self._reach(heard, attached)
        asked = {word: self.space.flag(field_flag(word)) for word in (*sorted(CATEGORIES), OTHER)}
        nothing_left = every(
            [some(list(asked.values())), *(some([negated(flag), reach[word][_WITHHOLD]]) for word, flag in asked.items())]
        )
        denials = [every([attached[law], model.denies]) for law, model in heard.items()]
        unreadable = unreadable_categories(self.space)
        denied = some([misplaced, unreadable, *silent.values(), *denials, conflict, nothing_left])
        changed = [every([flag, reach[word][_GRADES[0]]]) for word, flag in asked.items()]
        return Verdicts(
            outcomes=self._outcomes(denied, heard, attached, owed, some(changed)),
            attached=attached,
            silent=silent,
            misplaced=misplaced,
            conflict=conflict,
            reach=reach,
            owed=owed,
        )

    def _outcomes(
        self,
        denied: Expr,
        heard: Mapping[str, SectionModel],
        attached: Mapping[str, Expr],
        owed: Mapping[str, tuple[tuple[Obligation, Expr], ...]],
        changed: Expr,
    ) -> dict[Outcome, Expr]:
        review = some([every([attached[law], rule.holds]) for law, m in heard.items() for rule in m.of(Effect.REVIEW)])
        kinds = {name: self.policies.registry.obligations[name].kind for name in owed}
        of_kind = {
            kind: some([when for name, found in owed.items() if kinds[name] is kind for _, when in found])
            for kind in ObligationKind
        }
        cut = some([of_kind[ObligationKind.CUT], changed])
        free = every([negated(denied), negated(review)])
        return {
            Outcome.DENY: denied,
            Outcome.REVIEW: every([negated(denied), review]),
            Outcome.REDACT: every([free, cut]),
            Outcome.ALLOW_WITH_OBLIGATIONS: every([free, negated(cut), of_kind[ObligationKind.DUTY]]),
            Outcome.ALLOW: every([free, negated(cut), negated(of_kind[ObligationKind.DUTY])]),
        }

    def _attached(self) -> dict[str, Expr]:
        registry = self.policies.registry
        found: dict[str, list[Expr]] = {law: [] for law in registry.jurisdictions}
        for path in PARTIES:
            for word, flag in self.space.raws[path].texts.items():
                law = registry.law_of(word) if word != OTHER else None
                for link in registry.chain(law) if law is not None else ():
                    found[link].append(flag)
        for code in registry.jurisdictions:
            for link in registry.chain(code):
                found[link].append(self.space.flag(law_flag(code)))
        for law in self.policies.overlays:
            found[law] = [TRUE]
        unknown = [name for name in self.space.flags if name.startswith("laws.")]
        codes = (name.removeprefix("laws.") for name in unknown)
        found |= {code: [self.space.flag(law_flag(code))] for code in codes if code not in found and code != OTHER}
        return {law: some(flags) for law, flags in found.items()}

    def _misplaced(self) -> Expr:
        """A place of no jurisdiction, or no law at all."""
        registry = self.policies.registry
        wrong: list[Expr] = []
        anything: list[Expr] = [
            flag for name, flag in self.space.flags.items() if name.startswith("laws.") and self._names(name.removeprefix("laws."))
        ]
        for path in PARTIES:
            raw = self.space.raws[path]
            known = [word for word in raw.texts if word != OTHER and registry.law_of(word) is not None]
            places = [raw.text(word) for word in known]
            wrong.append(every([raw.stated, negated(some(places))]))
            anything += [flag for word, flag in raw.texts.items() if word in known and self._grounds(word)]
        return some([*wrong, negated(some(anything))])

    def _names(self, code: str) -> bool:
        """The same for a law that is named: no place is looked up."""
        registry = self.policies.registry
        chain = registry.chain(code) if code in registry.jurisdictions else (code,)
        return bool(set(chain).difference(self.policies.overlays))

    def _grounds(self, code: str) -> bool:
        """Whether a place or law brings any law that is no overlay."""
        registry = self.policies.registry
        law = registry.law_of(code)
        chain = registry.chain(law) if law is not None else (code,)
        return bool(set(chain).difference(self.policies.overlays))

    def _granting(
        self, heard: Mapping[str, SectionModel], attached: Mapping[str, Expr], effects: tuple[Effect, ...]
    ) -> list[tuple[Rule, Expr]]:
        return [
            (model.rule, every([attached[law], model.holds]))
            for law, section in heard.items()
            for effect in effects
            if effect is not Effect.PERMIT or not section.overlay
            for model in section.of(effect)
        ]

    def _owed(
        self, heard: Mapping[str, SectionModel], attached: Mapping[str, Expr]
    ) -> dict[str, tuple[tuple[Obligation, Expr], ...]]:
        owed: dict[str, list[tuple[Obligation, Expr]]] = {}
        for rule, when in self._granting(heard, attached, (Effect.OBLIGE, Effect.PERMIT)):
            for obligation in rule.obligations:
                owed.setdefault(obligation.name, []).append((obligation, when))
        return {name: tuple(found) for name, found in owed.items()}

    def _conflict(self, owed: Mapping[str, tuple[tuple[Obligation, Expr], ...]]) -> Expr:
        """Two obligations of one name that cannot be merged."""
        found: list[Expr] = []
        for name, several in owed.items():
            spec = self.policies.registry.obligations[name]
            for index, (one, when) in enumerate(several):
                clashing = [then for other, then in several[index + 1 :] if merge(one, other, spec) is None]
                found += [every([when, then]) for then in clashing]
        return some(found)

    def _reach(self, heard: Mapping[str, SectionModel], attached: Mapping[str, Expr]) -> dict[str, dict[int, Expr]]:
        """How strictly each category leaves. Categories of which all rules say the same share their formulas."""
        permits = {law: model.of(Effect.PERMIT) for law, model in heard.items() if not model.overlay}
        tightening = [(r, when) for r, when in self._granting(heard, attached, (Effect.OBLIGE,)) if r.has_forms]
        rules = [model.rule for models in permits.values() for model in models] + [rule for rule, _ in tightening]
        formed = [rule for rule in rules if rule.has_forms]
        shared: dict[tuple[Form | None, ...], dict[int, Expr]] = {}
        reach: dict[str, dict[int, Expr]] = {}
        for word in (*sorted(CATEGORIES), OTHER):
            said = tuple(rule.forms.get(word) for rule in formed)
            if said not in shared:
                shared[said] = {grade: _reaches(word, grade, permits, tightening, attached) for grade in _GRADES}
            reach[word] = shared[said]
        return reach


def _reaches(
    word: str,
    grade: int,
    permits: Mapping[str, list[RuleModel]],
    tightening: list[tuple[Rule, Expr]],
    attached: Mapping[str, Expr],
) -> Expr:
    parts: list[Expr] = []
    spoken: list[Expr] = []
    for law, models in permits.items():
        covering = [model for model in models if not model.rule.has_forms or word in model.rule.forms]
        strict = [m.holds for m in covering if _form(m.rule, word).strictness >= grade]
        permitted = some([model.holds for model in models])
        uncovered = every([permitted, negated(some([model.holds for model in covering]))])
        parts.append(every([attached[law], some([*strict, uncovered])]))
        spoken.append(every([attached[law], permitted]))
    for rule, when in tightening:
        form = rule.forms.get(word)
        if form is not None:
            spoken.append(when)
            parts.append(when if form.strictness >= grade else FALSE)
    return some([*parts, negated(some(spoken))])


def _form(rule: Rule, word: str) -> Form:
    return rule.forms[word] if rule.has_forms else Form.CLEAR
