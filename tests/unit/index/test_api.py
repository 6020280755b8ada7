"""The HTTP API: who may do what, in whose name, and that a released field is kept nowhere."""

import json
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

import policies as shipped
from chassis.database import migrate, open_database
from chassis.telemetry import Lines, Metrics
from chassis.web.access import unlabelled
from chassis.web.accounts import Accounts
from chassis.web.sessions import Sessions, Tokens
from global_index.api.routes import router
from global_index.bootstrap import MIGRATIONS, House, Wired, new_id
from global_index.catalogue.regions import Region
from global_index.catalogue.roles import Role
from global_index.queries.ask import FanOut
from global_index.queries.desk import Desk
from global_index.queries.expect import Advisor, Importer
from global_index.queries.rooms import Rooms
from global_index.requests.callers import Callers
from global_index.requests.persons import PersonAnswer, Persons
from global_index.serving import application
from global_index.settings import IndexSettings
from global_index.storage.entries import Entries
from global_index.storage.history import Histories
from global_index.storage.membership import SqlMembershipStore, SqlRegionDirectory
from global_index.storage.tables import sign_in
from policies.engine.crossing import FieldView, LeafRef, PersonView
from policies.engine.denial import Denied
from policies.engine.evaluator import load_policies
from policies.engine.vocabulary import Form, Outcome
from tests.unit.index.ordinary import ALLOWED, AT, QUESTION, REFUSED, REGIONS, WHO, FakeAsker, FakeDirectory, here, office

PSEUDONYM = "5d" * 16
CANARY = "Ada Canary"
PERSON = {"pseudonym": PSEUDONYM, "region": "eu-de", "fields": ["name", "email"], "purpose": "sales"}


@dataclass
class FakeReader:
    """A region's person service."""

    denies: bool = False
    asked: list[tuple[bytes, tuple[str, ...]]] = field(default_factory=list)

    async def _answer(self, region: Region, pseudonym: bytes, fields: tuple[str, ...]) -> PersonAnswer:
        self.asked.append((pseudonym, fields))
        if self.denies:
            raise Denied("the policy does not let it leave", decision=REFUSED)
        shown = tuple(FieldView(name=n, category="user.name", form=Form.CLEAR, value=CANARY, rules=ALLOWED.rules) for n in fields)
        view = PersonView(region=region.name, pseudonym=pseudonym, fields=shown)
        return PersonAnswer(view=view, decision=ALLOWED, leaf=LeafRef(index=9, leaf_hash=bytes(32)))

    def person(
        self, region: Region, *, pseudonym: bytes, fields: tuple[str, ...], ticket: Callable[[], bytes], seconds: float
    ) -> Coroutine[Any, Any, PersonAnswer]:
        assert ticket()
        return self._answer(region, pseudonym, fields)


@dataclass
class World:
    """The application over fakes of the regions and a real store."""

    client: TestClient
    house: House
    reader: FakeReader
    asker: FakeAsker
    folder: Path
    operator: str

    def call(self, secret: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {secret}"}
        return self.client.get(path, headers=headers) if body is None else self.client.post(path, json=body, headers=headers)

    def token(self, role: Role) -> str:
        return self.house.tokens.issue(f"a {role.value}", [role.value], lasts=AT - AT.replace(hour=0))[1]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings = IndexSettings(federation="acme", organisation="acme-hq", jurisdiction="EU", state="IE")
    engine = open_database(f"sqlite:///{tmp_path}/index.db")
    migrate(engine, MIGRATIONS)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    random = iter(range(1, 10_000))
    common: dict[str, Any] = {"roles": Role, "importer": "acme-hq", "now": lambda: AT, "new_id": new_id}
    store = SqlMembershipStore(engine)
    house = House(
        home=tmp_path,
        settings=settings,
        engine=engine,
        accounts=Accounts(engine, sign_in, hasher=quick, **common),
        sessions=Sessions(engine, sign_in, now=lambda: AT, random=lambda n: next(random).to_bytes(n, "big")),
        tokens=Tokens(engine, sign_in, random=lambda n: next(random).to_bytes(n, "big"), **common),
        store=store,
        directory=SqlRegionDirectory(store, clock=lambda: AT),
        entries=Entries(engine),
        history=Histories(engine),
    )
    reader, asker, tickets = FakeReader(), FakeAsker(), office()
    token_id, secret = house.tokens.issue("local operator", ["administrator", "analyst"], lasts=AT - AT.replace(hour=0))
    own = Importer(organisation="acme-hq", jurisdiction="EU", state="IE")
    known = load_policies(Path(shipped.__file__).parent)
    moment: dict[str, Any] = {"elsewhere": here, "new_id": new_id, "now": lambda: AT}
    desk = Desk(
        directory=FakeDirectory(),
        fan_out=FanOut(asker=asker, tickets=tickets, seconds=2),
        history=house.history,
        advisor=Advisor(policies=known, importers={"acme-hq": own}, today=AT.date),
        **moment,
    )
    persons = Persons(directory=FakeDirectory(), reader=reader, tickets=tickets, history=house.history, seconds=2, **moment)
    unused: Any = None
    rooms = Rooms(
        desk=desk,
        persons=persons,
        callers=Callers(accounts=house.accounts, operator_token=token_id),
        accounts=house.accounts,
        directory=FakeDirectory(),
        memberships=unused,
        entries=house.entries,
        history=house.history,
        policies=house.policies(),
        pull_all=tuple,
        now=lambda: AT,
    )
    app = application(house, Wired(loop=unused, links=unused, rooms=rooms, puller=unused), metrics=Metrics(), routers=[router])
    with TestClient(app, raise_server_exceptions=False) as client:
        yield World(client, house, reader, asker, tmp_path, secret)
    engine.dispose()


def test_every_route_says_who_may_call_it(world: World) -> None:
    assert unlabelled(world.client.app) == []  # type: ignore[arg-type]  # it is a FastAPI


def test_a_question_is_answered_with_its_coverage(world: World) -> None:
    body = world.call(world.operator, "/api/v1/queries", {"sql": QUESTION, "purpose": "analytics.reporting"}).json()
    assert body["columns"] == ["country", "segment", "count", "sum_lifetime_value_eur"]
    assert [one["status"] for one in body["coverage"]] == ["answered"] * 3
    history = world.call(world.operator, "/api/v1/history").json()["history"]
    assert history[0]["question_id"] == body["question_id"]
    assert world.call(world.operator, "/api/v1/budget").json()["charged"] == {"br-sp": "0.005", "eu-de": "0.005", "us-ca": "0.005"}


@pytest.mark.parametrize(("characters", "status"), [(100_000, 413), (1_200_000, 413)])
def test_a_question_of_100_kilobytes_is_refused_with_the_limit_and_a_remedy(world: World, characters: int, status: int) -> None:
    sql = "select count(*) from people where segment = 'x'".replace("x", "x" * characters)
    response = world.call(world.operator, "/api/v1/queries", {"sql": sql, "purpose": "analytics.reporting"})
    told = response.json()
    assert (response.status_code, told["code"], bool(told["remedy"])) == (status, "input:size:too-large", True)
    if characters == 100_000:
        assert told["where"] == "1:1"
        assert "20000 at most" in told["detail"]
    else:
        assert "1,048,576 bytes at most" in told["detail"]


def test_a_wrong_question_is_told_at_its_place_without_its_literals(world: World) -> None:
    sql = "select count(*) from people where country = 'Ada Canary'"
    response = world.call(world.operator, "/api/v1/queries", {"sql": sql, "purpose": "analytics.reporting"})
    assert response.status_code == 422
    assert response.json()["where"] == "1:45"
    assert "canary" not in response.text.lower()
    unknown = world.call(world.operator, "/api/v1/queries", {"sql": QUESTION, "purpose": CANARY})
    assert unknown.status_code == 422
    assert "canary" not in unknown.text.lower()


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        (Role.AUDITOR, "/api/v1/queries", {"sql": QUESTION, "purpose": "analytics.reporting"}, 403),
        (Role.AUDITOR, "/api/v1/persons", PERSON, 403),
        (Role.ANALYST, "/api/v1/entries", None, 403),
        (Role.ANALYST, "/api/v1/invites", {"region": "x", "jurisdiction": "EU"}, 403),
        (Role.ANALYST, "/api/v1/regions/eu-de/revoke", {}, 403),
        (Role.COMPLIANCE_OFFICER, "/api/v1/regions/eu-de/suspend", {}, 403),
        (Role.AUDITOR, "/api/v1/entries", None, 200),
        (Role.AUDITOR, "/api/v1/catalogue", None, 200),
        (Role.ANALYST, "/api/v1/regions", None, 200),
    ],
)
def test_roles_open_their_own_doors_only(world: World, role: Role, path: str, body: dict[str, Any] | None, status: int) -> None:
    assert world.call(world.token(role), path, body).status_code == status
    assert world.call("dom_nobody", path, body).status_code == 401


def test_only_the_operator_at_the_machine_asks_in_anothers_name(world: World) -> None:
    account = world.house.accounts.add("maria", "a long enough password", ["analyst"], importer="globex-us")
    body = {"sql": QUESTION, "purpose": "analytics.reporting", "as_user": "Maria"}
    assert world.call(world.token(Role.ADMINISTRATOR), "/api/v1/queries", body).status_code == 403
    assert world.call(world.operator, "/api/v1/queries", body).status_code == 200
    line = world.house.history.recent(limit=1)[0]
    assert (line.analyst, line.importer) == (account.account_id, "globex-us")
    assert world.call(world.operator, "/api/v1/queries", {**body, "as_user": "nobody"}).status_code == 404


def test_explaining_gives_advice_from_the_shipped_policies(world: World) -> None:
    body = world.call(world.operator, "/api/v1/explain", {"sql": QUESTION, "purpose": "analytics.reporting"}).json()
    assert body["advice"] is True
    assert [one["region"] for one in body["expected"]] == ["br-sp", "eu-de", "us-ca"]
    assert all(Outcome(one["outcome"]).permits for one in body["expected"])
    assert all(one["rho"] for one in body["expected"])
    assert not world.asker.asked


def test_a_released_field_is_in_the_response_and_nowhere_else(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(Lines())
    with caplog.at_level(logging.DEBUG):
        response = world.call(world.operator, "/api/v1/persons", PERSON)
    body = response.json()
    assert [f["value"] for f in body["fields"]] == [CANARY, CANARY]
    assert body["fields"][0]["rules"][0]["cite"] == ["GDPR Recital 26"]
    assert response.headers["cache-control"] == "no-store"
    line = world.house.history.recent(limit=1)[0]
    assert (line.fields, line.told[0].leaf, line.plans) == (("name", "email"), 9, ())
    world.house.engine.dispose()
    kept = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file()) + caplog.text.encode()
    assert CANARY.encode() not in kept
    assert bytes.fromhex(PSEUDONYM) not in kept
    assert PSEUDONYM.encode() not in kept


def test_a_refusal_keeps_nothing_that_was_typed(world: World) -> None:
    world.reader.denies = True
    assert world.call(world.operator, "/api/v1/persons", {**PERSON, "fields": ["AdaCanary"]}).status_code == 403
    line = world.house.history.recent(limit=1)[0]
    assert (line.fields, line.told[0].status) == ((), "refused")


def test_only_fields_of_the_answer_itself_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = world.reader._answer
    monkeypatch.setattr(world.reader, "_answer", lambda region, pseudonym, fields: answer(region, pseudonym, fields[:1]))
    assert world.call(world.operator, "/api/v1/persons", {**PERSON, "fields": ["name", "AdaCanary"]}).status_code == 200
    assert world.house.history.recent(limit=1)[0].fields == ("name",)


def test_a_field_that_was_kept_would_be_found(world: World) -> None:
    world.call(world.operator, "/api/v1/persons", {**PERSON, "fields": ["adacanary"]})
    world.house.engine.dispose()
    kept = b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    assert b"adacanary" in kept  # names of fields are kept, so the search above does look where things are kept


def test_a_refused_person_is_told_by_rule_citation_and_remedy(world: World) -> None:
    world.reader.denies = True
    response = world.call(world.operator, "/api/v1/persons", PERSON)
    assert response.status_code == 403
    decision = response.json()["decision"]
    assert decision["reasons"] == ["no_mechanism"]
    assert decision["rules"][0]["cite"] == ["GDPR Recital 26"]
    assert decision["try_instead"] == ["scc_br"]
    assert world.house.history.recent(limit=1)[0].told[0].status == "refused"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"pseudonym": "zz"}, 422),
        ({"fields": []}, 422),
        ({"fields": ["na me"]}, 422),
        ({"region": "xx"}, 422),
        ({"purpose": "x"}, 422),
    ],
)
def test_a_malformed_request_for_a_person_asks_nobody(world: World, changed: dict[str, Any], status: int) -> None:
    response = world.call(world.operator, "/api/v1/persons", {**PERSON, **changed})
    assert response.status_code == status
    assert not world.reader.asked


def test_the_catalogue_names_regions_and_domains(world: World) -> None:
    body = world.call(world.operator, "/api/v1/catalogue").json()
    people = next(t for t in body["tables"] if t["name"] == "people")
    country = next(c for c in people["columns"] if c["name"] == "country")
    assert country["domain"] == ["BR", "DE", "FR", "US", "other"]
    assert body["regions"] == sorted(r.name for r in REGIONS)
    assert WHO.analyst not in json.dumps(body)
