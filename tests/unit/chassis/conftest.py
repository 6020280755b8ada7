"""Fixtures: an embedded store and the ordinary web application on it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, MetaData

from chassis.database import open_database
from chassis.web.accounts import Accounts
from chassis.web.app import Shell
from chassis.web.pages import NavItem, Pages
from chassis.web.sessions import Sessions, Tokens
from chassis.web.tables import sign_in_tables
from tests.unit.chassis.ordinary import CHEAP, PASSWORD, Clock, House, Randomness, Role


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'node.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def house(engine: Engine) -> House:
    metadata = MetaData()
    tables = sign_in_tables(metadata)
    metadata.create_all(engine)
    clock = Clock()
    common: dict[str, Any] = {"roles": Role, "importer": "acme-de", "now": clock, "new_id": lambda: uuid.uuid4().hex}
    accounts = Accounts(engine, tables, hasher=CHEAP, **common)
    sessions = Sessions(engine, tables, now=clock, random=Randomness())
    tokens = Tokens(engine, tables, random=Randomness(1000), **common)
    nav = [NavItem(label="Main", path="/"), NavItem(label="Request", path="/operate", roles=frozenset({Role.OPERATOR}))]
    shell = Shell(
        name="eu-de",
        title="Domicile",
        version="0.1.0",
        accounts=accounts,
        sessions=sessions,
        tokens=tokens,
        pages=Pages(title="Domicile", place="eu-de", nav=nav),
        random=Randomness(5000),
    )
    accounts.add("ada", PASSWORD, [Role.SALES])
    return House(engine=engine, tables=tables, clock=clock, accounts=accounts, sessions=sessions, tokens=tokens, shell=shell)


@pytest.fixture
def signed_in_client(house: House) -> TestClient:
    client = house.client()
    assert house.sign_in(client).status_code == 303
    return client
