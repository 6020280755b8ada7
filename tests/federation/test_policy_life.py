"""A change of policy from draft to the next query that obeys it, with real processes; a stop on either side; what is damaged."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.engine.bundle import Role, read_bundle, unsigned
from policies.engine.key_file import read_key_file
from tests.federation.houses import EU, Federation, Member, found_index, open_index, set_up_node, write_people

REGISTRY = Path(__file__).parents[2] / "policies" / "registry"
LAWS = ("eu", "pci")  # of the shipped registry, so that nobody waits for all of them
QUESTION = "SELECT country, count(*) FROM people GROUP BY 1"
SECONDS = 40
SIGNERS = {Role.AUTHOR: "carla", Role.APPROVER: "carl", Role.PRIVACY_OFFICER: "dpo"}

BASE = """policy: eu-aggregates
law: EU
title: Noised aggregates
cite: ["GDPR Recital 26"]
kind: release
effect: permit
when: {data.shape: aggregate}
obligations: [{noise: {rho_per_measure: "1/400", min_cell: 10}}]
reasons: [anonymous_aggregate]
"""
STRICTER = """policy: eu-nothing-to-headquarters
law: EU
title: Nothing to headquarters while we look
cite: ["GDPR Art. 44"]
kind: release
effect: prohibit
when: {importer.organisation: domicile-hq-ie}
reasons: [processing_restricted]
"""
OWN = STRICTER.replace("eu-nothing-to-headquarters", "own-nothing-to-headquarters")
CASE = (
    "kind: release, date: 2026-11-22, exporter: {region: EU, state: DE}, importer: {region: EU, organisation: ORG}, "
    "subject: {region: DE}, data: {categories: [user.behavior], shape: SHAPE}, purpose: analytics.reporting"
)


def case(name: str, shape: str, organisation: str, expect: str) -> str:
    said = CASE.replace("SHAPE", shape).replace("ORG", organisation)
    return f"  - {{id: {name}, title: {name}, {said}, expect: {{{expect}}}}}\n"


BASE_CASES = (
    "version: 1\nas_of: 2026-11-22\ncases:\n"
    + case("aggregate", "aggregate", "acme", "outcome: allow, reasons: [anonymous_aggregate]")
    + case("record", "record", "acme", "outcome: deny, reasons: [no_permit]")
)
STRICTER_CASES = (
    "version: 1\nas_of: 2026-11-22\ncases:\n"
    + case("headquarters", "aggregate", "domicile-hq-ie", "outcome: deny, reasons: [processing_restricted]")
    + case("others", "aggregate", "acme", "outcome: allow, reasons: [anonymous_aggregate]")
)


@dataclass
class World:
    """An index, one region, and the key files of three people."""

    whole: Federation
    root: Path

    @property
    def index(self) -> Member:
        return self.whole.index

    @property
    def node(self) -> Member:
        return self.whole.nodes["eu-de"]

    def status(self) -> Any:
        return json.loads(self.node.run("policy", "status", "--json", check=False).stdout)

    def asked(self) -> str:
        """How the region answers the next question."""
        words = ("query", QUESTION, "--purpose", "analytics.reporting", "--format", "json", "--as", "ada")
        (answer,) = json.loads(self.index.run(*words, check=False).stdout)["coverage"]  # 1 when nobody answered
        return str(answer["status"])

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"{what}: {self.status()}"
            time.sleep(0.3)

    def in_force(self, version: int) -> bool:
        return any(each["version"] == version and each["state"] == "active" for each in self.status()["bundles"])

    def published(self, title: str, *words: str, submit: tuple[str, ...] = (), countersign: int = 0) -> None:
        """A draft through all hands."""
        draft = self.index.facts("policy", "draft", "--title", title, *words, "--as", "carla")["draft"]
        self.index.run("policy", "check", draft, "--as", "carla")
        self.index.run("policy", "rehearse", draft, "--as", "carla")
        self.index.run("policy", "submit", draft, "--as", "carla", "--key", str(self.root / "carla.key"), *submit)
        self.index.run("policy", "approve", draft, "--as", "carl", "--key", str(self.root / "carl.key"))
        if countersign:
            (proposal,) = self.node.facts("policy", "review")
            assert proposal["version"] == countersign
            assert proposal["rehearsal"]["policy_digest"]
            early = self.index.run("policy", "publish", draft, "--as", "carl", check=False)
            assert early.returncode == 1
            assert "has not countersigned" in early.stderr
            signing = ("--digest", proposal["digest"], "--key", str(self.root / "dpo.key"))
            self.node.run("policy", "countersign", str(countersign), *signing)
        self.index.run("policy", "publish", draft, "--as", "carl")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("policy-life")
    folder = root / "policies"
    shutil.copytree(REGISTRY, folder / "registry")
    for law in (folder / "registry" / "laws").iterdir():
        if law.stem not in LAWS:
            law.unlink()
    (folder / "eu.yaml").write_text(BASE, encoding="utf-8")
    (folder / "eu.cases.yaml").write_text(BASE_CASES, encoding="utf-8")
    index = found_index(root, {"policies_folder": str(folder)})
    whole = Federation(index, {}, {EU.region: EU})
    password = root / "secret"
    password.write_text("a-password-of-the-test-17", encoding="utf-8")
    try:
        for name in ("carla", "carl"):
            officer = ("--role", "compliance_officer", "--importer", "domicile-hq-ie", "--password-file", str(password))
            index.run("users", "add", name, *officer)
            index.run("policy", "keys", "enroll", "--as", name, "--key", str(root / f"{name}.key"))
        open_index(index)
        node = whole.nodes["eu-de"] = set_up_node(root, EU, index, {"policy_seconds": "0.5"})
        shutil.rmtree(node.home / "policies")
        shutil.copytree(folder, node.home / "policies")
        public = node.facts("policy", "key", "--out", str(root / "dpo.key"))["public"]
        (root / "dpo.pub").write_text(public, encoding="utf-8")
        enrolled = ("--role", "privacy_officer", "--region", "eu-de", "--public", str(root / "dpo.pub"))
        index.run("policy", "keys", "enroll", "--as", "dpo-de", *enrolled)
        rows = [{"external_id": f"p{n}", "given_name": "G", "family_name": "F", "country": "DE"} for n in range(400)]
        (root / "files").mkdir()
        node.run("import", str(write_people(root / "files", rows)))
        node.start()
        yield World(whole, root)
    finally:
        whole.stop()


def test_a_fresh_node_decides_by_its_folder(world: World) -> None:
    assert world.asked() == "answered"
    assert world.status()["mode"] == "folder"


def test_the_first_bundle_goes_through_all_hands_and_the_folder_is_asked_no_more(world: World) -> None:
    title = BASE.replace("title: Noised aggregates", "title: Noised aggregates, signed")
    (world.root / "eu.yaml").write_text(title, encoding="utf-8")
    world.published("first", "--file", str(world.root / "eu.yaml"), countersign=1)
    world.until(lambda: world.in_force(1), "bundle 1")
    assert world.status()["mode"] == "bundle"
    shutil.rmtree(world.node.home / "policies")
    assert world.asked() == "answered"


def test_a_bundle_is_fetched_waits_for_its_date_and_the_next_query_obeys_it(world: World) -> None:
    (world.root / "stricter.yaml").write_text(STRICTER, encoding="utf-8")
    (world.root / "stricter.cases.yaml").write_text(STRICTER_CASES, encoding="utf-8")
    files = ("--file", str(world.root / "stricter.yaml"), "--file", str(world.root / "stricter.cases.yaml"))
    begins = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.published("stricter", *files, submit=("--active-from", begins))
    world.node.run("policy", "fetch")
    waiting = {each["version"]: each["state"] for each in world.status()["bundles"]}
    if datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") < begins:
        assert waiting == {1: "active", 2: "pending"}
        assert world.asked() == "answered"
    world.until(lambda: world.in_force(2), "bundle 2")
    assert world.asked() == "refused"
    told = world.index.facts("policy", "status")
    world.until(lambda: world.index.facts("policy", "status")["regions"][0]["version"] == 2, f"the report: {told}")


def test_what_was_forbidden_is_permitted_again_by_a_third_bundle_alone(world: World) -> None:
    drops = ("--drop", "stricter.yaml", "--drop", "stricter.cases.yaml")
    world.published("as before", *drops, countersign=3)
    world.until(lambda: world.in_force(3), "bundle 3")
    assert world.asked() == "answered"


def test_the_regions_own_overlay_forbids_what_the_bundle_permits(world: World) -> None:
    folder = world.node.home / "policies-local"
    folder.mkdir()
    try:
        (folder / "own.yaml").write_text(OWN, encoding="utf-8")
        assert world.asked() == "refused"
        assert world.node.facts("policy", "overlay")["policies"][0]["policy"] == "own-nothing-to-headquarters"
        (folder / "own.yaml").write_text(BASE.replace("eu-aggregates", "own-aggregates"), encoding="utf-8")
        assert world.asked() == "refused"
        told = world.node.run("policy", "status", check=False)
        assert told.returncode == 1
        assert "policies-local/own.yaml:1" in told.stderr
    finally:
        shutil.rmtree(folder)
    assert world.asked() == "answered"


def test_a_stop_in_one_command_holds_at_the_next_query_and_is_recorded(world: World) -> None:
    world.node.run("policy", "stop", "--all", "--reason", "a leak")
    assert world.asked() == "refused"
    refused = world.node.run("policy", "resume", check=False)
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    world.node.run("policy", "resume", "--yes", "--reason", "it was none")
    assert world.asked() == "answered"
    leaves = [json.loads(line) for line in world.node.run("ledger", "show", "--last", "50").stdout.splitlines()]
    assert [each["event"] for each in leaves if "stop" in str(each.get("event"))] == ["policy:flow:stopped"]
    assert world.node.facts("ledger", "verify")["sound"]


def test_a_stop_of_headquarters_is_obeyed_within_a_look_and_lifted_there_alone(world: World) -> None:
    world.index.run("policy", "stop", "--exporter", "EU", "--importer", "EU", "--reason", "an order")
    world.until(lambda: len(world.status()["stops"]) == 1, "the stop")
    assert world.asked() == "refused"
    own = world.node.run("policy", "resume", "--yes", "--reason", "we disagree", check=False)
    assert own.returncode == 1
    assert "headquarters" in own.stderr
    world.index.run("policy", "resume", "1", "--reason", "over", "--yes", "--as", "carla")
    world.until(lambda: not world.status()["stops"], "the end of the stop")
    assert world.asked() == "answered"


def test_without_the_index_a_stop_holds_all_the_same(world: World) -> None:
    world.index.stop()
    try:
        world.node.run("policy", "stop", "--importer", "EU")
        assert [each["importer"] for each in world.status()["stops"]] == ["EU"]
        gone = world.node.run("policy", "fetch", check=False)
        assert gone.returncode == 1
        assert gone.stderr.count("\n") == 1
        assert world.status()["fetch"]["code"] == "peer:channel:unreachable"
    finally:
        world.index.start()
    assert world.asked() == "refused"
    world.node.run("policy", "resume", "--yes", "--reason", "over")


@pytest.mark.parametrize("damage", ["cut", "older", "gone"])
def test_a_bundle_file_that_is_not_the_accepted_one_denies_until_it_is_restored(world: World, damage: str) -> None:
    held = world.node.home / "bundles" / "00000003.bundle"
    kept = held.read_bytes()
    world.node.stop()
    try:
        if damage == "gone":
            held.unlink()
        else:
            held.write_bytes(kept[:-100] if damage == "cut" else held.with_name("00000001.bundle").read_bytes())
        told = world.node.run("policy", "status", check=False)
        assert told.returncode == 1
        assert "bundle 3" in told.stderr
    finally:
        held.write_bytes(kept)
        held.chmod(0o600)
        world.node.start()
    world.until(lambda: world.asked() == "answered", "restored")


def forged(world: World, how: str, whole: bytes) -> bytes:
    """The fourth bundle as a thief of the index's store, or a careless officer, would offer it."""
    signed = read_bundle(whole)
    keys = {role: read_key_file(world.root / f"{name}.key") for role, name in SIGNERS.items()}
    keys[Role.PUBLISHER] = read_key_file(world.index.home / "keys" / "policy-publisher.key")
    if how == "cut":
        return whole[:-200]
    if how == "one of two":
        kept = tuple(each for each in signed.envelope.signatures if each.role != Role.APPROVER)
        return replace(signed.envelope, signatures=kept).to_bytes()
    if how == "older":
        return (world.node.home / "bundles" / "00000002.bundle").read_bytes()
    if how == "expired":
        ended = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
        began = ended - timedelta(days=1)
        signed = unsigned(replace(signed.bundle, issued=began, active_from=began, expires=ended))
    else:  # a change that nobody but its author has seen
        signed = unsigned(replace(signed.bundle, widens=()))
        keys[Role.APPROVER] = keys[Role.AUTHOR]
    for role, key in keys.items():
        signed = signed.signed(role=role, private_key=key)
    return signed.to_bytes()


REFUSED = {
    "cut": "bundle:content:altered",
    "one of two": "bundle:signature:missing",
    "older": "bundle:version:older",
    "expired": "bundle:validity:expired",
    "own approval": "bundle:approval:own",
}


def test_what_does_not_verify_is_refused_in_one_line_and_the_node_keeps_what_it_had(world: World) -> None:
    """The node is off while the fourth bundle is published and its row at the index is exchanged, then looks by itself."""
    world.node.stop()
    files = ("--file", str(world.root / "stricter.yaml"), "--file", str(world.root / "stricter.cases.yaml"))
    draft = world.index.facts("policy", "draft", "--title", "again", *files, "--as", "carla")["draft"]
    for words in (("check",), ("rehearse",), ("submit", "--key", str(world.root / "carla.key"))):
        world.index.run("policy", *words, draft, "--as", "carla")
    world.index.run("policy", "approve", draft, "--as", "carl", "--key", str(world.root / "carl.key"))
    world.index.run("policy", "publish", draft, "--as", "carl")
    store = sqlite3.connect(world.index.home / "index.db")
    (whole,) = store.execute("SELECT envelope FROM policy_bundles WHERE version = 4").fetchone()

    def offered(envelope: bytes) -> None:
        with store:
            store.execute("UPDATE policy_bundles SET envelope = ? WHERE version = 4", (envelope,))

    def refused(code: str) -> None:
        told = world.node.run("policy", "fetch", check=False)
        assert (told.returncode, told.stderr.count("\n")) == (1, 1), told.stderr
        assert "; " in told.stderr  # the remedy
        assert world.status()["fetch"]["code"] == code
        assert world.in_force(3)

    for how, code in REFUSED.items():
        offered(forged(world, how, whole))
        refused(code)
    offered(whole)
    carl = next(each.key for each in read_bundle(whole).envelope.signatures if each.role == Role.APPROVER)
    world.index.run("policy", "keys", "revoke", carl, "--yes")
    refused("bundle:key:revoked")
    store.close()
    world.node.start()
    assert world.asked() == "answered"
