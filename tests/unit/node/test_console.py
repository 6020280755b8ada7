"""The node's console without a browser: who sees what, what a search leaves behind, what a form does when something is wrong."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from chassis.web.access import unlabelled
from chassis.web.app import create_app
from regional_node.console import doors
from regional_node.console.kinds import FACES
from regional_node.crm.fields import FIELDS, RecordType
from regional_node.crm.roles import READERS, WRITERS, Role
from regional_node.usecases.imports.journal import Counts, Refusal, Run, RunState
from regional_node.usecases.imports.reasons import Reason
from tests.unit.node import console_world
from tests.unit.node.console_world import BROWSER, ZOE, World, hidden

PEOPLE = RecordType.PEOPLE
HTMX = {"hx-request": "true"}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("console") / "home"
    console_world.found(home, console_world.settings())
    return home


@pytest.fixture
def world(tmp_path: Path, founded: Path) -> Iterator[World]:
    with console_world.world(tmp_path, founded=founded) as made:
        yield made


@pytest.fixture
def agent(world: World) -> TestClient:
    return world.client(Role.AGENT)


def token(client: TestClient) -> str:
    return hidden(client.get("/people").text, "csrf")


def form_of(page: str) -> dict[str, str]:
    """What a browser would send of a form that nobody touched."""
    body = page[page.index('<form class="sheet"') :]
    given: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", body):
        found = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if found.get("type") != "radio" or " checked" in tag:
            given[found["name"]] = unescape(found.get("value", ""))
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', body, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        given[name] = unescape(chosen[1]) if chosen else ""
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', body, re.DOTALL):
        given[name] = unescape(text)
    return given


def test_every_route_says_who_may_call_it(world: World) -> None:
    assert unlabelled(world.app) == []


def test_every_field_stands_in_one_group() -> None:
    for kind, face in FACES.items():
        names = [name for _, group in face.groups for name in group]
        assert sorted(names) == sorted(spec.name for spec in FIELDS[kind])
        assert {*face.filters, *face.columns} - {"title"} <= set(names)
        assert not any(face.specs[name].sealed for name in face.filters)


def test_nobody_signed_in_is_sent_to_the_sign_in(world: World) -> None:
    client = TestClient(world.app, base_url="http://node.test", follow_redirects=False, headers=BROWSER)
    for path in ("/", "/people", "/deals/new", "/operate", "/imports"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_its_pages_and_no_others(world: World, role: Role) -> None:
    person = world.add(PEOPLE, **ZOE)
    client = world.client(role)
    pages = {
        "/people": role in READERS,
        f"/people/{person.id}": role in READERS,
        "/companies": role in READERS,
        "/people/new": role in WRITERS,
        f"/people/{person.id}/edit": role in WRITERS,
        "/operate": role in doors.OPERATES,
        "/imports": role in doors.SEES_IMPORTS,
    }
    assert {path: client.get(path).status_code for path in pages} == {path: 200 if may else 403 for path, may in pages.items()}
    start = client.get("/")
    assert start.status_code == 303
    assert (client.get(start.headers["location"]).status_code) == 200


def test_a_role_that_may_not_read_gets_no_value_in_the_refusal(world: World) -> None:
    person = world.add(PEOPLE, **ZOE)
    answer = world.client(Role.OPERATOR).get(f"/people/{person.id}")
    assert answer.status_code == 403
    assert "Zoë" not in answer.text


def test_an_account_of_another_organisation_is_refused_everywhere(world: World) -> None:
    person = world.add(PEOPLE, **ZOE)
    client = world.client(Role.AGENT, Role.OPERATOR, importer="acme-us")
    for path in ("/", "/people", f"/people/{person.id}", f"/people/{person.id}/edit", "/people/new", "/operate", "/imports"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "transfer:decision:denied" in answer.text
        assert "would be a transfer" in answer.text
        assert 'action="/sign-out"' in answer.text
        assert "Zoë" not in answer.text
    posted = client.post("/people", data={"q": "zoe", "csrf": hidden(client.get("/people").text, "csrf")})
    assert posted.status_code == 403
    assert client.get("/people", headers={"accept": "application/json"}).json()["code"] == "transfer:decision:denied"
    assert world.reads() == []


def test_without_the_guard_the_same_look_finds_the_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = world.add(PEOPLE, **ZOE)
    monkeypatch.setattr("regional_node.console.routes.own_organisation", lambda _own: doors.Depends(lambda: None))
    weak = replace(world, app=create_app(world.app.state.shell, routers=[console_world.console(world.house)]))
    assert "Zoë" in weak.client(Role.AGENT, importer="acme-us").get(f"/people/{person.id}").text


def test_a_person_is_shown_with_what_hangs_on_them_and_the_read_is_in_the_trail(world: World, agent: TestClient) -> None:
    company = world.add(RecordType.COMPANIES, name="Kranbau Süd GmbH", country="DE")
    person = world.add(PEOPLE, **ZOE, company_id=company.id)
    deal = world.add(RecordType.DEALS, name="A crane", amount=500_000, currency="EUR", person_id=person.id)
    told = {"subject": "Called back", "kind": "call", "occurred_at": "2026-11-20T10:00:00Z", "person_id": person.id}
    activity = world.add(RecordType.ACTIVITIES, **told)
    page = agent.get(f"/people/{person.id}").text
    for shown in ("Zoë Müller-Lüdenscheidt", "Kranbau Süd GmbH", "A crane", "€5,000.00", "Called back", "€123.45", "Germany"):
        assert shown in page
    assert "user.contact.email" in page
    assert "<title>Person · eu-de</title>" in page
    assert {record for _, record in world.reads()} == {company.id, person.id, deal.id, activity.id}


def test_a_record_that_is_not_there_is_a_page_that_says_so(agent: TestClient) -> None:
    answer = agent.get("/people/0198c0de0000700080000000deadbeef")
    assert answer.status_code == 404
    assert "there is no such record" in answer.text.lower()


def test_values_are_isolated_and_escaped(world: World, agent: TestClient) -> None:
    person = world.add(PEOPLE, given_name="<script>alert(1)</script>", family_name="مريم", phone="+49 30 1234567")
    page = agent.get(f"/people/{person.id}?lang=ar").text
    assert "<script>alert" not in page
    assert 'dir="rtl"' in page
    assert '<bdi dir="ltr">+49 30 1234567</bdi>' in page
    assert "<bdi>مريم</bdi>" in page


@pytest.mark.parametrize(
    ("words", "hit"),
    [
        ("zo", True),
        ("mull lud", True),
        ("ZOE@example.net", True),
        ("+49 30 1234567", True),
        ("030/1234567", True),
        ("ada", False),
        ("zoe@example", False),
        ("0301234", False),
    ],
)
def test_a_search_by_name_email_or_phone(world: World, agent: TestClient, words: str, hit: bool) -> None:
    world.add(PEOPLE, **ZOE)
    answer = agent.post("/people", data={"q": words, "csrf": token(agent)})
    assert answer.status_code == 200
    assert ("Müller-Lüdenscheidt" in answer.text) is hit


@pytest.mark.parametrize("words", ["z", "-", "' OR 1=1 --", "%", "\x00", "م"])
def test_words_that_find_nothing_are_no_error(world: World, agent: TestClient, words: str) -> None:
    world.add(PEOPLE, **ZOE)
    answer = agent.post("/people", data={"q": words, "csrf": token(agent)}, headers=HTMX)
    assert answer.status_code == 200
    assert "Müller" not in answer.text


def test_what_one_searches_for_never_stands_in_an_address(world: World, agent: TestClient) -> None:
    for _ in range(30):
        world.add(PEOPLE, **ZOE)
    page = agent.post("/people", data={"q": "zoe@example.net", "segment": "consumer", "csrf": token(agent)}).text
    addresses = re.findall(r'(?:href|action|hx-post|src)="([^"]*)"', page)
    assert not [address for address in addresses if "zoe" in address.lower() and not address.startswith("mailto:")]
    assert agent.get("/people?q=zoe@example.net").text.count("<tr>") == 26  # a list: words in an address are not looked at
    following = page[page.index('class="pager"') :]
    second = agent.post(
        "/people",
        data={name: hidden(following, name) for name in ("q", "segment", "cursor", "csrf")},
    )
    assert second.text.count("Müller-Lüdenscheidt") == 5


def test_an_empty_search_goes_to_the_list_that_can_be_kept(agent: TestClient) -> None:
    answer = agent.post("/people", data={"q": " ", "segment": "consumer", "country": "", "csrf": token(agent)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/people?segment=consumer")


def test_a_search_needs_the_form_token(agent: TestClient) -> None:
    assert agent.post("/people", data={"q": "zoe"}).status_code == 403


def test_htmx_gets_the_part_that_changed(world: World, agent: TestClient) -> None:
    world.add(PEOPLE, **ZOE)
    headers = {**HTMX, "x-csrf-token": token(agent)}
    part = agent.post("/people", data={"q": "zo"}, headers=headers)
    assert "<html" not in part.text
    assert "Müller-Lüdenscheidt" in part.text
    assert "<html" not in agent.post("/people", data={"q": ""}, headers=headers).text


def test_filters_narrow_a_list_and_pages_follow_each_other(world: World, agent: TestClient) -> None:
    for number in range(30):
        world.add(PEOPLE, given_name=f"Ada{number:02}", segment="consumer" if number else "enterprise")
    first = agent.get("/people?segment=consumer").text
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following is not None
    second = agent.get(following[1].replace("&amp;", "&")).text
    names = re.findall(r"Ada\d\d", first + second)
    assert len(names) == len(set(names)) == 29
    assert "Ada00" not in names
    assert agent.get("/people?cursor=nonsense").status_code == 422


def test_a_person_is_made_and_the_form_sent_twice_makes_one(world: World, agent: TestClient) -> None:
    form = form_of(agent.get("/people/new").text)
    form |= {"given_name": "Mai", "family_name": "阮", "lifetime_value": "12.50", "currency": "EUR", "churn_risk": "12.5"}
    first, again = (agent.post("/people/new", data=form) for _ in range(2))
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    record = world.house.editing.find(PEOPLE, first.headers["location"].split("/")[2].split("?")[0])
    assert (record.plain("lifetime_value"), record.plain("churn_risk")) == (1250, 125)
    other = agent.post("/people/new", data={**form, "given_name": "Anh"})
    assert other.status_code == 422
    assert "sent before" in other.text
    assert hidden(other.text, "key") != form["key"]
    assert world.house.editing.count(PEOPLE) == 1


def test_every_fault_stands_at_its_field_and_nothing_typed_is_lost(agent: TestClient) -> None:
    form = form_of(agent.get("/people/new").text)
    form |= {"given_name": "Mai", "email": "mai@", "lifetime_value": "a lot", "currency": "", "date_of_birth": "2023-02-30"}
    answer = agent.post("/people/new", data=form)
    assert answer.status_code == 422
    for name in ("email", "lifetime_value", "date_of_birth"):
        assert f'id="{name}-wrong"' in answer.text
        assert f'href="#{name}"' in answer.text
    again = form_of(answer.text)
    assert {name: again[name] for name in ("given_name", "email", "lifetime_value", "date_of_birth")} == {
        "given_name": "Mai",
        "email": "mai@",
        "lifetime_value": "a lot",
        "date_of_birth": "2023-02-30",
    }
    assert again["key"] == form["key"]


def test_a_form_that_nobody_touched_changes_nothing(world: World, agent: TestClient) -> None:
    told = {"subject": "Called", "occurred_at": "2026-11-20T10:00:42Z", "notes": "one\n two\nthree"}
    activity = world.add(RecordType.ACTIVITIES, **told)
    form = form_of(agent.get(f"/activities/{activity.id}/edit").text)
    form["notes"] = form["notes"].replace("\n", "\r\n")
    assert agent.post(f"/activities/{activity.id}/edit", data=form).status_code == 303
    assert world.house.editing.find(RecordType.ACTIVITIES, activity.id) == activity


def test_only_what_was_changed_is_written(world: World, agent: TestClient) -> None:
    person = world.add(PEOPLE, **ZOE, date_of_birth="1984-02-29")
    form = form_of(agent.get(f"/people/{person.id}/edit").text)
    answer = agent.post(
        f"/people/{person.id}/edit", data={**form, "given_name": "Zoe", "segment": "", "currency": "JPY", "lifetime_value": "5000"}
    )
    assert answer.headers["location"] == f"/people/{person.id}?done=saved"
    kept = world.house.editing.find(PEOPLE, person.id)
    changed = {name for name in {*kept.values, *person.values} if kept.plain(name) != person.plain(name)}
    assert changed == {"given_name", "segment", "currency", "lifetime_value"}
    assert (kept.version, kept.plain("lifetime_value"), kept.plain("birth_decade")) == (2, 5000, "1980s")


def test_two_people_who_changed_one_record_see_both_versions(world: World, agent: TestClient) -> None:
    person = world.add(PEOPLE, **ZOE)
    form = form_of(agent.get(f"/people/{person.id}/edit").text)
    theirs = {"given_name": "Zoé", "phone": "+49 30 7654321"}
    world.house.editing.update(PEOPLE, person.id, theirs, expected_version=1, whole=False)
    answer = agent.post(f"/people/{person.id}/edit", data={**form, "given_name": "Zoey", "segment": "enterprise"})
    assert answer.status_code == 412
    table = answer.text[answer.text.index('class="rivals"') :]
    assert [said in table for said in ("Zoé", "Zoey", "+49 30 7654321", "not changed by you")] == [True] * 4
    merged = form_of(answer.text)
    assert (merged["given_name"], merged["phone"], merged["segment"]) == ("Zoey", "+49 30 7654321", "enterprise")
    assert agent.post(f"/people/{person.id}/edit", data=merged).status_code == 303
    kept = world.house.editing.find(PEOPLE, person.id)
    assert [kept.plain(name) for name in ("given_name", "phone", "segment")] == ["Zoey", "+49 30 7654321", "enterprise"]
    assert kept.version == 3


def test_a_company_is_found_and_chosen_without_javascript(world: World, agent: TestClient) -> None:
    company = world.add(RecordType.COMPANIES, name="Kranbau Süd GmbH", city="Ulm")
    form = form_of(agent.get("/people/new").text) | {"given_name": "Mai"}
    found = agent.post("/people/new", data={**form, "company_id.words": "kran", "find": "company_id"})
    assert found.status_code == 200
    assert f'value="{company.id}"' in found.text
    assert form_of(found.text)["given_name"] == "Mai"
    made = agent.post("/people/new", data={**form_of(found.text), "company_id": company.id})
    assert "Kranbau" in agent.get(made.headers["location"]).text


def test_choices_are_a_part_and_only_for_fields_that_point_there(world: World, agent: TestClient) -> None:
    company = world.add(RecordType.COMPANIES, name="Kranbau Süd GmbH")
    headers = {**HTMX, "x-csrf-token": token(agent)}
    part = agent.post("/companies/choices", data={"of": "company_id", "company_id.words": "kran"}, headers=headers)
    assert company.id in part.text
    assert "<html" not in part.text
    wrong = agent.post("/companies/choices", data={"of": "person_id", "person_id.words": "kran"}, headers=headers)
    assert company.id not in wrong.text


def test_the_node_at_a_glance(world: World) -> None:
    page = world.client(Role.OPERATOR).get("/operate").text
    policies = world.house.policies()
    assert policies is not None
    for shown in ("eu-de", policies.digest, "gdpr.yaml", "Certificate ends", "Ledger records"):
        assert shown in page


def test_without_a_valid_policy_the_page_says_that_nothing_leaves(world: World) -> None:
    for path in (world.house.home / "policies").glob("*.yaml"):
        path.unlink()
    page = world.client(Role.OPERATOR).get("/operate").text
    assert "nothing leaves this region" in page


def test_imports_show_counts_and_closed_words_only(world: World) -> None:
    run = Run(id="0" * 32, started_at=console_world.now(), kind="salesforce.contact", content_digest="c" * 64)
    world.house.journal.begin(run)
    refusal = Refusal(line=7, column=3, reason=Reason.DATE_INVALID, row_digest="d" * 64)
    ended = replace(run, state=RunState.COMMITTED, ended_at=run.started_at, counts=Counts(created=20, rejected=1))
    world.house.journal.end(ended, [refusal])
    client = world.client(Role.OPERATOR)
    assert "salesforce.contact" in client.get("/imports").text
    page = client.get(f"/imports/{run.id}").text
    assert "date:invalid" in page
    assert "write the date as YYYY-MM-DD" in page
    assert client.get(f"/imports/{'1' * 32}").status_code == 404


def test_nothing_that_was_typed_or_shown_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    agent = world.client(Role.AGENT)
    person = world.add(PEOPLE, **{**ZOE, "given_name": "Canaria"})
    agent.get(f"/people/{person.id}")
    agent.post("/people", data={"q": "canaria", "csrf": token(agent)})
    form = form_of(agent.get("/people/new").text)
    agent.post("/people/new", data={**form, "given_name": "Canaria", "email": "canaria@"})
    agent.post(f"/people/{person.id}/edit", data={**form, "given_name": "Canaria", "version": "9"})
    told = [str(vars(record)) + record.getMessage() for record in caplog.records]
    assert any("request answered" in line for line in told)
    assert not [line for line in told if "canaria" in line.lower()]


def test_pages_are_light(world: World, agent: TestClient) -> None:
    person = world.add(PEOPLE, **ZOE)
    for _ in range(30):
        world.add(PEOPLE, **ZOE)
    pages = ("/people", f"/people/{person.id}", f"/people/{person.id}/edit", "/people/new", "/deals/new")
    sizes = {path: len(agent.get(path).content) for path in pages}
    assert max(sizes.values()) < 40_000, sizes
