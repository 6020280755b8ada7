"""What a policy answers: never a bare yes or no. Nothing here decides; it only says what was decided and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.engine.request import Fact
from policies.engine.vocabulary import Form, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRef:
    """The rule that decided: policy name, the law it expresses, where it stands (`gdpr.yaml:12`), and what it cites."""

    policy: str
    law: str
    place: str
    cite: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """What the node must do for the permit to hold; `arguments` are its parameters (e.g. rho of `noise`)."""

    name: str
    arguments: Mapping[str, Fact]
    rule: RuleRef


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDecision:
    """In which form one field leaves, and by which rules."""

    name: str
    category: str
    form: Form
    rules: tuple[RuleRef, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The whole verdict.

    `rules` are the determining rules in the order they decided; `reasons` are codes; `faults` are conditions that could not be
    evaluated (each turned the verdict to deny); `try_instead` names mechanisms or facts that would have allowed it.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    rules: tuple[RuleRef, ...] = ()
    fields: tuple[FieldDecision, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    faults: tuple[str, ...] = ()
    try_instead: tuple[str, ...] = ()
    policy_digest: str = ""

    def obligation(self, name: str) -> Obligation | None:
        """The first obligation of that name, or None."""
        return next((o for o in self.obligations if o.name == name), None)

    def field(self, name: str) -> FieldDecision | None:
        """The decision on the field of that name, or None when it was not asked for."""
        return next((f for f in self.fields if f.name == name), None)
