"""One person's released fields between `policies.engine.crossing` and the wire. A withheld field can carry no value."""

from dataclasses import dataclass

from policies.engine.crossing import FieldView, PersonView, Released
from policies.engine.vocabulary import Form
from protos.decision_wire import (
    Receipt,
    decision_to_message,
    form_from_wire,
    form_to_wire,
    leaf_to_message,
    receipt_from_messages,
    rule_from_message,
    rule_to_message,
)
from protos.entry_wire import PSEUDONYM_LENGTH
from protos.plan_wire import ticket
from protos.strictness import at_most, name, octets, refusal, region, text, texts
from protos.v1 import persons_pb2 as pb

MAX_FIELDS = 64
MAX_VALUE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonQuestion:
    """Which fields of whom are wanted, with the signed ticket that names who asks. The ticket is not yet verified."""

    pseudonym: bytes
    fields: tuple[str, ...]
    ticket: bytes


def person_question_to_message(question: PersonQuestion) -> pb.ReadPersonRequest:
    """A question about one person, as it travels."""
    return pb.ReadPersonRequest(pseudonym=question.pseudonym, fields=question.fields, ticket=question.ticket)


def person_question_from_message(message: pb.ReadPersonRequest) -> PersonQuestion:
    """A question about one person from outside. Raises MESSAGE_TRUNCATED."""
    fields = tuple(name(each, "fields") for each in at_most(message.fields, "fields", most=MAX_FIELDS))
    if not fields or len(set(fields)) != len(fields):
        raise refusal("fields", "none is asked for, or one twice")
    return PersonQuestion(
        pseudonym=octets(message.pseudonym, "pseudonym", length=PSEUDONYM_LENGTH), fields=fields, ticket=ticket(message.ticket)
    )


def person_to_message(released: Released[PersonView]) -> pb.ReadPersonResponse:
    """A released view of a person, as it travels. Refuses a withheld field that holds a value."""
    view = released.value
    return pb.ReadPersonResponse(
        region=view.region,
        pseudonym=view.pseudonym,
        fields=[_field_to_message(each) for each in view.fields],
        decision=decision_to_message(released.decision),
        leaf=leaf_to_message(released.leaf),
    )


def person_from_message(message: pb.ReadPersonResponse) -> tuple[PersonView, Receipt]:
    """A view of a person from outside, and its receipt. Raises MESSAGE_TRUNCATED."""
    view = PersonView(
        region=region(message.region, "region"),
        pseudonym=octets(message.pseudonym, "pseudonym", length=PSEUDONYM_LENGTH),
        fields=tuple(_field(each) for each in at_most(message.fields, "fields", most=MAX_FIELDS)),
    )
    return view, receipt_from_messages(message.decision, message.leaf)


def _field_to_message(field: FieldView) -> pb.FieldView:
    if field.form is Form.WITHHOLD and field.value is not None:
        raise refusal("fields.value", "a withheld field holds a value")
    return pb.FieldView(
        name=field.name,
        category=field.category,
        form=form_to_wire(field.form),
        value=field.value,
        rules=[rule_to_message(rule) for rule in field.rules],
        reasons=field.reasons,
    )


def _field(message: pb.FieldView) -> FieldView:
    form = form_from_wire(message.form, "fields.form")
    value = message.value if message.HasField("value") else None
    if form is Form.WITHHOLD and value is not None:
        raise refusal("fields.value", "a withheld field holds a value")
    if value is not None and len(value) > MAX_VALUE:
        raise refusal("fields.value", "it is too long")
    return FieldView(
        name=name(message.name, "fields.name"),
        category=text(message.category, "fields.category", most=128),
        form=form,
        value=value,
        rules=tuple(rule_from_message(rule, "fields.rules") for rule in at_most(message.rules, "fields.rules")),
        reasons=texts(message.reasons, "fields.reasons"),
    )
