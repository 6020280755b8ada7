"""A node with its console on an embedded store, opened as the commands open it, and a few made-up records. It holds no test."""

import html
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chassis.web.accounts import Accounts
from chassis.web.app import Shell, create_app
from chassis.web.pages import Pages
from regional_node.bootstrap.home import House, domains_of, found, new_id, now, open_house
from regional_node.console import doors
from regional_node.console.operate import Instruments
from regional_node.console.routes import router
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.crm.roles import Role
from regional_node.settings import NodeSettings
from regional_node.storage.tables import sign_in

PASSWORD = "a long enough password"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BROWSER = {"accept": "text/html"}
ZONE = ZoneInfo("Europe/Berlin")
ZOE = {
    "given_name": "Zoë",
    "family_name": "Müller-Lüdenscheidt",
    "email": "zoe@example.net",
    "phone": "030 1234567",
    "country": "DE",
    "segment": "consumer",
    "lifecycle_stage": "customer",
    "lifetime_value": 12_345,
    "currency": "EUR",
}


def settings(**changed: Any) -> NodeSettings:
    given: dict[str, Any] = {
        "region": "eu-de",
        "jurisdiction": "EU",
        "state": "DE",
        "organisation": "acme-de",
        "organisation_name": "ACME Deutschland GmbH",
        "countries": ("DE", "AT", "PL"),
        "currencies": ("EUR", "CHF", "JPY"),
        "languages": ("de", "en", "ar"),
        "time_zones": ("Europe/Berlin", "Europe/Vienna"),
        "products": ("basic", "plus"),
        "time_zone": ZONE.key,
    }
    return NodeSettings(**{**given, **changed})


@dataclass(kw_only=True)
class World:
    """The house, its console, and how to come in."""

    house: House
    app: FastAPI

    def client(self, *roles: Role, importer: str = "acme-de", name: str = "") -> TestClient:
        """Somebody signed in with a session, as a browser is."""
        username = name or "-".join(role.value for role in roles) + importer
        if username not in {account.username for account in self.accounts.list()}:
            self.accounts.add(username, PASSWORD, [role.value for role in roles], importer=importer)
        client = TestClient(self.app, base_url="http://node.test", follow_redirects=False, headers=BROWSER)
        page = client.get("/sign-in")
        answer = client.post("/sign-in", data={"username": username, "password": PASSWORD, "csrf": hidden(page.text, "csrf")})
        assert answer.status_code == 303, answer.text
        return client

    @property
    def accounts(self) -> Accounts:
        shell: Shell = self.app.state.shell
        return shell.accounts

    def add(self, record_type: RecordType, **given: Any) -> Record:
        return self.house.editing.create(record_type, given).record

    def reads(self) -> list[tuple[Any, ...]]:
        """The trail: (reader, record)."""
        with self.house.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT reader_id, record_id FROM record_reads")
            return [tuple(row) for row in rows]


def hidden(page: str, name: str) -> str:
    """The value of a hidden field, as a browser would send it."""
    return html.unescape(page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0])


@contextmanager
def world(folder: Path, *, founded: Path | None = None) -> Iterator[World]:
    """A node in `folder`, until the block ends; with `founded`, a copy of that home, which takes less time to make."""
    home = folder / "home"
    if founded is None:
        found(home, settings())
    else:
        shutil.copytree(founded, home)
    house = open_house(home, settings())
    try:
        yield World(house=house, app=application(house))
    finally:
        house.engine.dispose()


def application(house: House) -> FastAPI:
    """The console alone over a house."""
    pages = Pages(title="Domicile", place="eu-de", folders=[doors.TEMPLATES], nav=doors.NAV, zone=ZONE)
    accounts = Accounts(house.engine, sign_in, roles=Role, importer="acme-de", now=now, new_id=new_id, hasher=CHEAP)
    shell = Shell(
        name="eu-de",
        title="Domicile",
        version="0.1.0",
        accounts=accounts,
        sessions=house.sessions,
        tokens=house.tokens,
        pages=pages,
        random=secrets.token_bytes,
    )
    return create_app(shell, routers=[console(house)])


def console(house: House) -> Any:
    """The router, put together as the node does."""
    instruments = Instruments(
        settings=house.settings,
        version="0.1.0",
        policies=house.policies,
        ledger=house.ledger,
        feed=house.feed,
        lag=lambda: 0,
        certificate_ends=lambda: now() + timedelta(days=60),
    )
    return router(
        editing=house.editing,
        domains=domains_of(house.settings),
        organisation=house.settings.organisation,
        digest=house.indexer.request,
        zone=ZONE,
        now=now,
        journal=house.journal,
        instruments=instruments,
    )
