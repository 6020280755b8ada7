"""The pages of policy drafts without a browser: plain forms from a draft to a published bundle, and who may take which step."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from policies.engine.bundle import Role, read_bundle, sign
from policies.engine.envelope import signature_line
from policies.engine.roots import KeyRole
from tests.unit.index.console_world import PASSWORD, World, form_token, world
from tests.unit.index.ordinary import AT
from tests.unit.index.policy_world import eu, folder_of, private_key

SIGNERS = ("olga", "piet")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, policies=folder_of(tmp_path / "policies")) as one:
        one.accounts.add("piet", PASSWORD, ["compliance_officer"])
        enrol(one, tmp_path)
        yield one


def enrol(index: World, folder: Path) -> None:
    """Keys for both officers and for every region's privacy officer."""
    accounts = {each.username: each.account_id for each in index.accounts.list()}
    keyring = index.rooms.policies.keyring
    root = {"root_key": lambda: root_of(folder), "at": AT}
    for name in SIGNERS:
        public = private_key(name).public_key()
        keyring.enroll(public, role=KeyRole.COMPLIANCE_OFFICER, holder=accounts[name], **root)
    for each in index.rooms.policies.regions():
        name = f"dpo-{each.region}"
        public = private_key(name).public_key()
        keyring.enroll(public, role=KeyRole.PRIVACY_OFFICER, holder=name, region=each.region, **root)


def root_of(folder: Path):  # type: ignore[no-untyped-def]  # a private key
    from global_index.policy_house import ROOT_KEY  # noqa: PLC0415 - the one test that needs it
    from policies.engine.key_file import read_key_file  # noqa: PLC0415 - the same

    return read_key_file(folder / ROOT_KEY)


def post(client: TestClient, path: str, **fields: object):  # type: ignore[no-untyped-def]  # httpx's answer
    token = form_token(client.get("/policies").text)
    return client.post(path, data={"csrf": token, **fields})


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def started(client: TestClient) -> str:
    answer = post(client, "/policies/drafts", title="let counts go to the US")
    assert answer.status_code == 303
    return str(answer.headers["location"])


def changed(client: TestClient) -> str:
    here = started(client)
    for revision, (name, text) in enumerate(eu("US").items(), start=1):
        assert post(client, f"{here}/files/{name}", text=text, revision=revision).status_code == 200
    return here


def signature(client: TestClient, here: str, role: Role, name: str) -> str:
    raw = client.get(f"{here}/bundle").content
    return signature_line(sign(read_bundle(raw).bundle, role=role, private_key=private_key(name)))


def test_a_change_goes_from_draft_to_published_with_plain_forms(index: World) -> None:
    olga, piet = index.client("olga"), index.client("piet")
    here = changed(olga)
    assert "changed" in words(olga.get(here).text)
    assert "the draft passes" in words(post(olga, f"{here}/check").text)
    assert post(olga, f"{here}/rehearse").status_code == 303
    rehearsal = words(olga.get(here).text)
    assert "2 from released to refused" in rehearsal
    assert "us-ca did not answer peer:channel:unreachable" in rehearsal
    assert post(olga, f"{here}/prepare", active_from="2026-11-23").status_code == 303
    assert post(olga, f"{here}/sign", signature=signature(olga, here, Role.AUTHOR, "olga")).status_code == 303
    page = words(olga.get(here).text)
    assert "You wrote it, so somebody else approves it." in page
    assert "widens EU" in page
    own = post(olga, f"{here}/sign", signature=signature(olga, here, Role.APPROVER, "olga"))
    assert own.status_code == 409
    assert "its author cannot approve it" in words(own.text)
    assert post(piet, f"{here}/sign", signature=signature(piet, here, Role.APPROVER, "piet")).status_code == 303
    waiting = words(piet.get(here).text)
    assert "countersign it at their nodes: br-sp, eu-de" in waiting
    early = post(piet, f"{here}/publish")
    assert early.status_code == 409
    countersign(index, here)
    assert post(piet, f"{here}/publish").status_code == 303
    assert "published" in words(piet.get(here).text)
    listing = words(piet.get("/policies").text)
    assert "let counts go to the US published" in listing


def countersign(index: World, here: str) -> None:
    rooms = index.rooms.policies
    signed = rooms.drafting.draft(here.rsplit("/", 1)[1]).bundle
    assert signed is not None
    for region in rooms.approving.awaited(signed):
        given = sign(signed.bundle, role=Role.PRIVACY_OFFICER, private_key=private_key(f"dpo-{region}"))
        rooms.approving.countersign(signed.envelope.digest, given, region=region, at=AT)


def test_a_mistake_is_shown_at_its_line_and_the_text_is_kept(index: World) -> None:
    olga = index.client("olga")
    here = started(olga)
    wrong = eu("US")["eu.yaml"].replace("analytics.reporting", "analitics")
    page = post(olga, f"{here}/files/eu.yaml", text=wrong, revision=1)
    assert page.status_code == 200
    assert "10:12 " in words(page.text)
    assert "analitics" in page.text
    typed = post(olga, f"{here}/check/eu.yaml", text=wrong).json()["diagnostics"]
    assert [(each["line"], each["severity"]) for each in typed] == [(10, "error")]
    late = post(olga, f"{here}/files/eu.yaml", text=wrong, revision=1)
    assert late.status_code == 412
    assert "has changed since it was read" in words(late.text)


@pytest.mark.parametrize("username", ["aldo", "root"])
def test_who_only_reads_sees_the_draft_and_takes_no_step(index: World, username: str) -> None:
    here = started(index.client("olga"))
    reader = index.client(username)
    assert "A compliance officer takes the next step." in words(reader.get(here).text)
    for step in ("check", "compare", "rehearse", "prepare", "sign", "publish", "withdraw"):
        assert post(reader, f"{here}/{step}").status_code == 403
    assert post(reader, "/policies/drafts", title="x").status_code == 403
    assert post(reader, f"{here}/files/eu.yaml", text="x", revision=1).status_code == 403


def test_an_analyst_sees_no_draft(index: World) -> None:
    here = started(index.client("olga"))
    assert index.client("ada").get(here).status_code == 403


@pytest.mark.parametrize("line", ["", "author", "author 00 AA==", "<script>alert(1)</script>"])
def test_what_is_no_signature_is_refused_beside_the_draft(index: World, line: str) -> None:
    olga = index.client("olga")
    here = started(olga)
    answer = post(olga, f"{here}/sign", signature=line)
    assert answer.status_code == 422
    assert "this is not a signature" in words(answer.text)
    assert "<script>alert" not in answer.text


def test_no_page_of_a_draft_names_a_file_outside_it(index: World) -> None:
    olga = index.client("olga")
    here = started(olga)
    for name in ("../../etc/passwd", "..%2Fsettings.toml", "nothing.yaml"):
        assert olga.get(f"{here}/files/{name}").status_code in {404, 422}


def test_a_withdrawn_draft_takes_no_step_any_more(index: World) -> None:
    olga = index.client("olga")
    here = started(olga)
    assert post(olga, f"{here}/withdraw").status_code == 303
    assert "This draft has ended its way" in words(olga.get(here).text)
    assert post(olga, f"{here}/check").status_code in {200, 422}
    assert post(olga, f"{here}/prepare").status_code == 412
