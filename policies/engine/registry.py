"""The dated registry: jurisdictions, adequacy, mechanisms, facts, reasons and obligations, each stated once. It decides nothing.

It lives as strict YAML in `policies/registry/`; policies are read against it and its content is part of the policy digest.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import rfc8785

from policies.engine.calendars import Calendar, Duration
from policies.engine.facts import FactSpec
from policies.engine.strict_yaml import Plain
from policies.engine.terms import Every

_WEEKENDS = Calendar()


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


class Right(StrEnum):
    """What a clock runs for. Grammar: a noun, with what it is of."""

    ACCESS = "access"
    PORTABILITY = "portability"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    OBJECTION = "objection"
    OPT_OUT = "opt_out"
    WITHDRAWAL = "withdrawal"
    ACKNOWLEDGEMENT = "acknowledgement"
    BREACH_AUTHORITY = "breach_authority"
    BREACH_INDIVIDUALS = "breach_individuals"
    COMPLAINT = "complaint"
    FILING = "filing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """How long a law gives, from `start` on: `within`, and once more `extension` where it may be extended."""

    right: Right
    within: Duration
    text: str
    extension: Duration | None
    start: date
    cite: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A claim that must be filed: the day of the evidence `filed` lies at most `within` past that of `after`."""

    after: str
    filed: str
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """One law. `parent` attaches too; an `overlay` only objects or obliges, and attaches to everything once a bundle speaks of it.

    `cited_as` is how case files and officers name it; `deadlines` are its clocks.
    """

    code: str
    name: str
    parent: str | None = None
    members: tuple[str, ...] = ()
    overlay: bool = False
    special: tuple[str, ...] = ()
    child_age: int | None = None
    child_age_by_state: Mapping[str, int]
    calendar: Calendar = _WEEKENDS
    cited_as: tuple[str, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One dated ground of transfer under `law`. `importer` is set for adequacy; `needs` names the evidence a claim must carry.

    `outside` is the reason when `scope` does not hold, where the general one would mislead. Evidence older than its `max_age`
    counts as missing, older than its `renew_after` as stale. `offered` mechanisms are named to who has none.
    """

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
    outside: str | None = None
    filing: Filing | None = None
    max_age: Mapping[str, Duration] = field(default_factory=dict)
    renew_after: Mapping[str, Duration] = field(default_factory=dict)
    offered: bool = False


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

    def chain(self, law: str) -> tuple[str, ...]:
        """A law and those above it, which attach with it."""
        found = [law]
        while (parent := self.jurisdictions[found[-1]].parent) is not None:
            found.append(parent)
        return tuple(found)

    def cited(self, text: str) -> Jurisdiction | None:
        """The law that a citation such as `GDPR 12(3)` names, by its longest known name."""
        names = [(name, j) for j in self.jurisdictions.values() for name in (*j.cited_as, j.code) if _begins(text, name)]
        return max(names, key=lambda found: len(found[0]))[1] if names else None

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


def _begins(text: str, name: str) -> bool:
    return text.startswith(name) and not text[len(name) : len(name) + 1].isalnum()


def content_digest(parts: Mapping[str, Plain]) -> str:
    """SHA-256 (hex) of the registry's files as RFC 8785 JSON."""
    return hashlib.sha256(rfc8785.dumps(dict(parts))).hexdigest()
