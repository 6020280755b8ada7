"""How each kind of record is laid out: columns, filters, groups of its page, what hangs on it. It holds no text to read."""

from dataclasses import dataclass

from regional_node.crm.fields import FIELDS, FieldSpec, RecordType

TITLE = "title"
"""The column that is no field: what the record is known by."""

T = RecordType
_ADDRESS = ("street", "postal_code", "city", "state", "country")


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Records of `kind` that point here by the field `by`, with the columns that say something beside this record."""

    kind: RecordType
    by: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One kind of record as its pages show it. `groups` is (name, fields) and holds every field once."""

    kind: RecordType
    icon: str
    columns: tuple[str, ...]
    filters: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    related: tuple[Related, ...] = ()
    known_by: tuple[str, ...]
    fallback: str = ""

    @property
    def path(self) -> str:
        """The address of its list."""
        return f"/{self.kind.value}"

    @property
    def specs(self) -> dict[str, FieldSpec]:
        """Its fields by name."""
        return SPECS[self.kind]

    @property
    def searched(self) -> bool:
        """Whether its records are found by words."""
        return any(spec.searchable for spec in FIELDS[self.kind])

    @property
    def pointers(self) -> tuple[str, ...]:
        """The fields that point at another record."""
        return tuple(spec.name for spec in FIELDS[self.kind] if spec.refers_to is not None)


SPECS = {kind: {spec.name: spec for spec in specs} for kind, specs in FIELDS.items()}
_DEALS = ("title", "stage", "status", "amount", "expected_close_at")
_ORDERS = ("title", "product", "status", "amount", "ordered_at")

FACES = {
    T.PEOPLE: Face(
        kind=T.PEOPLE,
        icon="people",
        columns=(TITLE, "company_id", "email", "phone", "segment", "lifecycle_stage", "last_activity_at"),
        filters=("segment", "lifecycle_stage", "country"),
        groups=(
            ("person", ("honorific", "given_name", "family_name", "job_title", "company_id", "date_of_birth", "birth_decade")),
            ("contact", ("email", "phone", "mobile", *_ADDRESS, "language", "time_zone")),
            ("relationship", ("lifecycle_stage", "segment", "loyalty_tier", "lead_source", "owner")),
            ("value", ("lifetime_value", "currency", "lead_score", "churn_risk", "acquired_at", "last_activity_at", "churned_at")),
            ("notes", ("notes",)),
        ),
        related=(
            Related(kind=T.DEALS, by="person_id", columns=_DEALS),
            Related(kind=T.ORDERS, by="person_id", columns=_ORDERS),
        ),
        known_by=("given_name", "family_name"),
        fallback="email",
    ),
    T.COMPANIES: Face(
        kind=T.COMPANIES,
        icon="company",
        columns=(TITLE, "industry", "size_band", "city", "country", "employees", "annual_revenue", "phone"),
        filters=("industry", "size_band", "country"),
        groups=(
            ("company", ("name", "industry", "size_band", "employees", "parent_id", "owner")),
            ("contact", ("website", "phone", *_ADDRESS)),
            ("value", ("annual_revenue", "currency")),
            ("notes", ("notes",)),
        ),
        related=(
            Related(kind=T.PEOPLE, by="company_id", columns=(TITLE, "job_title", "email", "phone", "lifecycle_stage")),
            Related(kind=T.DEALS, by="company_id", columns=_DEALS),
            Related(kind=T.ORDERS, by="company_id", columns=_ORDERS),
            Related(kind=T.COMPANIES, by="parent_id", columns=(TITLE, "industry", "city", "country")),
        ),
        known_by=("name",),
    ),
    T.DEALS: Face(
        kind=T.DEALS,
        icon="deal",
        columns=(TITLE, "company_id", "person_id", "stage", "status", "amount", "expected_close_at"),
        filters=("stage", "status", "product", "country"),
        groups=(
            ("deal", ("name", "stage", "status", "pipeline", "product", "source", "owner")),
            ("value", ("amount", "currency", "probability")),
            ("parties", ("person_id", "company_id", "country")),
            ("dates", ("opened_at", "expected_close_at", "closed_at")),
            ("notes", ("notes",)),
        ),
        known_by=("name",),
        fallback="product",
    ),
    T.ORDERS: Face(
        kind=T.ORDERS,
        icon="ledger",
        columns=(TITLE, "person_id", "company_id", "product", "status", "channel", "amount", "ordered_at"),
        filters=("status", "channel", "product", "country"),
        groups=(
            ("order", ("number", "status", "product", "channel", "ordered_at")),
            ("value", ("amount", "currency")),
            ("parties", ("person_id", "company_id", "country")),
            ("notes", ("notes",)),
        ),
        known_by=("number",),
        fallback="product",
    ),
    T.ACTIVITIES: Face(
        kind=T.ACTIVITIES,
        icon="ask",
        columns=(TITLE, "kind", "person_id", "company_id", "direction", "outcome", "occurred_at"),
        filters=("kind", "direction", "outcome", "channel"),
        groups=(
            ("activity", ("subject", "kind", "channel", "direction", "outcome", "occurred_at", "owner")),
            ("parties", ("person_id", "company_id", "country")),
            ("notes", ("notes",)),
        ),
        known_by=("subject",),
        fallback="kind",
    ),
}
