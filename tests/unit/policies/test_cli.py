"""The command line says what it found, and its exit code says the same."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine.cli import main
from policies.engine.key_file import make_key_file
from policies.engine.record import DecisionRecord, canonical_bytes
from policies.engine.registry_parser import SHIPPED
from policies.engine.roots import KeyRole, PolicyKey, Root
from policies.engine.vocabulary import Kind, Outcome, Shape

REQUEST = """\
kind: transfer
exporter: {region: EU}
importer: {region: US, role: controller, dpf: {listed: false}}
data: {shape: record, categories: [user.name]}
purpose: sales
legal_basis: A6-1-b
"""
EXPIRES = (datetime.now(UTC) + timedelta(days=300)).date().isoformat()
FEW = ("pci.yaml", "gdpr.yaml", "gdpr.cases.yaml", "pci.cases.yaml")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "policies").mkdir()
    for name in FEW:
        (tmp_path / "policies" / name).write_text((SHIPPED.parent / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path / "policies"


def ask(*arguments, text=None):
    return CliRunner().invoke(main, [str(a) for a in arguments], input=text)


def put(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_policies_pass_their_cases():
    result = ask("test", "--json")
    assert result.exit_code == 0
    body = json.loads(result.output)
    assert body["failed"] == 0
    assert body["passed"] == len(body["cases"]) > 100
    assert set(body["cases"][0]) == {"id", "pass", "expected", "outcome", "reasons", "rules"}
    assert body["allow_recall"] == body["deny_recall"] == 1.0


def test_a_slip_is_printed_with_its_place_and_exits_1(folder):
    put(folder / "gdpr.yaml", "effect: permit", "effect: permitt")
    result = ask("check", folder)
    assert result.exit_code == 1
    assert "gdpr.yaml:9:9: unknown effect `permitt`; use one of: `permit`" in result.output


def test_a_review_that_is_due_is_a_warning_and_with_strict_an_error(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)
    for name in [name for name in sys.modules if name.startswith(("policies.engine.symbolic", "policies.engine.analysis"))]:
        monkeypatch.delitem(sys.modules, name)
    result = ask("check", folder, "--at", "2030-01-01")
    assert result.exit_code == 0
    assert "warning: gdpr.yaml:3:1: policy `eu-intra-eea` was to be reviewed before 2027-11-22" in result.output
    assert "pip install --require-hashes -r requirements/analysis.txt" in result.output
    assert ask("check", folder, "--at", "2030-01-01", "--strict").exit_code == 1
    findings = json.loads(ask("check", folder, "--at", "2030-01-01", "--json").output)
    assert {finding["severity"] for finding in findings} == {"warning"}
    assert set(findings[0]) == {"file", "line", "column", "message", "remedy", "severity"}


def test_a_failing_case_exits_1_and_says_what_is_missing(folder):
    put(folder / "gdpr.yaml", "reasons: [intra_eea]", "reasons: [local_processing]")
    result = ask("test", "--policies", folder, "--cases", folder / "gdpr.cases.yaml")
    assert result.exit_code == 1
    assert "reason intra_eea" in result.output
    assert "allow-recall" in result.output


def test_coverage_is_told_in_text_and_json(folder):
    assert "EU: 100.0 % of conditions seen both true and false" in ask("test", "--policies", folder, "--coverage").output
    body = json.loads(ask("test", "--policies", folder, "--coverage", "--json").output)
    assert body["coverage"]["laws"] == {"EU": 100.0, "PCI": 100.0}
    assert body["coverage"]["uncovered"] == []


def test_decide_and_explain_say_rule_citation_and_what_would_allow_it(folder):
    of = ("--policies", folder, "--at", "2026-11-22")
    body = json.loads(ask("decide", "-", *of, "--json", text=REQUEST).output)
    assert body["outcome"] == "deny"
    assert "no_mechanism" in body["reasons"]
    assert "scc_eu_2021" in body["try_instead"]
    prose = ask("explain", "-", *of, text=REQUEST).output
    assert prose.startswith("This may not leave.")
    assert "GDPR Art. 46" in prose
    assert "`scc_eu_2021`: safeguard (EU" in prose
    told = json.loads(ask("explain", "-", *of, "--json", text=REQUEST).output)
    assert told["outcome"] == "deny"
    assert {remedy["name"] for remedy in told["try_instead"]} == set(body["try_instead"])


def test_what_is_not_a_request_is_one_line_and_exits_1(folder):
    result = ask("decide", "-", "--policies", folder, "--at", "2026-11-22", text="[1, 2]")
    assert result.exit_code == 1
    assert "this is not a request" in result.output


def test_fmt_lays_out_all_files_or_none_and_check_changes_nothing(folder):
    put(folder / "gdpr.yaml", "law: EU\ntitle: Within", "title:   Within")
    put(folder / "gdpr.yaml", "effect: permit\n", "effect: permit\nlaw: EU\n")
    before = (folder / "gdpr.yaml").read_text(encoding="utf-8")
    only = ask("fmt", "--check", folder)
    assert only.exit_code == 1
    assert "is not in canonical layout" in only.output
    assert (folder / "gdpr.yaml").read_text(encoding="utf-8") == before
    assert ask("fmt", folder).exit_code == 0
    assert (folder / "gdpr.yaml").read_text(encoding="utf-8") == (SHIPPED.parent / "gdpr.yaml").read_text(encoding="utf-8")
    assert ask("fmt", "--check", folder).exit_code == 0
    (folder / "gdpr.yaml").write_text(before, encoding="utf-8")
    put(folder / "pci.yaml", "effect: prohibit", "effect: prohibits")
    broken = ask("fmt", folder)
    assert broken.exit_code == 1
    assert "pci.yaml:8:9: unknown effect `prohibits`" in broken.output
    assert (folder / "gdpr.yaml").read_text(encoding="utf-8") == before


def test_export_writes_odrl(folder, tmp_path):
    printed = ask("export", "--format", "odrl", folder / "pci.yaml")
    assert {rule["uid"] for rule in json.loads(printed.output)["@graph"][0]["prohibition"]} == {
        f"urn:domicile:policy:pci-{name}:{kind}"
        for name in ("authentication-data-never-kept", "keyed-hash")
        for kind in ("transfer", "storage")
    }
    assert ask("export", "--format", "odrl", folder / "pci.yaml", "--out", tmp_path / "pci.json").exit_code == 0
    assert (tmp_path / "pci.json").read_text(encoding="utf-8") == printed.output


def test_replay_counts_what_flips(folder, tmp_path):
    record = DecisionRecord(
        kind=Kind.TRANSFER, at=datetime(2026, 11, 22, tzinfo=UTC), exporter_region="eu-de", exporter_jurisdiction="EU",
        importer="hq", importer_jurisdiction="EU", purpose="sales", shape=Shape.RECORD, categories=("user.contact",),
        outcome=Outcome.ALLOW, reasons=("intra_eea",), rules=("eu-intra-eea",), subject="ab" * 32, nonce="0" * 32,
        inputs={"exporter.region": "EU", "importer.region": "EU", "importer.role": "controller", "data.shape": "record",
                "purpose": "sales", "legal_basis": "A6-1-b"},
    )  # fmt: skip
    (tmp_path / "leaves").write_bytes(canonical_bytes(record) + b"\n")
    draft = tmp_path / "draft.yaml"
    draft.write_text((folder / "gdpr.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    put(draft, "when: {legal_basis: none}", "when: {legal_basis: {in: [none, A6-1-b]}}")
    result = ask("replay", draft, "--records", tmp_path / "leaves", "--policies", folder, "--json")
    assert json.loads(result.output)["flips"] == [{"before": "allow", "after": "deny", "rules": ["eu-lawful-basis"], "count": 1}]
    assert "ab" * 32 not in result.output
    (tmp_path / "leaves").write_bytes(b"{}\n")
    bad = ask("replay", draft, "--records", tmp_path / "leaves", "--policies", folder)
    assert bad.exit_code == 1
    assert "leaves:1:1: not a decision record" in bad.output


def key(path, name, role, region=""):
    private = Ed25519PrivateKey.generate()
    make_key_file(path / f"{name}.pem", private)
    public = private.public_key().public_bytes_raw()
    return PolicyKey(public_key=public, role=role, holder=name, region=region, enrolled=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def signed(folder, tmp_path):
    """A bundle signed by author, approver, privacy officer and index, beside the root that trusts them."""
    roles = {"ada": "author", "ben": "approver", "eve": "privacy_officer", "hq": "publisher"}
    kinds = {"eve": KeyRole.PRIVACY_OFFICER, "hq": KeyRole.PUBLISHER}
    keys = [key(tmp_path, name, kinds.get(name, KeyRole.COMPLIANCE_OFFICER), "eu-de" if name == "eve" else "") for name in roles]
    master = Ed25519PrivateKey.generate()
    root = Root(
        federation="acme",
        version=1,
        issued=datetime(2026, 1, 1, tzinfo=UTC),
        root_key=master.public_key().public_bytes_raw(),
        keys=tuple(sorted(keys, key=lambda each: each.id)),
    )
    (tmp_path / "root").write_bytes(root.signed(master))
    bundle = tmp_path / "bundle"
    made = ["--federation", "acme", "--expires", EXPIRES, "--region", "eu-de", "--out", bundle]
    for name, role in roles.items():
        result = ask("sign", bundle if bundle.exists() else folder, "--role", role, "--key", tmp_path / f"{name}.pem", *made)
        assert result.exit_code == 0, result.output
    return bundle


def test_a_bundle_that_all_have_signed_is_verified(signed, tmp_path):
    result = ask("verify", signed, "--root", tmp_path / "root", "--federation", "acme", "--json")
    assert result.exit_code == 0, result.output
    body = json.loads(result.output)
    assert (body["version"], body["phase"], body["widens"]) == (1, "active", ["EU"])
    assert sorted(body["signed_as"]) == ["approver", "author", "privacy_officer", "publisher"]


def test_an_expired_or_truncated_bundle_is_one_line_and_exits_1(signed, tmp_path):
    late = ask("verify", signed, "--root", tmp_path / "root", "--federation", "acme", "--at", EXPIRES)
    assert late.exit_code == 1
    assert "it has expired on" in late.output
    signed.write_bytes(signed.read_bytes()[:-10])
    cut = ask("verify", signed, "--root", tmp_path / "root", "--federation", "acme")
    assert cut.exit_code == 1
    assert len(cut.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "content", "told"),
    [
        (("fmt", "FILE"), "policy: a\n\tlaw: EU\n", "bad.yaml:2:1: a tab where spaces belong; indent with spaces"),
        (("export", "--format", "odrl", "FILE"), "policy: a\npolicy: b\n", "bad.yaml:2:1: duplicate key `policy`; keep one"),
        (("diff", "FILE", "FILE"), "policy: &a x\n", "bad.yaml:1:9: anchor `&a` is not allowed; remove it"),
        (("test", "--policies", "FILE"), "- *a\n", "bad.yaml:1:3: alias `*a` is not allowed; write the value out"),
        (("explain", "FILE", "--at", "2026-11-22"), "kind: transfer\nkind: storage\n", "bad.yaml:2:1: duplicate key `kind`"),
        (("replay", "FILE", "--records", "FILE"), "policy: !x y\n", "bad.yaml:1:9: tag `!x` is not allowed; remove it"),
        (("verify", "FILE", "--root", "FILE", "--federation", "acme"), "{}", "policy-root: "),
    ],
)
def test_bad_input_is_one_line_with_place_and_remedy(folder, tmp_path, words, content, told):
    bad = tmp_path / "bad.yaml"
    bad.write_text(content, encoding="utf-8")
    given = [bad if word == "FILE" else word for word in words]
    result = ask(*given, *(["--policies", folder] if words[0] == "explain" else []))
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    (line,) = result.output.strip().splitlines()
    assert line.startswith(told)


def test_what_cannot_be_written_is_one_line(folder, tmp_path):
    result = ask("export", "--format", "odrl", folder / "pci.yaml", "--out", tmp_path / "nowhere" / "pci.json")
    assert result.exit_code == 1
    assert "no such file or directory; check the path" in result.output
