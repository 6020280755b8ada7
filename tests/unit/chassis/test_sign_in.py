from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from fastapi import APIRouter
from sqlalchemy import select
from starlette.applications import Starlette

from chassis.web import access, sessions
from chassis.web.access import public, require, unlabelled
from policies.engine.errors import Code, DomicileError
from tests.unit.chassis.ordinary import CHEAP, PASSWORD, House, Role, form_token

BROWSER = {"accept": "text/html"}


def nothing() -> dict[str, str]:
    return {}


def test_a_browser_without_a_session_is_shown_the_way_in(house):
    answer = house.client().get("/operate?tab=1", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Foperate%3Ftab%3D1")


def test_a_program_without_a_session_gets_a_problem(house):
    answer = house.client().get("/api/who")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "account:sign-in:required"


def test_htmx_without_a_session_is_sent_to_the_whole_page(house):
    answer = house.client().get("/operate", headers={**BROWSER, "hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


def test_a_right_password_opens_a_session(house):
    client = house.client()
    answer = house.sign_in(client, next="/api/who")
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/who")
    assert client.get("/api/who").json()["importer"] == "acme-de"


def test_the_session_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(house):
    cookie = house.sign_in(house.client()).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(house):
    house.change(https=True)
    answer = house.sign_in(house.client())
    cookie = answer.headers.get_list("set-cookie")[0]
    assert cookie.startswith("__Host-domicile-eu-de=")
    assert "Secure" in cookie
    assert "max-age" in answer.headers["strict-transport-security"]


def test_the_store_holds_neither_password_nor_session_secret(house):
    client = house.client()
    house.sign_in(client)
    secret = client.cookies["domicile-eu-de"]
    dump = b"".join(path.read_bytes() for path in Path(house.engine.url.database).parent.glob("node.db*"))
    with house.engine.connect() as connection:
        rows = [tuple(row) for table in (house.tables.accounts, house.tables.sessions) for row in connection.execute(select(table))]
    assert secret not in str(rows)
    assert PASSWORD not in str(rows)
    assert secret.encode() not in dump
    assert PASSWORD.encode() not in dump
    assert sessions.digest(secret) in str(rows)


def test_a_session_that_the_browser_brought_along_is_ended_and_never_adopted(house):
    client = house.client()
    client.cookies.set("domicile-eu-de", "chosen-by-somebody-else")
    house.sign_in(client)
    assert house.sessions.find("chosen-by-somebody-else") is None


def test_signing_in_again_gives_a_new_secret_and_a_new_form_token_and_ends_the_old(house):
    client = house.client()
    house.sign_in(client)
    old = client.cookies["domicile-eu-de"]
    house.sign_in(client)
    new = client.cookies["domicile-eu-de"]
    assert new != old
    assert house.sessions.find(old) is None
    assert sessions.csrf_token(new) != sessions.csrf_token(old)


def test_a_session_without_rotation_would_be_noticed(house, monkeypatch):
    """The check above can fail: with one secret for all, the old session stays alive."""
    monkeypatch.setattr(sessions, "_secret", lambda _random: "always-the-same")
    monkeypatch.setattr(sessions.Sessions, "close", lambda *_: None)
    monkeypatch.setattr(sessions.Sessions, "open", lambda *_: "always-the-same")
    client = house.client()
    house.sign_in(client)
    old = client.cookies["domicile-eu-de"]
    house.sign_in(client)
    assert client.cookies["domicile-eu-de"] == old


def test_the_sign_in_form_needs_its_own_cookie(house):
    page = house.client().get("/sign-in")
    stranger = house.client()
    answer = stranger.post("/sign-in", data={"username": "ada", "password": PASSWORD, "csrf": form_token(page.text)})
    assert answer.status_code == 403
    assert "domicile-eu-de" not in stranger.cookies


def test_signing_out_ends_the_session_at_the_store(house, signed_in_client):
    secret = signed_in_client.cookies["domicile-eu-de"]
    token = form_token(signed_in_client.get("/", headers=BROWSER).text)
    answer = signed_in_client.post("/sign-out", data={"csrf": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert house.sessions.find(secret) is None


@pytest.mark.parametrize("wanted", ["//evil.test", "https://evil.test", "/\\evil.test", "evil", "/\nevil", ""])
def test_the_way_after_sign_in_stays_on_this_host(house, wanted):
    assert house.sign_in(house.client(), next=wanted).headers["location"] == "/"


def test_an_idle_session_ends(house, signed_in_client):
    house.clock.forward(minutes=31)
    assert signed_in_client.get("/api/who").status_code == 401


def test_a_busy_session_lives_on_until_its_absolute_end(house, signed_in_client):
    for _ in range(12 * 3 - 1):
        house.clock.forward(minutes=20)
        assert signed_in_client.get("/api/who").status_code == 200
    house.clock.forward(minutes=20)
    assert signed_in_client.get("/api/who").status_code == 401
    assert house.sessions.sweep() == 1


def test_disabling_an_account_ends_its_sessions_and_tokens(house, signed_in_client):
    account = house.accounts.list()[0]
    _, secret = house.tokens.issue("ci", [Role.SALES], lasts=house.sessions.absolute, owner=account)
    assert house.tokens.find(secret) is not None
    house.accounts.disable("ada")
    assert signed_in_client.get("/api/who").status_code == 401
    assert house.tokens.find(secret) is None


# Roles and form tokens


def test_a_role_that_is_missing_is_named(house, signed_in_client):
    answer = signed_in_client.get("/operate")
    assert (answer.status_code, answer.json()["code"]) == (403, "account:role:missing")
    assert answer.json()["remedy"] == "ask for one of: `operator`"


def test_writing_without_the_form_token_is_refused(house, signed_in_client):
    answer = signed_in_client.post("/people", data={"name": "Eve"})
    assert (answer.status_code, answer.json()["code"]) == (403, "request:csrf-token:refused")


@pytest.mark.parametrize("wrong", ["", "0" * 64, "é"])
def test_writing_with_a_wrong_form_token_is_refused(signed_in_client, wrong):
    assert signed_in_client.post("/people", data={"name": "Eve", "csrf": wrong}).status_code == 403


def test_the_form_token_is_taken_from_the_field_and_from_the_header(signed_in_client):
    token = sessions.csrf_token(signed_in_client.cookies["domicile-eu-de"])
    assert signed_in_client.post("/people", data={"name": "Eve", "csrf": token}).json() == {"letters": 3}
    assert signed_in_client.post("/people", data={"name": "Eve"}, headers={"x-csrf-token": token}).json() == {"letters": 3}


def test_a_guard_that_forgets_the_form_token_would_be_noticed(house, signed_in_client, monkeypatch):
    async def forgetful(*_):
        return None

    monkeypatch.setattr(access, "require_form_token", forgetful)
    assert signed_in_client.post("/people", data={"name": "Eve"}).status_code == 200


def test_every_route_of_the_shell_says_who_may_call_it(house):
    assert unlabelled(house.app) == []
    assert {str(label.roles or "any") for _, path, label in access.labels(house.app) if path == "/metrics"} == {
        "frozenset({'operator'})"
    }


def test_a_route_without_a_label_is_found(house):
    house.app.get("/forgotten")(nothing)
    assert unlabelled(house.app) == ["GET /forgotten"]


def test_a_route_without_a_label_is_found_inside_a_router(house):
    inner, outer = APIRouter(), APIRouter(prefix="/outer")
    inner.get("/forgotten")(nothing)
    outer.include_router(inner, prefix="/inner")
    house.app.include_router(outer)
    assert unlabelled(house.app) == ["GET /outer/inner/forgotten"]


def test_a_label_on_the_router_counts_for_its_routes(house):
    router = APIRouter(dependencies=[require(Role.OPERATOR)])
    router.get("/inside")(nothing)
    house.app.include_router(router)
    assert unlabelled(house.app) == []
    assert house.client().get("/inside").status_code == 401


def test_a_mount_without_a_label_is_found(house):
    house.app.mount("/other", Starlette())
    assert len(unlabelled(house.app)) == 1


@pytest.mark.parametrize("make", [require, lambda: public(" ")])
def test_a_label_that_says_nothing_cannot_be_made(make):
    with pytest.raises(TypeError):
        make()


# Tokens of machines


def test_a_token_needs_no_form_token_and_carries_its_importer(house):
    _, secret = house.tokens.issue("warehouse", [Role.SALES], lasts=house.sessions.absolute, importer="acme-us")
    bearer = {"authorization": f"Bearer {secret}"}
    assert house.client().get("/api/who", headers=bearer).json()["importer"] == "acme-us"
    assert house.client().post("/people", data={"name": "Eve"}, headers=bearer).status_code == 200


def test_a_token_does_only_what_its_roles_allow(house):
    _, secret = house.tokens.issue("warehouse", [Role.SALES], lasts=house.sessions.absolute)
    assert house.client().get("/operate", headers={"authorization": f"Bearer {secret}"}).status_code == 403


def test_a_lapsed_and_a_revoked_token_are_refused(house):
    _, lapsing = house.tokens.issue("a", [Role.SALES], lasts=house.sessions.absolute)
    token_id, revoked = house.tokens.issue("b", [Role.SALES], lasts=house.sessions.absolute * 4)
    house.clock.forward(hours=13)
    assert house.tokens.find(lapsing) is None
    assert house.tokens.find(revoked) is not None
    house.tokens.revoke(token_id)
    assert house.tokens.find(revoked) is None
    assert [row["revoked"] for row in house.tokens.list() if row["token_id"] == token_id] == [True]


def test_a_wrong_token_does_not_fall_back_to_the_cookie(signed_in_client):
    assert signed_in_client.get("/api/who", headers={"authorization": "Bearer dom_wrong"}).status_code == 401


# Accounts


def test_an_unknown_name_and_a_wrong_password_are_told_alike(house):
    told = []
    for username in ("ada", "nobody"):
        with pytest.raises(DomicileError) as refused:
            house.accounts.verify(username, "not the password at all")
        told.append((refused.value.code, str(refused.value)))
    assert told[0] == told[1]
    assert told[0][0] is Code.SIGN_IN_REFUSED


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_after_five_failures_a_name_is_locked_for_longer_each_time(house, username):
    for _ in range(5):
        with pytest.raises(DomicileError):
            house.accounts.verify(username, "wrong wrong wrong")
    waits = []
    for _ in range(3):
        with pytest.raises(DomicileError) as locked:
            house.accounts.verify(username, PASSWORD)
        assert locked.value.code is Code.SIGN_IN_LOCKED
        waits.append(int(locked.value.remedy.split()[1]))
        house.clock.forward(seconds=waits[-1])
        with pytest.raises(DomicileError):
            house.accounts.verify(username, "wrong wrong wrong")
    assert waits == [30, 60, 120]


def test_a_locked_account_says_so_on_the_page_and_opens_after_the_delay(house):
    client = house.client()
    for _ in range(5):
        assert house.sign_in(client, password="wrong wrong wrong").status_code == 401
    answer = house.sign_in(client)
    assert answer.status_code == 429
    assert "too many failed sign-ins" in answer.text
    house.clock.forward(seconds=31)
    assert house.sign_in(client).status_code == 303


def test_guesses_at_the_same_time_are_all_counted(house, monkeypatch):
    """A guess is counted before the password is looked at, so even one that never returns has been counted."""

    def hangs(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(house.accounts), "_matches", hangs)
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            house.accounts.verify("ada", "wrong wrong wrong")
    with pytest.raises(DomicileError) as locked:
        house.accounts.verify("ada", PASSWORD)
    assert locked.value.code is Code.SIGN_IN_LOCKED


def test_a_success_clears_the_failures(house):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(DomicileError):
                house.accounts.verify("ada", "wrong wrong wrong")
        assert house.accounts.verify("Ada ", PASSWORD).username == "ada"


def test_a_reset_ends_sessions_and_takes_the_new_password_only(house, signed_in_client):
    house.accounts.reset("ada", "another long password")
    assert signed_in_client.get("/api/who").status_code == 401
    assert house.accounts.verify("ada", "another long password")
    with pytest.raises(DomicileError):
        house.accounts.verify("ada", PASSWORD)


@pytest.mark.parametrize(
    ("username", "password", "roles", "code"),
    [
        ("ADA", PASSWORD, ["sales"], Code.RECORD_DUPLICATE),
        ("bob", "short", ["sales"], Code.INPUT_INVALID),
        ("bob the builder", "Bob the Builder", ["sales"], Code.INPUT_INVALID),
        ("bob", "x" * 257, ["sales"], Code.INPUT_INVALID),
        ("bob", PASSWORD, ["root"], Code.INPUT_UNKNOWN),
        ("bob", PASSWORD, [], Code.INPUT_UNKNOWN),
        ("", PASSWORD, ["sales"], Code.INPUT_INVALID),
        ("b\x00b", PASSWORD, ["sales"], Code.INPUT_INVALID),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_a_remedy(house: House, username, password, roles, code):
    with pytest.raises(DomicileError) as refused:
        house.accounts.add(username, password, roles)
    assert refused.value.code is code
    assert refused.value.remedy


def test_a_weaker_hash_is_strengthened_at_the_next_sign_in(house):
    house.accounts._hasher = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    house.accounts.verify("ada", PASSWORD)
    with house.engine.connect() as connection:
        assert "m=16,t=2" in connection.execute(select(house.tables.accounts.c.password_hash)).scalar_one()
    assert house.accounts.verify("ada", PASSWORD)


class Counted:
    """A hasher that notes which hashes it was asked to compare with."""

    def __init__(self) -> None:
        self.compared: list[str] = []

    def __getattr__(self, name: str):
        return getattr(CHEAP, name)

    def verify(self, password_hash: str, password: str) -> bool:
        self.compared.append(password_hash)
        return CHEAP.verify(password_hash, password)


def work(house: House, username: str) -> list[tuple]:
    """The argon2 parameters of each comparison that one refused sign-in costs."""
    house.accounts._hasher = counted = Counted()
    with pytest.raises(DomicileError):
        house.accounts.verify(username, "the wrong password")
    return [extract_parameters(compared) for compared in counted.compared]


def test_an_unknown_name_costs_as_much_work_as_a_known_one(house):
    assert work(house, "nobody") == work(house, "ada")
    assert len(work(house, "nobody")) == 1


def test_a_disabled_account_costs_as_much_work_too(house):
    house.accounts.disable("ada")
    assert work(house, "ada") == work(house, "nobody")
