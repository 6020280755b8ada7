"""The words that policies, nodes and the index share. Nothing here decides anything.

Data categories are fideslang 3.1 keys (a prefix is the more general category: `user.contact` covers `user.contact.email`)
plus our own where law distinguishes what the taxonomy does not. Purposes are fideslang data uses.
"""

from enum import StrEnum


class DataCategory(StrEnum):
    """What a column holds. Grammar: `subject.kind[.kind]`, a fideslang data category or one of ours (marked)."""

    NAME = "user.name"
    CONTACT = "user.contact"
    CONTACT_EMAIL = "user.contact.email"
    CONTACT_PHONE = "user.contact.phone_number"
    CONTACT_STREET = "user.contact.address.street"
    CONTACT_CITY = "user.contact.address.city"
    CONTACT_POSTAL_CODE = "user.contact.address.postal_code"
    CONTACT_STATE = "user.contact.address.state"
    CONTACT_COUNTRY = "user.contact.address.country"
    CONTACT_URL = "user.contact.url"
    CONTACT_ORGANIZATION = "user.contact.organization"
    DEMOGRAPHIC = "user.demographic"
    DATE_OF_BIRTH = "user.demographic.date_of_birth"
    AGE_RANGE = "user.demographic.age_range"
    GENDER = "user.demographic.gender"
    LANGUAGE = "user.demographic.language"
    RACE = "user.demographic.race_ethnicity"
    RELIGION = "user.demographic.religious_belief"
    POLITICAL_OPINION = "user.demographic.political_opinion"
    SEXUAL_ORIENTATION = "user.demographic.sexual_orientation"
    TRADE_UNION = "user.demographic.trade_union"  # ours
    PHILOSOPHICAL_BELIEF = "user.demographic.philosophical_belief"  # ours
    SEX_LIFE = "user.demographic.sex_life"  # ours
    WORKPLACE = "user.workplace"
    JOB_TITLE = "user.job_title"
    BEHAVIOR = "user.behavior"
    PURCHASE_HISTORY = "user.behavior.purchase_history"
    BROWSING_HISTORY = "user.behavior.browsing_history"
    CONTENT = "user.content"
    USER_SOURCED = "user.user_sourced"
    TELEMETRY = "user.telemetry"
    FINANCIAL = "user.financial"
    FINANCIAL_ACCOUNT = "user.financial.bank_account"
    CARD_PAN = "user.financial.credit_card.pan"  # ours
    CARD_CVV = "user.financial.credit_card.cvv"  # ours
    CARD_TRACK = "user.financial.credit_card.track"  # ours
    CARD_PIN = "user.financial.credit_card.pin"  # ours
    HEALTH = "user.health_and_medical"
    GENETIC = "user.health_and_medical.genetic"
    BIOMETRIC = "user.biometric"
    CRIMINAL_HISTORY = "user.criminal_history"
    CHILDRENS = "user.childrens"
    GOVERNMENT_ID = "user.government_id"
    LOCATION = "user.location"
    LOCATION_PRECISE = "user.location.precise"
    LOCATION_IMPRECISE = "user.location.imprecise"
    DEVICE = "user.device"
    DEVICE_COOKIE = "user.device.cookie_id"
    DEVICE_IP = "user.device.ip_address"
    UNIQUE_ID = "user.unique_id"
    PSEUDONYM = "user.unique_id.pseudonymous"
    ORGANIZATION_ACCOUNT = "user.organization_account"  # ours: people who sign in to this system
    JP_MY_NUMBER = "user.regulated.jp_my_number"  # ours
    KR_RRN = "user.regulated.kr_rrn"  # ours
    PRIVACY_PREFERENCE = "user.privacy_preferences"
    ORGANIZATION = "organization"  # ours: a legal person's own facts (a data subject in ZA and AR)
    ORGANIZATION_CONTACT = "organization.contact"  # ours
    SYSTEM_OPERATIONS = "system.operations"

    def covers(self, other: str) -> bool:
        """Whether `other` is this category or one below it."""
        return other == self.value or other.startswith(self.value + ".")


class Purpose(StrEnum):
    """Why data are used: a fideslang data use. Grammar: `use[.use]`, general to special."""

    ESSENTIAL_SERVICE = "essential.service"
    OPERATIONS_SUPPORT = "essential.service.operations.support"
    PAYMENT_PROCESSING = "essential.service.payment_processing"
    FRAUD_DETECTION = "essential.fraud_detection"
    LEGAL_OBLIGATION = "essential.legal_obligation"
    ANALYTICS = "analytics"
    ANALYTICS_REPORTING = "analytics.reporting"
    MARKETING = "marketing"
    MARKETING_EMAIL = "marketing.communications.email"
    MARKETING_SMS = "marketing.communications.sms"
    ADVERTISING_TARGETED = "marketing.advertising.third_party.targeted"
    SALES = "sales"
    EMPLOYMENT = "employment"
    FEDERATION_INDEX = "functional.federation_index"  # ours: pseudonymous keys kept at the index
    PUBLIC_SECURITY = "public_security"  # ours: what some adequacy decisions leave out


class Shape(StrEnum):
    """In which shape data would leave. Grammar: one noun."""

    RECORD = "record"
    PSEUDONYM = "pseudonym"
    AGGREGATE = "aggregate"
    NONE = "none"


class Kind(StrEnum):
    """What is being asked of a policy. Grammar: one noun."""

    TRANSFER = "transfer"
    STORAGE = "storage"
    RELEASE = "release"
    CONTACT = "contact"


class Outcome(StrEnum):
    """What a decision says, from free to forbidden. On the wire `review` is a denial. Grammar: a verb, with its condition."""

    ALLOW = "allow"
    ALLOW_WITH_OBLIGATIONS = "allow_with_obligations"
    REDACT = "redact"
    REVIEW = "review"
    DENY = "deny"

    @property
    def permits(self) -> bool:
        """Whether anything at all may leave."""
        return self in {Outcome.ALLOW, Outcome.ALLOW_WITH_OBLIGATIONS, Outcome.REDACT}


class Effect(StrEnum):
    """What a policy does when its conditions hold. Grammar: a verb in the imperative."""

    PERMIT = "permit"
    PROHIBIT = "prohibit"
    OBLIGE = "oblige"
    REVIEW = "review"


class Form(StrEnum):
    """In which form a field leaves; `strictness` orders them, the strictest of all that apply wins. Grammar: a verb."""

    CLEAR = "clear"
    GENERALISE = "generalise"
    MASK = "mask"
    PSEUDONYM = "pseudonym"
    WITHHOLD = "withhold"

    @property
    def strictness(self) -> int:
        """0 for clear, rising to withhold."""
        return list(Form).index(self)
