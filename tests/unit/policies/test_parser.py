"""A policy file is read whole, or every finding is told."""

import shutil
from pathlib import Path

import pytest

from policies.engine.checker import check_paths, check_text
from policies.engine.diagnostics import PolicyError, Severity
from policies.engine.evaluator import load_policies
from policies.engine.parser import load, parse_text
from policies.engine.registry_parser import SHIPPED
from policies.engine.vocabulary import Effect, Kind

ORDINARY = """\
policy: eu-to-us-dpf
law: EU
title: Data Privacy Framework adequacy
cite: ["GDPR Art. 45"]
valid: {from: 2023-07-10}
review: {by: dpo, last: 2026-11-22, again_before: 2027-02-22, watch: ["C-703/25 P"]}
effect: permit
when:
  exporter.region: EU
  importer.region: US
  importer.dpf.listed: true
  any:
    - subject.type: {not: employee}
    - importer.dpf.covers: {has: hr}
  data.shape: {in: [record, pseudonym]}
fields:
  user.contact: mask
obligations: [{verify_dpf_list: {max_age: P1D}}, record_ropa]
"""


def changed(old, new):
    assert old in ORDINARY
    return ORDINARY.replace(old, new)


def test_the_example_of_the_language_loads():
    (policy,) = parse_text(ORDINARY, "gdpr.yaml").policies
    assert (policy.name, policy.law, policy.effect, policy.kinds) == ("eu-to-us-dpf", "EU", Effect.PERMIT, (Kind.TRANSFER,))
    assert policy.ref.place == "gdpr.yaml:1"


def test_a_prohibition_that_names_no_kind_speaks_of_every_kind():
    text = changed("effect: permit", "effect: prohibit\nreasons: [no_mechanism]").replace("fields:\n  user.contact: mask\n", "")
    assert parse_text(text, "x.yaml").policies[0].kinds == tuple(Kind)


@pytest.mark.parametrize(
    ("old", "new", "place", "says", "remedy"),
    [
        ("law: EU", "law: EUU", (2, 6), "unknown law `EUU`", "`EU`"),
        ("title:", "titel:", (3, 1), "unknown key `titel`", "`title`"),
        ("  exporter.region", "  exporter.regoin", (9, 3), "unknown fact `exporter.regoin`", "`exporter.region`"),
        ("listed: true", "listed: yes", (11, 24), "true or false, found `yes`", "write true or false"),
        ("importer.region: US", "purpose: analitics", (10, 12), "unknown purpose `analitics`", "`analytics`"),
        ("{not: employee}", "{nott: employee}", (13, 22), "unknown operator `nott`", "`not`"),
        ("user.contact: mask", "user.contct: mask", (17, 3), "unknown data category `user.contct`", "`user.contact`"),
        ("user.contact: mask", "user.contact: hide", (17, 17), "unknown form `hide`", "`mask`"),
        ("record_ropa", "record_rope", (18, 50), "unknown obligation `record_rope`", "`record_ropa`"),
        ("2023-07-10", "2023-02-30", (5, 15), "impossible date `2023-02-30`", "YYYY-MM-DD"),
        ("{from: 2023-07-10}", "{from: 2023-07-10, to: 2023-07-10}", (5, 27), "ends before it begins", "exclusive"),
        ("max_age: P1D", "max_age: soon", (18, 34), "`max_age` of `verify_dpf_list`", "P1D"),
        ('["GDPR Art. 45"]', "[]", (4, 1), "without a citation", "article"),
        ("importer.region: US", "data.categories: user.name", (10, 3), "cannot be tested with `==`", "`has`"),
    ],
)
def test_a_slip_is_told_at_line_and_column_with_the_nearest_word(old, new, place, says, remedy):
    findings = check_text(changed(old, new), "gdpr.yaml")
    assert len(findings) == 1
    assert (findings[0].line, findings[0].column) == place
    assert says in findings[0].message
    assert remedy in findings[0].remedy


def test_every_finding_of_a_file_is_collected_and_the_error_reads_as_the_first():
    text = changed("law: EU", "law: EUU").replace("user.contact: mask", "user.contact: hide")
    with pytest.raises(PolicyError) as caught:
        parse_text(text, "gdpr.yaml")
    assert len(caught.value.diagnostics) == 2
    assert str(caught.value).startswith("gdpr.yaml:2:6: unknown law `EUU`; use one of: `EU`")


def test_an_empty_when_is_refused_since_it_would_hold_always():
    text = ORDINARY[: ORDINARY.index("when:")] + "when: {}\n"
    assert "empty `when`" in check_text(text, "x.yaml")[0].message


def test_an_overlay_law_cannot_permit():
    assert any("only objects or obliges" in f.message for f in check_text(changed("law: EU", "law: PCI"), "x.yaml"))


def test_a_name_used_twice_is_refused():
    assert "exists already" in check_text(ORDINARY + "---\n" + ORDINARY, "x.yaml")[0].message


def test_the_digest_follows_the_content_and_not_the_layout():
    same = "# a comment\n" + ORDINARY.replace("{from: 2023-07-10}", "\n  from: 2023-07-10")
    assert parse_text(same, "other.yaml").digest == parse_text(ORDINARY, "x.yaml").digest
    assert parse_text(changed("mask", "clear"), "x.yaml").digest != parse_text(ORDINARY, "x.yaml").digest


def test_a_missing_file_is_one_error():
    with pytest.raises(PolicyError, match="cannot be read"):
        load(Path("no-such-file.yaml"))


def test_the_shipped_policies_pass_their_own_check():
    assert check_paths([SHIPPED.parent]) == []


def test_a_policy_without_its_cases_does_not_pass_check(tmp_path):
    (tmp_path / "pci.yaml").write_text((SHIPPED.parent / "pci.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    findings = check_paths([tmp_path])
    assert any("`pci-keyed-hash` has no case that it denies" in f.message for f in findings)
    assert any("`pci-keyed-hash` has no case that is allowed without it" in f.message for f in findings)


def test_case_files_are_not_policies():
    assert all(p.ref.place.partition(":")[0].count(".") == 1 for p in load_policies(SHIPPED.parent).documents.policies)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("gdpr.yml", "end in `.yaml`"),
        ("gdpr.YAML", "end in `.yaml`"),
        ("eu/gdpr.yaml", "move it"),
        ("registry/gdpr.yaml", "move it"),
    ],
)
def test_a_policy_that_would_not_be_read_makes_its_folder_invalid(tmp_path, name, remedy):
    shutil.copytree(SHIPPED, tmp_path / "registry")
    (tmp_path / "good.yaml").write_text(ORDINARY)
    (tmp_path / "good.cases.yaml").write_text("cases: []")
    load(tmp_path)
    stray = tmp_path / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(ORDINARY)
    with pytest.raises(PolicyError) as caught:
        load(tmp_path)
    assert [finding.file for finding in caught.value.diagnostics] == [name]
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("content", ["", "# kept for later\n"])
def test_an_emptied_file_loads_and_is_warned_of(tmp_path, content):
    (tmp_path / "gdpr.yaml").write_text(content)
    findings = check_paths([tmp_path])
    assert [(f.where, f.severity) for f in findings] == [("gdpr.yaml:1:1", Severity.WARNING)]
    assert findings[0].remedy
    assert load(tmp_path).policies == ()
