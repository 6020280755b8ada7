"""Countries by the names people write, and other systems' words for our terms. Nothing here guesses: the unknown stays unknown."""

import re
from functools import cache

from babel import Locale

from policies.engine import readings

_LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pl", "pt")
_ALSO = {
    "usa": "US", "u.s.a.": "US", "u.s.": "US", "us": "US", "united states of america": "US", "america": "US",
    "uk": "GB", "u.k.": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "korea": "KR", "republic of korea": "KR", "philipines": "PH", "holland": "NL", "the netherlands": "NL",
    "czech republic": "CZ", "russian federation": "RU", "viet nam": "VN", "ivory coast": "CI", "uae": "AE", "brasil": "BR",
}  # fmt: skip
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})  # CLDR groups and test places


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in reversed(_LANGUAGES):  # English last: it wins where two languages mean different places
        for code, name in Locale(language).territories.items():
            if re.fullmatch("[A-Z]{2}", code) and code not in _NOT_COUNTRIES:
                names[name.casefold()] = code
                names[code.casefold()] = code
    return names | _ALSO


def country_code(written: str) -> str | None:
    """The ISO 3166 code of a country as written (code, or name in one of eight languages), None when unknown."""
    return _names().get(written.strip().casefold())


INDUSTRIES = {
    "technolgy": "technology", "software": "technology", "electronics": "technology", "it": "technology",
    "information_technology": "technology", "computers": "technology",
    "medical": "health", "healthcare": "health", "biotechnology": "health", "pharmaceuticals": "health",
    "banking": "finance", "insurance": "finance", "financial_services": "finance",
    "apparel": "manufacturing", "machinery": "manufacturing", "chemicals": "manufacturing", "engineering": "manufacturing",
    "consulting": "professional_services", "services": "professional_services", "employment": "professional_services",
    "marketing": "media", "communications": "telecommunications", "telecommunication": "telecommunications",
    "transportation": "transport", "shipping": "transport", "logistics": "transport",
    "utilities": "energy", "oil_&_gas": "energy", "recreation": "entertainment", "food_&_beverage": "hospitality",
}  # fmt: skip
LEAD_SOURCES = {
    "website": "web", "online": "web", "trade_show": "event", "seminar": "event", "conference": "event", "webinar": "event",
    "word_of_mouth": "referral", "external_referral": "referral", "employee_referral": "referral", "customer_referral": "referral",
    "partner_referral": "partner", "phone_inquiry": "phone", "cold_call": "phone", "advertisement": "advertising",
    "public_relations": "advertising", "direct_mail": "advertising", "csv": "import", "list_import": "import",
}  # fmt: skip
DEAL_STATUSES = {"closed_won": "won", "closed_lost": "lost", "in_progress": "open", "new": "open"}
CHANNELS = {"e_mail": "email", "mail": "post", "telephone": "phone", "online": "web", "shop": "store"}
KINDS = {"phone_call": "call", "e_mail": "email", "appointment": "meeting", "to_do": "task"}
LIFECYCLES = {
    "marketing_qualified_lead": "qualified", "sales_qualified_lead": "qualified", "mql": "qualified", "sql": "qualified",
    "client": "customer", "former_customer": "churned",
}  # fmt: skip

SYNONYMS: dict[tuple[str, ...], dict[str, str]] = {
    readings.INDUSTRIES: INDUSTRIES,
    readings.LEAD_SOURCES: LEAD_SOURCES,
    readings.DEAL_STATUSES: DEAL_STATUSES,
    readings.CHANNELS: CHANNELS,
    readings.ACTIVITY_KINDS: KINDS,
    readings.LIFECYCLE_STAGES: LIFECYCLES,
}
"""Other systems' words for the terms of our domains, by domain."""


def slug(written: str) -> str:
    """A term as we write terms: lowercase, words joined by one underscore."""
    return re.sub(r"[\s\-/.]+", "_", written.strip().lower()).strip("_")
