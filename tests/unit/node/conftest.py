"""Fixtures: an embedded node store and its API, with sign-in as everywhere."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from chassis.database import open_database
from chassis.web.access import public
from chassis.web.accounts import Accounts
from chassis.web.app import Shell, create_app
from chassis.web.pages import Pages
from chassis.web.sessions import Sessions, Tokens
from regional_node.api.objects import ObjectsApi, objects_router
from regional_node.crm.roles import Role
from regional_node.storage.reads import SqlReadTrail
from regional_node.storage.sealing import Indexer, Sealer
from regional_node.storage.tables import metadata, sign_in
from regional_node.storage.units import SqlUnits
from regional_node.usecases.editing import Editing
from tests.builders import DOMAINS, ORGANISATION, Clock, keys, new_id


@dataclass
class Node:
    """A node's API on an embedded store."""

    folder: Path
    engine: Engine
    clock: Clock
    units: SqlUnits
    editing: Editing
    tokens: Tokens
    app: FastAPI

    def client(self, role: Role = Role.AGENT, *, importer: str = ORGANISATION) -> TestClient:
        _id, secret = self.tokens.issue("a test", [role.value], lasts=timedelta(days=1), importer=importer)
        return TestClient(self.app, headers={"authorization": f"Bearer {secret}"})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


def open_node(folder: Path, **api: Any) -> Node:
    engine = open_database(f"sqlite:///{folder / 'node.db'}")
    metadata.create_all(engine)
    clock = Clock()
    provider = keys(folder / "keys")
    indexer = Indexer(provider, country="DE")
    sealer = Sealer(provider, random=secrets.token_bytes)
    units = SqlUnits(engine, sealer=sealer, indexer=indexer, random=secrets.token_bytes, now=clock)
    trail = SqlReadTrail(engine, new_id=new_id)
    editing = Editing(unit_of_work=units, trail=trail, domains=DOMAINS, now=clock, new_id=new_id)
    signing: dict[str, Any] = {"roles": Role, "importer": ORGANISATION, "now": clock, "new_id": new_id}
    tokens = Tokens(engine, sign_in, random=secrets.token_bytes, **signing)
    shell = Shell(
        name="eu-de",
        title="Domicile",
        version="0.1.0",
        accounts=Accounts(engine, sign_in, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), **signing),
        sessions=Sessions(engine, sign_in, now=clock, random=secrets.token_bytes),
        tokens=tokens,
        pages=Pages(title="Domicile", place="eu-de", nav=[]),
        random=secrets.token_bytes,
    )
    objects = ObjectsApi(editing=editing, organisation=ORGANISATION, digest=indexer.request, **api)
    app = create_app(shell, routers=[objects_router(objects)], contract_access=public("the contract holds no data"))
    return Node(folder=folder, engine=engine, clock=clock, units=units, editing=editing, tokens=tokens, app=app)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = open_node(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def agent(node: Node) -> TestClient:
    return node.client()
