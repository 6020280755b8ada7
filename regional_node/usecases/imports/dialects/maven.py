"""The Maven CRM pipeline: accounts, products, sales teams and the pipeline, with names as keys. Nothing here reads a row.

Sellers are employees, not customers: their names are kept sealed with the deal, never in an open column.
"""

from regional_node.crm.fields import RecordType
from regional_node.crm.validation import LARGEST
from regional_node.usecases.imports.drafts import Draft, ImportObject, Part, Target

DIALECT = "maven"
_STATUSES = {"won": "won", "lost": "lost"}
_MILLION = 1_000_000


def _account(draft: Draft) -> None:
    draft.values["name"] = draft.key
    if isinstance(revenue := draft.values.get("annual_revenue"), int):
        draft.values["annual_revenue"] = min(revenue * _MILLION, LARGEST)  # the column is in millions


def _deal(draft: Draft) -> None:
    stage = str(draft.custom.get("stage_written") or draft.values.get("stage") or "")
    status = draft.values["status"] = _STATUSES.get(stage.lower(), "open")
    if status != "won" and draft.values.get("amount") == 0:
        del draft.values["amount"]  # a lost deal's value is written as 0: it was not sold for nothing
        draft.values.pop("currency", None)


OBJECTS = (
    ImportObject(
        dialect=DIALECT,
        name="accounts",
        record_type=RecordType.COMPANIES,
        signature=frozenset({"account", "sector", "office_location"}),
        columns={
            "account": Target(Part.KEY),
            "sector": Target(Part.FIELD, "industry"),
            "year_established": Target(Part.CUSTOM, "year_established"),
            "revenue": Target(Part.FIELD, "annual_revenue"),
            "employees": Target(Part.FIELD, "employees"),
            "office_location": Target(Part.FIELD, "country"),
            "subsidiary_of": Target(Part.PARENT),
        },
        rule=_account,
    ),
    ImportObject(
        dialect=DIALECT,
        name="sales_pipeline",
        record_type=RecordType.DEALS,
        signature=frozenset({"opportunity_id", "deal_stage", "close_value"}),
        columns={
            "opportunity_id": Target(Part.KEY),
            "sales_agent": Target(Part.CUSTOM, "sales_agent"),
            "product": Target(Part.FIELD, "product"),
            "account": Target(Part.COMPANY),
            "deal_stage": Target(Part.FIELD, "stage"),
            "engage_date": Target(Part.FIELD, "opened_at"),
            "close_date": Target(Part.FIELD, "closed_at"),
            "close_value": Target(Part.FIELD, "amount"),
        },
        constants={"pipeline": "sales"},
        spellings={"product": {"GTXPro": "GTX Pro"}},
        rule=_deal,
    ),
    ImportObject(
        dialect=DIALECT,
        name="products",
        record_type=None,
        signature=frozenset({"product", "series", "sales_price"}),
        columns={name: Target(Part.IGNORED) for name in ("product", "series", "sales_price")},
        advice="products are declared in the settings (`products`), and the deals name them",
    ),
    ImportObject(
        dialect=DIALECT,
        name="sales_teams",
        record_type=None,
        signature=frozenset({"sales_agent", "manager", "regional_office"}),
        columns={name: Target(Part.IGNORED) for name in ("sales_agent", "manager", "regional_office")},
        advice="sellers are accounts of this node: add them with `regional-node users add`",
    ),
)
