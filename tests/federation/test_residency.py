"""Residency is proved, not promised: canaries in every personal field of three regions, and a search of all that headquarters has.

Imports, edits, queries, record-level requests, errors and a crash run first; then the index's database, WAL, logs, metrics and
every byte that crossed the wire are searched. The same search with one field wrongly released must find it.
"""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from protos.v1 import entries_pb2, persons_pb2, questions_pb2
from protos.wire import answer_from_message, batch_from_message, person_from_message, question_from_message
from regional_node.bootstrap.home import load, open_house
from regional_node.crm.fields import FIELDS, FieldSpec, FieldType, RecordType
from regional_node.egress.payload import batch_bytes, person_bytes, seal_of, share_bytes
from regional_node.usecases.records import Search
from tests.federation.houses import PLACES, Federation, Member, found_index, free_port, open_index, set_up_node, write_people
from tests.wiretap import Keys, Wiretap

QUESTION = "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people GROUP BY 1,2"
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


PHONES = {"eu-de": "+49 1512", "br-sp": "+55 11 9", "us-ca": "+1 415"}
BIRTHDAYS = {"eu-de": "1903-07-11", "br-sp": "1904-08-12", "us-ca": "1905-09-13"}
HOME = {"eu-de": ("DE", "EUR"), "br-sp": ("BR", "BRL"), "us-ca": ("US", "USD")}
OPEN: dict[RecordType, dict[str, str]] = {
    RecordType.PEOPLE: {
        "segment": "consumer",
        "lifetime_value": "120.50",
        "last_activity_at": "2026-03-01",
        "lifecycle_stage": "customer",
    },
    RecordType.COMPANIES: {"industry": "retail", "size_band": "10-49"},
    RecordType.DEALS: {"status": "open", "amount": "900.00", "opened_at": "2026-02-01"},
    RecordType.ORDERS: {"status": "paid", "channel": "web", "amount": "40.00", "ordered_at": "2026-02-02"},
    RecordType.ACTIVITIES: {"kind": "call", "direction": "inbound", "occurred_at": "2026-02-03T10:00:00Z"},
}


def sealed_row(region: str, kind: RecordType, planted: Planted) -> dict[str, str]:
    """One record with a canary in every sealed field of its kind; open fields hold terms of their domains."""
    country, currency = HOME[region]
    row = {"external_id": planted.new(f"{region}:{kind.value}.external_id"), "country": country} | OPEN[kind]
    if kind is not RecordType.ACTIVITIES:
        row["currency"] = currency
    for spec in FIELDS[kind]:
        if spec.sealed:
            row[spec.name] = canary_value(spec, f"{region}:{kind.value}.{spec.name}", region, planted)
    return row


def canary_value(spec: FieldSpec, place: str, region: str, planted: Planted) -> str:
    """A value of the field's type that can be searched for, and is."""
    if spec.type is FieldType.DATE:
        planted.marks[BIRTHDAYS[region]] = place
        return BIRTHDAYS[region]
    if spec.type is FieldType.PHONE:
        digits = f"{secrets.randbelow(10**7):07d}"
        planted.marks[digits] = place
        return PHONES[region] + digits + ("1" if region == "br-sp" else "")
    mark = planted.new(place)
    return {FieldType.EMAIL: f"{mark}@example.org", FieldType.URL: f"https://{mark}.example.org"}.get(spec.type, mark)


def write_all(folder: Path, region: str, planted: Planted) -> list[dict[str, str]]:
    """A file of each kind; the first twenty people each have a company, a deal, an order and an activity. Returns the people."""
    people = [sealed_row(region, RecordType.PEOPLE, planted) for _ in range(PEOPLE_PER_REGION)]
    companies = [sealed_row(region, RecordType.COMPANIES, planted) for _ in range(5)]
    for n, person in enumerate(people):
        person["company_external_id"] = companies[n % 5]["external_id"]
    write_people(folder, companies, "companies.csv")
    write_people(folder, people)
    for kind in (RecordType.DEALS, RecordType.ORDERS, RecordType.ACTIVITIES):
        rows = [sealed_row(region, kind, planted) | {"person_external_id": p["external_id"]} for p in people[:20]]
        write_people(folder, rows, f"{kind.value}.csv")
    return people


@dataclass
class Tapped:
    """A federation whose every wire passes a tap."""

    whole: Federation
    taps: list[Wiretap]
    planted: Planted
    people: dict[str, list[dict[str, str]]]
    typed: Planted = field(default_factory=lambda: Planted({}))
    """What was typed at headquarters where the name of a field belongs: it goes to the region asked and is kept nowhere."""

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
        people: dict[str, list[dict[str, str]]] = {}
        for place in PLACES:
            port = free_port()
            node = set_up_node(root, place, index, {"announced_address": f"127.0.0.1:{port}"})
            stack.callback(node.stop)
            node_keys = Keys(node.home / "tls" / "identity.pem", node.home / "tls" / "identity.pem")
            into = stack.enter_context(Wiretap(node.grpc, callee=node_keys, caller=index_keys, port=port))
            out = stack.enter_context(Wiretap(index.grpc, callee=index_keys, caller=node_keys))
            taps += [into, out]
            rewrite_index_address(node, out.address)
            folder = root / f"{place.region}-files"
            folder.mkdir()
            people[place.region] = write_all(folder, place.region, planted)
            said = node.facts("import", str(folder))
            assert all(file["rejected"] == 0 for file in said["files"]), said
            node.start()
            whole.nodes[place.region] = node
        whole.pull()
        yield Tapped(whole, taps, planted, people)


def rewrite_index_address(node: Member, address: str) -> None:
    """From now on the node calls the index through the tap."""
    path = node.home / "tls" / "membership.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | {"index_address": address}), encoding="utf-8")


def use_it_all(tapped: Tapped, tmp_path: Path) -> None:
    """Queries, record-level requests, refusals, errors, edits by import and by REST, and a crash."""
    whole, planted = tapped.whole, tapped.planted
    answer = whole.query(QUESTION)
    assert {c["status"] for c in answer["coverage"]} == {"answered"}
    for region, node in whole.nodes.items():
        pseudonym = first_pseudonym(whole, region)
        asked = "email,mobile,notes,street,date_of_birth"
        ask = ("person", pseudonym, "--region", region, "--fields", asked, "--purpose", "essential.service.operations.support")
        assert [one["form"] for one in whole.index.facts(*ask, "--as", "ada")["fields"]].count("withhold") >= 2
        refused(whole.index.run(*ask, "--as", "dana", check=False), "refused by us-ca" if region == "us-ca" else "no_mechanism")
        nobody = ("person", "00" * 16, "--region", region)
        refused(whole.index.run(*nobody, "--fields", "notes", "--purpose", "sales", "--as", "ada", check=False), "`sales`")
        typed = tapped.typed.new(f"{region}:typed as the name of a field")
        wanted = ("person", pseudonym, "--region", region, "--fields", f"email,{typed}", "--purpose", ask[-1])
        refused(whole.index.run(*wanted, "--as", "ada", check=False), "unknown field")
        bad = write_people(
            tmp_path, [{"external_id": "x", "given_name": planted.new(f"{region}:bad row"), "date_of_birth": "never"}]
        )
        node.run("import", str(bad), check=False)
        changed = tapped.people[region][0] | {"notes": planted.new(f"{region}:edited by import")}
        said = node.facts("import", str(write_people(tmp_path, [changed])))
        assert said["files"][0]["updated"] == 1
        edit_by_rest(node, region, planted)
    literal = planted.new("typed by an analyst")
    whole.query("SELECT count(*) FROM people WHERE country = '" + literal + "'", check=False)  # noqa: S608 - the index's dialect
    victim = whole.nodes["br-sp"]
    victim.kill()
    whole.query("SELECT segment, count(*) FROM people GROUP BY 1")
    victim.start()
    whole.pull()


def refused(done: subprocess.CompletedProcess[str], why: str) -> None:
    """A record-level request that failed as it should, for the reason that it should."""
    assert done.returncode != 0, done.stdout
    assert why in done.stdout + done.stderr, done.stdout + done.stderr


def edit_by_rest(node: Member, region: str, planted: Planted) -> None:
    """Create a person and change it, as a machine does; then a change that is refused, which must not tell what was sent."""
    token = node.facts("tokens", "add", "test", "--role", "agent")["token"]
    made = call(node, "POST /api/v1/objects/people", token, {"given_name": planted.new(f"{region}:created by REST")})
    assert made[0] == 201
    path = f"PATCH /api/v1/objects/people/{made[1]['id']}"
    patched = call(node, path, token, {"notes": planted.new(f"{region}:patched by REST")}, headers={"If-Match": '"1"'})
    assert patched[0] == 200, patched
    mark = planted.new(f"{region}:refused by REST")
    refused = call(node, path, token, {"date_of_birth": mark}, headers={"If-Match": '"2"'})
    assert refused[0] == 422
    assert mark not in json.dumps(refused[1])


def call(member: Member, wanted: str, token: str, body: object = None, *, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """`wanted` is method and path; what came back is JSON, or bytes from `/metrics`."""
    method, path = wanted.split()
    host, _, port = member.http.partition(":")
    connection = HTTPConnection(host, int(port), timeout=20)
    try:
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=sent)
        response = connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if path != "/metrics" else content
    finally:
        connection.close()


def first_pseudonym(whole: Federation, region: str) -> str:
    exported = whole.index.run("entries", "export", "--format", "csv", "--region", region, "--limit", "1").stdout.splitlines()
    return exported[1].split(",")[2]


def metrics_of(index: Member) -> bytes:
    token = index.facts("tokens", "add", "scraper", "--role", "auditor")["token"]
    status, content = call(index, "GET /metrics", token)
    assert status == 200
    assert b"domicile_calls" in content
    return bytes(content)


def test_nothing_personal_reaches_headquarters(tapped: Tapped, tmp_path: Path) -> None:
    use_it_all(tapped, tmp_path)
    held = tapped.headquarters() | {"metrics": metrics_of(tapped.whole.index)}
    assert len(held["the wire"]) > 10_000, "the taps saw nothing, so the search proves nothing"
    leaks = {name: hits for name, content in held.items() if (hits := tapped.planted.found_in(content))}
    assert not leaks
    asked = tapped.typed.found_in(held.pop("the wire"))
    assert len(asked) == len(PLACES), "what was typed never went out, so the search proves nothing"
    kept = {name: hits for name, content in held.items() if (hits := tapped.typed.found_in(content))}
    assert not kept


def test_the_regions_do_hold_the_canaries_sealed(tapped: Tapped) -> None:
    """The canaries are really there: a region opens every one for its own people, and its files hold only ciphertext."""
    for region, node in tapped.whole.nodes.items():
        opened = json.dumps(everything_opened(node)).lower()
        present = {place for mark, place in tapped.planted.marks.items() if mark in opened}
        planted = {place for place in tapped.planted.marks.values() if place.startswith(f"{region}:") and "." in place}
        assert planted - present == set(), "a field without a living canary proves nothing"
        content = b"".join(p.read_bytes() for p in node.home.rglob("*") if p.is_file() and p.suffix != ".csv")
        assert [p for p in tapped.planted.found_in(content) if not p.endswith((".phone", ".mobile"))] == [], region


def everything_opened(node: Member) -> list[str]:
    """Every record of a node, opened under its keys, as its own people would read it."""
    house = open_house(node.home, load(node.home, {}))
    found: list[str] = []
    try:
        with house.units.reading() as unit:
            for kind in RecordType:
                page = unit.records.search(Search(record_type=kind, limit=200))
                for record in page.records:
                    found += [str(record.plain(spec.name)) for spec in FIELDS[kind]]
                    found += [each.key.reveal() for each in record.external_ids]
    finally:
        house.engine.dispose()
    return found


def test_every_byte_that_left_is_accounted_for_by_the_ledger(tapped: Tapped) -> None:
    """Each response on the wire, made into the bytes that a record seals, has its leaf; with one leaf left out, it is found."""
    # the wire is read first: a leaf is durable before its release, so what is heard by now has its leaf by then
    released = [digest for tap in tapped.taps for each in tap.exchanges() if (digest := released_digest(*each))]
    sealed: set[str] = set()
    for node in tapped.whole.nodes.values():
        assert node.facts("ledger", "verify")["sound"] is True
        shown = node.run("ledger", "show", "--last", "10000").stdout.splitlines()
        sealed |= {digest for line in shown if (digest := json.loads(line)["payload_digest"])}
    assert len(released) > 10
    assert [digest for digest in released if digest not in sealed] == []
    assert [digest for digest in released if digest not in sealed - {released[0]}] != []


def released_digest(path: str, asked: bytes, answered: bytes) -> str:
    """What the ledger must hold for one call of the index at a node; empty when nothing was released."""
    if not answered or not path.startswith(("/domicile.v1.Questions", "/domicile.v1.Persons", "/domicile.v1.Entries")):
        return ""
    if path.endswith("AnswerQuestion"):
        plan = question_from_message(questions_pb2.AnswerQuestionRequest.FromString(asked)).plan
        share, _ = answer_from_message(questions_pb2.AnswerQuestionResponse.FromString(answered), plan)
        return seal_of(share_bytes(share)).digest
    if path.endswith("ReadPerson"):
        view, _ = person_from_message(persons_pb2.ReadPersonResponse.FromString(answered))
        return seal_of(person_bytes(view)).digest
    batch, receipt = batch_from_message(entries_pb2.PullEntriesResponse.FromString(answered))
    return seal_of(batch_bytes(batch)).digest if receipt is not None else ""


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
