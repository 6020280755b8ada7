"""A decision explained so that a lawyer can follow it: each law, its rules with citation and place, the facts on which they rest
or that were missing, what would have allowed it with the evidence it needs, and each field. It decides nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from policies.engine.counting import Counters
from policies.engine.decision import Decision, RuleRef
from policies.engine.evaluator import Policies
from policies.engine.hearing import Heard, Listener
from policies.engine.remedies import Remedy, remedies
from policies.engine.request import TransferRequest
from policies.engine.terms import Test
from policies.engine.vocabulary import Effect, Form, Outcome
from policies.engine.wording import condition, stated

_OPENING = {
    Outcome.ALLOW: "This may leave.",
    Outcome.ALLOW_WITH_OBLIGATIONS: "This may leave, with obligations.",
    Outcome.REDACT: "This may leave in part.",
    Outcome.REVIEW: "A person must review this before anything leaves; until then nothing does.",
    Outcome.DENY: "This may not leave.",
}
_FORM = {
    Form.CLEAR: "in clear",
    Form.GENERALISE: "generalised",
    Form.MASK: "masked",
    Form.PSEUDONYM: "as a pseudonym",
    Form.WITHHOLD: "not at all",
}
_NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSaid:
    """One fact a rule looked at: its path, what it means, its value in words, and the condition it met or failed."""

    path: str
    means: str
    value: str
    known: bool
    condition: str

    def __str__(self) -> str:
        """A clause: meaning, path, value."""
        return f"{self.means} (`{self.path}`) {'is' if self.known else 'was'} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSaid:
    """One rule: `answer` is `holds`, `fails` or `unknown`; `facts` are those on which that answer rests."""

    rule: RuleRef
    title: str
    effect: Effect
    answer: str
    reasons: tuple[str, ...]
    facts: tuple[FactSaid, ...]

    def as_json(self) -> dict[str, Any]:
        """The rule as plain JSON."""
        return {
            "policy": self.rule.policy,
            "title": self.title,
            "place": self.rule.place,
            "cite": list(self.rule.cite),
            "effect": self.effect.value,
            "answer": self.answer,
            "reasons": list(self.reasons),
            "facts": [{"path": f.path, "means": f.means, "value": f.value, "condition": f.condition} for f in self.facts],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LawSaid:
    """What one law said: `verdict` is `permits`, `objects`, `asks for review`, `does not permit` or `adds nothing`."""

    law: str
    name: str
    verdict: str
    determining: tuple[RuleSaid, ...]
    unknown: tuple[RuleSaid, ...]
    failed: tuple[RuleSaid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision with everything that explains it, as text and as JSON."""

    decision: Decision
    at: date
    reasons: tuple[str, ...]
    laws: tuple[LawSaid, ...]
    owed: tuple[tuple[str, str, str], ...]
    remedies: tuple[Remedy, ...]

    def as_json(self) -> dict[str, Any]:
        """The explanation as plain JSON."""
        decision = self.decision
        return {
            "outcome": decision.outcome.value,
            "at": self.at.isoformat(),
            "says": _OPENING[decision.outcome],
            "reasons": [{"code": c, "sentence": s} for c, s in zip(decision.reasons, self.reasons, strict=True)],
            "laws": [
                {
                    "law": law.law,
                    "name": law.name,
                    "verdict": law.verdict,
                    "determining": [rule.as_json() for rule in law.determining],
                    "unknown": [rule.as_json() for rule in law.unknown],
                    "failed": [rule.as_json() for rule in law.failed],
                }
                for law in self.laws
            ],
            "fields": [
                {
                    "name": f.name,
                    "category": f.category,
                    "form": f.form.value,
                    "rules": [{"policy": r.policy, "law": r.law, "place": r.place, "cite": list(r.cite)} for r in f.rules],
                    "reasons": list(f.reasons),
                }
                for f in decision.fields
            ],
            "obligations": [{"name": name, "means": means, "policy": policy} for name, means, policy in self.owed],
            "faults": list(decision.faults),
            "try_instead": [remedy.as_json() for remedy in self.remedies],
            "policy_digest": decision.policy_digest,
        }

    def __str__(self) -> str:
        """Short paragraphs: the verdict, each law, fields, duties, faults, remedies, digest."""
        decision = self.decision
        lines = [f"{_OPENING[decision.outcome]} Asked of the law of {self.at.isoformat()}."]
        lines.extend(f"Because {sentence} (`{code}`)." for code, sentence in zip(decision.reasons, self.reasons, strict=True))
        for law in self.laws:
            lines.extend(_law_lines(law))
        lines.extend(_field_line(field, permitted=decision.outcome.permits) for field in decision.fields)
        lines.extend(f"Owed: {means} (`{name}`, by `{policy}`)." for name, means, policy in self.owed)
        lines.extend(f"Not established: {fault}." for fault in decision.faults)
        if self.remedies:
            lines.append("What could allow it: " + ", ".join(f"`{remedy.name}`" for remedy in self.remedies) + ".")
            lines.extend(f"  {remedy}" for remedy in self.remedies)
        lines.append(f"Decided under the policies with digest {decision.policy_digest[:16]}.")
        return "\n".join(lines)


def explain(policies: Policies, request: TransferRequest, *, at: date, counters: Counters | None = None) -> Explanation:
    """Decide a request and say why. The decision in it is the evaluator's own."""
    decision, heard = Listener(policies).decide(request, at=at, counters=counters)
    laws = list(dict.fromkeys(found.section.jurisdiction.code for found in heard))
    return Explanation(
        decision=decision,
        at=at,
        reasons=tuple(reason_sentence(policies, code) for code in decision.reasons),
        laws=tuple(_law(policies, law, [h for h in heard if h.section.jurisdiction.code == law]) for law in laws),
        owed=tuple((o.name, policies.registry.obligations[o.name].means, o.rule.policy) for o in decision.obligations),
        remedies=remedies(policies.registry, request, decision, heard, at),
    )


def reason_sentence(policies: Policies, code: str) -> str:
    """The sentence of a reason code; evidence that is missing is named."""
    evidence = code.removeprefix("missing_evidence_")
    if evidence != code:
        return f"{policies.registry.reasons['missing_evidence']}: {evidence}"
    return policies.registry.reasons.get(code, code)


def _law(policies: Policies, law: str, heard: list[Heard]) -> LawSaid:
    holding = [h for h in heard if h.verdict is True]
    objections = [h for h in holding if h.rule.policy.effect is Effect.PROHIBIT]
    reviews = [h for h in holding if h.rule.policy.effect is Effect.REVIEW]
    permits = [h for h in holding if h.rule.policy.effect is Effect.PERMIT]
    duties = [h for h in holding if h.rule.policy.effect is Effect.OBLIGE]
    unknown = [h for h in heard if h.verdict is None and (h.rule.policy.effect is not Effect.PERMIT or not permits)]
    jurisdiction = policies.registry.jurisdictions[law]
    silent = not jurisdiction.overlay and not permits
    verdicts = (
        ("objects", objections),
        ("does not permit", silent or unknown),
        ("asks for review", reviews),
        ("adds nothing", jurisdiction.overlay and not duties),
    )
    failing = [h for h in heard if h.verdict is False and h.rule.policy.effect is Effect.PERMIT] if silent else []
    failing.sort(key=lambda h: len(h.open_tests(h.rule.term)))
    return LawSaid(
        law=law,
        name=jurisdiction.name,
        verdict=next((word for word, given in verdicts if given), "adds duties" if jurisdiction.overlay else "permits"),
        determining=tuple(_rule(policies, h) for h in (*objections, *reviews, *permits, *duties)),
        unknown=tuple(_rule(policies, h) for h in unknown),
        failed=tuple(_rule(policies, h) for h in failing),
    )


def _rule(policies: Policies, heard: Heard) -> RuleSaid:
    term = heard.rule.term
    tests = heard.decisive_tests(term) if heard.verdict is True else heard.open_tests(term)
    if heard.verdict is None:
        tests = [test for test in tests if heard.of(test) is None]
    policy = heard.rule.policy
    return RuleSaid(
        rule=policy.ref,
        title=policy.title,
        effect=policy.effect,
        answer={True: "holds", False: "fails", None: "unknown"}[heard.verdict],
        reasons=tuple(reason_sentence(policies, code) for code in policy.reasons),
        facts=tuple(_fact(policies, heard, test) for test in tests),
    )


def _fact(policies: Policies, heard: Heard, test: Test) -> FactSaid:
    spec = policies.registry.facts[test.path]
    value = heard.fact(test.path)
    return FactSaid(
        path=test.path,
        means=spec.means,
        value=stated(value, spec),
        known=value is not None,
        condition=condition(test, policies.registry),
    )


def _law_lines(law: LawSaid) -> list[str]:
    lines = ["", f"Law {law.law}, {law.name}: {law.verdict}."]
    for rule in law.determining:
        lines.append(f"  Rule `{rule.rule.policy}` ({rule.rule.place}), {_DOES[rule.effect]}: {rule.title}.")
        lines.append(f"    Cited: {'; '.join(rule.rule.cite)}.")
        lines.extend(f"    Because {sentence}." for sentence in rule.reasons)
        lines.append(f"    It rests on: {_clauses(rule.facts)}.")
    for rule in law.unknown:
        lines.append(f"  Rule `{rule.rule.policy}` ({rule.rule.place}; {'; '.join(rule.rule.cite)}) cannot be told: {rule.title}.")
        lines.append(f"    Missing: {_clauses(rule.facts)}.")
    for rule in law.failed[:_NEAREST]:
        lines.append(f"  Rule `{rule.rule.policy}` ({rule.rule.place}; {'; '.join(rule.rule.cite)}) would permit it: {rule.title}.")
        lines.extend(f"    But it asks that {fact.condition}, and {fact}." for fact in rule.facts)
    if len(law.failed) > _NEAREST:
        lines.append(f"  {len(law.failed) - _NEAREST} more permissions of this law are further away; `--json` names them.")
    return [*lines, ""] if lines else lines


_DOES = {
    Effect.PERMIT: "permits",
    Effect.PROHIBIT: "prohibits",
    Effect.REVIEW: "asks for review",
    Effect.OBLIGE: "obliges",
}


def _clauses(facts: Iterable[FactSaid]) -> str:
    return "; ".join(str(fact) for fact in facts) or "nothing that could be named"


def _field_line(field: Any, *, permitted: bool) -> str:
    form = _FORM[field.form if permitted else Form.WITHHOLD]
    by = "; ".join(f"`{r.policy}` ({r.place}; {', '.join(r.cite)})" for r in field.rules)
    why = f", by {by}" if by else ", since no policy covers it" if permitted else ", since nothing may leave"
    return f"Field `{field.name}` ({field.category}) leaves {form}{why}."
