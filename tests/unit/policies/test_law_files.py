"""The file of one law: claims, filing, age of evidence, counters and parents; one small law with one thing changed."""

from datetime import date
from typing import Any

import pytest

from policies.engine.counting import CounterSpec
from policies.engine.decision import Decision
from policies.engine.diagnostics import PolicyError
from policies.engine.evaluator import compile_policies, decide
from policies.engine.parser import parse_text
from policies.engine.registry import Registry
from policies.engine.registry_parser import read_registry
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Kind, Outcome

SHARED = {
    "facts": """facts:
  exporter.region: {type: text, means: where from}
  importer.region: {type: text, means: where to}
  frequency: {type: text, means: how often}
  mechanisms.valid: {type: list, means: what holds, derived: true}
  mechanisms.state: {type: text, means: in a word, derived: true, one_of: [valid, claimed, none]}
  mechanisms.late: {type: list, means: filed late, derived: true}
  mechanisms.stale: {type: list, means: due, derived: true}
  contact.holiday: {type: boolean, means: a day off, derived: true}
""",
    "obligations": "obligations:\n  renew_soon: {kind: advice, node: true, means: renew}\n",
    "reasons": "reasons:\n  safe: it is\n  late: it was filed late\n  many: there are many\n  holiday: a day off\n",
    "release": "release: {dominance_n: 2, dominance_k: 85, p_percent: 10, difference: 10}\n",
}
TURKEY = """law: TR
name: Turkey
calendar: {country: TR}
cited_as: [KVKK]
facts:
  claim.tier1: {type: boolean, means: the first tier is open}
  persons_this_year:
    type: integer
    means: how many
    counter: {of: persons, window: year, per: [exporter.organisation], stated: data.persons}
mechanisms:
  - id: scc_tr
    kind: safeguard
    from: 2024-06-01
    needs: [unmodified]
    filing: {after: signed, filed: notified, within: 5BD}
    max_age: {audit: P1Y}
    renew_after: {audit: P6M}
    cite: [KVKK Art. 9(5)]
  - id: consent_tr
    kind: derogation
    scope: {claim.tier1: false}
    outside: consent_is_the_last_tier
    cite: [KVKK Art. 9(6)]
deadlines:
  - {right: access, within: P30D, cite: [KVKK Art. 13]}
"""
PARENT = "law: TOP\nname: The law above\n"
HEAD = "law: TR\ntitle: t\ncite: [c]\n"
POLICIES = f"""policy: permit
{HEAD}effect: permit
when: {{mechanisms.state: valid}}
reasons: [safe]
---
policy: late
{HEAD}kind: transfer
effect: review
when: {{mechanisms.late: {{has: scc_tr}}}}
reasons: [late]
---
policy: stale
{HEAD}kind: transfer
effect: oblige
when: {{mechanisms.stale: {{has: scc_tr}}}}
obligations: [renew_soon]
---
policy: many
{HEAD}kind: storage
effect: prohibit
when: {{persons_this_year: {{"<": 3}}}}
reasons: [many]
---
policy: few
{HEAD}kind: storage
effect: permit
when: {{importer.region: TR}}
reasons: [safe]
---
policy: quiet
{HEAD}kind: contact
effect: prohibit
when: {{contact.holiday: true}}
reasons: [holiday]
---
policy: loud
{HEAD}kind: contact
effect: permit
when: {{importer.region: TR}}
reasons: [safe]
"""
SCC = {"id": "scc_tr", "unmodified": True, "signed": "2026-11-02", "notified": "2026-11-09", "audit": "2026-10-01"}
TODAY = date(2026, 11, 22)


def registry(law: str = TURKEY, **more: str) -> Registry:
    return read_registry({**SHARED, "laws/tr": law, **{f"laws/{name}": text for name, text in more.items()}})


def ask(claim: dict[str, Any], *, law: str = TURKEY, at: date = TODAY) -> Decision:
    request = TransferRequest(
        kind=Kind.TRANSFER, facts={"exporter": {"region": "TR"}, "importer": {"region": "US"}}, mechanisms=(claim,)
    )
    return decide(compile_policies(parse_text(POLICIES, "tr.yaml", registry=registry(law))), request, at=at)


def test_a_claim_with_all_its_evidence_holds() -> None:
    assert ask(SCC).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unmodified": "no"}, "missing_evidence_unmodified"),
        ({"signed": None}, "missing_evidence_signed"),
        ({"signed": "2026-11-23"}, "missing_evidence_signed"),
        ({"notified": None}, "missing_evidence_notified"),
        ({"notified": "2026-12-01"}, "missing_evidence_notified"),
        ({"audit": "2025-11-21"}, "missing_evidence_audit"),
        ({"audit": True}, "missing_evidence_audit"),
        ({"audit": "2099-01-01"}, "missing_evidence_audit"),
        ({"id": "scc_xx"}, "mechanism_not_recognised_by_exporter_law"),
        ({"id": ["scc_tr"]}, "mechanism_not_recognised_by_exporter_law"),
    ],
)
def test_a_claim_without_a_piece_of_evidence_does_not(change: dict[str, Any], reason: str) -> None:
    found = ask({**SCC, **change})
    assert found.outcome is Outcome.DENY
    assert reason in found.reasons


def test_a_filing_has_until_its_last_business_day() -> None:
    unfiled = {**SCC, "notified": None, "signed": "2026-11-16"}
    assert ask(unfiled, at=date(2026, 11, 23)).outcome is Outcome.ALLOW
    assert ask(unfiled, at=date(2026, 11, 24)).outcome is Outcome.DENY


def test_a_late_filing_is_reviewed() -> None:
    found = ask({**SCC, "notified": "2026-11-10"})
    assert (found.outcome, found.reasons[0]) == (Outcome.REVIEW, "late")


def test_evidence_on_the_day_of_its_age_still_counts_and_is_due() -> None:
    found = ask({**SCC, "audit": "2025-11-22"})
    assert found.outcome is Outcome.ALLOW
    assert found.obligation("renew_soon") is not None
    assert ask(SCC).obligation("renew_soon") is None


def test_a_scope_may_read_the_claim_itself_and_says_why_it_fails() -> None:
    assert ask({"id": "consent_tr", "tier1": False}).outcome is Outcome.ALLOW
    for tier1 in (True, "no", None):
        found = ask({"id": "consent_tr", "tier1": tier1})
        assert (found.outcome, found.reasons[0]) == (Outcome.DENY, "consent_is_the_last_tier")


def test_the_evidence_of_one_claim_does_not_prove_another() -> None:
    request = TransferRequest(
        kind=Kind.TRANSFER,
        facts={"exporter": {"region": "TR"}, "importer": {"region": "US"}},
        mechanisms=({"id": "scc_tr", "tier1": False}, {"id": "consent_tr"}),
    )
    policies = compile_policies(parse_text(POLICIES, "tr.yaml", registry=registry()))
    assert decide(policies, request, at=TODAY).outcome is Outcome.DENY


def test_a_policy_may_not_read_a_claim() -> None:
    with pytest.raises(PolicyError, match=r"unknown fact `claim\.tier1`"):
        parse_text(POLICIES.replace("persons_this_year: ", "claim.tier1: "), "tr.yaml", registry=registry())


class Counts:
    """A node that has counted this many."""

    def __init__(self, found: int | None) -> None:
        self.found = found

    def count(self, spec: CounterSpec, request: TransferRequest, at: date) -> int | None:
        assert spec.name == "persons_this_year"
        if self.found == 0:
            raise OSError("the store is away")
        return self.found


def store(counters: Counts | None = None, **facts: Any) -> Decision:
    stated = {"exporter": {"region": "TR"}, "importer": {"region": "TR"}, **facts}
    policies = compile_policies(parse_text(POLICIES, "tr.yaml", registry=registry()))
    return decide(policies, TransferRequest(kind=Kind.STORAGE, facts=stated), at=TODAY, counters=counters)


def test_a_count_comes_from_the_node() -> None:
    assert store(Counts(3)).outcome is Outcome.ALLOW
    assert store(Counts(2)).reasons == ("many",)


@pytest.mark.parametrize("counters", [None, Counts(None), Counts(0)])
def test_a_count_that_nobody_knows_denies(counters: Counts | None) -> None:
    found = store(counters)
    assert found.outcome is Outcome.DENY
    assert found.faults


def test_a_denial_for_want_of_counters_is_not_remembered() -> None:
    policies = compile_policies(parse_text(POLICIES, "tr.yaml", registry=registry()))
    request = TransferRequest(kind=Kind.STORAGE, facts={"exporter": {"region": "TR"}, "importer": {"region": "TR"}})
    assert decide(policies, request, at=TODAY).outcome is Outcome.DENY
    assert decide(policies, request, at=TODAY, counters=Counts(3)).outcome is Outcome.ALLOW
    assert decide(policies, request, at=TODAY, counters=Counts(2)).outcome is Outcome.DENY


@pytest.mark.parametrize("laws", [["TR"], (["TR"],), ({},), (None,)])
def test_laws_that_are_no_words_never_raise(laws: Any) -> None:
    policies = compile_policies(parse_text(POLICIES, "tr.yaml", registry=registry()))
    facts = {"exporter": {"region": "TR"}, "importer": {"region": "US"}}
    found = decide(policies, TransferRequest(kind=Kind.TRANSFER, facts=facts, mechanisms=(SCC,), laws=laws), at=TODAY)
    assert (found.outcome is Outcome.ALLOW) is (laws == ["TR"])


def test_a_count_may_be_stated_over_the_same_window_only() -> None:
    assert store(data={"persons": 3, "window": "year"}).outcome is Outcome.ALLOW
    assert store(data={"persons": 3, "window": "P12M"}).outcome is Outcome.DENY
    assert store(data={"persons": 3}).outcome is Outcome.DENY


@pytest.mark.parametrize(("at", "outcome"), [(date(2026, 10, 29), Outcome.DENY), (date(2026, 10, 30), Outcome.ALLOW)])
def test_a_holiday_is_that_of_the_place(at: date, outcome: Outcome) -> None:
    policies = compile_policies(parse_text(POLICIES, "tr.yaml", registry=registry()))
    facts = {"exporter": {"region": "TR"}, "importer": {"region": "TR"}}
    assert decide(policies, TransferRequest(kind=Kind.CONTACT, facts=facts), at=at).outcome is outcome


def test_a_law_brings_its_parent_which_must_permit_too() -> None:
    known = registry(TURKEY.replace("name: Turkey", "name: Turkey\nparent: TOP"), top=PARENT)
    claim = TransferRequest(
        kind=Kind.TRANSFER, facts={"exporter": {"region": "TR"}, "importer": {"region": "US"}}, mechanisms=(SCC,)
    )
    found = decide(compile_policies(parse_text(POLICIES, "tr.yaml", registry=known)), claim, at=TODAY)
    assert (found.outcome, found.reasons[0]) == (Outcome.DENY, "no_policy")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("within: 5BD", "within: five", "impossible duration `five`"),
        ("country: TR", "country: ATLANTIS", "no holidays are known of `ATLANTIS`"),
        ("window: year", "window: always", "impossible window `always`"),
        ("type: integer", "type: text", "has a counter and is no integer"),
        ("right: access", "right: acess", "unknown right `acess`"),
        ("name: Turkey", "name: Turkey\nparent: TR", "is its own parent"),
        ("name: Turkey", "name: Turkey\nparent: XX", "unknown parent `XX`"),
        ("claim.tier1: {", "frequency: {", "fact `frequency` is declared twice"),
        ("needs: [unmodified]", "need: [unmodified]", "unknown key `need`"),
        ("kind: safeguard\n", "kind: adequacy\n    importer: US\n", "adequacy needs no claim, so its `needs` would decide nothing"),
        ("law: TR", "lawx: TR", "unknown key `lawx`"),
    ],
)
def test_a_slip_in_the_file_of_a_law_is_one_error_at_its_line(old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        registry(TURKEY.replace(old, new))
    found = [d for d in refused.value.diagnostics if said in d.message]
    assert found
    assert found[0].line >= 1
    assert found[0].file == "laws/tr.yaml"


def test_a_registry_without_one_of_its_files_is_refused() -> None:
    with pytest.raises(PolicyError, match="lacks this file"):
        read_registry({name: text for name, text in SHARED.items() if name != "reasons"})


def test_a_citation_names_its_law() -> None:
    known = registry()
    found = known.cited("KVKK 9(5)")
    assert found is not None
    assert found.code == "TR"
    assert known.cited("KVKKX 9") is None
