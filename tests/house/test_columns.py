"""Every column declares its data category, and the index has no personal column."""

import importlib
import pkgutil

import pytest
from sqlalchemy import Column, MetaData, Table, Text

from chassis.database import require_classified
from policies.engine.vocabulary import DataCategory

ALLOWED_AT_THE_INDEX = {DataCategory.SYSTEM_OPERATIONS, DataCategory.PSEUDONYM}
STAFF_TABLES = {"sign_in_accounts", "sign_in_sessions", "sign_in_tokens", "sign_in_attempts"}


def metadata_of(tower: str) -> MetaData:
    package = importlib.import_module(f"{tower}.storage")
    for module in pkgutil.iter_modules(package.__path__, prefix=f"{tower}.storage."):
        if not module.name.endswith(".migrations"):
            importlib.import_module(module.name)
    found: MetaData = importlib.import_module(f"{tower}.storage.metadata").metadata
    assert found.tables
    return found


def personal_columns(metadata: MetaData) -> list[str]:
    hits = []
    for table in metadata.sorted_tables:
        allowed = ALLOWED_AT_THE_INDEX | ({DataCategory.ORGANIZATION_ACCOUNT} if table.name in STAFF_TABLES else set())
        hits += [f"{table.name}.{c.name}" for c in table.columns if c.info.get("category") not in allowed]
    return hits


@pytest.mark.parametrize("tower", ["regional_node", "global_index"])
def test_every_column_is_classified(tower: str) -> None:
    require_classified(metadata_of(tower))


def test_the_index_has_no_personal_column() -> None:
    assert not personal_columns(metadata_of("global_index"))


def test_a_personal_column_at_the_index_would_be_found() -> None:
    weakened = MetaData()
    Table("entries", weakened, Column("email", Text, info={"category": DataCategory.CONTACT_EMAIL}))
    assert personal_columns(weakened) == ["entries.email"]
