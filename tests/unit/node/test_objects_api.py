"""The REST API of records: conventions, refusals, and that nothing is shown without a trail."""

import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from chassis.web.access import unlabelled
from policies.engine.errors import Code
from regional_node.api.schemas import GIVEN
from regional_node.crm.fields import FIELDS, RecordType
from regional_node.crm.roles import Role
from regional_node.usecases.editing import Editing
from tests.unit.node.conftest import Node, open_node

PEOPLE = "/api/v1/objects/people"
ZOE = {"given_name": "Zoë", "family_name": "Müller", "email": "zoe@example.net", "country": "de", "date_of_birth": "1984-02-29"}


def created(client: TestClient, path: str = PEOPLE, **given: Any) -> dict[str, Any]:
    answer = client.post(path, json=given or ZOE)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def refused(answer: Any, code: Code) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code.value, problem
    assert answer.status_code == problem["status"]
    return problem


def test_a_person_is_created_and_read(agent: TestClient) -> None:
    answer = agent.post(PEOPLE, json=ZOE)
    person = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PEOPLE}/{person['id']}"
    assert answer.headers["etag"] == '"1"'
    assert (person["country"], person["birth_decade"], person["subject_id"]) == ("DE", "1980s", person["id"])
    again = agent.get(answer.headers["location"])
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, person, '"1"')
    assert agent.get(answer.headers["location"], headers={"if-none-match": '"1"'}).status_code == 304


def test_all_faults_of_a_record_are_told_at_once(agent: TestClient) -> None:
    given = {
        **ZOE,
        "given_name": "Zoë\0",
        "email": "x@expressl&t.net",
        "family_name": "x" * 201,
        "date_of_birth": "2023-02-29",
        "lifetime_value": 1.5,
        "segment": "gold",
        "currency": "EURO",
        "company_id": "0" * 32,
        "shoe_size": 42,
    }
    problem = refused(agent.post(PEOPLE, json=given), Code.INPUT_INVALID)
    assert {(fault["field"], fault["code"]) for fault in problem["errors"]} == {
        ("given_name", "control_character"),
        ("email", "not_an_email"),
        ("family_name", "too_long"),
        ("date_of_birth", "not_a_date"),
        ("lifetime_value", "wrong_type"),
        ("segment", "outside_domain"),
        ("currency", "outside_domain"),
        ("company_id", "no_such_record"),
        ("shoe_size", "unknown"),
    }
    assert "expressl" not in str(problem)
    assert all(fault["remedy"] for fault in problem["errors"])


def test_a_record_must_be_known_by_something(agent: TestClient) -> None:
    problem = refused(agent.post(PEOPLE, json={"country": "DE"}), Code.INPUT_INVALID)
    assert [fault["code"] for fault in problem["errors"]] == ["missing"]
    money = refused(agent.post("/api/v1/objects/deals", json={"name": "x", "amount": 5}), Code.INPUT_INVALID)
    assert [(fault["field"], fault["code"]) for fault in money["errors"]] == [("currency", "missing")]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 5_000])
def test_a_body_that_is_no_object_is_refused(agent: TestClient, body: bytes) -> None:
    refused(agent.post(PEOPLE, content=body), Code.MESSAGE_TRUNCATED)
    refused(agent.post(f"{PEOPLE}/search", content=body), Code.MESSAGE_TRUNCATED)


def test_a_change_says_which_version_it_changes(agent: TestClient) -> None:
    place = f"{PEOPLE}/{created(agent)['id']}"
    refused(agent.patch(place, json={"given_name": "Ada"}), Code.PRECONDITION_MISSING)
    for tag in ('"7"', "1", 'W/"1"', "*", '"x"', '"²"'):
        refused(agent.patch(place, json={"given_name": "Ada"}, headers={"if-match": tag.encode()}), Code.RECORD_CONFLICT)
    answer = agent.patch(place, json={"given_name": "Ada", "country": None}, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert (answer.json()["given_name"], answer.json()["family_name"], answer.json()["country"]) == ("Ada", "Müller", None)
    refused(agent.patch(place, json={"given_name": "Bea"}, headers={"if-match": '"1"'}), Code.RECORD_CONFLICT)
    assert agent.get(place).json() == answer.json()


def test_put_empties_what_is_not_given(agent: TestClient) -> None:
    place = f"{PEOPLE}/{created(agent)['id']}"
    answer = agent.put(place, json={"family_name": "Schmidt"}, headers={"if-match": '"1"'}).json()
    assert {name for name in ZOE if answer[name] is not None} == {"family_name"}
    assert answer["birth_decade"] is None


def test_two_writers_with_one_etag_and_one_wins(node: Node, agent: TestClient) -> None:
    place = f"{PEOPLE}/{created(agent)['id']}"
    told: list[int] = []

    def write(client: TestClient, name: str) -> None:
        told.append(client.patch(place, json={"given_name": name}, headers={"if-match": '"1"'}).status_code)

    threads = [threading.Thread(target=write, args=(node.client(), name)) for name in ("Ada", "Bea", "Cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [200, 412, 412]


def test_a_repeated_request_with_its_key_gives_the_same_record(node: Node, agent: TestClient) -> None:
    key = {"idempotency-key": "abc"}
    first = agent.post(PEOPLE, json=ZOE, headers=key)
    again = agent.post(PEOPLE, json=ZOE, headers=key)
    assert (again.status_code, again.json(), again.headers["location"]) == (201, first.json(), first.headers["location"])
    refused(agent.post(PEOPLE, json={**ZOE, "given_name": "Ada"}, headers=key), Code.IDEMPOTENCY_MISMATCH)
    assert node.rows("SELECT count(*) FROM people") == [(1,)]
    other = node.client().post(PEOPLE, json=ZOE, headers=key)
    assert other.json()["id"] != first.json()["id"]  # a key is its caller's own
    node.clock.turn(hours=23)
    assert agent.post(PEOPLE, json=ZOE, headers=key).json()["id"] == first.json()["id"]


def test_an_idempotency_record_holds_no_personal_value(node: Node, agent: TestClient) -> None:
    agent.post(PEOPLE, json=ZOE, headers={"idempotency-key": "zoe@example.net"})
    (row,) = node.rows("SELECT * FROM idempotency")
    assert "zoe" not in str(row).lower()


def test_lists_page_by_cursor_newest_first(node: Node, agent: TestClient) -> None:
    made = []
    for n in range(5):
        made.append(created(agent, family_name=f"P{n}", country="AT" if n % 2 else "DE")["id"])
        node.clock.turn(seconds=1)
    seen: list[str] = []
    place: str | None = f"{PEOPLE}?limit=2&fields=family_name"
    while place:
        page = agent.get(place).json()
        assert all(set(r) == {"id", "type", "version", "family_name"} for r in page["records"])
        seen += [r["id"] for r in page["records"]]
        place = page["next"]
    assert seen == made[::-1]
    assert [r["id"] for r in agent.get(f"{PEOPLE}?country=AT").json()["records"]] == [made[3], made[1]]
    refused(agent.get(f"{PEOPLE}?email=x"), Code.INPUT_UNKNOWN)
    refused(agent.get(f"{PEOPLE}?fields=emial"), Code.INPUT_UNKNOWN)
    refused(agent.get(f"{PEOPLE}?cursor=nonsense"), Code.INPUT_INVALID)
    refused(agent.get(f"{PEOPLE}?limit=0"), Code.INPUT_INVALID)


def test_a_search_finds_by_sealed_fields(agent: TestClient) -> None:
    zoe = created(agent)
    created(agent, family_name="Other")
    for asked in ({"email": "ZOE@example.net"}, {"name": "mul zo"}, {"name": "müller", "equals": {"country": "DE"}}):
        assert [r["id"] for r in agent.post(f"{PEOPLE}/search", json=asked).json()["records"]] == [zoe["id"]]
    refused(agent.post(f"{PEOPLE}/search", json={"mail": "x"}), Code.INPUT_UNKNOWN)
    refused(agent.post(f"{PEOPLE}/search", json={"email": 5}), Code.INPUT_INVALID)
    refused(agent.post(f"{PEOPLE}/search", json={"equals": {"country": True}}), Code.INPUT_INVALID)
    refused(agent.post(f"{PEOPLE}/search", json={"email": "x", "limit": True} | {"limit": 9999}), Code.INPUT_INVALID)


def test_a_deal_belongs_to_its_person_else_company_else_itself(agent: TestClient) -> None:
    zoe, firm = created(agent), created(agent, "/api/v1/objects/companies", name="Kranbau")
    deals = "/api/v1/objects/deals"
    both = created(agent, deals, name="x", person_id=zoe["id"], company_id=firm["id"])
    assert both["subject_id"] == zoe["id"]
    place = f"{deals}/{both['id']}"
    moved = agent.patch(place, json={"person_id": None}, headers={"if-match": '"1"'}).json()
    assert moved["subject_id"] == firm["id"]
    alone = agent.patch(place, json={"company_id": None}, headers={"if-match": '"2"'}).json()
    assert alone["subject_id"] == alone["id"] == both["id"]
    assert agent.get(place).json() == alone
    assert [r["id"] for r in agent.get(f"{deals}?limit=1").json()["records"]] == [both["id"]]


def test_an_unknown_record_is_not_found(agent: TestClient) -> None:
    for record_id in ("0" * 32, "x", created(agent, "/api/v1/objects/companies", name="A")["id"]):
        refused(agent.get(f"{PEOPLE}/{record_id}"), Code.RECORD_NOT_FOUND)
    refused(agent.get("/api/v1/objects/ghosts"), Code.RECORD_NOT_FOUND)


@pytest.mark.parametrize("role", list(Role))
def test_roles_read_and_write_as_they_may(node: Node, agent: TestClient, role: Role) -> None:
    place, client = f"{PEOPLE}/{created(agent)['id']}", node.client(role)
    reads = role in {Role.AGENT, Role.TEAM_LEAD, Role.SUPPORT, Role.MARKETER, Role.PRIVACY_OFFICER}
    writes = role in {Role.AGENT, Role.TEAM_LEAD, Role.SUPPORT}
    assert client.get(place).status_code == (200 if reads else 403)
    assert client.get(PEOPLE).status_code == (200 if reads else 403)
    assert client.post(f"{PEOPLE}/search", json={"name": "zo"}).status_code == (200 if reads else 403)
    assert client.post(PEOPLE, json=ZOE).status_code == (201 if writes else 403)
    assert client.patch(place, json={}, headers={"if-match": '"1"'}).status_code == (200 if writes else 403)


def test_nobody_unknown_reads(node: Node) -> None:
    refused(TestClient(node.app).get(PEOPLE), Code.SIGN_IN_REQUIRED)
    assert unlabelled(node.app) == []


def test_an_account_of_another_organisation_gets_nothing_without_the_gate(node: Node, agent: TestClient) -> None:
    place, stranger = f"{PEOPLE}/{created(agent)['id']}", node.client(importer="acme-us")
    answers = [
        stranger.get(place),
        stranger.get(f"{PEOPLE}/{'0' * 32}"),
        stranger.get(PEOPLE),
        stranger.post(f"{PEOPLE}/search", json={"name": "zo"}),
        stranger.post(PEOPLE, json=ZOE),
        stranger.patch(place, json={}, headers={"if-match": '"1"'}),
        stranger.put(place, json=ZOE, headers={"if-match": '"1"'}),
        stranger.get(place, headers={"if-none-match": '"1"'}),
    ]
    for answer in answers:
        assert refused(answer, Code.TRANSFER_DENIED)["remedy"]
        assert "Zo" not in answer.text


def test_an_account_of_another_organisation_gets_what_the_gate_released(tmp_path: Path) -> None:
    node = open_node(tmp_path, release_record=lambda _caller, _record: {"given_name": "Z•••", "email": None})
    zoe = created(node.client())
    answer = node.client(importer="acme-us").get(f"{PEOPLE}/{zoe['id']}")
    assert answer.json() == {"given_name": "Z•••", "email": None, "id": zoe["id"], "type": "people", "version": 1}
    node.engine.dispose()


def test_a_read_of_sealed_fields_leaves_a_row(node: Node, agent: TestClient) -> None:
    zoe = created(agent)
    place = f"{PEOPLE}/{zoe['id']}"

    def reads() -> int:
        return int(node.rows("SELECT count(*) FROM record_reads")[0][0])

    assert reads() == 0
    for n, act in enumerate(
        (lambda: agent.get(place), lambda: agent.get(PEOPLE), lambda: agent.post(f"{PEOPLE}/search", json={"name": "zo"})), 1
    ):
        assert act().status_code == 200
        assert reads() == n
    agent.get(f"{place}?fields=country")
    agent.get(place, headers={"if-none-match": '"1"'})
    assert reads() == 3
    (row,) = node.rows("SELECT record_type, record_id, subject_id, read_at FROM record_reads LIMIT 1")
    assert row == ("people", zoe["id"], zoe["id"], int(node.clock.at.timestamp() * 1_000_000))


def test_without_a_trail_nothing_is_shown(node: Node, agent: TestClient) -> None:
    place = f"{PEOPLE}/{created(agent)['id']}"
    with node.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE record_reads RENAME TO gone")
    client = TestClient(node.app, headers=agent.headers, raise_server_exceptions=False)
    for answer in (client.get(place), client.get(PEOPLE)):
        assert answer.status_code == 500
        assert "Zo" not in answer.text


def test_a_build_that_shows_records_without_a_trail_is_caught(
    node: Node, agent: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Editing, "note", lambda *_: None)
    with pytest.raises(AssertionError):
        test_a_read_of_sealed_fields_leaves_a_row(node, agent)


def test_the_contract_names_every_field_of_every_kind(agent: TestClient) -> None:
    contract = agent.get("/api/openapi.json").json()
    for record_type in RecordType:
        paths = contract["paths"][f"/api/v1/objects/{record_type.value}"]
        given = paths["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
        assert set(given) == {spec.name for spec in FIELDS[record_type]} == set(GIVEN[record_type].model_fields)
        shown = paths["post"]["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(given) < set(contract["components"]["schemas"][shown]["properties"])
    assert contract["components"]["schemas"]["Person"]["properties"]["date_of_birth"]["anyOf"][0]["format"] == "date"


@pytest.mark.parametrize(("name", "value"), [("cursor", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkueA"), ("lifetime_value", "9" * 30)])
def test_what_no_page_of_ours_has_given_is_refused_with_place_and_remedy(agent: TestClient, name: str, value: str) -> None:
    for answer in (
        agent.get("/api/v1/objects/people", params={name: value}),
        agent.post("/api/v1/objects/people/search", json={name: value} if name == "cursor" else {"equals": {name: int(value)}}),
    ):
        told = answer.json()
        assert answer.status_code == 422
        assert told["where"] == name
        assert told["remedy"]
