"""A rehearsal counts what flips by outcome and policy, says nothing of anyone, and guesses nothing."""

import json
from datetime import UTC, date, datetime

import pytest

from policies.engine.diagnostics import PolicyError
from policies.engine.evaluator import compile_policies
from policies.engine.lifecycle import FlipCount
from policies.engine.parser import load, parse_text
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes
from policies.engine.record import DecisionRecord, canonical_bytes
from policies.engine.registry_parser import SHIPPED
from policies.engine.replay import read_records, rehearsal_json, rehearsal_text, replay
from policies.engine.vocabulary import Form, Kind, Outcome, Shape

LIVE_TEXT = (SHIPPED.parent / "lgpd.yaml").read_text(encoding="utf-8")
LIVE = compile_policies(parse_text(LIVE_TEXT, "lgpd.yaml"))
DAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
INPUTS = {
    "exporter.region": "BR",
    "importer.region": "EU",
    "importer.role": "controller",
    "data.shape": "record",
    "purpose": "sales",
    "legal_basis": "contract",
    "frequency": "occasional",
}
ORDINARY = {
    "kind": Kind.TRANSFER, "at": DAY, "exporter_region": "br-sp", "exporter_jurisdiction": "BR", "importer": "hq",
    "importer_jurisdiction": "EU", "purpose": "sales", "shape": Shape.RECORD, "categories": ("user.contact",),
    "outcome": Outcome.ALLOW, "reasons": ("adequacy_valid_on_date",), "rules": ("br-adequacy",), "inputs": INPUTS,
    "subject": "ab" * 32, "nonce": "0" * 32,
}  # fmt: skip


def record(**changed):
    return DecisionRecord(**{**ORDINARY, **changed})


def draft(old, new):
    assert old in LIVE_TEXT
    return compile_policies(parse_text(LIVE_TEXT.replace(old, new, 1), "lgpd.yaml"))


STRICTER = draft("when: {legal_basis: none}", "when: {legal_basis: {in: [none, contract]}}")


def test_the_policies_in_force_flip_nothing():
    assert replay(LIVE, [record(), record(importer_jurisdiction="BR")], live=LIVE).flips == ()


def test_a_flip_is_counted_by_outcomes_and_determining_policies():
    counts = replay(STRICTER, [record(), record(nonce="1" * 32)], live=LIVE)
    assert counts.flips == (FlipCount(before=Outcome.ALLOW, after=Outcome.DENY, rules=("br-lawful-basis",), count=2),)
    assert (counts.decisions, counts.unreadable) == (2, 0)


def test_nothing_of_a_subject_or_an_importer_comes_out():
    text = json.dumps(rehearsal_json(replay(STRICTER, [record()]))) + rehearsal_text(replay(STRICTER, [record()]))
    assert "ab" * 32 not in text
    assert "hq" not in text
    assert "1 from allow to deny, by br-lawful-basis" in text


def test_a_record_that_the_policies_in_force_do_not_explain_is_not_replayed():
    assert replay(STRICTER, [record(outcome=Outcome.DENY)], live=LIVE).unreadable == 1


def test_a_denial_of_the_node_itself_is_not_replayed():
    kept = record(outcome=Outcome.DENY, reasons=("budget_exhausted",))
    assert replay(STRICTER, [kept]).unreadable == 1


def test_a_personal_fact_that_no_record_keeps_is_not_guessed():
    asks = draft("when: {legal_basis: none}", "when: {legal_basis: contract, consent.status: refused}")
    assert replay(asks, [record()], live=LIVE).unreadable == 1


def test_a_rehearsal_does_not_tell_whether_a_person_exists():
    """Somebody is denied by a rule that read personal facts, nobody for facts that are not stated."""
    live = draft("when: {legal_basis: none}", "when: {legal_basis: contract, consent.status: refused}")
    asks = draft("when: {legal_basis: none}", "when: {legal_basis: contract, subject.type: employee}")
    somebody = record(outcome=Outcome.DENY, reasons=("no_lawful_basis",))
    nobody = record(outcome=Outcome.DENY, reasons=("indeterminate_input",))
    told = [replay(asks, [each], live=live) for each in (somebody, nobody)]
    assert told[0] == told[1]
    assert told[0].unreadable == 1


@pytest.mark.parametrize("wider", [STRICTER, LIVE])
@pytest.mark.parametrize("live", [LIVE, None])
def test_denials_that_follow_from_a_person_count_as_the_denial_of_nobody(wider, live):
    """Whatever a draft reads, the counts are those of a pseudonym behind which nobody stands."""
    nobody, *persons = (
        record(outcome=Outcome.DENY, reasons=(reason,))
        for reason in ("record_not_found", "processing_restricted", "consent_withdrawn", "child_consent_invalid")
    )
    told = replay(wider, [nobody], live=live)
    assert [replay(wider, [person], live=live) for person in persons] == [told] * 3


def test_an_impersonal_fact_that_nobody_states_flips_to_a_denial():
    asks = draft("when: {legal_basis: none}", "when: {legal_basis: contract, importer.group: false}")
    (flip,) = replay(asks, [record()], live=LIVE).flips
    assert (flip.after, flip.count) == (Outcome.DENY, 1)


def test_a_draft_that_begins_later_is_rehearsed_on_its_day():
    later = draft("  importer.region: {not: BR}\n  mechanisms.valid: {has: adequacy}\n",
                  "  importer.region: {not: BR}\n  mechanisms.valid: {has: adequacy}\n")  # fmt: skip
    assert replay(later, [record()], at=date(2026, 1, 26)).flips[0].after is Outcome.DENY
    assert replay(later, [record()], at=date(2026, 1, 27)).flips == ()


def test_fields_are_replayed_by_their_categories():
    kept = record(
        outcome=Outcome.REDACT, categories=("user.name", "user.contact.email"), fields=(("name", Form.CLEAR), ("email", Form.MASK))
    )
    assert replay(LIVE, [kept], live=LIVE).unreadable == 0
    clear = draft("  user.contact.email: mask\n", "  user.contact.email: clear\n")
    assert [(flip.before, flip.after) for flip in replay(clear, [kept], live=LIVE).flips] == [(Outcome.REDACT, Outcome.ALLOW)]


def test_a_line_that_is_no_record_is_an_error_at_its_place(tmp_path):
    file = tmp_path / "leaves.jsonl"
    file.write_bytes(canonical_bytes(record()) + b"\n{}\n")
    with pytest.raises(PolicyError, match=r"leaves.jsonl:2:1: not a decision record"):
        list(read_records(file))


def test_a_bundle_of_all_shipped_laws_replays_too():
    everything = compile_policies(load(SHIPPED.parent))
    assert replay(everything, [record()], live=LIVE).decisions == 1


def test_events_between_the_decisions_are_passed_over(tmp_path):
    event = PolicyEvent(event=PolicyHappening.FLOW_STOPPED, at=record().at, region="eu-de", by="node", importer="US", stop="one")
    file = tmp_path / "leaves.jsonl"
    file.write_bytes(event_bytes(event) + b"\n" + canonical_bytes(record()) + b"\n")
    assert list(read_records(file)) == [record()]
