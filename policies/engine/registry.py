"""The dated registry: jurisdictions, adequacy, mechanisms, facts, reasons and obligations, each stated once. It decides nothing.

It lives as strict YAML in `policies/registry/`; policies are read against it and its content is part of the policy digest.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import rfc8785

from policies.engine.facts import FactSpec
from policies.engine.strict_yaml import Plain
from policies.engine.terms import Every


class MechanismKind(StrEnum):
    """What sort of ground a transfer stands on. Grammar: one noun."""

    ADEQUACY = "adequacy"
    SAFEGUARD = "safeguard"
    DEROGATION = "derogation"


class ObligationKind(StrEnum):
    """What an obligation is. Grammar: one noun."""

    DUTY = "duty"  # turns allow into allow_with_obligations
    FORM = "form"  # how the answer leaves; the node always applies it
    CUT = "cut"  # part of the answer stays; the outcome is redact
    ADVICE = "advice"  # may be ignored


class Strictest(StrEnum):
    """Which of two arguments of one obligation wins. Grammar: a superlative."""

    LEAST = "least"
    GREATEST = "greatest"
    SHORTEST = "shortest"  # an ISO 8601 duration in days
    SAME = "same"  # they must be equal, else it is a fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """One law. An `overlay` only objects or obliges, and attaches to everything once a bundle speaks of it."""

    code: str
    name: str
    members: tuple[str, ...] = ()
    overlay: bool = False
    special: tuple[str, ...] = ()
    child_age: int | None = None
    child_age_by_state: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One dated ground of transfer under `law`. `importer` is set for adequacy; `needs` names the evidence a claim must carry."""

    law: str
    id: str
    kind: MechanismKind
    importer: str | None
    start: date
    end: date
    scope: Every | None
    needs: tuple[str, ...]
    occasional_only: bool
    cite: tuple[str, ...]
    doubt: str
    watch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationSpec:
    """One obligation: its kind, whether a node discharges it by itself, and how its arguments combine."""

    name: str
    kind: ObligationKind
    node: bool
    arguments: Mapping[str, Strictest]
    means: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDefaults:
    """Disclosure control where a law sets nothing: dominance (n, k), p %, and how few persons a difference may single out."""

    dominance_n: int
    dominance_k: int
    p_percent: int
    difference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The whole of it, and the digest of its content."""

    facts: Mapping[str, FactSpec]
    jurisdictions: Mapping[str, Jurisdiction]
    mechanisms: tuple[Mechanism, ...]
    obligations: Mapping[str, ObligationSpec]
    reasons: Mapping[str, str]
    release: ReleaseDefaults
    digest: str

    def law_of(self, code: str) -> str | None:
        """The law of a place: the code itself, the group it belongs to (`DE`, `EU-DE` -> `EU`), or its longest known prefix."""
        if code in self.jurisdictions:
            return code
        for jurisdiction in self.jurisdictions.values():
            if code in jurisdiction.members:
                return jurisdiction.code
        head, dash, _ = code.rpartition("-")
        return self.law_of(head) if dash else None

    def party(self, code: str) -> dict[str, str]:
        """`region` and `state` facts of a jurisdiction code: `EU-DE` and `DE` -> EU, DE; `US-CA` -> US-CA; `BR-SP` -> BR, SP.

        An unknown code is its own region, which no policy permits.
        """
        region = self.law_of(code)
        if region is None or region == code:
            return {"region": code}
        return {"region": region, "state": code.removeprefix(f"{region}-")}

    def mechanisms_of(self, law: str, on: date) -> tuple[Mechanism, ...]:
        """The mechanisms in force under a law on a date, in the order of the registry."""
        return tuple(m for m in self.mechanisms if m.law == law and m.start <= on < m.end)

    @property
    def discharged(self) -> frozenset[str]:
        """The obligations that a node discharges by itself; any other duty makes the node deny."""
        return frozenset(name for name, spec in self.obligations.items() if spec.node)


def content_digest(parts: Mapping[str, Plain]) -> str:
    """SHA-256 (hex) of the registry's files as RFC 8785 JSON."""
    return hashlib.sha256(rfc8785.dumps(dict(parts))).hexdigest()
