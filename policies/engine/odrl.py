"""Policies as W3C ODRL 2.2 in JSON-LD, for dataspace connectors and auditors. It leaves no condition out and decides nothing.

One `Set` per law with `conflict: prohibit`: within a law any one permission suffices and a prohibition outweighs it, and all laws
that attach must permit. ODRL has no `not`, so `none` and `not` are carried inwards to the operators, which keeps the three values
of a condition. Operands, actions and the four operators that ODRL lacks stand in our profile and are defined in the output itself.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, TypeAlias

from policies.engine.calendars import Duration
from policies.engine.document import FOREVER, Documents, Duty, Policy
from policies.engine.facts import FactSpec, FactType
from policies.engine.registry import Mechanism, Registry
from policies.engine.term_parser import operand_text
from policies.engine.terms import NoneOf, Op, Operand, Some, Term, Test, tests_of
from policies.engine.vocabulary import Effect, Form, Kind

PROFILE = "urn:domicile:odrl:1"
PREFIX = "dom"
CONTEXT = (
    "http://www.w3.org/ns/odrl.jsonld",
    {
        PREFIX: f"{PROFILE}:",
        "dcterms": "http://purl.org/dc/terms/",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    },
)
_ASSET = f"{PREFIX}:personalData"
_OURS = {
    "isNotPartOf": "the value is neither the right operand nor one below it",
    "hasNoPart": "the list does not hold the right operand",
    "hasPartWithin": "the list holds the right operand or a category below it",
    "hasNoPartWithin": "the list holds neither the right operand nor a category below it",
}
_ACTIONS = {
    Kind.TRANSFER: "personal data leave for another party or country",
    Kind.STORAGE: "personal data are kept where the importer is",
    Kind.RELEASE: "an aggregate is released",
    Kind.CONTACT: "a person is contacted",
}
_GIVE_FORM, _STATE = "giveForm", "state"
Json: TypeAlias = dict[str, Any]


def export_odrl(documents: Documents) -> str:
    """The policies as one JSON-LD text. The same policies give the same bytes, whatever the order of their files."""
    laws = sorted({policy.law for policy in documents.policies})
    graph = [_set(law, documents) for law in laws]
    body = {"@context": list(CONTEXT), "@graph": [*graph, _vocabulary(documents)], "dcterms:identifier": documents.digest}
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _set(law: str, documents: Documents) -> Json:
    registry = documents.registry
    policies = sorted((p for p in documents.policies if p.law == law), key=lambda policy: policy.name)
    rules: dict[str, list[Json]] = {"permission": [], "prohibition": [], "obligation": []}
    for policy in policies:
        for kind in policy.kinds:
            for section, rule in _rules(policy, kind, registry):
                rules[section].append(rule)
    reads_mechanisms = any(test.path.startswith("mechanisms.") for policy in policies for test in tests_of(policy.when))
    claims = [_mechanism(m, registry) for m in registry.mechanisms if m.law == law] if reads_mechanisms else []
    jurisdiction = registry.jurisdictions[law]
    body: Json = {
        "@type": "Set",
        "uid": f"urn:domicile:law:{law}",
        "profile": PROFILE,
        "conflict": "prohibit",
        "dcterms:title": jurisdiction.name,
        f"{PREFIX}:overlay": jurisdiction.overlay,
        **{section: found for section, found in rules.items() if found},
    }
    return {**body, f"{PREFIX}:mechanism": claims} if claims else body


def _rules(policy: Policy, kind: Kind, registry: Registry) -> Iterator[tuple[str, Json]]:
    """The ODRL rules of a policy for one kind of request."""
    duties = [*(_duty(duty) for duty in policy.duties), *(_form(category, form) for category, form in policy.categories.items())]
    body = _rule(policy, kind, registry)
    match policy.effect:
        case Effect.PERMIT:
            yield "permission", {**body, "duty": duties} if duties else body
        case Effect.PROHIBIT:
            yield "prohibition", {**body, "remedy": duties} if duties else body
        case Effect.REVIEW:
            yield "prohibition", {**body, "remedy": [{"action": "reviewPolicy"}, *duties]}
        case Effect.OBLIGE:
            for number, duty in enumerate(duties or [{"action": f"{PREFIX}:{_STATE}"}], start=1):
                yield "obligation", {**body, **duty, "uid": f"{body['uid']}:{number}", f"{PREFIX}:on": body["action"]}


def _rule(policy: Policy, kind: Kind, registry: Registry) -> Json:
    constraints = [constraint(term, registry) for term in policy.when.terms]
    if policy.start != date.min:
        constraints.append(_dated("gteq", policy.start))
    if policy.end != FOREVER:
        constraints.append(_dated("lt", policy.end))
    body: Json = {
        "uid": f"urn:domicile:policy:{policy.name}:{kind.value}",
        "action": f"{PREFIX}:{kind.value}",
        "target": _ASSET,
        "constraint": constraints,
        "dcterms:title": policy.title,
        "dcterms:references": list(policy.ref.cite),
        f"{PREFIX}:effect": policy.effect.value,
        f"{PREFIX}:certainty": policy.certainty.value,
    }
    optional: Json = {"reason": list(policy.reasons), "tryInstead": list(policy.try_instead)}
    if policy.review:
        optional["review"] = {
            f"{PREFIX}:by": policy.review.by,
            f"{PREFIX}:last": _day(policy.review.last),
            f"{PREFIX}:againBefore": _day(policy.review.again_before),
            f"{PREFIX}:watch": list(policy.review.watch),
        }
    return {**body, **{f"{PREFIX}:{key}": value for key, value in optional.items() if value}}


def _dated(operator: str, day: date) -> Json:
    return {"leftOperand": "dateTime", "operator": operator, "rightOperand": _day(day)}


def _day(day: date) -> Json:
    return {"@value": day.isoformat(), "@type": "xsd:date"}


def constraint(term: Term, registry: Registry, *, negated: bool = False) -> Json:
    """A term as a constraint or a logical constraint; `negated` carries a surrounding `none` inwards."""
    if isinstance(term, Test):
        return _test(term, registry.facts[term.path], negated=negated)
    inner = negated is not isinstance(term, NoneOf)
    joined_by_or = isinstance(term, Some | NoneOf) is not inner
    return _joined([constraint(part, registry, negated=inner) for part in term.terms], joined_by_or=joined_by_or)


def _joined(parts: list[Json], *, joined_by_or: bool) -> Json:
    if len(parts) == 1:
        return parts[0]
    return {"@type": "LogicalConstraint", "or" if joined_by_or else "and": {"@list": parts}}


_PLAIN: dict[Op, tuple[str, str]] = {
    Op.EQ: ("eq", "neq"),
    Op.IN: ("isAnyOf", "isNoneOf"),
    Op.LT: ("lt", "gteq"),
    Op.LE: ("lteq", "gt"),
    Op.BEFORE: ("lt", "gteq"),
    Op.AFTER: ("gt", "lteq"),
}
"""The operator of each comparison, and of its opposite."""


def _test(test: Test, spec: FactSpec, *, negated: bool) -> Json:
    opposite = negated is not (test.op is Op.NOT)
    several = len(test.operands) > 1
    each: dict[FactType, tuple[str, str]] = {
        FactType.PURPOSE: ("isPartOf", f"{PREFIX}:isNotPartOf"),
        FactType.LIST: ("hasPart", f"{PREFIX}:hasNoPart"),
        FactType.CATEGORIES: (f"{PREFIX}:hasPartWithin", f"{PREFIX}:hasNoPartWithin"),
    }
    if spec.type in each:
        operator = each[spec.type][opposite]
        parts = [_compared(test.path, operator, _value(spec, operand)) for operand in test.operands]
        return _joined(parts, joined_by_or=not opposite)
    op = test.op if test.op is not Op.NOT else Op.IN if several else Op.EQ
    values = [_value(spec, operand) for operand in test.operands]
    return _compared(test.path, _PLAIN[op][opposite], values if op is Op.IN else values[0])


def _compared(path: str, operator: str, right: Any) -> Json:
    return {"leftOperand": f"{PREFIX}:{path}", "operator": operator, "rightOperand": right}


def _value(spec: FactSpec, operand: Operand) -> Any:
    if spec.type is FactType.DATE:
        return {"@value": operand_text(spec.type, operand), "@type": "xsd:date"}
    if spec.type is FactType.TIME:
        return {"@value": f"{operand_text(spec.type, operand)}:00", "@type": "xsd:time"}
    return operand


def _duty(duty: Duty) -> Json:
    refined = [
        {"leftOperand": f"{PREFIX}:{key}", "operator": "eq", "rightOperand": value} for key, value in sorted(duty.arguments.items())
    ]
    return {"action": _refined(duty.name, refined)}


def _form(category: str, form: Form) -> Json:
    refined = [
        {"leftOperand": f"{PREFIX}:category", "operator": "isPartOf", "rightOperand": category},
        {"leftOperand": f"{PREFIX}:form", "operator": "eq", "rightOperand": form.value},
    ]
    return {"action": _refined(_GIVE_FORM, refined)}


def _refined(name: str, refined: list[Json]) -> Any:
    action = f"{PREFIX}:{name}"
    return {"rdf:value": {"@id": action}, "refinement": refined} if refined else action


def _mechanism(mechanism: Mechanism, registry: Registry) -> Json:
    body: Json = {
        "id": mechanism.id,
        "kind": mechanism.kind.value,
        "importer": mechanism.importer,
        "from": _day(mechanism.start) if mechanism.start != date.min else None,
        "to": _day(mechanism.end) if mechanism.end != date.max else None,
        "scope": [constraint(term, registry) for term in mechanism.scope.terms] if mechanism.scope else None,
        "evidence": list(mechanism.needs),
        "occasionalOnly": mechanism.occasional_only,
        "maxAge": {key: _iso(age) for key, age in sorted(mechanism.max_age.items())},
        "renewAfter": {key: _iso(age) for key, age in sorted(mechanism.renew_after.items())},
        "outside": mechanism.outside,
        "doubt": mechanism.doubt,
        "watch": mechanism.watch,
    }
    if mechanism.filing:
        body["filing"] = {
            f"{PREFIX}:after": mechanism.filing.after,
            f"{PREFIX}:filed": mechanism.filing.filed,
            f"{PREFIX}:within": _iso(mechanism.filing.within),
        }
    kept = {f"{PREFIX}:{key}": value for key, value in body.items() if value}
    return {"@type": f"{PREFIX}:Mechanism", "dcterms:references": list(mechanism.cite), **kept}


def _iso(duration: Duration) -> str:
    """ISO 8601, or `nBD` for business days."""
    if duration.business_days:
        return f"{duration.business_days}BD"
    days = "".join(f"{number}{unit}" for number, unit in ((duration.months, "M"), (duration.days, "D")) if number)
    return f"P{days}" + (f"T{duration.hours}H" if duration.hours else "")


def _vocabulary(documents: Documents) -> Json:
    """What our profile's words mean, as far as the policies use them."""
    registry = documents.registry
    scopes = [m.scope for m in registry.mechanisms if m.scope is not None]
    paths = {test.path for term in (*(p.when for p in documents.policies), *scopes) for test in tests_of(term)}
    reasons = {reason for policy in documents.policies for reason in policy.reasons}
    duties = {duty.name for policy in documents.policies for duty in policy.duties}
    terms = [
        *(_defined("LeftOperand", path, registry.facts[path].means) for path in sorted(paths)),
        *(_defined("Operator", name, means) for name, means in sorted(_OURS.items())),
        *(_defined("Action", kind.value, means) for kind, means in _ACTIONS.items()),
        _defined("Action", _GIVE_FORM, "a field of the category leaves in this form; the strictest form of all that apply wins"),
        _defined("Action", _STATE, "the rule only says what the data are"),
        *(_defined("Action", name, registry.obligations[name].means) for name in sorted(duties)),
        *(_defined("Reason", name, registry.reasons[name]) for name in sorted(reasons & registry.reasons.keys())),
    ]
    return {"@id": PROFILE, "@type": f"{PREFIX}:Profile", f"{PREFIX}:defines": terms}


def _defined(kind: str, name: str, means: str) -> Json:
    words: Iterable[str] = ("LeftOperand", "Operator", "Action")
    return {"@id": f"{PREFIX}:{name}", "@type": kind if kind in words else f"{PREFIX}:{kind}", "skos:definition": means}
