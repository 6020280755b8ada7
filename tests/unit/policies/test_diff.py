"""Two bundles that differ in one token, and what that lets out or keeps in."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("z3", reason="z3-solver is not installed: pip install --require-hashes -r requirements/analysis.txt")

from policies.engine.bundle_files import documents_of, files_of
from policies.engine.declarations import redeclared
from policies.engine.diff import diff, run_diff
from policies.engine.difference import Direction
from policies.engine.document import Documents
from policies.engine.evaluator import compile_policies, decide
from policies.engine.parser import parse_text
from policies.engine.registry_parser import SHIPPED, shipped_registry
from policies.engine.symbolic import witness
from policies.engine.vocabulary import Form, Kind, Outcome

pytestmark = pytest.mark.filterwarnings("ignore:Requested Holidays")  # of the years that the package of holidays does not reach

GDPR = (SHIPPED.parent / "gdpr.yaml").read_text(encoding="utf-8")
OLD = compile_policies(parse_text(GDPR, "gdpr.yaml"))
AT = date(2026, 11, 22)


def changed(old: str, new: str):
    assert GDPR.count(old) >= 1
    return compile_policies(parse_text(GDPR.replace(old, new, 1), "gdpr.yaml"))


def with_mechanism(law: str, name: str, **change):
    registry = shipped_registry()
    mechanisms = tuple(replace(m, **change) if (m.law, m.id) == (law, name) else m for m in registry.mechanisms)
    documents = OLD.documents
    other = replace(registry, mechanisms=mechanisms, digest="other")
    return compile_policies(Documents(policies=documents.policies, registry=other, content=documents.content))


def directions(difference):
    return {change.direction for change in difference.changes}


def test_layout_and_comments_make_no_difference():
    other = "# a comment\n" + GDPR.replace("effect: permit\n", "\n\neffect:   permit\n")
    found = diff(OLD, compile_policies(parse_text(other, "renamed.yaml")))
    assert not found
    assert found.as_text() == "no difference"


def test_a_new_title_is_told_and_makes_no_difference():
    found = diff(OLD, changed("title: Within the European Economic Area", "title: Inside the European Economic Area"))
    assert not found
    assert "title" in found.reworded[0]


def test_a_dropped_prohibition_newly_allows_and_is_to_be_countersigned():
    found = diff(OLD, changed("when: {legal_basis: none}", "when: {legal_basis: A9-2-j}"), kinds=[Kind.TRANSFER])
    allowed = found.of(Direction.ALLOWED)
    assert [cause.name for change in allowed for cause in change.causes] == ["eu-lawful-basis"]
    assert found.widened_laws == ("EU",)
    assert found.widens("EU-DE")
    assert not found.widens("BR")


def test_every_witness_is_decided_as_shown_by_the_decider_itself():
    new = changed("mechanisms.valid: {has: dpf}", "mechanisms.valid: {has: bcr_eu}")
    found = diff(OLD, new, kinds=[Kind.TRANSFER])
    assert found.changes
    for change in found.changes:
        assert decide(OLD, change.request, at=change.at) == change.old
        assert decide(new, change.request, at=change.at) == change.new


def test_a_mechanism_that_ends_newly_denies_from_that_day():
    found = diff(OLD, with_mechanism("EU", "dpf", end=date(2026, 12, 1)))
    assert directions(found) >= {Direction.DENIED}
    change = found.of(Direction.DENIED)[0]
    assert change.at == date(2026, 12, 1)
    assert change.since == date(2026, 12, 1)
    assert any(cause.what == "mechanism" and "dpf" in cause.name for cause in change.causes)
    assert not found.of(Direction.ALLOWED)


def test_a_day_before_the_end_nothing_has_changed():
    new = with_mechanism("EU", "dpf", end=date(2026, 12, 1))
    assert not diff(OLD, new, at=date(2026, 11, 30))
    assert diff(OLD, new, at=date(2026, 12, 1))


def test_evidence_that_is_no_longer_needed_newly_allows():
    found = diff(OLD, with_mechanism("EU", "scc_eu_2021", needs=("module", "tia")), at=AT)
    assert found.of(Direction.ALLOWED)
    claim = found.of(Direction.ALLOWED)[0].request.mechanisms[0]
    assert "annexes_complete" not in claim


def test_a_freer_form_of_a_field_is_looser_and_widens():
    found = diff(OLD, changed("user.contact.email: mask", "user.contact.email: clear"), at=AT)
    assert directions(found) == {Direction.LOOSER}
    assert found.changes[0].forms == {"user.contact.email": (Form.MASK, Form.CLEAR)}
    assert found.widened_laws == ("EU",)


def test_a_stricter_form_does_not_widen():
    found = diff(OLD, changed("user.contact.email: mask", "user.contact.email: withhold"), at=AT)
    assert Direction.LOOSER not in directions(found)
    assert not found.widened_laws


def test_less_noise_is_looser():
    found = diff(OLD, changed('rho_per_measure: "1/400"', 'rho_per_measure: "1/100"'), at=AT)
    assert directions(found) == {Direction.LOOSER}


def test_a_policy_that_lasts_longer_is_shown_on_the_day_from_which_it_matters():
    text = (
        "policy: p\nlaw: EU\ntitle: t\ncite: [c]\nkind: contact\neffect: permit\nvalid: {to: 2026-08-11}\nwhen: {channel: phone}\n"
    )
    old, new = (compile_policies(parse_text(t, "p.yaml")) for t in (text, text.replace("2026-08-11", "2026-09-11")))
    found = diff(old, new, kinds=[Kind.CONTACT])
    assert found.changes
    assert all(date(2026, 8, 11) <= change.at < date(2026, 9, 11) for change in found.changes)


def test_a_search_that_was_stopped_says_so():
    found = diff(OLD, changed("when: {legal_basis: none}", "when: {legal_basis: A9-2-j}"), kinds=[Kind.TRANSFER], most=0)
    assert not found.changes
    assert found
    assert "not searched to the end" in found.as_text()


def test_a_witness_that_the_decider_does_not_confirm_is_never_shown(monkeypatch):
    new = changed("when: {legal_basis: none}", "when: {legal_basis: A9-2-j}")
    monkeypatch.setattr(witness, "decide", lambda policies, request, *, at: decide(OLD, request, at=at))
    with pytest.raises(witness.Unconfirmed):
        diff(OLD, new, kinds=[Kind.TRANSFER])


def test_files_are_compared_and_told_as_json(tmp_path: Path):
    for name, text in (("old", GDPR), ("new", GDPR.replace("user.name: clear", "user.name: mask", 1))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gdpr.yaml").write_text(text, encoding="utf-8")
    body = json.loads(json.dumps(run_diff([tmp_path / "old"], [tmp_path / "new"], AT).as_json()))
    assert body["changes"][0]["direction"] == "stricter"
    assert body["changes"][0]["old"]["outcome"] in {outcome.value for outcome in Outcome}
    assert "user.name" in body["changes"][0]["forms"]


def test_without_the_solver_one_clear_error_names_the_remedy_and_deciding_goes_on():
    code = (
        "import sys; sys.modules['z3'] = None\n"
        "import policies.engine.evaluator, policies.engine.checker\n"
        "from policies.engine.errors import DomicileError\n"
        "try:\n    import policies.engine.diff\n"
        "except DomicileError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SHIPPED.parents[1])
    assert "pip install --require-hashes -r requirements/analysis.txt" in done.stdout


def federal(old: str = "", new: str = "", law: str = "us.yaml"):
    """The rules of the United States, with one thing changed in the registry."""
    files = {name: text for name, text in files_of(SHIPPED.parent).items() if name.startswith("registry/")}
    files["us-federal.yaml"] = (SHIPPED.parent / "us-federal.yaml").read_text(encoding="utf-8")
    assert old in files[f"registry/laws/{law}"]
    if old:
        files[f"registry/laws/{law}"] = files[f"registry/laws/{law}"].replace(old, new)
    return compile_policies(documents_of(files))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("kinds: [transfer]", "kinds: [contact]", "counter kinds"),
        ("categories: [user.biometric]", "categories: [user.financial]", "counter categories"),
    ],
)
def test_a_counter_that_counts_other_things_widens_the_laws_that_read_it(old, new, what):
    found = diff(federal(), federal(old, new), kinds=[Kind.TRANSFER])
    assert found
    assert what in {part for each in found.redeclared for part in each.what}
    assert found.widened_laws == ("US",)
    assert found.widens("US-CA")
    assert not found.widens("BR")
    assert "declared otherwise: " in found.as_text()
    assert json.loads(json.dumps(found.as_json()))["redeclared"][0]["laws"] == ["US"]


def test_a_fact_that_is_only_explained_otherwise_is_no_difference():
    facts = {path: replace(spec, means="in other words") for path, spec in OLD.registry.facts.items()}
    documents = replace(OLD.documents, registry=replace(OLD.registry, facts=facts))
    assert not diff(OLD, compile_policies(documents))


def test_a_fact_that_takes_other_values_widens_the_laws_that_read_it():
    path = "legal_basis"
    facts = {**OLD.registry.facts, path: replace(OLD.registry.facts[path], one_of=())}
    documents = replace(OLD.documents, registry=replace(OLD.registry, facts=facts))
    found = redeclared(OLD, compile_policies(documents), list(Kind))
    assert [(each.path, each.what, each.laws) for each in found] == [(path, ("one_of",), ("EU",))]
