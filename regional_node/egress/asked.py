"""What a caller asks for, checked against the model and the vocabulary. Nothing here decides, and no record is looked at."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from policies.engine.crossing import AllOf, AnyOf, Condition, Not, Plan
from policies.engine.errors import Code, DomicileError
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Purpose
from regional_node.crm.fields import FIELDS, FieldSpec, RecordType, field_of

_MAX_FIELDS = 64


def known_purpose(purpose: str) -> str:
    """The purpose, when the vocabulary has it. Raises TICKET_REFUSED."""
    if purpose not in {each.value for each in Purpose}:
        raise DomicileError(
            "the ticket's purpose is not known", where="ticket", remedy="use a purpose of the vocabulary", code=Code.TICKET_REFUSED
        )
    return purpose


def known_fields(names: Sequence[str]) -> list[FieldSpec]:
    """The fields of a person by their names. Raises INPUT_INVALID, or INPUT_UNKNOWN with the nearest names."""
    if not 1 <= len(names) <= _MAX_FIELDS or len(set(names)) != len(names):
        what = f"ask for 1 to {_MAX_FIELDS} fields, each once"
        raise DomicileError(what, where="fields", code=Code.INPUT_INVALID)
    specs = []
    for name in names:
        spec = field_of(RecordType.PEOPLE, name)
        if spec is None:
            known = [each.name for each in FIELDS[RecordType.PEOPLE]]
            near = get_close_matches(name[:64], known, n=3, cutoff=0.5) or known
            what = f"unknown field `{name[:64]}`"
            remedy = "use one of: " + ", ".join(f"`{each}`" for each in near)
            raise DomicileError(what, where="fields", remedy=remedy, code=Code.INPUT_UNKNOWN)
        specs.append(spec)
    return specs


def columns_of(plan: Plan) -> list[str]:
    """Every column the plan touches."""
    named = [key.column for key in plan.group_by]
    named += [measure.column for measure in plan.aggregates if measure.column is not None]
    return list(dict.fromkeys([*named, *_named_in(plan.where)]))


def _named_in(condition: Condition | None) -> Iterator[str]:
    match condition:
        case None:
            return
        case AllOf(conditions=members) | AnyOf(conditions=members):
            for member in members:
                yield from _named_in(member)
        case Not(condition=inner):
            yield from _named_in(inner)
        case _:
            yield condition.column


def categories_asked(request: TransferRequest) -> tuple[str, ...]:
    """The data categories that a request states."""
    data = request.facts.get("data")
    found = data.get("categories") if isinstance(data, dict) else None
    return tuple(str(each) for each in found) if isinstance(found, list) else ()
