"""Plans and the requests that carry a ticket, between `policies.engine.crossing` and the wire. Nothing here checks a catalogue."""

import re
from dataclasses import dataclass

from policies.engine.crossing import (
    PLAN_VERSION,
    Aggregate,
    AggregateKind,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    DatePart,
    GroupKey,
    Membership,
    Not,
    Operator,
    Plan,
)
from protos.strictness import at_most, member, name, numbered, refusal, text, whole
from protos.v1 import plan_pb2 as pb
from protos.v1 import questions_pb2

MAX_DEPTH = 16
MAX_CONDITIONS = 256
MAX_GROUP_KEYS = 8
MAX_AGGREGATES = 16
MAX_TICKET = 8 * 1024
_LARGEST = 2**63

KINDS = numbered(AggregateKind, "AGGREGATE_KIND_", dict(pb.AggregateKind.items()))
PARTS = numbered(DatePart, "DATE_PART_", dict(pb.DatePart.items()))
OPERATORS = numbered(Operator, "OPERATOR_", dict(pb.Operator.items()))
_KIND_NUMBERS = {kind: number for number, kind in KINDS.items()}
_PART_NUMBERS = {part: number for number, part in PARTS.items()}
_OPERATOR_NUMBERS = {operator: number for number, operator in OPERATORS.items()}
_BARE = {Operator.IS_NULL, Operator.IS_NOT_NULL}
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A plan as it was asked, with the signed ticket that names who asks. The ticket is not yet verified."""

    plan: Plan
    ticket: bytes


def question_to_message(question: Question) -> questions_pb2.AnswerQuestionRequest:
    """A question, as it travels."""
    return questions_pb2.AnswerQuestionRequest(plan=plan_to_message(question.plan), ticket=ticket(question.ticket))


def question_from_message(message: questions_pb2.AnswerQuestionRequest) -> Question:
    """A question from outside. Raises MESSAGE_TRUNCATED."""
    return Question(plan=plan_from_message(message.plan), ticket=ticket(message.ticket))


def ticket(value: bytes) -> bytes:
    """The bytes of a ticket, unverified but bounded."""
    if not value or len(value) > MAX_TICKET:
        raise refusal("ticket", "it is missing or too long")
    return value


def plan_to_message(plan: Plan) -> pb.Plan:
    """A plan, as it travels. Raises MESSAGE_TRUNCATED for one that the other side would refuse."""
    message = pb.Plan(
        version=plan.version,
        table=plan.table,
        group_by=[pb.GroupKey(column=key.column, part=_part_number(key.part)) for key in plan.group_by],
        aggregates=[_aggregate_to_message(measure) for measure in plan.aggregates],
        where=None if plan.where is None else _condition_to_message(plan.where, _Budget()),
    )
    plan_from_message(message)
    return message


def plan_from_message(message: pb.Plan) -> Plan:
    """A plan from outside. Raises MESSAGE_TRUNCATED."""
    whole(message, "plan")
    if message.version != PLAN_VERSION:
        raise refusal("plan.version", f"version {message.version} is not spoken here, only {PLAN_VERSION}")
    keys = at_most(message.group_by, "plan.group_by", most=MAX_GROUP_KEYS)
    measures = at_most(message.aggregates, "plan.aggregates", most=MAX_AGGREGATES)
    if not measures:
        raise refusal("plan.aggregates", "it is empty")
    return Plan(
        version=message.version,
        table=name(message.table, "plan.table"),
        group_by=tuple(_group_key(key) for key in keys),
        aggregates=tuple(_aggregate(measure) for measure in measures),
        where=_condition(message.where, _Budget()) if message.HasField("where") else None,
    )


def _part_number(part: DatePart | None) -> "pb.DatePart.ValueType":
    return pb.DATE_PART_UNSPECIFIED if part is None else pb.DatePart.ValueType(_PART_NUMBERS[part])


def _group_key(message: pb.GroupKey) -> GroupKey:
    where = "plan.group_by"
    whole(message, where)
    part = None if message.part == pb.DATE_PART_UNSPECIFIED else member(PARTS, message.part, f"{where}.part")
    return GroupKey(column=name(message.column, f"{where}.column"), part=part)


def _aggregate_to_message(measure: Aggregate) -> pb.Aggregate:
    kind = pb.AggregateKind.ValueType(_KIND_NUMBERS[measure.kind])
    return pb.Aggregate(kind=kind, column=measure.column or "", currency=measure.currency or "")


def _aggregate(message: pb.Aggregate) -> Aggregate:
    where = "plan.aggregates"
    whole(message, where)
    kind = member(KINDS, message.kind, f"{where}.kind")
    if kind is AggregateKind.COUNT and (message.column or message.currency):
        raise refusal(where, "a count names no column and no currency")
    if message.currency and not _CURRENCY.fullmatch(message.currency):
        raise refusal(where + ".currency", "it is not a currency code")
    column = None if kind is AggregateKind.COUNT else name(message.column, f"{where}.column")
    return Aggregate(kind=kind, column=column, currency=message.currency or None)


class _Budget:
    """How many conditions a plan may still hold, and how deep it may still go."""

    def __init__(self) -> None:
        self.left = MAX_CONDITIONS

    def spend(self, depth: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise refusal("plan.where", f"it has more than {MAX_CONDITIONS} conditions")
        if depth > MAX_DEPTH:
            raise refusal("plan.where", f"it is nested deeper than {MAX_DEPTH}")


def _condition_to_message(condition: Condition, budget: _Budget, depth: int = 1) -> pb.Condition:
    budget.spend(depth)
    match condition:
        case Comparison(column=column, operator=operator, value=value):
            number = pb.Operator.ValueType(_OPERATOR_NUMBERS[operator])
            body = pb.Comparison(column=column, operator=number, value=None if value is None else _value_to_message(value))
            return pb.Condition(comparison=body)
        case Membership(column=column, values=values, negated=negated):
            listed = pb.Membership(column=column, values=[_value_to_message(each) for each in values], negated=negated)
            return pb.Condition(membership=listed)
        case AllOf(conditions=members):
            return pb.Condition(all=pb.Conditions(conditions=[_condition_to_message(m, budget, depth + 1) for m in members]))
        case AnyOf(conditions=members):
            return pb.Condition(any=pb.Conditions(conditions=[_condition_to_message(m, budget, depth + 1) for m in members]))
        case Not(condition=inner):
            return pb.Condition(negation=_condition_to_message(inner, budget, depth + 1))


def _condition(message: pb.Condition, budget: _Budget, depth: int = 1) -> Condition:
    budget.spend(depth)
    whole(message, "plan.where")
    match message.WhichOneof("kind"):
        case "comparison":
            return _comparison(message.comparison)
        case "membership":
            return _membership(message.membership)
        case "all":
            return AllOf(conditions=_conditions(message.all, budget, depth))
        case "any":
            return AnyOf(conditions=_conditions(message.any, budget, depth))
        case "negation":
            return Not(condition=_condition(message.negation, budget, depth + 1))
        case _:
            raise refusal("plan.where", "a condition says nothing")


def _conditions(message: pb.Conditions, budget: _Budget, depth: int) -> tuple[Condition, ...]:
    whole(message, "plan.where")
    if not message.conditions:
        raise refusal("plan.where", "a list of conditions is empty")
    return tuple(_condition(each, budget, depth + 1) for each in message.conditions)


def _comparison(message: pb.Comparison) -> Comparison:
    where = "plan.where.comparison"
    whole(message, where)
    operator = member(OPERATORS, message.operator, f"{where}.operator")
    if (operator in _BARE) == message.HasField("value"):
        raise refusal(where + ".value", "a null test takes no value, every other comparison takes one")
    value = _value(message.value, f"{where}.value") if message.HasField("value") else None
    return Comparison(column=name(message.column, f"{where}.column"), operator=operator, value=value)


def _membership(message: pb.Membership) -> Membership:
    where = "plan.where.membership"
    whole(message, where)
    if not message.values:
        raise refusal(where + ".values", "it is empty")
    values = tuple(_value(each, f"{where}.values") for each in at_most(message.values, f"{where}.values"))
    return Membership(column=name(message.column, f"{where}.column"), values=values, negated=message.negated)


def _value_to_message(value: str | int) -> pb.Value:
    if isinstance(value, str):
        return pb.Value(text=value)
    if isinstance(value, bool) or not -_LARGEST <= value < _LARGEST:
        raise refusal("plan.where.value", "it is not a 64-bit integer")
    return pb.Value(integer=value)


def _value(message: pb.Value, where: str) -> str | int:
    whole(message, where)
    match message.WhichOneof("kind"):
        case "text":
            return text(message.text, where, most=256, empty=True)
        case "integer":
            return message.integer
        case _:
            raise refusal(where, "a value says nothing")
