"""Whether the mechanisms of a transfer hold under one law on one date: dated entries against claims and evidence.

It assumes nothing: evidence that is not stated, or that is dated after the transfer, is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.engine.conditions import Closure, Slots, Values, compile_term
from policies.engine.facts import day_number
from policies.engine.registry import Mechanism, MechanismKind, Registry
from policies.engine.request import Fact

VALID, CLAIMED, NONE = "valid", "claimed", "none"
NO_CLAIM = frozenset({"none", "not_a_transfer"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A registry entry with its scope compiled and its interval as ordinals."""

    id: str
    start: int
    end: int
    scope: Closure | None
    needs: tuple[str, ...]
    occasional_only: bool
    adequacy: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds: ids of valid mechanisms, the state in one word, and why each failing claim fails."""

    valid: tuple[str, ...]
    state: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """The entries of one law, compiled for one section's slots."""

    adequacy: Mapping[str, tuple[Entry, ...]]
    claimable: Mapping[str, tuple[Entry, ...]]
    known: frozenset[str]
    frequency: int
    offers: tuple[tuple[str, int, int, str | None], ...]

    def alternatives(self, importer: str, day: int) -> tuple[str, ...]:
        """What could be claimed instead: adequacy that needs a listing, then safeguards, in force on the day."""
        found = [name for name, start, end, only in self.offers if start <= day < end and (only is None or only == importer)]
        return tuple(dict.fromkeys(found))

    def standing(self, claims: Sequence[Mapping[str, Fact]], importer: object, values: Values, day: int) -> Standing:
        """Resolve adequacy (which needs no claim) and every claim."""
        entries = self.adequacy.get(importer, ()) if isinstance(importer, str) else ()
        valid = [e.id for e in entries if e.start <= day < e.end and (e.scope is None or e.scope(values) is True)]
        reasons: list[str] = []
        claimed = False
        for claim in claims:
            name = claim.get("id")
            if name is None or name in NO_CLAIM:
                continue
            claimed = True
            if name not in valid:
                failing = self._claim(name, claim, entries, values, day)
                if failing:
                    reasons.extend(failing)
                else:
                    valid.append(str(name))
        if valid:
            return Standing(tuple(valid), VALID, tuple(reasons))
        if self.adequacy and not entries and isinstance(importer, str):
            reasons.append("no_adequacy")
        return Standing((), CLAIMED if claimed else NONE, tuple(reasons))

    def _claim(
        self, name: object, claim: Mapping[str, Fact], entries: tuple[Entry, ...], values: Values, day: int
    ) -> tuple[str, ...]:
        """Why a claim does not hold; empty when it does."""
        if not isinstance(name, str) or name not in self.known:
            return ("mechanism_not_recognised_by_exporter_law",)
        candidates = tuple(e for e in entries if e.id == name) or self.claimable.get(name, ())
        if not candidates:
            return ("no_adequacy",)
        failures = [self._entry(entry, claim, values, day) for entry in candidates]
        return min(failures, key=len)

    def _entry(self, entry: Entry, claim: Mapping[str, Fact], values: Values, day: int) -> tuple[str, ...]:
        if day < entry.start:
            return ("mechanism_not_yet_valid",)
        if day >= entry.end:
            return ("mechanism_invalid_on_date",)
        if entry.occasional_only and values[self.frequency] not in {"once", "occasional"}:
            return ("derogation_not_for_systematic",)
        if entry.scope is not None and entry.scope(values) is not True:
            return ("recipient_outside_adequacy_scope" if entry.adequacy else "mechanism_outside_scope",)
        return tuple(f"missing_evidence_{need}" for need in entry.needs if not _evidence(claim.get(need), day))


def _evidence(stated: Fact, day: int) -> bool:
    """Whether something is stated that proves: not empty, not false, and not a date still to come."""
    if stated is None or stated is False or stated in ("", [], {}, 0):
        return False
    dated = day_number(stated)
    return dated is None or dated <= day


def compile_mechanisms(registry: Registry, law: str, slots: Slots) -> Mechanisms:
    """The entries of a law, their scopes compiled over the section's slots."""
    adequacy: dict[str, list[Entry]] = {}
    claimable: dict[str, list[Entry]] = {}
    known: set[str] = set()
    for mechanism in registry.mechanisms:
        if mechanism.law != law:
            continue
        known.add(mechanism.id)
        entry = _compiled(mechanism, slots)
        if mechanism.importer is None:
            claimable.setdefault(mechanism.id, []).append(entry)
        else:
            adequacy.setdefault(mechanism.importer, []).append(entry)
    return Mechanisms(
        adequacy={importer: tuple(entries) for importer, entries in adequacy.items()},
        claimable={name: tuple(entries) for name, entries in claimable.items()},
        known=frozenset(known),
        frequency=slots.number("frequency"),
        offers=tuple(
            (m.id, m.start.toordinal(), m.end.toordinal(), m.importer) for m in registry.mechanisms if m.law == law and _offered(m)
        ),
    )


def _compiled(mechanism: Mechanism, slots: Slots) -> Entry:
    return Entry(
        id=mechanism.id,
        start=mechanism.start.toordinal(),
        end=mechanism.end.toordinal(),
        scope=None if mechanism.scope is None else compile_term(mechanism.scope, slots),
        needs=mechanism.needs,
        occasional_only=mechanism.occasional_only,
        adequacy=mechanism.kind is MechanismKind.ADEQUACY,
    )


def _offered(mechanism: Mechanism) -> bool:
    """Adequacy with a scope may be opened by a listing; an onward contract is offered by its own policy alone."""
    if mechanism.kind is MechanismKind.ADEQUACY:
        return mechanism.scope is not None
    return mechanism.kind is MechanismKind.SAFEGUARD and mechanism.id != "onward_contract"
