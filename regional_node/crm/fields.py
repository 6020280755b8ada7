"""Which fields each kind of record has: type, data category, domain, and whether the field is sealed. Nothing here is stored.

A sealed field lives inside the record's envelope (AES-256-GCM under the person's key); an open one is a classified column,
holds no direct identifier, and is still personal data of its subject.
"""

from dataclasses import dataclass
from enum import StrEnum

from policies.engine import readings
from policies.engine.vocabulary import DataCategory as C


class FieldType(StrEnum):
    """The type of a field's value. Grammar: one noun."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    DATE = "date"  # datetime.date
    TIMESTAMP = "timestamp"  # datetime.datetime, aware, UTC
    TERM = "term"  # of a domain; outside it the projection reads `other`
    INTEGER = "integer"
    DECIMAL = "decimal"  # integer thousandths
    MONEY = "money"  # integer minor units; its currency stands in `currency`
    REFERENCE = "reference"  # the id of another record


class RecordType(StrEnum):
    """The kinds of record. Grammar: plural noun, as in the catalogue and the API's paths."""

    PEOPLE = "people"
    COMPANIES = "companies"
    DEALS = "deals"
    ORDERS = "orders"
    ACTIVITIES = "activities"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field. `domain` None with type TERM: declared by the region (settings). `searchable`: a blind index or name tokens."""

    name: str
    type: FieldType
    category: C
    sealed: bool
    domain: tuple[str, ...] | None = None
    required: bool = False
    searchable: bool = False
    max_length: int = 200
    refers_to: RecordType | None = None


def _sealed(
    name: str, category: C, kind: FieldType = FieldType.TEXT, *, searchable: bool = False, max_length: int = 200
) -> FieldSpec:
    return FieldSpec(name=name, type=kind, category=category, sealed=True, searchable=searchable, max_length=max_length)


def _open(
    name: str, category: C, kind: FieldType, *, domain: tuple[str, ...] | None = None, refers_to: RecordType | None = None
) -> FieldSpec:
    return FieldSpec(name=name, type=kind, category=category, sealed=False, domain=domain, refers_to=refers_to)


_T = FieldType
_COMPANY = _open("company_id", C.WORKPLACE, _T.REFERENCE, refers_to=RecordType.COMPANIES)
_PERSON = _open("person_id", C.UNIQUE_ID, _T.REFERENCE, refers_to=RecordType.PEOPLE)
_OWNER = _open("owner", C.ORGANIZATION_ACCOUNT, _T.TERM)

PEOPLE = (
    _sealed("given_name", C.NAME, searchable=True),
    _sealed("family_name", C.NAME, searchable=True),
    _sealed("honorific", C.NAME),
    _sealed("email", C.CONTACT_EMAIL, _T.EMAIL, searchable=True, max_length=254),
    _sealed("phone", C.CONTACT_PHONE, _T.PHONE, searchable=True, max_length=40),
    _sealed("mobile", C.CONTACT_PHONE, _T.PHONE, searchable=True, max_length=40),
    _sealed("job_title", C.JOB_TITLE),
    _sealed("street", C.CONTACT_STREET, max_length=500),
    _sealed("city", C.CONTACT_CITY),
    _sealed("postal_code", C.CONTACT_POSTAL_CODE, max_length=20),
    _sealed("state", C.CONTACT_STATE),
    _sealed("date_of_birth", C.DATE_OF_BIRTH, _T.DATE),
    _sealed("notes", C.CONTENT, _T.LONG_TEXT, max_length=32_000),
    _open("country", C.CONTACT_COUNTRY, _T.TERM),
    _open("language", C.LANGUAGE, _T.TERM),
    _open("time_zone", C.LOCATION_IMPRECISE, _T.TERM),
    _open("birth_decade", C.AGE_RANGE, _T.TERM, domain=readings.BIRTH_DECADES),
    _open("segment", C.BEHAVIOR, _T.TERM, domain=readings.SEGMENTS),
    _open("lifecycle_stage", C.BEHAVIOR, _T.TERM, domain=readings.LIFECYCLE_STAGES),
    _open("lead_source", C.BEHAVIOR, _T.TERM, domain=readings.LEAD_SOURCES),
    _open("loyalty_tier", C.BEHAVIOR, _T.TERM, domain=readings.LOYALTY_TIERS),
    _open("lead_score", C.BEHAVIOR, _T.INTEGER),
    _open("churn_risk", C.BEHAVIOR, _T.DECIMAL),
    _open("lifetime_value", C.PURCHASE_HISTORY, _T.MONEY),
    _open("currency", C.FINANCIAL, _T.TERM),
    _open("acquired_at", C.BEHAVIOR, _T.DATE),
    _open("churned_at", C.BEHAVIOR, _T.DATE),
    _open("last_activity_at", C.BEHAVIOR, _T.DATE),
    _COMPANY,
    _OWNER,
)
COMPANIES = (
    _sealed("name", C.ORGANIZATION, searchable=True),
    _sealed("website", C.ORGANIZATION_CONTACT, _T.URL, max_length=500),
    _sealed("phone", C.ORGANIZATION_CONTACT, _T.PHONE, searchable=True, max_length=40),
    _sealed("street", C.ORGANIZATION_CONTACT, max_length=500),
    _sealed("city", C.ORGANIZATION_CONTACT),
    _sealed("postal_code", C.ORGANIZATION_CONTACT, max_length=20),
    _sealed("state", C.ORGANIZATION_CONTACT),
    _sealed("notes", C.CONTENT, _T.LONG_TEXT, max_length=32_000),
    _open("country", C.ORGANIZATION, _T.TERM),
    _open("industry", C.ORGANIZATION, _T.TERM, domain=readings.INDUSTRIES),
    _open("size_band", C.ORGANIZATION, _T.TERM, domain=readings.SIZE_BANDS),
    _open("employees", C.ORGANIZATION, _T.INTEGER),
    _open("annual_revenue", C.ORGANIZATION, _T.MONEY),
    _open("currency", C.ORGANIZATION, _T.TERM),
    _open("parent_id", C.ORGANIZATION, _T.REFERENCE, refers_to=RecordType.COMPANIES),
    _OWNER,
)
DEALS = (
    _sealed("name", C.CONTENT),
    _sealed("notes", C.CONTENT, _T.LONG_TEXT, max_length=32_000),
    _open("country", C.CONTACT_COUNTRY, _T.TERM),
    _open("pipeline", C.BEHAVIOR, _T.TERM),
    _open("stage", C.BEHAVIOR, _T.TERM),
    _open("status", C.BEHAVIOR, _T.TERM, domain=readings.DEAL_STATUSES),
    _open("product", C.PURCHASE_HISTORY, _T.TERM),
    _open("source", C.BEHAVIOR, _T.TERM, domain=readings.LEAD_SOURCES),
    _open("amount", C.PURCHASE_HISTORY, _T.MONEY),
    _open("currency", C.FINANCIAL, _T.TERM),
    _open("probability", C.BEHAVIOR, _T.DECIMAL),
    _open("opened_at", C.BEHAVIOR, _T.DATE),
    _open("expected_close_at", C.BEHAVIOR, _T.DATE),
    _open("closed_at", C.BEHAVIOR, _T.DATE),
    _PERSON,
    _COMPANY,
    _OWNER,
)
ORDERS = (
    _sealed("number", C.UNIQUE_ID),
    _sealed("notes", C.CONTENT, _T.LONG_TEXT, max_length=32_000),
    _open("country", C.CONTACT_COUNTRY, _T.TERM),
    _open("status", C.PURCHASE_HISTORY, _T.TERM, domain=readings.ORDER_STATUSES),
    _open("channel", C.PURCHASE_HISTORY, _T.TERM, domain=readings.CHANNELS),
    _open("product", C.PURCHASE_HISTORY, _T.TERM),
    _open("amount", C.PURCHASE_HISTORY, _T.MONEY),
    _open("currency", C.FINANCIAL, _T.TERM),
    _open("ordered_at", C.PURCHASE_HISTORY, _T.DATE),
    _PERSON,
    _COMPANY,
)
ACTIVITIES = (
    _sealed("subject", C.CONTENT),
    _sealed("notes", C.CONTENT, _T.LONG_TEXT, max_length=32_000),
    _open("country", C.CONTACT_COUNTRY, _T.TERM),
    _open("kind", C.BEHAVIOR, _T.TERM, domain=readings.ACTIVITY_KINDS),
    _open("channel", C.BEHAVIOR, _T.TERM, domain=readings.CHANNELS),
    _open("direction", C.BEHAVIOR, _T.TERM, domain=readings.DIRECTIONS),
    _open("outcome", C.BEHAVIOR, _T.TERM, domain=readings.ACTIVITY_OUTCOMES),
    _open("occurred_at", C.BEHAVIOR, _T.TIMESTAMP),
    _PERSON,
    _COMPANY,
    _OWNER,
)

FIELDS: dict[RecordType, tuple[FieldSpec, ...]] = {
    RecordType.PEOPLE: PEOPLE,
    RecordType.COMPANIES: COMPANIES,
    RecordType.DEALS: DEALS,
    RecordType.ORDERS: ORDERS,
    RecordType.ACTIVITIES: ACTIVITIES,
}


def field_of(record_type: RecordType, name: str) -> FieldSpec | None:
    """The field of that name, or None."""
    return next((f for f in FIELDS[record_type] if f.name == name), None)
