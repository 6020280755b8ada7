"""A person's fields, each in the form that was decided. Nothing here decides, and nothing is let out."""

from collections.abc import Callable, Mapping, Sequence

from policies.engine.crossing import FieldView
from policies.engine.decision import Decision
from policies.engine.vocabulary import Form
from regional_node.crm.fields import FIELDS, FieldSpec, RecordType
from regional_node.crm.records import Record
from regional_node.egress.forms import fields_read, put_into_form
from regional_node.egress.verdicts import Verdict


def forms_read(specs: Sequence[FieldSpec], decision: Decision, judged: Callable[[Sequence[FieldSpec]], Verdict]) -> dict[str, Form]:
    """In which form the fields may leave that generalisations of others show, each decided as if it were asked for itself."""
    generalised = [spec for spec in specs if (said := decision.field(spec.name)) is not None and said.form is Form.GENERALISE]
    shown = {spec.name: spec for each in generalised for spec in fields_read(each)}
    verdicts = {name: judged([spec]) for name, spec in shown.items()}
    decided = {name: verdict.decision.field(name) for name, verdict in verdicts.items() if not verdict.denial}
    return {name: field.form for name, field in decided.items() if field is not None}


def field_views(
    record: Record,
    specs: Sequence[FieldSpec],
    decision: Decision,
    *,
    forms: Mapping[str, Form],
    pseudonym_key: Callable[[], bytes],
) -> tuple[FieldView, ...]:
    """The asked fields of a record. What the decision does not mention, and what has no such form, is withheld."""
    values = {spec.name: record.plain(spec.name) for spec in FIELDS[RecordType.PEOPLE]}
    views = []
    for spec in specs:
        decided = decision.field(spec.name)
        form = decided.form if decided is not None else Form.WITHHOLD  # silence withholds
        reasons = decided.reasons if decided is not None else ("no_permit",)
        held = values[spec.name] not in (None, "")
        value = put_into_form(spec, form, values, forms=forms, pseudonym_key=pseudonym_key)
        if value is None and held and form is not Form.WITHHOLD:
            form, reasons = Form.WITHHOLD, (*reasons, "form_not_possible")
        rules = decided.rules if decided is not None else ()
        views.append(FieldView(name=spec.name, category=spec.category.value, form=form, value=value, rules=rules, reasons=reasons))
    return tuple(views)
