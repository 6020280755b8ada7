"""The published catalogue: what an analyst can ask about, column by column, with what bounds it. Nothing here runs a question.

A region's node enforces it and the index parses against it, so both must mean the same. Money is in integer minor units of its
currency; a measure without bounds cannot be asked for (the node denies, it never answers without noise).
"""

from dataclasses import dataclass
from enum import StrEnum

from policies.engine.vocabulary import DataCategory


class ColumnType(StrEnum):
    """The type of a catalogue column. Grammar: one noun."""

    TERM = "term"  # text from a declared domain
    DATE = "date"
    MONEY = "money"
    INTEGER = "integer"
    DECIMAL = "decimal"  # kept as integer thousandths


class SubjectClass(StrEnum):
    """Who a privacy account protects. Grammar: one noun."""

    PERSON = "person"
    COMPANY = "company"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Clamps of a measure, in its own unit (money: major units of the euro, converted at the epoch's rate), both inclusive."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingColumn:
    """One column: its type, data category, domain (None: declared by each region, e.g. countries served), bounds.

    `currency_column` and `date_column` name, for money, where its currency and its own date stand.
    """

    name: str
    type: ColumnType
    category: DataCategory
    domain: tuple[str, ...] | None = None
    regional_domain: bool = False
    bounds: Bounds | None = None
    currency_column: str | None = None
    date_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTable:
    """One table. A subject counts in at most `groups_per_subject` cells with at most `rows_per_subject` rows in all."""

    name: str
    columns: tuple[ReadingColumn, ...]
    rows_per_subject: int
    groups_per_subject: int

    def column(self, name: str) -> ReadingColumn | None:
        """The column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)


OTHER = "other"
"""The value that stands for everything outside a declared domain."""

SEGMENTS = ("consumer", "small_business", "mid_market", "enterprise", "public_sector", OTHER)
LIFECYCLE_STAGES = ("subscriber", "lead", "qualified", "opportunity", "customer", "evangelist", "churned", OTHER)
LEAD_SOURCES = ("web", "referral", "event", "partner", "phone", "advertising", "purchased_list", "import", OTHER)
LOYALTY_TIERS = ("none", "bronze", "silver", "gold", "platinum", OTHER)
INDUSTRIES = (
    "agriculture", "construction", "education", "energy", "entertainment", "finance", "government", "health",
    "hospitality", "manufacturing", "media", "professional_services", "retail", "technology", "telecommunications",
    "transport", OTHER,
)  # fmt: skip
SIZE_BANDS = ("1-9", "10-49", "50-249", "250-999", "1000+", OTHER)
DEAL_STATUSES = ("open", "won", "lost", OTHER)
ORDER_STATUSES = ("placed", "paid", "shipped", "delivered", "returned", "cancelled", OTHER)
CHANNELS = ("web", "store", "phone", "email", "chat", "partner", "social", "post", OTHER)
ACTIVITY_KINDS = ("call", "email", "meeting", "chat", "visit", "web", "note", "task", OTHER)
DIRECTIONS = ("inbound", "outbound", "internal", OTHER)
ACTIVITY_OUTCOMES = ("reached", "no_answer", "left_message", "scheduled", "completed", "bounced", OTHER)
BIRTH_DECADES = (*tuple(f"{year}s" for year in range(1900, 2030, 10)), OTHER)

_C = DataCategory


def _term(name: str, category: DataCategory, domain: tuple[str, ...] | None) -> ReadingColumn:
    return ReadingColumn(name=name, type=ColumnType.TERM, category=category, domain=domain, regional_domain=domain is None)


def _date(name: str, category: DataCategory = _C.BEHAVIOR) -> ReadingColumn:
    return ReadingColumn(name=name, type=ColumnType.DATE, category=category)


def _money(name: str, category: DataCategory, *, high: int, date_column: str) -> ReadingColumn:
    bounds = Bounds(low=0, high=high)
    return ReadingColumn(
        name=name,
        type=ColumnType.MONEY,
        category=category,
        bounds=bounds,
        currency_column="currency",
        date_column=date_column,
    )


def _number(name: str, category: DataCategory, kind: ColumnType, low: int, high: int) -> ReadingColumn:
    return ReadingColumn(name=name, type=kind, category=category, bounds=Bounds(low=low, high=high))


_COUNTRY = _term("country", _C.CONTACT_COUNTRY, None)
_CURRENCY = _term("currency", _C.FINANCIAL, None)

PEOPLE = ReadingTable(
    name="people",
    rows_per_subject=1,
    groups_per_subject=1,
    columns=(
        _COUNTRY,
        _term("segment", _C.BEHAVIOR, SEGMENTS),
        _term("lifecycle_stage", _C.BEHAVIOR, LIFECYCLE_STAGES),
        _term("lead_source", _C.BEHAVIOR, LEAD_SOURCES),
        _term("language", _C.LANGUAGE, None),
        _term("time_zone", _C.LOCATION_IMPRECISE, None),
        _term("birth_decade", _C.AGE_RANGE, BIRTH_DECADES),
        _term("loyalty_tier", _C.BEHAVIOR, LOYALTY_TIERS),
        _number("lead_score", _C.BEHAVIOR, ColumnType.INTEGER, 0, 100),
        _number("churn_risk", _C.BEHAVIOR, ColumnType.DECIMAL, 0, 1000),
        _money("lifetime_value", _C.PURCHASE_HISTORY, high=5_000, date_column="last_activity_at"),
        _CURRENCY,
        _date("created_at"),
        _date("acquired_at"),
        _date("churned_at"),
        _date("last_activity_at"),
    ),
)
COMPANIES = ReadingTable(
    name="companies",
    rows_per_subject=1,
    groups_per_subject=1,
    columns=(
        _COUNTRY,
        _term("industry", _C.ORGANIZATION, INDUSTRIES),
        _term("size_band", _C.ORGANIZATION, SIZE_BANDS),
        _date("created_at", _C.ORGANIZATION),
    ),
)
DEALS = ReadingTable(
    name="deals",
    rows_per_subject=5,
    groups_per_subject=3,
    columns=(
        _COUNTRY,
        _term("pipeline", _C.BEHAVIOR, None),
        _term("stage", _C.BEHAVIOR, None),
        _term("status", _C.BEHAVIOR, DEAL_STATUSES),
        _term("product", _C.PURCHASE_HISTORY, None),
        _term("source", _C.BEHAVIOR, LEAD_SOURCES),
        _money("amount", _C.PURCHASE_HISTORY, high=50_000, date_column="closed_at"),
        _CURRENCY,
        _date("created_at"),
        _date("closed_at"),
        _number("cycle_days", _C.BEHAVIOR, ColumnType.INTEGER, 0, 730),
    ),
)
ORDERS = ReadingTable(
    name="orders",
    rows_per_subject=10,
    groups_per_subject=4,
    columns=(
        _COUNTRY,
        _term("status", _C.PURCHASE_HISTORY, ORDER_STATUSES),
        _term("channel", _C.PURCHASE_HISTORY, CHANNELS),
        _term("product", _C.PURCHASE_HISTORY, None),
        _money("amount", _C.PURCHASE_HISTORY, high=1_000, date_column="ordered_at"),
        _CURRENCY,
        _date("ordered_at"),
    ),
)
ACTIVITIES = ReadingTable(
    name="activities",
    rows_per_subject=10,
    groups_per_subject=4,
    columns=(
        _COUNTRY,
        _term("kind", _C.BEHAVIOR, ACTIVITY_KINDS),
        _term("channel", _C.BEHAVIOR, CHANNELS),
        _term("direction", _C.BEHAVIOR, DIRECTIONS),
        _term("outcome", _C.BEHAVIOR, ACTIVITY_OUTCOMES),
        _date("occurred_at"),
    ),
)

TABLES: dict[str, ReadingTable] = {t.name: t for t in (PEOPLE, COMPANIES, DEALS, ORDERS, ACTIVITIES)}
"""Tables askable today; leads, surveys, cases, campaigns, touches and consents join them with their own rooms."""

REGION_COLUMN = "region"
"""Every table has it: the region that answers. Grouping by it costs nothing, since it is not a fact about a person."""
