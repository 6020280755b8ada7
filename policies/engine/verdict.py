"""From what the laws said to the verdict and the form of each field: the strictest wins. It hears no law itself."""

from collections.abc import Iterable
from typing import Protocol

from policies.engine.decision import Decision, FieldDecision, RuleRef
from policies.engine.findings import Findings
from policies.engine.memo import Memo
from policies.engine.registry import ObligationKind, Registry
from policies.engine.request import TransferRequest
from policies.engine.rules import Rule
from policies.engine.vocabulary import Form, Outcome

INDETERMINATE = "indeterminate_input"
NO_POLICY = "no_policy"
STRICTNESS = {form: form.strictness for form in Form}


class Bundle(Protocol):
    """What a verdict needs to know of the policies."""

    @property
    def digest(self) -> str:
        """Of every policy and the registry."""
        ...

    @property
    def registry(self) -> Registry:
        """What the obligations are."""
        ...


def forms_of(memo: Memo, request: TransferRequest, found: Findings) -> tuple[FieldDecision, ...]:
    """In which form each field leaves: none does when anything denies."""
    if found.denied:
        refs = tuple(found.objections)
        return tuple(FieldDecision(name=f.name, category=f.category, form=Form.WITHHOLD, rules=refs) for f in request.fields)
    if not request.fields:
        return ()
    # which rules bear on a field follows from its category and the rules that hold: the same few sets come again and again
    rules = (tuple(tuple(map(id, permitting)) for permitting in found.covering), tuple(map(id, found.tightening)))
    fields: list[FieldDecision] = []
    for asked in request.fields:
        key = (asked.name, asked.category, rules)
        decided = memo.fields.get(key)
        if decided is None:
            decided = _field(asked.name, asked.category, found)
            memo.keep(memo.fields, key, decided)
        fields.append(decided)
    return tuple(fields)


def _field(name: str, category: str, found: Findings) -> FieldDecision:
    """The strictest form of all that apply. A category that no permit of a law covers is withheld."""
    said: list[tuple[Form, Rule | None]] = []
    for permitting in found.covering:
        covering = [
            (rule.forms[category] if rule.has_forms else Form.CLEAR, rule) for rule in permitting if _covers(rule, category)
        ]
        said.extend(covering or [(Form.WITHHOLD, None)])
    said.extend((rule.forms[category], rule) for rule in found.tightening if category in rule.forms)
    form = max((form for form, _ in said), key=STRICTNESS.__getitem__, default=Form.WITHHOLD)
    deciding = [rule for said_form, rule in said if said_form is form and rule is not None]
    return FieldDecision(
        name=name,
        category=category,
        form=form,
        rules=tuple(rule.ref for rule in deciding),
        reasons=_unique(reason for rule in deciding for reason in rule.reasons)
        or (("no_permit",) if form is Form.WITHHOLD else ()),
    )


def _covers(rule: Rule, category: str) -> bool:
    return not rule.has_forms or category in rule.forms


def verdict_of(bundle: Bundle, fields: tuple[FieldDecision, ...], found: Findings) -> Decision:
    """The whole verdict: any denial outweighs any review, any review any permission."""
    if not found.denied and fields and all(f.form is Form.WITHHOLD for f in fields):
        found.denied = True
        found.denials.append("every_field_withheld")
        found.objections.extend(ref for f in fields for ref in f.rules)
    if found.denied:
        return _denial(bundle, fields, found)
    outcome = Outcome.REVIEW if found.reviews else _permission(bundle, fields, found)
    return Decision(
        outcome=outcome,
        reasons=_unique([*found.review_reasons, *found.reasons]),
        rules=_unique_refs([*found.reviews, *found.granted]),
        fields=fields,
        obligations=tuple(found.obligations.values()),
        try_instead=_unique(found.try_instead),
        policy_digest=bundle.digest,
    )


def _permission(bundle: Bundle, fields: tuple[FieldDecision, ...], found: Findings) -> Outcome:
    kinds = {bundle.registry.obligations[name].kind for name in found.obligations}
    if ObligationKind.CUT in kinds or any(f.form is not Form.CLEAR for f in fields):
        return Outcome.REDACT
    return Outcome.ALLOW_WITH_OBLIGATIONS if ObligationKind.DUTY in kinds else Outcome.ALLOW


def _denial(bundle: Bundle, fields: tuple[FieldDecision, ...], found: Findings) -> Decision:
    reasons = list(found.denials)
    if found.faults and not set(reasons) & {NO_POLICY, "obligation_conflict"}:
        reasons.append(INDETERMINATE)
    if not reasons:
        reasons.append("no_permit")
    owed = {o.name: o for o in found.objection_duties}
    return Decision(
        outcome=Outcome.DENY,
        reasons=_unique([*reasons, *found.review_reasons, *found.standing_reasons]),
        rules=_unique_refs([*found.objections, *found.reviews]),
        fields=fields,
        obligations=tuple(owed.values()),
        faults=tuple(dict.fromkeys(found.faults)),
        try_instead=_unique(found.try_instead),
        policy_digest=bundle.digest,
    )


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _unique_refs(refs: Iterable[RuleRef]) -> tuple[RuleRef, ...]:
    return tuple(dict.fromkeys(refs))
