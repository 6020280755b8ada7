"""The transfer decision: may this leave, and in which form. Nothing here opens a file, a socket or a database, or asks the clock.

Every law that attaches must permit; within one law any one permit suffices; one objection outweighs all permissions; silence,
faults and unknown values deny.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policies.engine.conditions import unstated
from policies.engine.counting import Counters, CounterSpec
from policies.engine.decision import Decision, FieldDecision, Obligation, RuleRef
from policies.engine.derived import DERIVED, Setting, categories_of
from policies.engine.document import Documents, Policy
from policies.engine.facts import UNREADABLE, look_up
from policies.engine.mechanisms import NONE, VALID, Standing
from policies.engine.obligations import merge
from policies.engine.parser import load
from policies.engine.registry import ObligationKind, Registry
from policies.engine.request import TransferRequest
from policies.engine.rules import Rule, Section, Stated, blank, compile_section
from policies.engine.vocabulary import Form, Kind, Outcome

INDETERMINATE = "indeterminate_input"
NO_POLICY = "no_policy"
_NO_STANDING = Standing((), NONE, ())
_STRICTNESS = {form: form.strictness for form in Form}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """A bundle compiled once. `sections` is keyed by law and kind; `digest` covers every policy and the registry."""

    digest: str
    registry: Registry
    sections: Mapping[tuple[str, Kind], Section]
    overlays: tuple[str, ...]
    documents: Documents


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


@dataclass(slots=True)
class _Findings:
    """What the laws have said so far."""

    objections: list[RuleRef] = field(default_factory=list)
    reviews: list[RuleRef] = field(default_factory=list)
    granted: list[RuleRef] = field(default_factory=list)
    denied: bool = False
    denials: list[str] = field(default_factory=list)
    review_reasons: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    standing_reasons: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    obligations: dict[str, Obligation] = field(default_factory=dict)
    objection_duties: list[Obligation] = field(default_factory=list)
    try_instead: list[str] = field(default_factory=list)
    covering: list[list[Rule]] = field(default_factory=list)
    tightening: list[Rule] = field(default_factory=list)


def decide(policies: Policies, request: TransferRequest, *, at: date, counters: Counters | None = None) -> Decision:
    """The verdict on a request on a day. Total: every fault denies, and nothing raises for what a request says.

    Pure but for `counters`, which are asked for counts that the request does not state; without them such a count is unknown.
    """
    found = _Findings()
    # (1) which laws attach, and do their policies speak of this at all
    laws = attached(policies, request, found)
    categories = categories_of(request)
    if categories is UNREADABLE:
        _fault(found, "`data.categories` is not of its declared type or values")
    case = _Asked(request, at, at.toordinal(), categories, counters)
    # (2) what each law says; all of them must permit
    for law in laws:
        section = policies.sections.get((law, request.kind))
        if section is not None:
            _hear(policies, section, case, found)
        elif law not in policies.overlays:
            _silent(law, found)
    # (3) in which form each field leaves
    fields = _fields(request, found)
    # (4) the verdict
    return _verdict(policies, fields, found)


def attached(policies: Policies, request: TransferRequest, found: _Findings | None = None) -> tuple[str, ...]:
    """The laws that attach: the exporter's, the origin's, the subject's, those the request names, and overlays of the bundle."""
    laws: dict[str, None] = {}
    findings = found if found is not None else _Findings()
    for party, key in (("exporter", "region"), ("exporter", "origin_region"), ("subject", "region")):
        side = request.facts.get(party)
        code = side.get(key) if type(side) is dict or isinstance(side, Mapping) else None
        if code is None:
            continue
        law = policies.registry.law_of(code) if isinstance(code, str) else None
        if law is None:
            _fault(findings, f"`{party}.{key}` is not a jurisdiction of the registry")
        else:
            laws.update(dict.fromkeys(policies.registry.chain(law)))
    for law in request.laws:
        laws.update(dict.fromkeys(policies.registry.chain(law) if law in policies.registry.jurisdictions else (law,)))
    if not laws:
        _fault(findings, "`exporter.region` is not stated")
    for law in policies.overlays:
        laws[law] = None
    return tuple(laws)


def _silent(law: str, found: _Findings) -> None:
    found.denied = True
    found.denials.append(NO_POLICY)
    found.faults.append(f"no policy of `{law}` speaks of this kind of request")


def _fault(found: _Findings, what: str) -> None:
    found.denied = True
    found.faults.append(what)


def _hear(policies: Policies, section: Section, case: _Asked, found: _Findings) -> None:
    request, day = case.request, case.day
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


def _values(policies: Policies, section: Section, case: _Asked, found: _Findings) -> tuple[list[Any], Standing]:
    """The slots of a section: stated facts read by type, then mechanisms, then the other derived facts."""
    request, day, categories = case.request, case.day, case.categories
    values = blank(section)
    facts = request.facts
    for head, group in section.stated:
        side: Any = facts.get(head)
        if side is not None:
            _read(side, group, values, found)
    for slot, spec in section.counted:
        if values[slot] is None:
            values[slot] = _counted(spec, case, found)
    standing = _NO_STANDING
    if section.mechanisms is not None:
        importer = facts.get("importer")
        region = importer.get("region") if isinstance(importer, Mapping) else None
        standing = section.mechanisms.standing(request.mechanisms, region, values, day)
    setting = Setting(
        request=request,
        registry=policies.registry,
        jurisdiction=section.jurisdiction,
        day=day,
        standing=standing,
        categories=categories,
    )
    for slot, path in section.derived:
        values[slot] = DERIVED[path](setting)
        if values[slot] is UNREADABLE:
            values[slot] = None
            _fault(found, f"`{path}` is not of its declared type or values")
    return values, standing


def _counted(spec: CounterSpec, case: _Asked, found: _Findings) -> int | None:
    """A count that the request does not state as such: stated over the same window, or known to the node."""
    facts = case.request.facts
    if spec.stated is not None and facts.get("window") == spec.window:
        stated = look_up(facts, tuple(spec.stated.split(".")))
        return stated if type(stated) is int else None
    if case.counters is None:
        return None
    try:
        return case.counters.count(spec, case.request, case.at)
    except Exception:
        _fault(found, f"`{spec.name}` could not be counted")
        return None


def _read(side: Any, group: tuple[Stated, ...], values: list[Any], found: _Findings) -> None:
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
            _fault(found, f"`{path}` is not of its declared type or values")
        else:
            values[slot] = value


def _objections(section: Section, values: list[Any], day: int, found: _Findings) -> bool:
    objected = False
    for rule in section.objections:
        if not rule.start <= day < rule.end:
            continue
        verdict = rule.holds(values)
        if verdict is True:
            objected = found.denied = True
            found.objections.append(rule.ref)
            found.denials.extend(rule.reasons)
            found.objection_duties.extend(rule.obligations)
            found.try_instead.extend(rule.policy.try_instead)
        elif verdict is None:
            _untold(rule, section, values, found)
    return objected


def _review(section: Section, values: list[Any], day: int, found: _Findings) -> None:
    for rule in section.reviews:
        if not rule.start <= day < rule.end:
            continue
        verdict = rule.holds(values)
        if verdict is True:
            found.reviews.append(rule.ref)
            found.review_reasons.extend(rule.reasons)
        elif verdict is None:
            _untold(rule, section, values, found)


def _duties(section: Section, values: list[Any], day: int, found: _Findings) -> None:
    for rule in section.duties:
        if not rule.start <= day < rule.end:
            continue
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


def _permits(section: Section, values: list[Any], day: int, found: _Findings) -> bool:
    permitting: list[Rule] = []
    untold: list[Rule] = []
    for rule in section.permits:
        if not rule.start <= day < rule.end:
            continue
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


def _untold(rule: Rule, section: Section, values: list[Any], found: _Findings) -> None:
    paths = ", ".join(f"`{path}`" for path in unstated(rule.term, section.slots, values))
    _fault(found, f"{rule.ref.policy}: {paths} not stated")


def _owe(obligation: Obligation, section: Section, found: _Findings) -> None:
    earlier = found.obligations.get(obligation.name)
    if earlier is None:
        found.obligations[obligation.name] = obligation
        return
    merged = merge(earlier, obligation, section.obligations[obligation.name])
    if merged is None:
        found.denials.append("obligation_conflict")
        _fault(found, f"`{obligation.name}` of {earlier.rule.policy} and of {obligation.rule.policy} contradict each other")
    else:
        found.obligations[obligation.name] = merged


def _fields(request: TransferRequest, found: _Findings) -> tuple[FieldDecision, ...]:
    if found.denied:
        refs = tuple(found.objections)
        return tuple(FieldDecision(name=f.name, category=f.category, form=Form.WITHHOLD, rules=refs) for f in request.fields)
    return tuple(_field(asked.name, asked.category, found) for asked in request.fields)


def _field(name: str, category: str, found: _Findings) -> FieldDecision:
    """The strictest form of all that apply. A category that no permit of a law covers is withheld."""
    said: list[tuple[Form, Rule | None]] = []
    for permitting in found.covering:
        covering = [
            (rule.forms[category] if rule.has_forms else Form.CLEAR, rule) for rule in permitting if _covers(rule, category)
        ]
        said.extend(covering or [(Form.WITHHOLD, None)])
    said.extend((rule.forms[category], rule) for rule in found.tightening if category in rule.forms)
    form = max((form for form, _ in said), key=_STRICTNESS.__getitem__, default=Form.WITHHOLD)
    deciding = [rule for said_form, rule in said if said_form is form and rule is not None]
    return FieldDecision(
        name=name,
        category=category,
        form=form,
        rules=tuple(rule.ref for rule in deciding),
        reasons=_unique(reason for rule in deciding for reason in rule.reasons)
        or (("no_permit",) if form is Form.WITHHOLD else ()),
    )


def _covers(rule: Rule, category: str) -> bool:
    return not rule.has_forms or category in rule.forms


def _verdict(policies: Policies, fields: tuple[FieldDecision, ...], found: _Findings) -> Decision:
    if not found.denied and fields and all(f.form is Form.WITHHOLD for f in fields):
        found.denied = True
        found.denials.append("every_field_withheld")
        found.objections.extend(ref for f in fields for ref in f.rules)
    if found.denied:
        return _denial(policies, fields, found)
    outcome = Outcome.REVIEW if found.reviews else _permission(policies, fields, found)
    return Decision(
        outcome=outcome,
        reasons=_unique([*found.review_reasons, *found.reasons]),
        rules=_unique_refs([*found.reviews, *found.granted]),
        fields=fields,
        obligations=tuple(found.obligations.values()),
        try_instead=_unique(found.try_instead),
        policy_digest=policies.digest,
    )


def _permission(policies: Policies, fields: tuple[FieldDecision, ...], found: _Findings) -> Outcome:
    kinds = {policies.registry.obligations[name].kind for name in found.obligations}
    if ObligationKind.CUT in kinds or any(f.form is not Form.CLEAR for f in fields):
        return Outcome.REDACT
    return Outcome.ALLOW_WITH_OBLIGATIONS if ObligationKind.DUTY in kinds else Outcome.ALLOW


def _denial(policies: Policies, fields: tuple[FieldDecision, ...], found: _Findings) -> Decision:
    reasons = list(found.denials)
    if found.faults and not set(reasons) & {NO_POLICY, "obligation_conflict"}:
        reasons.append(INDETERMINATE)
    if not reasons:
        reasons.append("no_permit")
    owed = {o.name: o for o in found.objection_duties}
    return Decision(
        outcome=Outcome.DENY,
        reasons=_unique([*reasons, *found.review_reasons, *found.standing_reasons]),
        rules=_unique_refs([*found.objections, *found.reviews]),
        fields=fields,
        obligations=tuple(owed.values()),
        faults=tuple(dict.fromkeys(found.faults)),
        try_instead=_unique(found.try_instead),
        policy_digest=policies.digest,
    )


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _unique_refs(refs: Iterable[RuleRef]) -> tuple[RuleRef, ...]:
    return tuple(dict.fromkeys(refs))
