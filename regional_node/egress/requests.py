"""What the gate asks its policies: the facts of a transfer, in the shape of a case file. Nothing here assumes a fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from policies.engine.readings import ReadingTable
from policies.engine.request import Fact, FieldAsked, TransferRequest
from policies.engine.vocabulary import DataCategory, Kind, Purpose, Shape
from regional_node.crm.fields import FieldSpec
from regional_node.crm.records import Plain, Record
from regional_node.egress.importers import Importer

_CUSTOMERS = {"customer", "evangelist", "churned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """Who exports. `region` is the node's name, `jurisdiction` whose law it is under; `facts` join those under `exporter.`."""

    region: str
    jurisdiction: str
    organisation: str
    state: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=lambda: {"role": "controller"})

    def stating(self, facts: Mapping[str, Fact]) -> "NodeIdentity":
        """The same node with facts that its region states of itself."""
        return replace(self, facts={**self.facts, **facts}) if facts else self


def for_share(node: NodeIdentity, importer: Importer, table: ReadingTable, columns: Sequence[str], purpose: str) -> TransferRequest:
    """May noised aggregates of these columns be released?"""
    held = {column.category.value for name in columns if (column := table.column(name)) is not None}
    data: dict[str, Fact] = {"categories": [*sorted(held)], "shape": Shape.AGGREGATE.value}
    subject: dict[str, Fact] = {"region": node.jurisdiction}
    return _request(Kind.RELEASE, node, importer, data=data, subject=subject, purpose=purpose)


def for_person(
    node: NodeIdentity, importer: Importer, record: Record | None, fields: Sequence[FieldSpec], purpose: str, *, at: date
) -> TransferRequest:
    """May these fields of one person be transferred, and each in which form? Without a record: of a person nothing is known of."""
    data: dict[str, Fact] = {
        "categories": [*sorted({spec.category.value for spec in fields})],
        "shape": Shape.RECORD.value,
        "persons": 1,
    }
    asked = tuple(FieldAsked(name=spec.name, category=spec.category.value) for spec in fields)
    subject = _subject(node, record, at)
    return _request(Kind.TRANSFER, node, importer, data=data, subject=subject, purpose=purpose, fields=asked)


def for_entries(node: NodeIdentity, importer: Importer, count: int) -> TransferRequest:
    """May so many pseudonymous keys go to the index?"""
    data: dict[str, Fact] = {
        "categories": [DataCategory.PSEUDONYM.value],
        "shape": Shape.PSEUDONYM.value,
        "persons": count,
        "pseudonymisation": "random",
        "key_location": "regional",
        "jp_class": "ordinary",  # never labelled as processed, which no third party may get (APPI Art. 41(6))
    }
    subject: dict[str, Fact] = {"region": node.jurisdiction, "natural_person": True}
    return _request(Kind.TRANSFER, node, importer, data=data, subject=subject, purpose=Purpose.FEDERATION_INDEX.value)


def _request(
    kind: Kind,
    node: NodeIdentity,
    importer: Importer,
    *,
    data: dict[str, Fact],
    subject: dict[str, Fact],
    purpose: str,
    fields: tuple[FieldAsked, ...] = (),
) -> TransferRequest:
    exporter = _party(node.jurisdiction, node.state, node.organisation, node.facts)
    receiver = _party(importer.jurisdiction, importer.state, importer.id, importer.facts)
    facts: dict[str, Fact] = {
        "exporter": exporter,
        "importer": receiver,
        "subject": subject,
        "data": data,
        "purpose": purpose,
        "legal_basis": importer.purposes[purpose],
        "frequency": "systematic",  # both the feed and an open door for questions are
    }
    return TransferRequest(kind=kind, facts=facts, mechanisms=importer.mechanisms, fields=fields)


def _party(jurisdiction: str, state: str | None, organisation: str, more: Mapping[str, Fact]) -> dict[str, Fact]:
    party: dict[str, Fact] = {**more, "region": jurisdiction, "organisation": organisation}
    if state is not None:
        party["state"] = state
    return party


def _subject(node: NodeIdentity, record: Record | None, at: date) -> dict[str, Fact]:
    subject: dict[str, Fact] = {"region": node.jurisdiction, "natural_person": True}
    if record is None:
        return subject
    stage = record.plain("lifecycle_stage")
    if stage is not None:
        subject["type"] = "customer" if stage in _CUSTOMERS else "prospect"
    age = _age(record.plain("date_of_birth"), at)
    if age is not None:
        subject["age"] = age
    return subject


def _age(born: Plain, at: date) -> int | None:
    if not isinstance(born, date):
        return None
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
