"""The stores that a contract suite runs on: an engine with all tables, on SQLite and on a real PostgreSQL, empty for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chassis.database import open_database
from regional_node.storage import accounts, feed, ledger, tables  # noqa: F401 - their tables
from regional_node.storage.metadata import metadata
from tests.postgres import NoPostgresError, postgres_server, without_server

STORES = ("sqlite", "postgres")


def engine_of(kind: str, folder: Path, address: str) -> Engine:
    url = f"sqlite:///{folder / 'node.db'}" if kind == "sqlite" else address
    return open_database(url, synchronous="NORMAL")


def emptied(engine: Engine) -> Iterator[Engine]:
    metadata.create_all(engine)
    try:
        yield engine
    finally:
        metadata.drop_all(engine)
        engine.dispose()


@pytest.fixture(scope="module", name="postgres_address")
def fixture_postgres_address() -> Iterator[str]:
    try:
        with postgres_server() as address:
            yield address
    except NoPostgresError as missing:
        without_server(missing)


@pytest.fixture(params=STORES, name="engine")
def fixture_engine(request, tmp_path) -> Iterator[Engine]:
    address = request.getfixturevalue("postgres_address") if request.param == "postgres" else ""
    yield from emptied(engine_of(request.param, tmp_path, address))
