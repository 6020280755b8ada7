"""How values of the index are written as JSON. Nothing is computed here."""

from typing import Any

from global_index.catalogue.regions import Region
from global_index.requests.history import Memory
from global_index.requests.persons import PersonAnswer
from policies.engine.decision import Decision, RuleRef


def rule_json(rule: RuleRef) -> dict[str, Any]:
    """A rule: its policy, the law, where it stands, what it cites."""
    return {"policy": rule.policy, "law": rule.law, "place": rule.place, "cite": list(rule.cite)}


def decision_json(decision: Decision) -> dict[str, Any]:
    """A verdict with its reasons."""
    return {
        "outcome": decision.outcome.value,
        "reasons": list(decision.reasons),
        "rules": [rule_json(rule) for rule in decision.rules],
        "obligations": [obligation.name for obligation in decision.obligations],
        "try_instead": list(decision.try_instead),
        "policy_digest": decision.policy_digest,
    }


def person_json(answer: PersonAnswer) -> dict[str, Any]:
    """The fields of a person in the form they left in. The caller sends it and forgets it."""
    return {
        "region": answer.view.region,
        "pseudonym": answer.view.pseudonym.hex(),
        "fields": [
            {
                "name": field.name,
                "category": field.category,
                "form": field.form.value,
                "value": field.value,
                "rules": [rule_json(rule) for rule in field.rules],
                "reasons": list(field.reasons),
            }
            for field in answer.view.fields
        ],
        "decision": decision_json(answer.decision),
        "leaf": answer.leaf.index,
    }


def region_json(region: Region, *, entries: int) -> dict[str, Any]:
    """A region as the index sees it."""
    return {
        "region": region.name,
        "jurisdiction": region.jurisdiction,
        "state": region.state,
        "active": region.active,
        "address": region.address,
        "time_zone": region.time_zone,
        "program_version": region.program_version,
        "policy_digest": region.policy_digest,
        "entries": entries,
    }


def memory_json(memory: Memory) -> dict[str, Any]:
    """One line of the history."""
    return {
        "question_id": memory.question_id,
        "at": memory.at.isoformat(),
        "asked": memory.asked.value,
        "analyst": memory.analyst,
        "importer": memory.importer,
        "purpose": memory.purpose,
        "plans": list(memory.plans),
        "digests": list(memory.digests),
        "fields": list(memory.fields),
        "regions": [
            {"region": t.region, "status": t.status, "code": t.code or None, "rho": t.rho, "leaf": t.leaf} for t in memory.told
        ],
    }
