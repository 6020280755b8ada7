"""One ordinary index with three regions that have joined, and its console, for tests to change one thing of. No test is here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

import policies as shipped
from chassis.database import open_database
from chassis.web.access import require
from chassis.web.accounts import Accounts
from chassis.web.app import Shell, create_app
from chassis.web.pages import Pages
from chassis.web.sessions import Sessions, Tokens
from global_index.catalogue.regions import Region
from global_index.catalogue.roles import Role
from global_index.console.doors import NAV, TEMPLATES
from global_index.console.routes import router
from global_index.console.shelf import Shelf
from global_index.policy.rooms import PolicyRooms
from global_index.policy_house import found_policies, policy_rooms
from global_index.queries.answer import RegionAnswer
from global_index.queries.ask import FanOut
from global_index.queries.desk import Desk
from global_index.queries.expect import Advisor, Importer
from global_index.queries.rooms import Rooms
from global_index.requests.callers import Callers
from global_index.requests.members import Member, MembershipGraph
from global_index.requests.membership import Memberships, Terms
from global_index.requests.persons import PersonAnswer, Persons
from global_index.settings import IndexSettings
from global_index.storage.entries import Entries
from global_index.storage.history import Histories
from global_index.storage.membership import SqlMembershipStore, SqlRegionDirectory
from global_index.storage.metadata import metadata
from global_index.storage.tables import sign_in
from policies.engine.announcement import Announcement, RegionalDomain
from policies.engine.crossing import AggregateKind, Entry, EntryBatch, FieldView, LeafRef, PersonView, Plan
from policies.engine.decision import Decision, FieldDecision, Obligation, RuleRef
from policies.engine.denial import Denied
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import load_policies
from policies.engine.lifecycle import FlipCount, RehearsalCounts
from policies.engine.vocabulary import Form, Outcome
from tests.unit.index.ordinary import AT, FakeAsker, office, released, share

STAFF = {"ada": Role.ANALYST, "olga": Role.COMPLIANCE_OFFICER, "aldo": Role.AUDITOR, "root": Role.ADMINISTRATOR}
PASSWORD = "a long enough password"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
FOLDER = Path(shipped.__file__).parent
PSEUDONYM = "5f" * 16
CANARY = "jürgen.canary@example.org"
COUNTRIES = {"eu-de": ("DE", "AT", "FR"), "br-sp": ("BR", "AR"), "us-ca": ("US",)}
LAWS = {"eu-de": "EU", "br-sp": "BR", "us-ca": "US-CA"}
PEOPLE = {"DE": 11_842, "AT": 3_310, "FR": 4_697, "BR": 17_260, "AR": 8, "US": 19_988}

MASKED = RuleRef(policy="eu-support-masks-contact", law="EU", place="gdpr.yaml:301", cite=("GDPR Art. 5(1)(c)",))
ADEQUATE = RuleRef(policy="eu-intra-eea", law="EU", place="gdpr.yaml:3", cite=("GDPR Art. 44", "EEA JCD 154/2018"))
NO_WAY = RuleRef(policy="br-no-transfer-without-a-mechanism", law="BR", place="lgpd.yaml:58", cite=("LGPD Art. 33",))
REFUSAL = Decision(outcome=Outcome.DENY, reasons=("no_mechanism",), rules=(NO_WAY,), try_instead=("scc_br",))


async def populated(region: Region, plan: Plan, _ticket: Callable[[], bytes]) -> RegionAnswer:
    """A region with plausible figures; small groups are withheld."""
    cells: dict[tuple[str | None, ...], tuple[int, ...]] = {}
    for country in COUNTRIES[region.name]:
        people = PEOPLE[country]
        for part, segment in enumerate(("consumer", "small_business", "enterprise")):
            split = any(key.column == "segment" for key in plan.group_by)
            count = people // (2 + 3 * part) if split else people
            keys = tuple({"country": country, "segment": segment}.get(key.column, "other") for key in plan.group_by)
            measured = tuple(count if one.kind is AggregateKind.COUNT else count * 31_417 for one in plan.aggregates)
            if count >= 10:
                cells[keys] = measured
    return released(share(region.name, plan, cells, suppressed=1 if region.name == "br-sp" else 0, sd=14))


async def refuses(*_: object) -> RegionAnswer:
    raise Denied("the policy of the region does not let this leave", decision=REFUSAL)


async def is_down(*_: object) -> RegionAnswer:
    raise DomicileError("it cannot be reached", remedy="look into the region's log", code=Code.PEER_UNREACHABLE)


@dataclass
class FakeReader:
    """A region's answer for one person: masked and withheld fields in the EU, a refusal in Brazil."""

    asked: list[tuple[str, tuple[str, ...]]]

    async def person(
        self, region: Region, *, pseudonym: bytes, fields: tuple[str, ...], ticket: Callable[[], bytes], seconds: float
    ) -> PersonAnswer:
        self.asked.append((region.name, fields))
        if region.name == "br-sp":
            raise Denied("the policy of the region does not let this leave", decision=REFUSAL)
        views = tuple(_view(name) for name in fields)
        decisions = tuple(FieldDecision(name=v.name, category=v.category, form=v.form, rules=v.rules) for v in views)
        duty = Obligation(name="record_ropa", arguments={}, rule=ADEQUATE)
        decision = Decision(
            outcome=Outcome.REDACT, reasons=("intra_eea",), rules=(ADEQUATE,), fields=decisions, obligations=(duty,)
        )
        view = PersonView(region=region.name, pseudonym=pseudonym, fields=views)
        return PersonAnswer(view=view, decision=decision, leaf=LeafRef(index=4711, leaf_hash=bytes(32)))


def _view(name: str) -> FieldView:
    match name:
        case "email":
            return FieldView(
                name=name, category="user.contact.email", form=Form.MASK, value="j•••@example.org", rules=(MASKED,),
                reasons=("data_minimisation",),
            )  # fmt: skip
        case "notes" | "date_of_birth":
            return FieldView(
                name=name, category="user.content", form=Form.WITHHOLD, value=None, rules=(MASKED,), reasons=("no_permit",)
            )
        case _:
            value = {"given_name": "Jürgen", "family_name": "أبو زيد", "city": "München", "notes": CANARY}.get(name, CANARY)
            return FieldView(name=name, category="user.name", form=Form.CLEAR, value=value, rules=(ADEQUATE,))


@dataclass(kw_only=True)
class World:
    """The index. `asker` and `reader` stand for the wire."""

    app: FastAPI
    rooms: Rooms
    accounts: Accounts
    asker: FakeAsker
    reader: FakeReader
    histories: Histories
    database: Path

    def client(self, username: str, *, lang: str = "en") -> TestClient:
        """A browser that has signed in."""
        client = TestClient(self.app, base_url="http://index.test", follow_redirects=False, headers={"accept": "text/html"})
        page = client.get(f"/sign-in?lang={lang}")
        fields = {"username": username, "password": PASSWORD, "csrf": form_token(page.text)}
        assert client.post("/sign-in", data=fields).status_code == 303
        return client


def form_token(html: str) -> str:
    return html.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def member(name: str, *, digest: str) -> Member:
    """A region that has joined and was heard of a minute ago."""
    countries = COUNTRIES[name]
    domains = [("people", "country", countries), ("people", "currency", ("BRL", "EUR", "USD"))]
    announcement = Announcement(
        address=f"{name}.example:8411",
        program_version="0.1.0",
        wire_version=1,
        policy_digest=digest,
        feed_epoch=f"{name}-feed-1",
        reading_epoch="2026-11-22",
        domains=tuple(RegionalDomain(table=table, column=column, values=values) for table, column, values in domains),
        time_zone={"eu-de": "Europe/Berlin", "br-sp": "America/Sao_Paulo", "us-ca": "America/Los_Angeles"}[name],
    )
    return Member(
        name=name,
        jurisdiction=LAWS[name],
        state=MembershipGraph.JOINED.name,
        changed_at=AT - timedelta(days=3),
        invite_ends=AT - timedelta(days=2),
        address=announcement.address,
        seen_at=AT - timedelta(minutes=1),
        announcement=announcement,
    )


class _NoIssuer:
    """The certificate authority, which no page uses."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@contextmanager
def world(folder: Path, *, regions: Sequence[str] = ("br-sp", "eu-de", "us-ca"), policies: Path = FOLDER) -> Iterator[World]:
    """The index on an embedded store in `folder`."""
    database = folder / "index.db"
    engine = open_database(f"sqlite:///{database}")
    metadata.create_all(engine)
    ids = iter(range(1, 1_000_000))
    drawn = iter(range(1, 1_000_000))

    def new_id() -> str:
        return format(next(ids), "032x")

    def random(size: int) -> bytes:
        return next(drawn).to_bytes(size, "big")

    def today() -> date:
        return AT.date()

    common: dict[str, Any] = {"roles": Role, "importer": "acme-hq", "now": lambda: AT, "new_id": new_id}
    accounts = Accounts(engine, sign_in, hasher=CHEAP, **common)
    store = SqlMembershipStore(engine)
    digest = load_policies(FOLDER).digest
    with store.writing() as unit:
        for name in regions:
            unit.keep_member(member(name, digest=digest if name != "us-ca" else "0" * 64))
    entries, histories = Entries(engine), Histories(engine)
    for name in regions:
        pull_some(entries, name)
    directory = SqlRegionDirectory(store, clock=lambda: AT)
    asker, reader = FakeAsker(dict.fromkeys(COUNTRIES, populated)), FakeReader([])
    desk = Desk(
        directory=directory,
        fan_out=FanOut(asker=asker, tickets=office(), seconds=2.0),
        history=histories,
        advisor=Advisor(
            policies=load_policies(FOLDER),
            importers={"acme-hq": Importer(organisation="acme-hq", jurisdiction="EU", state="IE")},
            today=today,
        ),
        elsewhere=_here,
        new_id=new_id,
        now=lambda: AT,
    )
    persons = Persons(
        directory=directory, reader=reader, tickets=office(), history=histories, elsewhere=_here, new_id=new_id, now=lambda: AT,
        seconds=2.0,
    )  # fmt: skip
    terms = Terms(federation="acme", address="127.0.0.1:1", organisation="acme-hq", ticket_key=bytes(32))
    rooms = Rooms(
        desk=desk,
        persons=persons,
        callers=Callers(accounts=accounts, operator_token="none"),
        accounts=accounts,
        directory=directory,
        memberships=Memberships(store=store, issuer=_NoIssuer(), terms=terms, random=random, forget=entries.forget),
        entries=entries,
        history=histories,
        policies=policies_of_index(folder, engine, accounts, directory=directory, new_id=new_id, shelf=policies),
        pull_all=tuple,
        now=lambda: AT,
    )
    shell = Shell(
        name="index",
        title="Domicile index",
        version="0.1.0",
        accounts=accounts,
        sessions=Sessions(engine, sign_in, now=lambda: AT, random=random),
        tokens=Tokens(engine, sign_in, random=random, **common),
        pages=Pages(title="Domicile", place="acme", folders=[TEMPLATES], nav=NAV),
        random=random,
    )
    for name, role in STAFF.items():
        accounts.add(name, PASSWORD, [role])
    shelf = Shelf(folder=policies, shipped=policies == FOLDER, today=today)
    app = create_app(shell, routers=[router(rooms, shelf=shelf)], metrics_access=require(Role.ADMINISTRATOR))
    try:
        yield World(app=app, rooms=rooms, accounts=accounts, asker=asker, reader=reader, histories=histories, database=database)
    finally:
        engine.dispose()


def pull_some(entries: Entries, name: str) -> None:
    """One batch of the region's feed."""
    epoch = f"{name}-feed-1"
    entries.restart(name, epoch=epoch)
    batch = EntryBatch(
        region=name,
        feed_epoch=epoch,
        cursor=1,
        entries=tuple(Entry(pseudonym=at.to_bytes(16, "big")) for at in range(1, 41)),
        more=False,
    )
    entries.append(batch, after=entries.cursor(name))
    entries.settle(name)


async def _here(work: Any) -> Any:
    return await work


def without(rooms: Rooms, **parts: Any) -> Rooms:
    """The rooms with some of them changed."""
    return replace(rooms, **parts)


def policies_of_index(
    folder: Path, engine: Any, accounts: Accounts, *, directory: Any, new_id: Callable[[], str], shelf: Path
) -> PolicyRooms:
    """The policy rooms with a root of their own; every region rehearses and finds two decisions that would flip."""
    settings = IndexSettings(
        federation="acme", organisation="acme-hq", jurisdiction="EU", state="IE", policies_folder=str(shelf)
    )  # fmt: skip
    found_policies(folder, settings, engine, at=AT)

    async def rehearse(region: str, _files: Mapping[str, str], digest: str) -> RehearsalCounts:
        if region == "us-ca":
            raise DomicileError("it cannot be reached", code=Code.PEER_UNREACHABLE)
        flip = FlipCount(before=Outcome.ALLOW, after=Outcome.DENY, rules=("eu-to-us-dpf",), count=2)
        return RehearsalCounts(policy_digest=digest, decisions=41, unreadable=1, flips=(flip,))

    return policy_rooms(
        folder, settings, engine=engine, accounts=accounts, directory=directory, new_id=new_id, rehearse=rehearse
    )  # fmt: skip
