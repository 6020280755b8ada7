"""The request behind a decision record, given back for a rehearsal: what the record keeps, and what the node always states."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from policies.engine.errors import DomicileError
from policies.engine.record import DecisionRecord
from policies.engine.replay import Rebuild, rebuilt
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Kind
from regional_node.egress.importers import ImporterRegister
from regional_node.egress.requests import NodeIdentity


def rebuilding(node: NodeIdentity, importers: ImporterRegister) -> Rebuild:
    """A function from a record to its request. What the record states wins over what the register says of the importer today."""

    def rebuild(record: DecisionRecord) -> TransferRequest:
        request = rebuilt(record)
        stated: dict[str, Any] = {
            "exporter": {**node.facts, "region": node.jurisdiction, "organisation": node.organisation},
            "subject": {"region": node.jurisdiction} | ({"natural_person": True} if record.kind is Kind.TRANSFER else {}),
        }
        try:
            importer = importers.find(record.importer, on=record.at.astimezone(UTC).date())
        except DomicileError:
            return replace(request, facts=_over(stated, request.facts))
        stated["importer"] = {**importer.facts, "organisation": importer.id}
        return replace(request, facts=_over(stated, request.facts), mechanisms=importer.mechanisms)

    return rebuild


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both together, at every depth; where both speak, the one above."""
    merged = {**below}
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged
