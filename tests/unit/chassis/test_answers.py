import re

import pytest
from fastapi import Request

from chassis.web import problems
from policies.engine.errors import CATALOGUE, Code, DomicileError

CANARY = "canary-7f3a@example.org"
BROWSER = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(
    ("request_line", "sent", "status", "code"),
    [
        (f"GET /nowhere/{CANARY}", {}, 404, Code.RECORD_NOT_FOUND),
        ("DELETE /api/people", {}, 405, Code.METHOD_UNKNOWN),
        ("POST /api/people", {"json": {"name": "x", "age": CANARY}}, 422, Code.INPUT_INVALID),
        ("POST /api/people", {"json": {"name": "x", "age": 1, CANARY: 1}}, 422, Code.INPUT_INVALID),
        (
            "POST /api/people",
            {"content": f"{{{CANARY}", "headers": {"content-type": "application/json"}},
            400,
            Code.MESSAGE_TRUNCATED,
        ),
        ("POST /api/people", {"content": b'{"name": "' + b"x" * 1_100_000}, 413, Code.INPUT_TOO_LARGE),
        (f"GET /fails/{CANARY}", {}, 500, Code.INTERNAL),
        (f"GET /refuses/{CANARY}", {}, 500, Code.INTERNAL),
    ],
)
def test_every_error_is_a_problem_that_repeats_no_value(house, request_line, sent, status, code):
    method, path = request_line.split()
    answer = house.client(raise_server_exceptions=True).request(method, path, **sent)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code.value)
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["title"] == CATALOGUE[code].public
    assert body["remedy"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert CANARY not in answer.text


def test_a_route_may_take_a_larger_body(house):
    @house.app.post("/import", max_body_size=5_000_000)
    async def load(request: Request) -> int:
        return len(await request.body())

    assert house.client().post("/import", content=b"x" * 2_000_000).json() == 2_000_000
    assert house.client().post("/import", content=b"x" * 6_000_000).status_code == 413


def test_a_body_of_unknown_length_is_cut_off_too(house):
    answer = house.client().post("/api/people", content=(b"x" * 100_000 for _ in range(20)))
    assert (answer.status_code, answer.json()["code"]) == (413, "input:size:too-large")
    assert answer.json()["detail"] == "the body is larger than this route takes: 1,048,576 bytes at most"


def test_a_validation_error_names_place_and_kind(house):
    answer = house.client().post("/api/people", json={"age": "x"})
    assert answer.json()["errors"] == [
        {"loc": ["body", "name"], "type": "missing"},
        {"loc": ["body", "age"], "type": "int_parsing"},
    ]


def test_a_key_that_was_sent_is_a_value_too(house):
    answer = house.client().post("/api/people", json={"name": "x", "age": 1, "alice": 1})
    assert answer.json()["errors"] == [{"loc": ["body", "*"], "type": "extra_forbidden"}]


def test_an_answer_that_repeats_keys_would_be_noticed(house, monkeypatch):
    monkeypatch.setattr(problems, "_place", lambda error, _known: list(error["loc"]))
    assert CANARY in house.client().post("/api/people", json={"name": "x", "age": 1, CANARY: 1}).text


def test_an_error_of_ours_tells_its_sender_what_and_the_remedy(house):
    @house.app.get("/locked")
    async def locked():
        raise DomicileError(what="`x` is not known", where="field", remedy="use `y`", code=Code.INPUT_UNKNOWN)

    body = house.client().get("/locked").json()
    assert (body["detail"], body["where"], body["remedy"]) == ("`x` is not known", "field", "use `y`")


@pytest.mark.parametrize("path", [f"/nowhere/{CANARY}", f"/fails/{CANARY}"])
def test_a_browser_gets_a_page(house, path):
    answer = house.client().get(path, headers=BROWSER)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>" in answer.text
    assert CANARY not in answer.text


def test_htmx_gets_the_problem_not_a_page(house):
    answer = house.client().get("/nowhere", headers={**BROWSER, "hx-request": "true"})
    assert answer.headers["content-type"] == "application/problem+json"


def test_text_of_an_error_is_escaped_on_the_page(house):
    @house.app.get("/markup")
    async def markup():
        raise DomicileError(what="`<script>alert(1)</script>` is not known", remedy="100% of <b>it</b>", code=Code.INPUT_UNKNOWN)

    html = house.client().get("/markup", headers=BROWSER).text
    assert "<script>alert" not in html
    assert "100% of &lt;b&gt;it&lt;/b&gt;" in html


# Headers


def test_the_policy_carries_the_nonce_of_the_page_and_a_new_one_each_time(house):
    seen = set()
    for _ in range(2):
        answer = house.client().get("/sign-in")
        policy = answer.headers["content-security-policy"]
        (nonce,) = re.findall(r"'nonce-([^']+)'", policy)
        assert f'<meta name="csp-nonce" content="{nonce}">' in answer.text
        seen.add(nonce)
    assert len(seen) == 2


@pytest.mark.parametrize("path", ["/sign-in", "/api/who", "/nowhere", "/fails/x", "/health/live", "/static/none.js"])
def test_every_answer_carries_the_headers(house, path):
    headers = house.client().get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_pages_have_no_inline_script_and_no_style_attribute(house, signed_in_client):
    for answer in (house.client().get("/sign-in"), signed_in_client.get("/", headers=BROWSER)):
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
        assert not re.search(r"\s(style|on\w+)=", answer.text)
        assert not re.search(r'(src|href)="(https?:)?//', answer.text)


def test_a_request_id_is_taken_over_only_when_it_is_one(house):
    good = "0123456789abcdef" * 2
    assert house.client().get("/health/live", headers={"x-request-id": good}).headers["x-request-id"] == good
    assert house.client().get("/health/live", headers={"x-request-id": CANARY}).headers["x-request-id"] != CANARY


def test_metrics_name_templates_and_never_the_path_that_was_asked_for(house):
    client = house.client()
    client.get(f"/fails/{CANARY}")
    client.get(f"/nowhere/{CANARY}")
    assert client.get("/metrics").status_code == 401
    text = house.shell.metrics.text().decode()
    assert 'route="/fails/{name}"' in text
    assert CANARY not in text


def test_readiness_follows_the_parts(house):
    assert house.client().get("/health/ready").status_code == 200
    house.change(health=lambda: {"store": False})
    answer = house.client().get("/health/ready")
    assert (answer.status_code, answer.json()["parts"]) == (503, {"store": False})


def test_the_contract_is_served_and_documentation_pages_are_not(house):
    assert "/api/people" in house.client().get("/api/openapi.json").json()["paths"]
    assert house.client().get("/docs").status_code == 404
