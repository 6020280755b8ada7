"""The command line says what it found, and its exit code says the same."""

import json

import pytest
from click.testing import CliRunner

from policies.engine.cli import main
from policies.engine.registry_parser import SHIPPED

REQUEST = """\
kind: transfer
exporter: {region: EU}
importer: {region: US, role: controller, dpf: {listed: false}}
data: {shape: record, categories: [user.name]}
purpose: sales
legal_basis: A6-1-b
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("pci.yaml", "gdpr.yaml", "gdpr.cases.yaml", "pci.cases.yaml"):
        (tmp_path / name).write_text((SHIPPED.parent / name).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def ask(*arguments, text=None):
    return CliRunner().invoke(main, [str(a) for a in arguments], input=text)


def test_the_shipped_policies_check_and_pass_their_cases():
    assert ask("check").exit_code == 0
    result = ask("test", "--json")
    assert result.exit_code == 0
    body = json.loads(result.output)
    assert body["failed"] == 0
    assert body["passed"] == len(body["cases"]) > 100
    assert set(body["cases"][0]) == {"id", "pass", "expected", "outcome", "reasons", "rules"}


def test_a_slip_is_printed_with_its_place_and_exits_1(folder):
    broken = (folder / "gdpr.yaml").read_text(encoding="utf-8").replace("effect: permit", "effect: permitt", 1)
    (folder / "gdpr.yaml").write_text(broken, encoding="utf-8")
    result = ask("check", folder)
    assert result.exit_code == 1
    assert "unknown effect `permitt`; use one of: `permit`" in result.output


def test_a_failing_case_exits_1_and_says_what_is_missing(folder):
    text = (folder / "gdpr.yaml").read_text(encoding="utf-8").replace("reasons: [intra_eea]", "reasons: [local_processing]")
    (folder / "gdpr.yaml").write_text(text, encoding="utf-8")
    result = ask("test", "--policies", folder, "--cases", folder / "gdpr.cases.yaml")
    assert result.exit_code == 1
    assert "reason intra_eea" in result.output


def test_decide_and_explain_say_rule_citation_and_what_would_allow_it():
    body = json.loads(ask("decide", "-", "--at", "2026-11-22", "--json", text=REQUEST).output)
    assert body["outcome"] == "deny"
    assert "no_mechanism" in body["reasons"]
    assert "scc_eu_2021" in body["try_instead"]
    prose = ask("explain", "-", "--at", "2026-11-22", text=REQUEST).output
    assert prose.startswith("This may not leave.")
    assert "GDPR Art. 46" in prose
    assert "What could allow it: `dpf`" in prose


def test_what_is_not_a_request_is_one_line_and_exits_1():
    result = ask("decide", "-", "--at", "2026-11-22", text="[1, 2]")
    assert result.exit_code == 1
    assert "this is not a request" in result.output
