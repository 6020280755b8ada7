"""Decisions, rules, obligations and leaves between `policies.engine` and the wire. Nothing here decides."""

import json
from dataclasses import dataclass

import rfc8785

from policies.engine.crossing import LeafRef
from policies.engine.decision import Decision, Obligation, RuleRef
from policies.engine.request import Fact
from policies.engine.vocabulary import Form, Outcome
from protos.strictness import at_most, digest, member, numbered, octets, refusal, text, texts
from protos.v1 import decision_pb2 as pb

MAX_ARGUMENTS = 16 * 1024
HASH_LENGTH = 32
_DEEPEST = 8

OUTCOMES = numbered(Outcome, "OUTCOME_", dict(pb.Outcome.items()))
FORMS = numbered(Form, "FORM_", dict(pb.Form.items()))
_OUTCOME_NUMBERS = {outcome: number for number, outcome in OUTCOMES.items()}
_FORM_NUMBERS = {form: number for number, form in FORMS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came with a release: the exporter's verdict and where it is recorded in the exporter's log."""

    decision: Decision
    leaf: LeafRef


def form_to_wire(form: Form) -> "pb.Form.ValueType":
    """The number of a form in the contract."""
    return pb.Form.ValueType(_FORM_NUMBERS[form])


def form_from_wire(number: int, where: str) -> Form:
    """The form of a number; refuses the zero value and unknown ones."""
    return member(FORMS, number, where)


def rule_to_message(rule: RuleRef) -> pb.RuleRef:
    """A rule, as it travels."""
    return pb.RuleRef(policy=rule.policy, law=rule.law, place=rule.place, cite=rule.cite)


def rule_from_message(message: pb.RuleRef, where: str = "rule") -> RuleRef:
    """A rule from outside."""
    return RuleRef(
        policy=text(message.policy, f"{where}.policy"),
        law=text(message.law, f"{where}.law", empty=True),
        place=text(message.place, f"{where}.place", empty=True),
        cite=texts(message.cite, f"{where}.cite"),
    )


def decision_to_message(decision: Decision) -> pb.Decision:
    """A verdict, as it travels. Its fields stay behind, since each released field carries its own rules; so do its faults.

    A fault names a fact that nobody stated, which may be one about the person asked for: that is not for who was denied.
    """
    return pb.Decision(
        outcome=pb.Outcome.ValueType(_OUTCOME_NUMBERS[decision.outcome]),
        reasons=decision.reasons,
        rules=[rule_to_message(rule) for rule in decision.rules],
        obligations=[_obligation_to_message(obligation) for obligation in decision.obligations],
        try_instead=decision.try_instead,
        policy_digest=decision.policy_digest,
    )


def decision_from_message(message: pb.Decision, where: str = "decision") -> Decision:
    """A verdict from outside, faults it may bring left unread. Raises MESSAGE_TRUNCATED."""
    return Decision(
        outcome=member(OUTCOMES, message.outcome, f"{where}.outcome"),
        reasons=texts(message.reasons, f"{where}.reasons"),
        rules=tuple(rule_from_message(rule, f"{where}.rules") for rule in at_most(message.rules, f"{where}.rules")),
        obligations=tuple(
            _obligation_from_message(each, f"{where}.obligations") for each in at_most(message.obligations, f"{where}.obligations")
        ),
        try_instead=texts(message.try_instead, f"{where}.try_instead"),
        policy_digest=digest(message.policy_digest, f"{where}.policy_digest", empty=True),
    )


def _obligation_to_message(obligation: Obligation) -> pb.Obligation:
    arguments = rfc8785.dumps(dict(obligation.arguments)).decode()
    return pb.Obligation(name=obligation.name, arguments_json=arguments, rule=rule_to_message(obligation.rule))


def _obligation_from_message(message: pb.Obligation, where: str) -> Obligation:
    return Obligation(
        name=text(message.name, f"{where}.name"),
        arguments=_arguments(message.arguments_json, f"{where}.arguments_json"),
        rule=rule_from_message(message.rule, f"{where}.rule"),
    )


def _arguments(source: str, where: str) -> dict[str, Fact]:
    if len(source) > MAX_ARGUMENTS:
        raise refusal(where, "it is too long")
    try:
        value = json.loads(source, parse_float=_no_float, parse_constant=_no_float)
        if isinstance(value, dict) and rfc8785.dumps(value) == source.encode() and _depth(value) <= _DEEPEST:
            return value
    except (ValueError, RecursionError):
        pass
    raise refusal(where, "it is not canonical JSON of plain values")


def _no_float(_: str) -> float:
    raise ValueError


def _depth(value: Fact) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(each) for each in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(each) for each in value), default=0)
    return 0


def leaf_to_message(leaf: LeafRef) -> pb.LeafRef:
    """Where a release is recorded, as it travels."""
    return pb.LeafRef(index=leaf.index, leaf_hash=leaf.leaf_hash)


def receipt_from_messages(decision: pb.Decision, leaf: pb.LeafRef) -> Receipt:
    """Verdict and leaf that came with a release; a release under a verdict that does not permit is refused."""
    verdict = decision_from_message(decision)
    if not verdict.outcome.permits:
        raise refusal("decision.outcome", "something was released under a verdict that does not permit it")
    return Receipt(
        decision=verdict, leaf=LeafRef(index=leaf.index, leaf_hash=octets(leaf.leaf_hash, "leaf.leaf_hash", length=HASH_LENGTH))
    )
