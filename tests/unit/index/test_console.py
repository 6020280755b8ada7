"""The index console without a browser: who may open what, that pages work as plain forms, and what they say. Nothing is kept."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from chassis.web.access import unlabelled
from global_index.requests.history import Asked, Memory
from tests.unit.index.console_world import CANARY, COUNTRIES, PASSWORD, PSEUDONYM, World, form_token, is_down, refuses, world
from tests.unit.index.ordinary import AT, released, share

QUESTION = "SELECT country, count(*) FROM people GROUP BY country"
PART = {"hx-request": "true"}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as one:
        yield one


@pytest.fixture
def analyst(index: World) -> TestClient:
    return index.client("ada")


@pytest.fixture
def officer(index: World) -> TestClient:
    return index.client("olga")


def ask(client: TestClient, sql: str = QUESTION, *, path: str = "/ask", part: bool = False, purpose: str = "analytics.reporting"):  # type: ignore[no-untyped-def]  # httpx's answer
    token = form_token(client.get("/ask").text)
    return client.post(path, data={"csrf": token, "sql": sql, "purpose": purpose}, headers=PART if part else {})


def request_person(client: TestClient, *, region: str = "eu-de", part: bool = False, pseudonym: str = PSEUDONYM):  # type: ignore[no-untyped-def]  # the same
    token = form_token(client.get("/person").text)
    fields = {"field": ["given_name", "email", "notes", "phone"], "other": "phone, middle_name"}
    data = {"csrf": token, "region": region, "pseudonym": pseudonym, "purpose": "essential.service.operations.support", **fields}
    return client.post("/person", data=data, headers=PART if part else {})


def stored(index: World) -> bytes:
    """Every byte of the store, its write-ahead log too."""
    return b"".join(path.read_bytes() for path in index.database.parent.glob("index.db*"))


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# --- who may open what ---------------------------------------------------------------------------------------------------------


def test_every_page_says_who_may_open_it(index: World) -> None:
    assert unlabelled(index.app) == []


@pytest.mark.parametrize(
    ("username", "may", "may_not"),
    [
        ("ada", ["/ask", "/person", "/history", "/regions"], ["/policies", "/policies/gdpr.yaml"]),
        ("olga", ["/policies", "/policies/gdpr.yaml", "/history", "/regions"], ["/ask", "/person"]),
        ("aldo", ["/policies", "/policies/gdpr.yaml", "/history", "/regions"], ["/ask", "/person"]),
        ("root", ["/ask", "/person", "/policies", "/history", "/regions"], []),
    ],
)
def test_each_role_opens_its_own_pages(index: World, username: str, may: list[str], may_not: list[str]) -> None:
    client = index.client(username)
    assert [client.get(path).status_code for path in may] == [200] * len(may)
    assert [client.get(path).status_code for path in may_not] == [403] * len(may_not)


@pytest.mark.parametrize(("username", "first"), [("ada", "/ask"), ("olga", "/policies"), ("aldo", "/history"), ("root", "/ask")])
def test_each_role_begins_at_its_own_page(index: World, username: str, first: str) -> None:
    assert index.client(username).get("/").headers["location"] == first


@pytest.mark.parametrize("path", ["/", "/ask", "/person", "/history", "/policies", "/regions"])
def test_who_has_not_signed_in_is_sent_to_do_so(index: World, path: str) -> None:
    answer = TestClient(index.app, follow_redirects=False).get(path, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("path", ["/ask", "/ask/expect", "/ask/check", "/person"])
def test_a_form_without_its_token_is_refused(analyst: TestClient, path: str) -> None:
    assert analyst.post(path, data={"sql": QUESTION}).status_code == 403


# --- ask -----------------------------------------------------------------------------------------------------------------------


def test_a_plain_form_gets_a_whole_page_with_figures_margins_and_coverage(analyst: TestClient) -> None:
    answer = ask(analyst)
    text = words(answer.text)
    assert answer.status_code == 200
    assert "<html" in answer.text
    assert "11,842 ± 27" in text
    assert "3 of 3 regions answered" in text
    assert "charged 0.015" in text
    assert "epoch 2026-11-22" in text
    assert QUESTION in answer.text  # the editor still holds it


def test_htmx_gets_the_part_only(analyst: TestClient) -> None:
    answer = ask(analyst, part=True)
    assert "<html" not in answer.text
    assert "11,842" in answer.text


def test_a_refusal_shows_rule_citation_and_what_would_have_allowed_it(index: World, analyst: TestClient) -> None:
    index.asker.behaviour["br-sp"] = refuses
    text = words(ask(analyst, part=True).text)
    assert "2 of 3 regions answered" in text
    assert "br-no-transfer-without-a-mechanism LGPD Art. 33" in text
    assert "What would have allowed it scc_br" in text
    assert "a transfer to this importer needs a mechanism" in text


def test_a_region_that_is_down_is_named(index: World, analyst: TestClient) -> None:
    index.asker.behaviour["us-ca"] = is_down
    text = words(ask(analyst, part=True).text)
    assert "us-ca down" in text
    assert "it cannot be reached" in text


def test_a_withheld_cell_is_marked_in_words(index: World, analyst: TestClient) -> None:
    async def withholds(region, plan, _ticket):  # type: ignore[no-untyped-def]  # the shape of a behaviour
        segment = "consumer" if region.name == "eu-de" else "enterprise"
        return released(share(region.name, plan, {(segment,): (500,)}, suppressed=1))

    index.asker.behaviour.update(dict.fromkeys(COUNTRIES, withholds))
    page = ask(analyst, "SELECT segment, count(*) FROM people GROUP BY segment", part=True).text
    assert "partial" in words(page)
    assert "Neither means zero" in page
    assert not re.search(r'<td class="number">\s*</td>', page)


def test_a_wrong_question_is_marked_at_its_place(analyst: TestClient) -> None:
    answer = ask(analyst, "SELECT country,\n  count(*)\nFROM peeple GROUP BY 1")
    assert answer.status_code == 422
    assert "<code>3:6</code>" in answer.text
    assert "did you mean `people`" in answer.text
    marks = json.loads(ask(analyst, "SELECT country,\n  count(*)\nFROM peeple GROUP BY 1", path="/ask/check").text)["diagnostics"]
    assert [(mark["line"], mark["column"], mark["severity"]) for mark in marks] == [(3, 6, "error")]
    assert ask(analyst, path="/ask/check").json() == {"diagnostics": []}


def test_line_ends_of_a_form_do_not_move_the_place(analyst: TestClient) -> None:
    marks = ask(analyst, "SELECT country,\r\n  count(*)\r\nFROM peeple", path="/ask/check").json()["diagnostics"]
    assert (marks[0]["line"], marks[0]["column"]) == (3, 6)


def test_an_unknown_purpose_is_said_and_not_asked(index: World, analyst: TestClient) -> None:
    answer = ask(analyst, purpose="curiosity")
    assert answer.status_code == 422
    assert not index.asker.asked


def test_the_expectation_is_advice_with_form_rule_and_citation(index: World, analyst: TestClient) -> None:
    text = words(ask(analyst, path="/ask/expect", part=True).text)
    assert not index.asker.asked
    assert "advice" in text
    assert "will probably answer" in text
    assert "groups under 10 persons are withheld" in text
    assert "eu-anonymous-aggregates GDPR Recital 26" in text
    assert "announced other policies" in text  # us-ca
    assert "<html" in ask(analyst, path="/ask/expect").text


def test_the_catalogue_shows_columns_with_category_and_domain(analyst: TestClient) -> None:
    page = analyst.get("/ask").text
    assert "user.contact.address.country" in page
    assert all(f"<code>{country}</code>" in page for country in ("DE", "BR", "US"))


def test_what_is_typed_is_neither_stored_nor_shown_to_others(index: World, analyst: TestClient) -> None:
    answer = ask(analyst, QUESTION.replace("GROUP BY", f"WHERE country = '{CANARY}' GROUP BY"))
    assert answer.status_code == 422
    assert CANARY not in analyst.get("/history").text
    assert CANARY.encode() not in stored(index)


# --- history -------------------------------------------------------------------------------------------------------------------


def test_history_shows_the_plan_and_how_each_region_took_it(index: World, analyst: TestClient) -> None:
    index.asker.behaviour["br-sp"] = refuses
    ask(analyst, "select   COUNTRY , count( * ) from people group by 1")
    text = words(analyst.get("/history").text)
    assert "SELECT country, count(*) FROM people GROUP BY country" in text
    assert "br-sp refused" in text
    assert "select   COUNTRY" not in analyst.get("/history").text


def test_an_analyst_sees_their_own_questions_and_an_auditor_all(index: World, analyst: TestClient) -> None:
    ask(analyst)
    ask(index.client("root"), "SELECT segment, count(*) FROM people GROUP BY 1")
    mine, everyone = analyst.get("/history").text, index.client("aldo").get("/history").text
    assert "GROUP BY segment" not in mine
    assert "GROUP BY segment" in everyone
    assert "ada" in everyone


def test_a_question_of_the_history_opens_in_the_editor_for_whom_it_belongs_to(index: World, analyst: TestClient) -> None:
    ask(analyst, "SELECT loyalty_tier, count(*) FROM people WHERE country = 'DE' GROUP BY 1")
    [line] = index.histories.recent(limit=1)
    assert "WHERE country = &#39;DE&#39;" in analyst.get(f"/ask?again={line.question_id}").text
    index.accounts.add("eve", PASSWORD, ["analyst"])
    assert "loyalty_tier, count" not in index.client("eve").get(f"/ask?again={line.question_id}").text


# --- policies ------------------------------------------------------------------------------------------------------------------


def check(client: TestClient, text: str, *, path: str = "/policies/gdpr.yaml", part: bool = False):  # type: ignore[no-untyped-def]  # httpx's answer
    token = form_token(client.get("/policies/gdpr.yaml").text)
    return client.post(path, data={"csrf": token, "text": text}, headers=PART if part else {})


def gdpr() -> str:
    return (Path(__file__).parents[3] / "policies" / "gdpr.yaml").read_text(encoding="utf-8")


def test_the_list_names_files_laws_digest_and_who_runs_them(officer: TestClient) -> None:
    text = words(officer.get("/policies").text)
    assert "gdpr.yaml EU" in text
    assert "shipped with the program" in text
    assert "eu-de runs these" in text
    assert "us-ca runs others" in text
    assert "C-703/25 P" in text


def test_a_draft_with_an_error_is_told_its_line_and_column(officer: TestClient) -> None:
    draft = gdpr().replace("effect: permit", "effect: permitt", 1)
    line = draft.splitlines().index("effect: permitt") + 1
    page = check(officer, draft)
    assert page.status_code == 422
    assert f"{line}:9" in page.text
    assert "effect: permitt" in page.text  # the draft is still there
    part = check(officer, draft, part=True)
    assert (part.status_code, "<html" in part.text) == (200, False)
    [mark] = check(officer, draft, path="/policies/gdpr.yaml/check").json()["diagnostics"]
    assert (mark["line"], mark["column"]) == (line, 9)
    assert "use one of" in mark["message"]


def test_a_draft_runs_the_cases_beside_its_file(officer: TestClient) -> None:
    assert "cases answer as expected" in check(officer, gdpr(), part=True).text
    assert "the draft passes" in check(officer, gdpr(), part=True).text
    turned = gdpr().replace("effect: permit", "effect: prohibit", 1)
    failing = check(officer, turned, part=True).text
    assert "the draft does not pass" in failing
    assert "It should answer" in failing


def test_a_name_of_another_file_is_found_to_be_taken(officer: TestClient) -> None:
    draft = gdpr().replace("policy: eu-intra-eea", "policy: ca-opt-out", 1)
    assert "`ca-opt-out` exists already" in check(officer, draft, part=True).text


def test_a_check_saves_nothing_and_says_so(officer: TestClient) -> None:
    before = gdpr()
    check(officer, "policy: gone\n")
    assert gdpr() == before
    assert "Check only" in officer.get("/policies/gdpr.yaml").text


@pytest.mark.parametrize("name", ["nothing.yaml", "gdpr.cases.yaml", "..%2Fpyproject.toml", "%2Fetc%2Fpasswd", "registry"])
def test_a_name_never_becomes_a_path(officer: TestClient, name: str) -> None:
    assert officer.get(f"/policies/{name}").status_code == 404


def test_an_auditor_reads_policies_and_checks_none(index: World) -> None:
    auditor = index.client("aldo")
    page = auditor.get("/policies/gdpr.yaml").text
    assert "readonly" in page
    assert auditor.post("/policies/gdpr.yaml", data={"text": "x"}).status_code == 403


def test_policies_that_do_not_load_are_shown_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "broken.yaml").write_text("policy: [\n", encoding="utf-8")
    (tmp_path / "home").mkdir()
    with world(tmp_path / "home", policies=folder) as one:
        officer = one.client("olga")
        assert "does not load" in officer.get("/policies").text
        assert "this index&#39;s own folder" in officer.get("/policies").text
        assert officer.get("/policies/broken.yaml").status_code == 200


# --- regions -------------------------------------------------------------------------------------------------------------------


def test_regions_show_state_epochs_entries_and_versions(analyst: TestClient) -> None:
    text = words(analyst.get("/regions").text)
    assert "eu-de joined" in text
    assert "Entries held 40 · up to batch 1" in text
    assert "eu-de-feed-1" in text
    assert "as the index&#39;s copy" in text
    assert "not the index&#39;s copy" in text


def test_before_any_region_has_joined_the_pages_say_what_to_do(tmp_path: Path) -> None:
    with world(tmp_path, regions=()) as one:
        client = one.client("root")
        assert "global-index invite" in client.get("/regions").text
        assert "no region has joined yet" in ask(client).text
        assert client.get("/person").status_code == 200


# --- person --------------------------------------------------------------------------------------------------------------------


def test_each_field_of_a_person_has_its_form_rule_and_citation(index: World, analyst: TestClient) -> None:
    answer = request_person(analyst)
    text = words(answer.text)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "email j•••@example.org masked eu-support-masks-contact GDPR Art. 5(1)(c)" in text
    assert "notes withheld withheld" in text
    assert "leaf 4711 of the ledger of eu-de" in text
    assert index.reader.asked == [("eu-de", ("given_name", "email", "notes", "phone", "middle_name"))]


def test_a_refused_person_is_told_why_and_what_would_have_allowed_it(analyst: TestClient) -> None:
    answer = request_person(analyst, region="br-sp")
    text = words(answer.text)
    assert answer.status_code == 403
    assert "br-no-transfer-without-a-mechanism LGPD Art. 33" in text
    assert "scc_br" in text
    assert request_person(analyst, region="br-sp", part=True).status_code == 200


def test_what_is_no_pseudonym_is_said(analyst: TestClient) -> None:
    answer = request_person(analyst, pseudonym="jane@example.org")
    assert answer.status_code == 422
    assert "32 hexadecimal digits" in answer.text


def test_nothing_of_a_person_is_stored(index: World, analyst: TestClient) -> None:
    assert CANARY in request_person(analyst).text
    kept = stored(index)
    assert CANARY.encode() not in kept
    assert PSEUDONYM.encode() not in kept
    assert bytes.fromhex(PSEUDONYM) not in kept
    assert CANARY not in analyst.get("/history").text


def test_the_search_of_the_store_would_find_a_value(index: World) -> None:
    line = Memory(
        question_id="f" * 32, at=AT, asked=Asked.PERSON, analyst="a", importer="i", purpose="p", told=(), fields=(CANARY,)
    )
    index.histories.remember(line)
    found = stored(index)
    assert b"canary@example.org" in found
    assert sqlite3.connect(index.database).execute("select count(*) from history").fetchone() == (1,)


def test_no_page_has_an_address_with_a_pseudonym_in_it(index: World, analyst: TestClient) -> None:
    page = request_person(analyst).text
    assert not re.search(rf'(href|action|src|hx-[a-z]+)="[^"]*{PSEUDONYM}', page)


# --- language ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ask", "/person", "/history", "/policies", "/policies/gdpr.yaml", "/regions"])
def test_arabic_pages_read_from_right_to_left_with_code_from_left_to_right(index: World, path: str) -> None:
    page = index.client("root").get(f"{path}?lang=ar").text
    assert '<html lang="ar" dir="rtl">' in page
    assert page.count("السياسات") >= 1
    assert all('dir="ltr"' in area for area in re.findall(r"<textarea[^>]*data-editor[^>]*>", page))
