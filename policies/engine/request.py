"""What is asked of a policy, with every fact that may decide it. Nothing here assumes a fact that was not stated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from policies.engine.vocabulary import Kind

Fact: TypeAlias = "str | int | bool | list[Fact] | dict[str, Fact] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldAsked:
    """One field that would leave: its name in the model and its data category (a fideslang key)."""

    name: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest:
    """May this leave, and in which form?

    `facts` is the nested mapping that conditions read by dotted path, in the shape of a case file: `exporter`, `importer`,
    `subject`, `data`, `purpose`, `legal_basis`, `consent`, ... A path that is absent is unknown, and unknown denies.
    `mechanisms` are the claims the exporter holds for this importer (`id` plus evidence); within one law any one valid claim
    suffices. `fields` is empty for aggregates. `laws` names the jurisdictions whose law attaches beside the exporter's own.
    """

    kind: Kind
    facts: Mapping[str, Fact]
    mechanisms: tuple[Mapping[str, Fact], ...] = ()
    fields: tuple[FieldAsked, ...] = ()
    laws: tuple[str, ...] = field(default=())
