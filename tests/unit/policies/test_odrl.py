"""The ODRL export says all that the policies say: every condition can be read back from it."""

import json
from datetime import date

import pytest

from policies.engine.document import FOREVER
from policies.engine.facts import FactType
from policies.engine.odrl import PROFILE, export_odrl
from policies.engine.parser import load, parse_text
from policies.engine.registry_parser import SHIPPED
from policies.engine.term_parser import operand_text
from policies.engine.terms import Every, NoneOf, Op, Some
from policies.engine.vocabulary import Effect

DOCUMENTS = load(SHIPPED.parent)
OPPOSITE = {"eq": "neq", "isAnyOf": "isNoneOf", "lt": "gteq", "lteq": "gt", "gt": "lteq", "isPartOf": "dom:isNotPartOf"}
OPPOSITE |= {"hasPart": "dom:hasNoPart", "dom:hasPartWithin": "dom:hasNoPartWithin"}
OPPOSITE |= {value: key for key, value in OPPOSITE.items() if value not in OPPOSITE}


def of_json(body):
    """A constraint as (joint, parts) or (operand, operator, value), nothing else in it."""
    if body.get("@type") == "LogicalConstraint":
        ((joint, parts),) = ((key, value["@list"]) for key, value in body.items() if key != "@type")
        return flat(joint, [of_json(part) for part in parts])
    assert set(body) == {"leftOperand", "operator", "rightOperand"}
    right = body["rightOperand"]
    right = right["@value"] if isinstance(right, dict) else tuple(right) if isinstance(right, list) else right
    return body["leftOperand"].removeprefix("dom:"), body["operator"], right


def flat(joint, parts):
    """Nested joints of one kind as one, one part as itself."""
    found = [inner for part in parts for inner in (part[1] if part[0] == joint else [part])]
    return found[0] if len(found) == 1 else (joint, tuple(sorted(found, key=repr)))


def of_term(term):
    """The same shape straight from the term, with `none` and `not` carried inwards."""
    if isinstance(term, Every):
        return flat("and", [of_term(part) for part in term.terms])
    if isinstance(term, Some):
        return flat("or", [of_term(part) for part in term.terms])
    if isinstance(term, NoneOf):
        return turned(flat("or", [of_term(part) for part in term.terms]))
    return of_test(term)


def turned(part):
    if part[0] in {"and", "or"}:
        return ("or" if part[0] == "and" else "and", tuple(sorted((turned(inner) for inner in part[1]), key=repr)))
    return (part[0], OPPOSITE[part[1]], part[2])


def of_test(test):
    spec = DOCUMENTS.registry.facts[test.path]
    values = [operand_text(spec.type, v) if spec.type in {FactType.DATE, FactType.TIME} else v for v in test.operands]
    values = [f"{value}:00" if spec.type is FactType.TIME else value for value in values]
    each = {FactType.PURPOSE: "isPartOf", FactType.LIST: "hasPart", FactType.CATEGORIES: "dom:hasPartWithin"}.get(spec.type)
    if each:
        found = flat("or", [(test.path, each, value) for value in values])
    else:
        listed = test.op is Op.IN or (test.op is Op.NOT and len(values) > 1)
        words = {Op.LT: "lt", Op.LE: "lteq", Op.BEFORE: "lt", Op.AFTER: "gt"}
        found = (test.path, "isAnyOf" if listed else words.get(test.op, "eq"), tuple(values) if listed else values[0])
    return turned(found) if test.op is Op.NOT else found


def rules_of(text):
    graph = json.loads(text)["@graph"]
    return {
        rule["uid"]: (section, rule)
        for body in graph
        for section in ("permission", "prohibition", "obligation")
        for rule in body.get(section, ())
    }


RULES = rules_of(export_odrl(DOCUMENTS))


@pytest.mark.parametrize("policy", DOCUMENTS.policies, ids=lambda policy: policy.name)
def test_every_condition_of_every_shipped_policy_can_be_read_back(policy):
    expected = [of_term(term) for term in policy.when.terms]
    dated = [("dateTime", "gteq", policy.start.isoformat())] if policy.start != date.min else []
    dated += [("dateTime", "lt", policy.end.isoformat())] if policy.end != FOREVER else []
    for kind in policy.kinds:
        mine = {uid: found for uid, found in RULES.items() if f":{policy.name}:{kind.value}" in uid}
        assert mine
        for section, rule in mine.values():
            assert [of_json(part) for part in rule["constraint"]] == [*expected, *dated]
            assert rule["dcterms:references"] == list(policy.ref.cite)
            permitted = {Effect.PERMIT: "permission", Effect.OBLIGE: "obligation"}
            assert section == permitted.get(policy.effect, "prohibition")


@pytest.mark.parametrize("policy", DOCUMENTS.policies, ids=lambda policy: policy.name)
def test_every_duty_form_and_reason_is_there(policy):
    for kind in policy.kinds:
        text = json.dumps([rule for uid, (_, rule) in RULES.items() if f":{policy.name}:{kind.value}" in uid])
        for duty in policy.duties:
            assert f'"dom:{duty.name}"' in text
            assert all(f'"dom:{key}"' in text and json.dumps(value) in text for key, value in duty.arguments.items())
        for category, form in policy.categories.items():
            assert (
                f'"rightOperand": "{category}"}}, {{"leftOperand": "dom:form", "operator": "eq", "rightOperand": "{form.value}"'
                in text
            )
        assert all(f'"{reason}"' in text for reason in (*policy.reasons, *policy.try_instead))


def test_every_mechanism_and_every_word_of_the_profile_is_defined():
    graph = json.loads(export_odrl(DOCUMENTS))["@graph"]
    defined = {term["@id"] for body in graph if body.get("@id") == PROFILE for term in body["dom:defines"]}
    text = json.dumps(graph[:-1])
    used = {f"dom:{path}" for path in DOCUMENTS.registry.facts if f'"leftOperand": "dom:{path}"' in text}
    assert used <= defined
    for mechanism in DOCUMENTS.registry.mechanisms:
        law = next((body for body in graph if body.get("uid") == f"urn:domicile:law:{mechanism.law}"), None)
        if law and "dom:mechanism" in law:
            assert mechanism.id in {found["dom:id"] for found in law["dom:mechanism"]}


def test_the_order_of_the_files_changes_nothing():
    files = [SHIPPED.parent / "gdpr.yaml", SHIPPED.parent / "ccpa.yaml"]
    assert export_odrl(load(files)) == export_odrl(load(files[::-1]))


def test_none_and_not_are_carried_inwards():
    text = """\
policy: eu-test
law: EU
title: a test
cite: [Art. 1]
effect: prohibit
when:
  none:
    - {channel: {not: [email, sms]}, subject.age: {"<=": 3}}
    - data.categories: {has: [user.name, user.contact]}
    - purpose: {not: marketing}
reasons: [no_mechanism]
"""
    ((_, rule),) = {
        uid: f for uid, f in rules_of(export_odrl(parse_text(text, "x.yaml"))).items() if uid.endswith(":transfer")
    }.values()
    assert [of_json(part) for part in rule["constraint"]] == [
        flat(
            "and",
            [
                ("or", tuple(sorted([("channel", "isAnyOf", ("email", "sms")), ("subject.age", "gt", 3)], key=repr))),
                ("data.categories", "dom:hasNoPartWithin", "user.name"),
                ("data.categories", "dom:hasNoPartWithin", "user.contact"),
                ("purpose", "isPartOf", "marketing"),
            ],
        )
    ]
