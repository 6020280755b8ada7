"""Our own plain dialect: headers are the names of our fields, `external_id`, and the external ids of what a row refers to.

Money is in major units as text (`1234.50`), decimals as `0.350`, dates and times in ISO 8601. A column `custom_NAME` is kept
sealed as the custom field NAME; any other unknown column is told as ignored, never kept unclassified (DESIGN D4).
"""

from regional_node.crm.fields import FIELDS, FieldType, RecordType
from regional_node.usecases.imports.drafts import ImportObject, Part, Target

DIALECT = "domicile"
_CUSTOM = "custom_"


def _custom(header: str) -> str | None:
    name = header.removeprefix(_CUSTOM)
    return name if name and name != header else None


def _columns(record_type: RecordType) -> dict[str, Target]:
    columns: dict[str, Target] = {"external_id": Target(Part.KEY), "created_at": Target(Part.CREATED)}
    for spec in FIELDS[record_type]:
        if spec.type is FieldType.REFERENCE:
            continue
        columns[spec.name] = Target(Part.FIELD, spec.name)
    references = {spec.name for spec in FIELDS[record_type] if spec.type is FieldType.REFERENCE}
    if "company_id" in references:
        columns["company_external_id"] = Target(Part.COMPANY)
    if "person_id" in references:
        columns["person_external_id"] = Target(Part.PERSON)
    if "parent_id" in references:
        columns["parent_external_id"] = Target(Part.PARENT)
    return columns


_SIGNATURES: dict[RecordType, tuple[frozenset[str], ...]] = {
    RecordType.PEOPLE: (frozenset({"family_name"}), frozenset({"given_name"}), frozenset({"email"})),
    RecordType.COMPANIES: (
        frozenset({"name", "industry"}), frozenset({"name", "website"}), frozenset({"name", "employees"}), frozenset({"name"}),
    ),
    RecordType.DEALS: (frozenset({"stage"}), frozenset({"pipeline"}), frozenset({"probability"})),
    RecordType.ORDERS: (frozenset({"ordered_at"}), frozenset({"number"})),
    RecordType.ACTIVITIES: (frozenset({"occurred_at"}), frozenset({"direction"})),
}  # fmt: skip

OBJECTS = tuple(
    ImportObject(
        dialect=DIALECT,
        name=record_type.value,
        record_type=record_type,
        signature=signature,
        columns=_columns(record_type),
        keeps_custom=_custom,
    )
    for record_type, signatures in _SIGNATURES.items()
    for signature in signatures
)
HEADERS = sorted({header for kind in OBJECTS for header in kind.columns})
