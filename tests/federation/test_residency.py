"""Residency is proved, not promised: canaries in every personal field of three regions, and a search of all that headquarters has.

Imports, edits, queries, record-level requests, errors and a crash run first; then the index's database, WAL, logs, metrics and
every byte that crossed the wire are searched. The same search with one field wrongly released must find it.
"""

import json
import secrets
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from regional_node.crm.fields import FIELDS, FieldType, RecordType
from tests.federation.houses import PLACES, Federation, Member, found_index, free_port, open_index, set_up_node, write_people
from tests.wiretap import Keys, Wiretap

QUESTION = "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people GROUP BY 1,2"
TEXTS = {FieldType.TEXT, FieldType.LONG_TEXT}
PEOPLE_PER_REGION = 60


def canary() -> str:
    return "cnry" + secrets.token_hex(6)


@dataclass
class Planted:
    """Every canary by region and field, so that a hit says what leaked."""

    marks: dict[str, str]

    def new(self, place: str) -> str:
        mark = canary()
        self.marks[mark] = place
        return mark

    def found_in(self, content: bytes) -> list[str]:
        lowered = content.lower()
        return sorted(
            {place for mark, place in self.marks.items() if mark.encode() in lowered or mark.encode("utf-16-le") in lowered}
        )


def sealed_row(region: str, number: int, planted: Planted) -> dict[str, str]:
    """One person with a canary in every sealed field; open fields hold terms of their domains."""
    row = {"external_id": planted.new(f"{region}:external_id")}
    for spec in FIELDS[RecordType.PEOPLE]:
        if not spec.sealed:
            continue
        mark = planted.new(f"{region}:people.{spec.name}")
        if spec.type in TEXTS:
            row[spec.name] = mark[: spec.max_length]
        elif spec.type is FieldType.EMAIL:
            row[spec.name] = f"{mark}@example.org"
    digits = f"{secrets.randbelow(10**7):07d}"
    row |= {
        "date_of_birth": "1961-07-23",
        "phone": {"eu-de": f"+49 1512{digits}", "br-sp": f"+55 11 9{digits}1", "us-ca": f"+1 415{digits}"}[region],
    }
    planted.marks[row["phone"].replace(" ", "")[-8:]] = f"{region}:people.phone"
    row |= {"country": {"eu-de": "DE", "br-sp": "BR", "us-ca": "US"}[region], "segment": "consumer", "lifetime_value": "120.50"}
    row |= {
        "currency": {"eu-de": "EUR", "br-sp": "BRL", "us-ca": "USD"}[region],
        "last_activity_at": "2026-03-01",
        "lifecycle_stage": "customer",
    }
    return row


def deal_rows(region: str, people: list[dict[str, str]], planted: Planted) -> list[dict[str, str]]:
    return [
        {
            "external_id": planted.new(f"{region}:deals.external_id"),
            "name": planted.new(f"{region}:deals.name"),
            "notes": planted.new(f"{region}:deals.notes"),
            "person_external_id": person["external_id"],
            "status": "open",
        }
        for person in people[:10]
    ]


@dataclass
class Tapped:
    """A federation whose every wire passes a tap."""

    whole: Federation
    taps: list[Wiretap]
    planted: Planted

    def forget(self) -> None:
        """Start listening afresh: what was heard before is dropped (connections stay, so header tables do too)."""
        for tap in self.taps:
            tap.forget()

    def wire(self) -> bytes:
        return b"\n".join(tap.everything() for tap in self.taps)

    def headquarters(self) -> dict[str, bytes]:
        """Everything the index holds on disk, by file, and its metrics."""
        files = {str(p.relative_to(self.whole.index.home)): p.read_bytes() for p in self.whole.index.home.rglob("*") if p.is_file()}
        return files | {"the wire": self.wire()}


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    root = tmp_path_factory.mktemp("residency")
    planted = Planted({})
    with ExitStack() as stack:
        index = found_index(root)
        stack.callback(index.stop)
        open_index(index)
        index_keys = Keys(index.home / "tls" / "index.pem", index.home / "tls" / "index.pem")
        whole = Federation(index, {}, {p.region: p for p in PLACES})
        taps: list[Wiretap] = []
        for place in PLACES:
            port = free_port()
            node = set_up_node(root, place, index, {"announced_address": f"127.0.0.1:{port}"})
            stack.callback(node.stop)
            node_keys = Keys(node.home / "tls" / "identity.pem", node.home / "tls" / "identity.pem")
            into = stack.enter_context(Wiretap(node.grpc, callee=node_keys, caller=index_keys, port=port))
            out = stack.enter_context(Wiretap(index.grpc, callee=index_keys, caller=node_keys))
            taps += [into, out]
            rewrite_index_address(node, out.address)
            people = [sealed_row(place.region, n, planted) for n in range(PEOPLE_PER_REGION)]
            folder = root / f"{place.region}-files"
            folder.mkdir()
            write_people(folder, people)
            write_people(folder, deal_rows(place.region, people, planted), "deals.csv")
            node.run("import", str(folder / "people.csv"), str(folder / "deals.csv"))
            node.start()
            whole.nodes[place.region] = node
        whole.pull()
        yield Tapped(whole, taps, planted)


def rewrite_index_address(node: Member, address: str) -> None:
    """From now on the node calls the index through the tap."""
    path = node.home / "tls" / "membership.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | {"index_address": address}), encoding="utf-8")


def use_it_all(tapped: Tapped, tmp_path: Path) -> None:
    """Queries, record-level requests, refusals, errors, edits and a crash."""
    whole, planted = tapped.whole, tapped.planted
    answer = whole.query(QUESTION)
    assert {c["status"] for c in answer["coverage"]} == {"answered"}
    for region, node in whole.nodes.items():
        pseudonym = first_pseudonym(whole, region)
        asked = "email,notes,street,date_of_birth"
        ask = ("person", pseudonym, "--region", region, "--fields", asked, "--purpose", "essential.service.operations.support")
        whole.index.run(*ask, "--as", "ada", check=False)
        whole.index.run(*ask, "--as", "dana", check=False)
        whole.index.run(
            "person", "00" * 16, "--region", region, "--fields", "notes", "--purpose", "sales", "--as", "ada", check=False
        )
        bad = write_people(
            tmp_path, [{"external_id": "x", "given_name": planted.new(f"{region}:bad row"), "date_of_birth": "never"}]
        )
        node.run("import", str(bad), check=False)
        edited = sealed_row(region, 0, planted)
        node.run("import", str(write_people(tmp_path, [edited])))
    literal = planted.new("typed by an analyst")
    whole.query("SELECT count(*) FROM people WHERE country = '" + literal + "'", check=False)  # noqa: S608 - the index's dialect
    victim = whole.nodes["br-sp"]
    victim.kill()
    whole.query("SELECT segment, count(*) FROM people GROUP BY 1")
    victim.start()
    whole.pull()


def first_pseudonym(whole: Federation, region: str) -> str:
    exported = whole.index.run("entries", "export", "--format", "csv", "--region", region, "--limit", "1").stdout.splitlines()
    return exported[1].split(",")[2]


def metrics_of(member: Member) -> bytes:
    host, _, port = member.http.partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_nothing_personal_reaches_headquarters(tapped: Tapped, tmp_path: Path) -> None:
    use_it_all(tapped, tmp_path)
    held = tapped.headquarters() | {"health": metrics_of(tapped.whole.index)}
    assert len(held["the wire"]) > 10_000, "the taps saw nothing, so the search proves nothing"
    leaks = {name: hits for name, content in held.items() if (hits := tapped.planted.found_in(content))}
    assert not leaks


def test_the_regions_do_hold_the_canaries_sealed(tapped: Tapped) -> None:
    """The canaries are really there: a region opens them for its own people, and its files hold only ciphertext."""
    for region, node in tapped.whole.nodes.items():
        with sqlite3.connect(node.home / "node.db") as store:
            assert store.execute("SELECT count(*) FROM people").fetchone()[0] > PEOPLE_PER_REGION
        content = b"".join(p.read_bytes() for p in node.home.rglob("*") if p.is_file() and p.suffix != ".csv")
        assert tapped.planted.found_in(content) == [], region


def test_every_byte_that_left_is_accounted_for_by_the_ledger(tapped: Tapped) -> None:
    for node in tapped.whole.nodes.values():
        facts = node.facts("ledger", "verify")
        assert facts["sound"] is True
        assert facts["size"] > 0


def test_a_field_that_policy_lets_out_crosses_but_is_kept_nowhere(tapped: Tapped) -> None:
    """A name may leave Brazil in clear for this purpose: it passes the wire once, under a leaf, and nothing is kept."""
    region, whole = "br-sp", tapped.whole
    size = whole.nodes[region].facts("ledger", "verify")["size"]
    tapped.forget()
    said = whole.index.facts(
        "person", first_pseudonym(whole, region), "--region", region, "--fields", "given_name",
        "--purpose", "essential.service.operations.support", "--as", "ada",
    )  # fmt: skip
    assert tapped.planted.found_in(json.dumps(said).encode()) == [f"{region}:people.given_name"]
    assert tapped.planted.found_in(tapped.wire()) == [f"{region}:people.given_name"]
    assert whole.nodes[region].facts("ledger", "verify")["size"] == size + 1
    held = tapped.headquarters()
    del held["the wire"]
    assert not {name: hits for name, content in held.items() if (hits := tapped.planted.found_in(content))}
    tapped.forget()


def test_one_field_wrongly_released_is_found(tapped: Tapped) -> None:
    """The same search fails when a region's policy lets one field out in clear: `city` is asked for and comes through the tap."""
    region = "br-sp"
    node = tapped.whole.nodes[region]
    law = node.home / "policies" / "lgpd.yaml"
    kept = law.read_text(encoding="utf-8")
    before = tapped.planted.found_in(tapped.wire())
    assert before == []
    law.write_text(weakened(kept), encoding="utf-8")
    try:
        whole = tapped.whole
        done: subprocess.CompletedProcess[str] = whole.index.run(
            "person", first_pseudonym(whole, region), "--region", region, "--fields", "city",
            "--purpose", "essential.service.operations.support", "--as", "ada",
        )  # fmt: skip
        assert done.returncode == 0
        assert tapped.planted.found_in(tapped.wire()) == [f"{region}:people.city"]
    finally:
        law.write_text(kept, encoding="utf-8")


def weakened(policy: str) -> str:
    """The law with the form of the city turned from generalised to clear."""
    changed = policy.replace("user.contact.address.city: generalise", "user.contact.address.city: clear")
    assert changed != policy
    return changed
