"""What the gate finds of a crossing for each organisation that receives it, and how these verdicts become one.

Nothing here judges, records or raises: a denial of one is the denial of all, and of what all permit the stricter part stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from policies.engine.decision import Decision, FieldDecision, Obligation
from policies.engine.obligations import merge
from policies.engine.record import DecisionRecord
from policies.engine.registry import Registry
from policies.engine.vocabulary import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision and the record to be. `denial` says why nothing leaves; it is empty for a permit the node can honour.

    `others` are the records to be of those who receive the same bytes beside the one who asks.
    """

    decision: Decision
    draft: DecisionRecord
    denial: str = ""
    others: tuple[DecisionRecord, ...] = ()


def refusal(reason: str) -> Decision:
    """A denial of the gate itself, before or beside the policies."""
    return Decision(outcome=Outcome.DENY, reasons=(reason,))


def joined(verdicts: Sequence[Verdict], registry: Registry) -> Verdict:
    """One verdict for who asks (the first) and through whose hands it goes: the first denial, or the strictest of all permits."""
    for verdict in verdicts:
        if verdict.denial:
            through = "" if verdict is verdicts[0] else f"for `{verdict.draft.importer}`, which runs the index: "
            return replace(verdict, denial=through + verdict.denial)
    decision = verdicts[0].decision
    for verdict in verdicts[1:]:
        stricter = _stricter(decision, verdict.decision, registry)
        if stricter is None:
            denied = replace(decision, outcome=Outcome.DENY, reasons=("obligation_conflict",))
            return replace(
                verdicts[0], decision=denied, denial="two organisations receive it and their obligations contradict each other"
            )
        decision = stricter
    return replace(verdicts[0], decision=decision, others=tuple(verdict.draft for verdict in verdicts[1:]))


def _stricter(one: Decision, other: Decision, registry: Registry) -> Decision | None:
    """Both decisions in one; None when their obligations contradict each other."""
    obligations = {obligation.name: obligation for obligation in one.obligations}
    for obligation in other.obligations:
        known = obligations.get(obligation.name)
        both: Obligation | None = obligation if known is None else merge(known, obligation, registry.obligations[obligation.name])
        if both is None:
            return None
        obligations[obligation.name] = both
    return replace(
        one,
        outcome=max(one.outcome, other.outcome, key=list(Outcome).index),
        reasons=tuple(dict.fromkeys((*one.reasons, *other.reasons))),
        rules=tuple(dict.fromkeys((*one.rules, *other.rules))),
        fields=tuple(_strictest(field, found) for field in one.fields if (found := other.field(field.name)) is not None),
        obligations=tuple(obligations.values()),
        faults=tuple(dict.fromkeys((*one.faults, *other.faults))),
        try_instead=tuple(dict.fromkeys((*one.try_instead, *other.try_instead))),
    )


def _strictest(one: FieldDecision, other: FieldDecision) -> FieldDecision:
    return other if other.form.strictness > one.form.strictness else one
