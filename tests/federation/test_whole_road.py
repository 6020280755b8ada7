"""The whole road with real processes, on both stores: a region lost and back, a policy edited to deny, no valid policy."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.federation.houses import PLACES, Federation, federation, write_people
from tests.postgres import NoPostgresError, empty_database, postgres_server, without_server

QUESTION = "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people GROUP BY 1,2"
COUNTRY = {"eu-de": ("DE", "EUR"), "br-sp": ("BR", "BRL"), "us-ca": ("US", "USD")}
PEOPLE = 400

STOP = """policy: br-emergency-stop
law: BR
title: Nothing leaves while we look
cite: ["LGPD Art. 33"]
valid: {from: 2020-09-18}
review: {by: encarregado, last: 2026-11-22, again_before: 2027-11-22}
kind: release
effect: prohibit
when: {data.shape: aggregate}
reasons: [derogation_not_for_systematic]
try_instead: [scc_br]
"""

pytestmark = pytest.mark.xdist_group("whole road")


def people_of(region: str) -> list[dict[str, str]]:
    country, currency = COUNTRY[region]
    return [
        {
            "external_id": f"{region}-{n}",
            "given_name": f"Given{n}",
            "family_name": "Family",
            "email": f"p{n}@example.org",
            "country": country,
            "segment": ("consumer", "enterprise")[n % 2],
            "lifetime_value": "250.00",
            "currency": currency,
            "last_activity_at": "2026-03-01",
            "lifecycle_stage": "customer",
        }
        for n in range(PEOPLE)
    ]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    root = tmp_path_factory.mktemp("whole-road")
    with contextlib.ExitStack() as ending:
        database = None
        if request.param == "postgresql":
            try:
                server = ending.enter_context(postgres_server())
            except NoPostgresError as missing:
                without_server(missing)
            database = partial(empty_database, server)
        made = ending.enter_context(federation(root, PLACES, database=database))
        for region, node in made.nodes.items():
            folder = root / f"{region}-files"
            folder.mkdir()
            node.run("import", str(write_people(folder, people_of(region))))
            node.start()
        assert bool(list(root.glob("*/*.db"))) is (database is None)
        yield made


def statuses(answer: dict[str, object]) -> dict[str, str]:
    coverage = answer["coverage"]
    assert isinstance(coverage, list)
    return {each["region"]: each["status"] for each in coverage}


def test_three_regions_answer_and_say_how_noisy_they_are(whole: Federation) -> None:
    answer = whole.query(QUESTION)
    assert statuses(answer) == {"eu-de": "answered", "br-sp": "answered", "us-ca": "answered"}
    assert {row[0] for row in answer["rows"]} >= {"DE", "BR", "US"}
    counts = {row[0]: row[2] for row in answer["rows"] if row[1] == "consumer"}
    assert all(abs(counts[c] - PEOPLE / 2) < 150 for c in ("DE", "BR", "US"))
    assert all(each["noise"] for each in answer["coverage"])


@pytest.mark.parametrize(("member", "page"), [("index", "/ask"), ("eu-de", "/people")])
def test_a_serving_process_has_its_console(whole: Federation, member: str, page: str) -> None:
    """Not signed in: sent to the sign-in page, which is there with its style and script."""
    served = whole.index if member == "index" else whole.nodes[member]
    host, _, port = served.http.partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", page, headers={"Accept": "text/html"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303
    connection.request("GET", answer.headers["location"], headers={"Accept": "text/html"})
    sign_in = connection.getresponse()
    text = sign_in.read().decode()
    connection.close()
    assert sign_in.status == 200
    assert "/static/app-" in text


def test_the_same_question_again_costs_nothing_and_says_the_same(whole: Federation) -> None:
    first, second = whole.query(QUESTION), whole.query(QUESTION)
    assert first["rows"] == second["rows"]
    assert float(second["budget"]["charged"]) == 0


def test_entries_are_pulled_once_and_for_all(whole: Federation) -> None:
    whole.pull()
    again = whole.pull()
    assert all(each["entries"] == 0 for each in again["pulled"])
    listed = whole.index.run("entries", "export", "--format", "csv").stdout.splitlines()
    assert len(listed) == 1 + 3 * PEOPLE
    assert len({line.split(",")[2] for line in listed[1:]}) == 3 * PEOPLE


def test_a_region_killed_mid_question_is_named_and_the_rest_answers(whole: Federation) -> None:
    """The region is stopped (its answer hangs on the wire), the question is asked, then the process is killed."""
    victim = whole.nodes["us-ca"]
    assert victim.process is not None
    os.kill(victim.process.pid, signal.SIGSTOP)
    killer = threading.Timer(2.0, victim.kill)
    killer.start()
    began = time.monotonic()
    answer = whole.query("SELECT segment, count(*) FROM people GROUP BY 1")
    took = time.monotonic() - began
    killer.join()
    assert statuses(answer) == {"eu-de": "answered", "br-sp": "answered", "us-ca": "down"}
    assert took < 20
    victim.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        whole_again = whole.query("SELECT segment, count(*) FROM people GROUP BY 1")
        if statuses(whole_again)["us-ca"] == "answered":
            return
        time.sleep(0.5)
    pytest.fail("the region came back, but the index did not find it again without a restart")


def test_a_policy_edited_to_deny_refuses_the_next_question(whole: Federation) -> None:
    node = whole.nodes["br-sp"]
    extra = node.home / "policies" / "emergency.yaml"
    extra.write_text(STOP, encoding="utf-8")
    try:
        answer = whole.query(QUESTION)
        refused = next(each for each in answer["coverage"] if each["region"] == "br-sp")
        assert refused["status"] == "refused"
        assert "br-emergency-stop" in str(refused)
        assert "LGPD Art. 33" in str(refused)
        assert "scc_br" in str(refused)
        assert statuses(answer)["eu-de"] == "answered"
    finally:
        extra.unlink()
    assert statuses(whole.query(QUESTION))["br-sp"] == "answered"


@pytest.mark.parametrize("damage", ["broken", "gone"])
def test_a_node_without_a_valid_policy_releases_nothing(whole: Federation, tmp_path: Path, damage: str) -> None:
    node = whole.nodes["eu-de"]
    folder, aside = node.home / "policies", tmp_path / "policies"
    law = folder / "gdpr.yaml"
    kept = law.read_text(encoding="utf-8")
    try:
        if damage == "broken":
            law.write_text(kept.replace("effect: permit", "effect: pemit", 1), encoding="utf-8")
        else:
            folder.rename(aside)
        answer = whole.query(QUESTION)
        assert statuses(answer)["eu-de"] == "refused"
        assert statuses(answer)["br-sp"] == "answered"
        status: subprocess.CompletedProcess[str] = node.run("policy", "status", check=False)
        assert status.returncode == 1
        assert status.stderr.count("\n") == 1
    finally:
        if aside.exists():
            aside.rename(folder)
        law.write_text(kept, encoding="utf-8")
    assert statuses(whole.query(QUESTION))["eu-de"] == "answered"


def test_a_revoked_region_is_asked_no_more_and_may_not_announce(whole: Federation) -> None:
    """Last in the module: it ends a membership."""
    whole.index.run("regions", "revoke", "us-ca")
    answer = whole.query(QUESTION)
    assert statuses(answer).get("us-ca") != "answered"
    done = whole.nodes["us-ca"].run("renew", check=False)
    assert done.returncode == 1
    assert "refused" in done.stderr
