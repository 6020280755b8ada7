"""Whether the mechanisms of a transfer hold under one law on one date: dated entries against claims and evidence.

It assumes nothing: evidence that is not stated, that is dated after the transfer, or that is too old, is missing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from policies.engine.calendars import Calendar, Duration, after, before
from policies.engine.conditions import Closure, Slots, Values, compile_term
from policies.engine.facts import CLAIM, UNREADABLE, FactType, Reader, day_number, reader_of
from policies.engine.registry import Filing, Mechanism, MechanismKind, Registry
from policies.engine.request import Fact

VALID, CLAIMED, NONE = "valid", "claimed", "none"
_DATE_LIKE = re.compile(r"[0-9]{4}-[0-9]{1,2}(-[0-9]{1,2})?\Z")
NO_CLAIM = frozenset({"none", "not_a_transfer"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A registry entry with its scope compiled and its interval as ordinals."""

    id: str
    start: int
    end: int
    scope: Closure | None
    outside: str
    needs: tuple[tuple[str, FactType | None], ...]
    occasional_only: bool
    filing: Filing | None
    max_age: tuple[tuple[str, Duration], ...]
    renew_after: tuple[tuple[str, Duration], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds: ids of valid mechanisms, the state in one word, and why each failing claim fails.

    `late` are valid mechanisms that were filed late, `stale` those with evidence that is due to be renewed.
    """

    valid: tuple[str, ...]
    state: str
    reasons: tuple[str, ...]
    late: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What the claims have shown so far."""

    valid: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Case:
    """What one claim is judged with."""

    values: Values
    day: int
    found: _Found


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """The entries of one law, compiled for one section's slots. `evidence` are the slots that are read from a claim."""

    adequacy: Mapping[str, tuple[Entry, ...]]
    claimable: Mapping[str, tuple[Entry, ...]]
    known: frozenset[str]
    frequency: int
    evidence: tuple[tuple[int, str, Reader], ...]
    calendar: Calendar
    offers: tuple[tuple[str, int, int, str | None], ...]

    def alternatives(self, importer: str, day: int) -> tuple[str, ...]:
        """What could be claimed instead: adequacy that needs a listing, then safeguards, in force on the day."""
        found = [name for name, start, end, only in self.offers if start <= day < end and (only is None or only == importer)]
        return tuple(dict.fromkeys(found))

    def standing(self, claims: Sequence[Mapping[str, Fact]], importer: object, values: list[Any], day: int) -> Standing:
        """Resolve adequacy (which needs no claim) and every claim."""
        entries = self.adequacy.get(importer, ()) if isinstance(importer, str) else ()
        found = _Found()
        found.valid += [e.id for e in entries if e.start <= day < e.end and (e.scope is None or e.scope(values) is True)]
        claimed = False
        for claim in claims:
            name = claim.get("id")
            if name is None or (isinstance(name, str) and name in NO_CLAIM):
                continue
            claimed = True
            if name not in found.valid:
                self._read_claim(claim, values)
                found.reasons.extend(self._claim(claim, entries, _Case(values, day, found)))
        if claimed:
            self._read_claim({}, values)
        if found.valid:
            return Standing(tuple(found.valid), VALID, tuple(found.reasons), tuple(found.late), tuple(found.stale))
        if self.adequacy and not entries and isinstance(importer, str):
            found.reasons.append("no_adequacy")
        return Standing((), CLAIMED if claimed else NONE, tuple(found.reasons))

    def _read_claim(self, claim: Mapping[str, Fact], values: list[Any]) -> None:
        """Put the evidence of one claim into its slots; what is not of its type proves nothing."""
        for slot, key, read in self.evidence:
            stated = claim.get(key)
            value = None if stated is None else read(stated)
            values[slot] = None if value is UNREADABLE else value

    def _claim(self, claim: Mapping[str, Fact], entries: tuple[Entry, ...], case: _Case) -> tuple[str, ...]:
        """Why a claim does not hold; empty when it does, and then it stands among the valid ones."""
        name, day, found = claim.get("id"), case.day, case.found
        if not isinstance(name, str) or name not in self.known:
            return ("mechanism_not_recognised_by_exporter_law",)
        candidates = tuple(e for e in entries if e.id == name) or self.claimable.get(name, ())
        if not candidates:
            return ("no_adequacy",)
        failures = [(self._entry(entry, claim, case.values, day), entry) for entry in candidates]
        reasons, entry = min(failures, key=lambda failure: len(failure[0]))
        if reasons:
            return reasons
        found.valid.append(name)
        if entry.filing is not None and self._filed(entry.filing, claim, day)[1]:
            found.late.append(name)
        if any(self._older(claim.get(key), age, day) for key, age in entry.renew_after):
            found.stale.append(name)
        return ()

    def _entry(self, entry: Entry, claim: Mapping[str, Fact], values: Values, day: int) -> tuple[str, ...]:
        if day < entry.start:
            return ("mechanism_not_yet_valid",)
        if day >= entry.end:
            return ("mechanism_invalid_on_date",)
        if entry.occasional_only and values[self.frequency] not in {"once", "occasional"}:
            return ("derogation_not_for_systematic",)
        if entry.scope is not None and entry.scope(values) is not True:
            return (entry.outside,)
        missing = [need for need, kind in entry.needs if not proves(claim.get(need), kind, day)]
        missing += [key for key, age in entry.max_age if key not in missing and self._older(claim.get(key), age, day)]
        if entry.filing is not None:
            missing += self._filed(entry.filing, claim, day)[0]
        return tuple(f"missing_evidence_{need}" for need in dict.fromkeys(missing))

    def _older(self, stated: Fact, age: Duration, day: int) -> bool:
        """Whether evidence is older than an age; what bears no date, or one to come, cannot show that it is not."""
        dated = day_number(stated)
        return dated is None or dated > day or dated < before(date.fromordinal(day), age, self.calendar).toordinal()

    def _filed(self, filing: Filing, claim: Mapping[str, Fact], day: int) -> tuple[list[str], bool]:
        """The evidence that is missing for a filing, and whether it was filed late."""
        begun = day_number(claim.get(filing.after))
        if begun is None or begun > day:
            return [filing.after], False
        due = after(date.fromordinal(begun), filing.within, self.calendar).toordinal()
        filed = claim.get(filing.filed)
        if filed is True:
            return [], False
        on = day_number(filed)
        if on is None or on > day:
            return ([filing.filed], False) if day > due else ([], False)
        return [], on > due


def proves(stated: Fact, kind: FactType | None, day: int) -> bool:
    """Whether what is stated is evidence: yes, or a day not still to come; a number or a reference where one is declared.

    `no`, `pending` and the like are texts in strict YAML: a reference has a digit, and what looks like a date is read as one.
    """
    if stated is True:
        return True
    if kind is FactType.INTEGER:
        return type(stated) is int and stated > 0
    if not isinstance(stated, str):
        return False
    dated = day_number(stated)
    if dated is not None:
        return dated <= day
    return kind is FactType.TEXT and _DATE_LIKE.match(stated) is None and any(letter.isdigit() for letter in stated)


def compile_mechanisms(registry: Registry, law: str, slots: Slots) -> Mechanisms:
    """The entries of a law, their scopes compiled over the section's slots."""
    adequacy: dict[str, list[Entry]] = {}
    claimable: dict[str, list[Entry]] = {}
    own = [mechanism for mechanism in registry.mechanisms if mechanism.law == law]
    for mechanism in own:
        entry = _compiled(mechanism, slots)
        if mechanism.importer is None:
            claimable.setdefault(mechanism.id, []).append(entry)
        else:
            adequacy.setdefault(mechanism.importer, []).append(entry)
    evidence = [path for path in slots.numbers if path.startswith(CLAIM)]
    return Mechanisms(
        adequacy={importer: tuple(entries) for importer, entries in adequacy.items()},
        claimable={name: tuple(entries) for name, entries in claimable.items()},
        known=frozenset(mechanism.id for mechanism in own),
        frequency=slots.number("frequency"),
        evidence=tuple((slots.number(path), path.removeprefix(CLAIM), reader_of(slots.spec(path))) for path in evidence),
        calendar=registry.jurisdictions[law].calendar,
        offers=tuple((m.id, m.start.toordinal(), m.end.toordinal(), m.importer) for m in own if m.offered),
    )


def _compiled(mechanism: Mechanism, slots: Slots) -> Entry:
    general = "recipient_outside_adequacy_scope" if mechanism.kind is MechanismKind.ADEQUACY else "mechanism_outside_scope"
    return Entry(
        id=mechanism.id,
        start=mechanism.start.toordinal(),
        end=mechanism.end.toordinal(),
        scope=None if mechanism.scope is None else compile_term(mechanism.scope, slots),
        outside=mechanism.outside or general,
        needs=tuple((need, slots.type_of(f"{CLAIM}{need}")) for need in mechanism.needs),
        occasional_only=mechanism.occasional_only,
        filing=mechanism.filing,
        max_age=tuple(mechanism.max_age.items()),
        renew_after=tuple(mechanism.renew_after.items()),
    )
