"""Salesforce's object export (REST, Data Loader) and its weekly Data Export: API names as headers. Nothing here reads a row.

What has no field of ours but says something is kept sealed under its own name, as every `__c` column is; what Salesforce keeps
for itself is told as ignored.
"""

from regional_node.crm.fields import RecordType
from regional_node.usecases.imports import values
from regional_node.usecases.imports.drafts import Draft, ImportObject, Part, Target
from regional_node.usecases.imports.reasons import CellError, Reason

DIALECT = "salesforce"
_NO_RECORD = "000000000000000AAA"  # the weekly export's empty look-up

_ITS_OWN = "kept by Salesforce for itself"
_SAID_ELSEWHERE = "said by other columns"
_ADDRESS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)


def _field(name: str) -> Target:
    return Target(Part.FIELD, name)


def _spare(name: str) -> Target:
    return Target(Part.SPARE, name)


def _kept(*headers: str) -> dict[str, Target]:
    return {header: Target(Part.CUSTOM, header) for header in headers}


def _ignored(reason: str, *headers: str) -> dict[str, Target]:
    return {header: Target(Part.IGNORED, reason) for header in headers}


def _address(prefix: str) -> dict[str, Target]:
    return {
        f"{prefix}Street": _field("street"),
        f"{prefix}City": _field("city"),
        f"{prefix}State": _field("state"),
        f"{prefix}PostalCode": _field("postal_code"),
        f"{prefix}CountryCode": _field("country"),
        f"{prefix}Country": _spare("country"),
        **_ignored(_SAID_ELSEWHERE, f"{prefix}StateCode"),
        **_kept(f"{prefix}Latitude", f"{prefix}Longitude", f"{prefix}GeocodeAccuracy"),
    }


_COMMON = {
    "Id": Target(Part.KEY),
    "IsDeleted": Target(Part.FLAG, "deleted"),
    "CreatedDate": Target(Part.CREATED),
    "CurrencyIsoCode": _field("currency"),
    "Description": _field("notes"),
    **_kept("OwnerId", "RecordTypeId"),
    **_ignored(
        _ITS_OWN,
        *("MasterRecordId", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "LastViewedDate"),
        *("LastReferencedDate", "PhotoUrl", "Jigsaw", "JigsawContactId", "JigsawCompanyId", "CleanStatus", "DandbCompanyId"),
        *("LastCURequestDate", "LastCUUpdateDate", "IsPriorityRecord", "IsUnreadByOwner", "IndividualId", "OperatingHoursId"),
    ),
}
_PERSON = {
    "LastName": _field("family_name"),
    "FirstName": _field("given_name"),
    "Salutation": _field("honorific"),
    "Email": _field("email"),
    "Phone": _field("phone"),
    "MobilePhone": _field("mobile"),
    "Title": _field("job_title"),
    "LeadSource": _field("lead_source"),
    "LastActivityDate": _field("last_activity_at"),
    **_kept("Fax", "EmailBouncedReason", "EmailBouncedDate", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"),
    **_ignored(_SAID_ELSEWHERE, "Name"),
}


def _custom(header: str) -> str | None:
    return header if header.endswith("__c") else None


def _flag(draft: Draft, name: str) -> bool:
    try:
        return values.flag(draft.flags[name])
    except CellError as error:
        draft.problems.append((None, error.reason))
        return False


def _empty_lookups(draft: Draft) -> None:
    for name in ("company_key", "person_key", "parent_key", "also_key"):
        if getattr(draft, name) == _NO_RECORD:
            setattr(draft, name, "")


def _record(draft: Draft) -> None:
    """What holds of every object: a deleted one is left out, the empty look-up refers to nothing."""
    if "deleted" in draft.flags and _flag(draft, "deleted"):
        draft.left_out = Reason.RECORD_DELETED
    _empty_lookups(draft)


def _opportunity(draft: Draft) -> None:
    _record(draft)
    won = "won" in draft.flags and _flag(draft, "won")
    closed = won or ("closed" in draft.flags and _flag(draft, "closed"))
    draft.values["status"] = "won" if won else "lost" if closed else "open"
    due = draft.values.get("expected_close_at")
    if closed and due is not None:  # Salesforce sets CloseDate to the day of closing
        draft.values["closed_at"] = due
    if "probability" in draft.flags:
        try:
            draft.values["probability"] = values.percentage(draft.flags["probability"])
        except CellError as error:
            draft.problems.append((None, error.reason))
    if draft.created_at is not None:
        draft.values["opened_at"] = draft.created_at.date()


CONTACT = ImportObject(
    dialect=DIALECT,
    name="contact",
    record_type=RecordType.PEOPLE,
    signature=frozenset({"Id", "LastName", "AccountId"}),
    columns={
        **_COMMON,
        **_PERSON,
        **_address("Mailing"),
        **_kept(*(f"Other{part}" for part in _ADDRESS)),
        "AccountId": Target(Part.COMPANY),
        "Birthdate": _field("date_of_birth"),
        **_kept("HomePhone", "OtherPhone", "AssistantPhone", "AssistantName", "Department", "ReportsToId", "ContactSource"),
        **_ignored(_SAID_ELSEWHERE, "IsEmailBounced"),
    },
    rule=_record,
    keeps_custom=_custom,
)
LEAD = ImportObject(
    dialect=DIALECT,
    name="lead",
    record_type=RecordType.PEOPLE,
    signature=frozenset({"Id", "LastName", "Company", "Status"}),
    columns={
        **_COMMON,
        **_PERSON,
        **_address(""),
        "ConvertedContactId": Target(Part.ALSO),
        **_kept("Company", "Status", "Rating", "Industry", "Website", "AnnualRevenue", "NumberOfEmployees", "CompanyDunsNumber"),
        **_kept("IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedOpportunityId"),
    },
    constants={"lifecycle_stage": "lead"},
    rule=_record,
    keeps_custom=_custom,
    after=1,
)
ACCOUNT = ImportObject(
    dialect=DIALECT,
    name="account",
    record_type=RecordType.COMPANIES,
    signature=frozenset({"Id", "Name", "ParentId"}),
    columns={
        **_COMMON,
        **_address("Billing"),
        **_kept(*(f"Shipping{part}" for part in _ADDRESS)),
        "Name": _field("name"),
        "ParentId": Target(Part.PARENT),
        "Phone": _field("phone"),
        "Website": _field("website"),
        "Industry": _field("industry"),
        "AnnualRevenue": _field("annual_revenue"),
        "NumberOfEmployees": _field("employees"),
        **_kept("Type", "Fax", "AccountNumber", "Sic", "SicDesc", "Ownership", "TickerSymbol", "Rating", "Site", "AccountSource"),
        **_kept("DunsNumber", "Tradestyle", "NaicsCode", "NaicsDesc", "YearStarted", "IsPartner", "IsCustomerPortal"),
        **_kept("ChannelProgramName", "ChannelProgramLevelName", "LastActivityDate"),
    },
    rule=_record,
    keeps_custom=_custom,
)
OPPORTUNITY = ImportObject(
    dialect=DIALECT,
    name="opportunity",
    record_type=RecordType.DEALS,
    signature=frozenset({"Id", "StageName", "CloseDate"}),
    columns={
        **_COMMON,
        "Name": _field("name"),
        "AccountId": Target(Part.COMPANY),
        "ContactId": Target(Part.PERSON),
        "StageName": _field("stage"),
        "Amount": _field("amount"),
        "Probability": Target(Part.FLAG, "probability"),
        "CloseDate": _field("expected_close_at"),
        "LeadSource": _field("source"),
        "IsClosed": Target(Part.FLAG, "closed"),
        "IsWon": Target(Part.FLAG, "won"),
        **_kept(
            "Type", "NextStep", "TotalOpportunityQuantity", "CampaignId", "IsPrivate", "LastStageChangeDate", "LastActivityDate"
        ),
        **_kept("FiscalQuarter", "FiscalYear", "ContractId", "Territory2Id", "PrimaryPartnerAccountId"),
        **_ignored("follows from other columns", "ExpectedRevenue", "Fiscal", "ForecastCategory", "ForecastCategoryName"),
        **_ignored(
            _ITS_OWN,
            *("HasOpportunityLineItem", "Pricebook2Id", "PushCount", "HasOpenActivity", "HasOverdueTask", "StageSortOrder"),
            *("LastAmountChangedHistoryId", "LastCloseDateChangedHistoryId", "SyncedQuoteId", "IsExcludedFromTerritory2Filter"),
        ),
    },
    constants={"pipeline": "sales"},
    rule=_opportunity,
    keeps_custom=_custom,
)
OBJECTS = (ACCOUNT, CONTACT, LEAD, OPPORTUNITY)
