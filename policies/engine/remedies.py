"""What a denial could be turned by: each mechanism or step that `try_instead` names, with what it needs. It promises nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from policies.engine.decision import Decision
from policies.engine.facts import look_up
from policies.engine.hearing import Heard
from policies.engine.registry import Mechanism, Registry
from policies.engine.request import TransferRequest
from policies.engine.terms import Test
from policies.engine.vocabulary import Effect
from policies.engine.wording import condition, stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One way: a mechanism of the registry with its evidence and scope, or a step that takes away the ground of a rule."""

    name: str
    law: str
    kind: str
    evidence: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    cite: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    doubt: str = ""

    def as_json(self) -> dict[str, Any]:
        """The remedy as plain JSON."""
        return {
            "name": self.name,
            "law": self.law,
            "kind": self.kind,
            "evidence": list(self.evidence),
            "conditions": list(self.conditions),
            "cite": list(self.cite),
            "since": self.since,
            "until": self.until,
            "doubt": self.doubt,
        }

    def __str__(self) -> str:
        """One line: kind, law, citation, evidence, conditions, doubt."""
        cited = f", {'; '.join(self.cite)}" if self.cite else ""
        parts = [f"`{self.name}`: {self.kind} ({self.law}{cited})"]
        if self.until:
            parts.append(f"until {self.until}")
        if self.evidence:
            parts.append("needs as evidence " + ", ".join(f"`{need}`" for need in self.evidence))
        if self.conditions:
            parts.append(("" if self.kind.startswith("lifts") else "where ") + " and ".join(self.conditions))
        if self.kind in {"adequacy", "safeguard", "derogation"} and not self.evidence and not self.conditions:
            parts.append("needs no evidence beyond the claim")
        if self.doubt:
            parts.append(f"doubt: {self.doubt}")
        return "; ".join(parts) + "."


def remedies(
    registry: Registry, request: TransferRequest, decision: Decision, heard: Sequence[Heard], at: date
) -> tuple[Remedy, ...]:
    """What each name in the decision's `try_instead` means under the laws that were heard."""
    laws = list(dict.fromkeys(found.section.jurisdiction.code for found in heard))
    importer = look_up(request.facts, ("importer", "region"))
    found: list[Remedy] = []
    for name in decision.try_instead:
        named = [m for law in laws for m in registry.mechanisms_of(law, at) if m.id == name and m.importer in {None, importer}]
        found.extend(_mechanism(m, registry) for m in named)
        if not named:
            found.extend(_steps(name, registry, heard))
    return tuple(found)


def _mechanism(mechanism: Mechanism, registry: Registry) -> Remedy:
    conditions = [condition(term, registry) for term in mechanism.scope.terms] if mechanism.scope else []
    if mechanism.occasional_only:
        conditions.append("the transfer is occasional, never systematic")
    if mechanism.filing:
        conditions.append(f"`{mechanism.filing.filed}` is filed in time after `{mechanism.filing.after}`")
    return Remedy(
        name=mechanism.id,
        law=mechanism.law,
        kind=mechanism.kind.value,
        evidence=mechanism.needs,
        conditions=tuple(conditions),
        cite=mechanism.cite,
        since=mechanism.start.isoformat() if mechanism.start != date.min else "",
        until=mechanism.end.isoformat() if mechanism.end != date.max else "",
        doubt=mechanism.doubt or mechanism.watch,
    )


def _steps(name: str, registry: Registry, heard: Iterable[Heard]) -> list[Remedy]:
    """A name that is no mechanism: which rule offers it, and which of its facts would have to change."""
    found: list[Remedy] = []
    for one in heard:
        policy = one.rule.policy
        if one.verdict is True and policy.effect in {Effect.PROHIBIT, Effect.REVIEW} and name in policy.try_instead:
            facts = [_rests(one, test, registry) for test in one.decisive_tests(one.rule.term)]
            law = one.section.jurisdiction.code
            step = f"lifts rule `{policy.name}`"
            found.append(
                Remedy(
                    name=name, law=law, kind=step, conditions=("one of these changes: " + "; ".join(facts),), cite=policy.ref.cite
                )
            )
    return found or [Remedy(name=name, law="", kind="a step outside the registry")]


def _rests(heard: Heard, test: Test, registry: Registry) -> str:
    spec = registry.facts[test.path]
    return f"{spec.means} (`{test.path}`) is {stated(heard.fact(test.path), spec)}"
