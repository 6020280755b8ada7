"""The transfer decision: may this leave, and in which form. Nothing here opens a file, a socket or a database, or asks the clock.

Every law that attaches must permit; within one law any one permit suffices; one objection outweighs all permissions; silence,
faults and unknown values deny.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policies.engine.calendars import Calendar, after
from policies.engine.conditions import unstated
from policies.engine.counting import Counters, CounterSpec
from policies.engine.decision import Decision, Obligation
from policies.engine.derived import Setting, categories_of
from policies.engine.document import Documents, Policy
from policies.engine.facts import UNREADABLE, Lasting, day_number, look_up
from policies.engine.findings import Findings, fault
from policies.engine.mechanisms import NONE, VALID, Standing
from policies.engine.memo import Memo
from policies.engine.obligations import merge
from policies.engine.parser import load
from policies.engine.registry import Registry
from policies.engine.request import TransferRequest
from policies.engine.rules import Derivations, Rule, Section, Stated, compile_section
from policies.engine.verdict import NO_POLICY, forms_of, verdict_of
from policies.engine.vocabulary import Kind

_EVERYDAY = Calendar()
_NO_STANDING = Standing((), NONE, ())
_WINDOW = ("data", "window")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """A bundle compiled once. `sections` is keyed by law and kind; `digest` covers every policy and the registry."""

    digest: str
    registry: Registry
    sections: Mapping[tuple[str, Kind], Section]
    overlays: tuple[str, ...]
    documents: Documents
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)


def compile_policies(documents: Documents) -> Policies:
    """Compile a bundle. Pure; raises nothing that `load` has not raised."""
    grouped: dict[tuple[str, Kind], list[Policy]] = {}
    for policy in documents.policies:
        for kind in policy.kinds:
            grouped.setdefault((policy.law, kind), []).append(policy)
    registry = documents.registry
    sections = {key: compile_section(found, registry.jurisdictions[key[0]], registry) for key, found in grouped.items()}
    laws = sorted({policy.law for policy in documents.policies})
    return Policies(
        digest=documents.digest,
        registry=registry,
        sections=MappingProxyType(sections),
        overlays=tuple(law for law in laws if registry.jurisdictions[law].overlay),
        documents=documents,
    )


def load_policies(folder: Path) -> Policies:
    """Read and compile the `*.yaml` of a folder, its case files left out. Raises PolicyError."""
    return compile_policies(load(folder))


@dataclass(slots=True)
class _Asked:
    """What is asked, once per decision."""

    request: TransferRequest
    at: date
    day: int
    categories: Any
    counters: Counters | None


def decide(policies: Policies, request: TransferRequest, *, at: date, counters: Counters | None = None) -> Decision:
    """The verdict on a request on a day. Total: every fault denies, and nothing raises for what a request says.

    Pure but for `counters`, which are asked for counts that the request does not state; without them such a count is unknown.
    """
    memo = policies.memo
    key = memo.key(request, at, counting=counters is not None)
    if key is not None and (known := memo.verdicts.get(key)) is not None:
        return known
    found = Findings()
    verdict = _decide(policies, request, found, at, counters)
    if key is not None and not found.counted:
        memo.keep(memo.verdicts, key, verdict)
    return verdict


def _decide(policies: Policies, request: TransferRequest, found: Findings, at: date, counters: Counters | None) -> Decision:
    # (1) which laws attach, and do their policies speak of this at all
    laws = _attached(policies, request, found)
    categories = categories_of(request)
    if categories is UNREADABLE:
        fault(found, "`data.categories` is not of its declared type or values")
    case = _Asked(request, at, at.toordinal(), categories, counters)
    # (2) what each law says; all of them must permit
    for law in laws:
        section = policies.sections.get((law, request.kind))
        if section is not None:
            _hear(policies, section, case, found)
        elif law not in policies.overlays:
            _silent(law, found)
    # (3) in which form each field leaves
    fields = forms_of(policies.memo, request, found)
    # (4) the verdict
    return verdict_of(policies, fields, found)


_PARTIES = (("exporter", "region"), ("exporter", "origin_region"), ("subject", "region"))


def attached(policies: Policies, request: TransferRequest) -> tuple[str, ...]:
    """The laws that attach, with those above them: of exporter, origin, subject, those the request names, and overlays."""
    return _attached(policies, request, Findings())


def _attached(policies: Policies, request: TransferRequest, found: Findings) -> tuple[str, ...]:
    codes = tuple(_code(request.facts.get(party), key) for party, key in _PARTIES)
    also = tuple(law for law in request.laws if isinstance(law, str))
    if len(also) != len(request.laws):
        fault(found, "`laws` names what is no law")
    named = (codes, also)
    try:
        laws = policies.memo.laws.get(named)
    except TypeError:  # a code that is a list or a mapping
        laws = None
    if laws is None:
        faults = Findings()
        laws = _laws(policies, codes, also, faults)
        if faults.denied:
            found.denied = True
            found.faults.extend(faults.faults)
        else:
            policies.memo.keep(policies.memo.laws, named, laws)
    return laws


def _code(side: Any, key: str) -> Any:
    return side.get(key) if type(side) is dict or isinstance(side, Mapping) else None


def _laws(policies: Policies, codes: tuple[Any, ...], named: tuple[str, ...], found: Findings) -> tuple[str, ...]:
    laws: dict[str, None] = {}
    for (party, key), code in zip(_PARTIES, codes, strict=True):
        if code is None:
            continue
        law = policies.registry.law_of(code) if isinstance(code, str) else None
        if law is None:
            fault(found, f"`{party}.{key}` is not a jurisdiction of the registry")
        else:
            laws.update(dict.fromkeys(policies.registry.chain(law)))
    for law in named:
        laws.update(dict.fromkeys(policies.registry.chain(law) if law in policies.registry.jurisdictions else (law,)))
    if not set(laws).difference(policies.overlays):  # an overlay only objects, so alone it is silence
        fault(found, "`exporter.region` is not stated")
    laws.update(dict.fromkeys(policies.overlays))
    return tuple(laws)


def _silent(law: str, found: Findings) -> None:
    found.denied = True
    found.denials.append(NO_POLICY)
    found.faults.append(f"no policy of `{law}` speaks of this kind of request")


def _hear(policies: Policies, section: Section, case: _Asked, found: Findings) -> None:
    request, day = case.request, case.day
    if section.touches is not None and section.jurisdiction.overlay and not _touched(section.touches, case.categories):
        return  # every rule of it asks for a category that is not here, so none holds
    values, standing = _values(policies, section, case, found)
    objected = _objections(section, values, day, found)
    _review(section, values, day, found)
    _duties(section, values, day, found)
    if section.jurisdiction.overlay:
        return
    permitted = _permits(section, values, day, found)
    if section.mechanisms is not None and standing.state != VALID and (objected or not permitted):
        found.denials.extend(standing.reasons)
        importer = request.facts.get("importer")
        region = importer.get("region") if isinstance(importer, Mapping) else None
        if isinstance(region, str):
            found.try_instead.extend(section.mechanisms.alternatives(region, day))


def _touched(touches: frozenset[str], categories: Any) -> bool:
    """Whether a category is one of those; what is not known may be."""
    return categories is None or categories is UNREADABLE or not touches.isdisjoint(categories)


def _values(policies: Policies, section: Section, case: _Asked, found: Findings) -> tuple[list[Any], Standing]:
    """The slots of a section: stated facts read by type, then mechanisms, then the other derived facts."""
    request, day, categories = case.request, case.day, case.categories
    values: list[Any] = [None] * section.size
    facts = request.facts
    for head, group in section.stated:
        side: Any = facts.get(head)
        if side is not None:
            _read(side, group, values, found)
    for slot, spec in section.counted:
        if values[slot] is None:
            values[slot] = _counted(spec, case, found)
    for slot, lasting in section.lasting:
        if values[slot] is None:
            values[slot] = _lasts(lasting, case)
    setting = Setting(
        request=request,
        registry=policies.registry,
        jurisdiction=section.jurisdiction,
        day=day,
        standing=_NO_STANDING,
        categories=categories,
    )
    _derive(section.derived, setting, values, found)
    standing = _NO_STANDING
    if section.mechanisms is not None:
        importer = facts.get("importer")
        region = importer.get("region") if isinstance(importer, Mapping) else None
        standing = section.mechanisms.standing(request.mechanisms, region, values, day)
    setting.standing = standing
    _derive(section.standing, setting, values, found)
    return values, standing


def _derive(facts: Derivations, setting: Setting, values: list[Any], found: Findings) -> None:
    for slot, path, derive in facts:
        value = derive(setting)
        if value is UNREADABLE:
            fault(found, f"`{path}` is not of its declared type or values")
        else:
            values[slot] = value


def _lasts(lasting: Lasting, case: _Asked) -> bool | None:
    """Whether it lasts on the day; not known where the day that it follows from is not stated."""
    begun = day_number(look_up(case.request.facts, lasting.of))
    if begun is None or begun > case.day:
        return None
    return case.at <= after(date.fromordinal(begun), lasting.lasts, _EVERYDAY)


def _counted(spec: CounterSpec, case: _Asked, found: Findings) -> int | None:
    """A count that the request does not state as such: stated over the same window, or known to the node."""
    facts = case.request.facts
    if spec.stated is not None and look_up(facts, _WINDOW) == spec.window:
        stated = look_up(facts, tuple(spec.stated.split(".")))
        return stated if type(stated) is int else None
    if case.counters is None:
        return None
    found.counted = True  # what a counter says is of this moment: the verdict is not remembered
    try:
        return case.counters.count(spec, case.request, case.at)
    except Exception:
        fault(found, f"`{spec.name}` could not be counted")
        return None


def _read(side: Any, group: tuple[Stated, ...], values: list[Any], found: Findings) -> None:
    """Read the facts of one side (or the one plain fact) into their slots; what is not of its type is a fault."""
    for slot, keys, read, path in group:
        value = side
        for key in keys:
            # text where a mapping belongs is a fault
            value = value.get(key) if type(value) is dict or isinstance(value, Mapping) else UNREADABLE
            if value is None or value is UNREADABLE:
                break
        if value is None:
            continue
        value = read(value)
        if value is UNREADABLE:
            fault(found, f"`{path}` is not of its declared type or values")
        else:
            values[slot] = value


def _objections(section: Section, values: list[Any], day: int, found: Findings) -> bool:
    """Hear the prohibitions; whether one objected for want of a mechanism, so that naming mechanisms would help."""
    objected = False
    for rule in section.on(day).objections.fitting(values):
        verdict = rule.holds(values)
        if verdict is True:
            found.denied = True
            objected = objected or rule.reads_mechanisms
            found.objections.append(rule.ref)
            found.denials.extend(rule.reasons)
            found.objection_duties.extend(rule.obligations)
            found.try_instead.extend(rule.policy.try_instead)
        elif verdict is None:
            _untold(rule, section, values, found)
    return objected


def _review(section: Section, values: list[Any], day: int, found: Findings) -> None:
    for rule in section.on(day).reviews.fitting(values):
        verdict = rule.holds(values)
        if verdict is True:
            found.reviews.append(rule.ref)
            found.review_reasons.extend(rule.reasons)
        elif verdict is None:
            _untold(rule, section, values, found)


def _duties(section: Section, values: list[Any], day: int, found: Findings) -> None:
    for rule in section.on(day).duties.fitting(values):
        verdict = rule.holds(values)
        if verdict is True:
            found.granted.append(rule.ref)
            found.reasons.extend(rule.reasons)
            for obligation in rule.obligations:
                _owe(obligation, section, found)
            if rule.has_forms:
                found.tightening.append(rule)
            elif not rule.obligations:
                found.standing_reasons.extend(rule.reasons)  # it only says what the data are, which a denial must say too
        elif verdict is None:
            _untold(rule, section, values, found)


def _permits(section: Section, values: list[Any], day: int, found: Findings) -> bool:
    permitting: list[Rule] = []
    untold: list[Rule] = []
    for rule in section.on(day).permits.fitting(values):
        verdict = rule.holds(values)
        if verdict is True:
            permitting.append(rule)
            found.granted.append(rule.ref)
            found.reasons.extend(rule.reasons)
            for obligation in rule.obligations:
                _owe(obligation, section, found)
        elif verdict is None:
            untold.append(rule)
    if permitting:
        found.covering.append(permitting)
        return True
    found.denied = True
    for rule in untold:
        _untold(rule, section, values, found)
    return False


def _untold(rule: Rule, section: Section, values: list[Any], found: Findings) -> None:
    paths = ", ".join(f"`{path}`" for path in unstated(rule.term, section.slots, values))
    fault(found, f"{rule.ref.policy}: {paths} not stated")


def _owe(obligation: Obligation, section: Section, found: Findings) -> None:
    earlier = found.obligations.get(obligation.name)
    if earlier is None:
        found.obligations[obligation.name] = obligation
        return
    merged = merge(earlier, obligation, section.obligations[obligation.name])
    if merged is None:
        found.denials.append("obligation_conflict")
        fault(found, f"`{obligation.name}` of {earlier.rule.policy} and of {obligation.rule.policy} contradict each other")
    else:
        found.obligations[obligation.name] = merged
