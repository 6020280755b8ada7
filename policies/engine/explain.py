"""A decision in prose: which law, which rule, which fact was missing, what would have allowed it. It decides nothing."""

from policies.engine.decision import Decision, RuleRef
from policies.engine.evaluator import Policies
from policies.engine.vocabulary import Form, Outcome

_OPENING = {
    Outcome.ALLOW: "This may leave.",
    Outcome.ALLOW_WITH_OBLIGATIONS: "This may leave, with obligations.",
    Outcome.REDACT: "This may leave in part.",
    Outcome.REVIEW: "A person must review this before anything leaves; until then nothing does.",
    Outcome.DENY: "This may not leave.",
}


def explain(policies: Policies, decision: Decision) -> str:
    """The decision in short paragraphs, one line each."""
    lines = [_OPENING[decision.outcome]]
    lines.extend(f"Because {reason_sentence(policies, code)}." for code in decision.reasons)
    lines.extend(_rule(rule) for rule in decision.rules)
    lines.extend(
        f"Field `{field.name}` ({field.category}) leaves {_FORM[field.form]}{_by(field.rules)}."
        for field in decision.fields
        if decision.outcome.permits
    )
    lines.extend(
        f"Owed: {policies.registry.obligations[o.name].means} (`{o.name}`, {o.rule.policy})." for o in decision.obligations
    )
    lines.extend(f"Not established: {fault}." for fault in decision.faults)
    if decision.try_instead:
        lines.append("What could allow it: " + ", ".join(f"`{name}`" for name in decision.try_instead) + ".")
    lines.append(f"Decided under the policies with digest {decision.policy_digest[:16]}.")
    return "\n".join(lines)


_FORM = {
    Form.CLEAR: "in clear",
    Form.GENERALISE: "generalised",
    Form.MASK: "masked",
    Form.PSEUDONYM: "as a pseudonym",
    Form.WITHHOLD: "not at all",
}


def reason_sentence(policies: Policies, code: str) -> str:
    """The sentence of a reason code; evidence that is missing is named."""
    evidence = code.removeprefix("missing_evidence_")
    if evidence != code:
        return f"{policies.registry.reasons['missing_evidence']}: {evidence}"
    return policies.registry.reasons.get(code, code)


def _rule(rule: RuleRef) -> str:
    return f"Rule `{rule.policy}` ({rule.place}), law {rule.law}: {'; '.join(rule.cite)}."


def _by(rules: tuple[RuleRef, ...]) -> str:
    return f", by `{rules[0].policy}` ({'; '.join(rules[0].cite)})" if rules else ", since no policy covers it"
