"""Bundles that load and are wrong all the same."""

from datetime import date, timedelta

import pytest

pytest.importorskip("z3", reason="z3-solver is not installed: pip install --require-hashes -r requirements/analysis.txt")

from policies.engine.analysis import analyse
from policies.engine.diagnostics import Severity
from policies.engine.evaluator import compile_policies
from policies.engine.parser import parse_text

AT = date(2026, 11, 22)


def policy(name: str, effect: str, when: str, more: str = "") -> str:
    more += "reasons: [no_permit]\n" if effect == "prohibit" else ""
    return f"policy: {name}\nlaw: EU\ntitle: t\ncite: [c]\neffect: {effect}\nwhen: {when}\n{more}"


def findings(*texts: str, at=AT, window=timedelta(days=90)):
    found = analyse(compile_policies(parse_text("---\n".join(texts), "x.yaml")), at=at, window=window)
    return [finding for finding in found if finding.file == "x.yaml" and "say nothing of" not in finding.message]


ORDINARY = policy("ordinary", "permit", "{importer.region: EU}")


def test_an_ordinary_bundle_has_no_finding_of_its_own():
    assert findings(ORDINARY, policy("other", "prohibit", "{legal_basis: none}")) == []


def test_conditions_that_contradict_each_other_are_dead_at_their_line():
    found = findings(ORDINARY, policy("dead", "permit", "{importer.region: US, all: [{importer.region: CN}]}"))
    assert [(f.line, f.severity) for f in found if "never hold" in f.message] == [(8, Severity.ERROR)]


def test_a_weekday_or_a_holiday_does_not_make_a_rule_dead():
    weekend = policy("weekend", "prohibit", "{contact.weekday: sat, contact.holiday: true}", "kind: contact\n")
    assert not [f for f in findings(weekend) if "never hold" in f.message]


def test_a_permit_that_a_prohibition_always_overrides_is_shadowed():
    found = findings(
        ORDINARY,
        policy("narrow", "permit", "{importer.region: US, legal_basis: none}"),
        policy("wide", "prohibit", "{importer.region: US}", "kind: transfer\n"),
    )
    assert ["`narrow` never decides" in f.message and "`wide`" in f.message for f in found] == [True]


def test_a_permit_and_a_prohibition_of_the_same_requests_contradict_each_other():
    found = findings(
        policy("yes", "permit", "{importer.region: {in: [US, CN]}}"),
        policy("no", "prohibit", "{any: [{importer.region: US}, {importer.region: CN}]}", "kind: transfer\n"),
    )
    assert any("`no` contradicts `yes`" in f.message for f in found)


def test_two_versions_in_force_together_overlap_and_one_after_the_other_do_not():
    first = policy("first", "permit", "{importer.region: US}", "valid: {to: 2026-06-01}\n")
    late = policy("second", "permit", "{importer.region: US}", "valid: {from: 2026-06-01}\n")
    early = late.replace("2026-06-01", "2026-05-31")
    assert not [f for f in findings(first, late) if "overlaps" in f.message]
    assert [f.line for f in findings(first, early) if "overlaps" in f.message] == [9]


def test_obligations_of_which_the_stricter_wins_are_no_contradiction():
    noise = "obligations: [{{noise: {{rho_per_measure: {}, min_cell: 10}}}}]\nkind: release\n"
    found = findings(
        policy("a", "permit", "{data.shape: aggregate}", noise.format('"1/400"')),
        policy("b", "oblige", "{data.shape: aggregate}", noise.format('"1/100"')),
    )
    assert not [f for f in found if "cannot be met" in f.message]


def test_what_ends_within_the_window_is_told_and_what_ends_later_is_not():
    ending = policy("ending", "permit", "{importer.region: US}", "valid: {to: 2027-01-01}\n")
    assert any("ends on 2027-01-01" in f.message for f in findings(ending))
    assert not any("ends on" in f.message for f in findings(ending, window=timedelta(days=10)))


def test_a_mechanism_that_ends_is_told_where_a_policy_rests_on_it():
    relying = policy("relying", "permit", "{importer.region: GB, mechanisms.valid: {has: adequacy}}")
    found = findings(relying, at=date(2031, 12, 1))
    assert any("`relying` rests on it" in f.message and "`GB`" in f.message for f in found)


def test_a_review_that_is_past_is_told():
    due = policy("due", "permit", "{importer.region: US}", "review: {by: dpo, last: 2025-01-01, again_before: 2026-01-01}\n")
    assert any("was to be reviewed" in f.message and "dpo" in f.remedy for f in findings(due))


def test_a_law_without_a_policy_and_a_kind_without_one_are_gaps():
    found = analyse(compile_policies(parse_text(ORDINARY, "x.yaml")))
    messages = [f.message for f in found]
    assert any("no policy speaks for the law of `BR`" in m for m in messages)
    assert any("say nothing of storage, release, contact" in m for m in messages)
