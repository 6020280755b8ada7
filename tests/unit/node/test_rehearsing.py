"""A draft rehearsed on the node's own ledger: counts and names of policies come out, and that it was asked is recorded."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.database import open_database
from policies.engine.bundle_files import documents_of
from policies.engine.document import Documents
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import compile_policies, decide
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes, event_of, is_event
from policies.engine.record import DecisionRecord, canonical_bytes, from_bytes, impersonal_inputs
from policies.engine.vocabulary import Form, Outcome, Shape
from regional_node.crm.fields import RecordType, field_of
from regional_node.egress.importers import ImporterRegister
from regional_node.egress.policy_overlay import load_overlay, together
from regional_node.egress.policy_rehearsal import rebuilding
from regional_node.egress.requests import NodeIdentity, for_person
from regional_node.storage.ledger import LedgerKey, StoredLedger
from regional_node.storage.metadata import metadata
from regional_node.usecases.rehearsing import Rehearsing
from tests.signing_room import POLICY, files

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NODE = NodeIdentity(region="eu-de", jurisdiction="EU", state="DE", organisation="acme-de")
SUPPORT = "essential.service.operations.support"
IMPORTERS = f"""importers:
  - id: acme-hq
    name: Acme Headquarters
    jurisdiction: EU
    state: IE
    facts: {{group: true, role: controller}}
    mechanisms: [{{id: adequacy}}]
    purposes: {{{SUPPORT}: A6-1-b}}
"""
STRICTER = POLICY.replace("importer.group: true", "importer.state: FR")
OWN = """policy: own-nothing
law: EU
title: Nothing
cite: [order]
effect: prohibit
kind: transfer
when: {importer.region: EU}
reasons: [processing_restricted]
"""


class World:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.engine = open_database(f"sqlite:///{home / 'node.db'}", synchronous="NORMAL")
        metadata.create_all(self.engine)
        (home / "importers.yaml").write_text(IMPORTERS)
        self.importers = ImporterRegister(home / "importers.yaml")
        self.live = compile_policies(documents_of(files(POLICY)))
        signer = LedgerKey(origin="domicile.test/eu-de", key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))
        self.ledger = StoredLedger(self.engine, signer=signer)
        self.rehearsing = Rehearsing(
            self.ledger,
            region="eu-de",
            live=lambda: self.live,
            overlaid=self.overlaid,
            rebuild=rebuilding(NODE, self.importers),
            clock=lambda: AT,
        )

    def overlaid(self, documents: Documents) -> Documents:
        return together(documents, load_overlay(self.home / "policies-local", documents))

    def record(self, count: int) -> None:
        """So many readings of one person's country, decided and kept as the gate does."""
        spec = field_of(RecordType.PEOPLE, "country")
        assert spec is not None
        importer = self.importers.find("acme-hq")
        request = for_person(NODE, importer, None, [spec], SUPPORT, at=AT.date())
        decision = decide(self.live, request, at=AT.date())
        assert decision.outcome.permits
        for number in range(count):
            kept = DecisionRecord(
                kind=request.kind,
                at=AT + timedelta(seconds=number),
                exporter_region="eu-de",
                exporter_jurisdiction="EU",
                importer="acme-hq",
                importer_jurisdiction="EU",
                purpose=SUPPORT,
                shape=Shape.RECORD,
                categories=(spec.category.value,),
                fields=((spec.name, Form.CLEAR),),
                outcome=decision.outcome,
                reasons=decision.reasons,
                rules=tuple(rule.policy for rule in decision.rules),
                inputs=impersonal_inputs(request),
                policy_digest=self.live.digest,
                subject="ab" * 32,
                nonce=f"{number:032x}",
            )
            self.ledger.append(canonical_bytes(kept), at=AT)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.engine.dispose()


def digest(policy: str) -> str:
    return documents_of(files(policy)).digest


def test_the_same_policies_flip_nothing(world: World) -> None:
    world.record(5)
    counts = world.rehearsing.rehearse(files(POLICY), digest(POLICY))
    assert (counts.decisions, counts.unreadable, counts.flips) == (5, 0, ())


def test_a_stricter_draft_flips_and_says_no_more_than_counts_and_names(world: World) -> None:
    world.record(5)
    counts = world.rehearsing.rehearse(files(STRICTER), digest(STRICTER))
    (flip,) = counts.flips
    assert (flip.before.permits, flip.after, flip.count) == (True, Outcome.DENY, 5)
    assert "ab" * 32 not in repr(counts)
    assert counts.policy_digest == digest(STRICTER)


def test_the_regions_own_overlay_is_laid_over_the_draft(world: World) -> None:
    world.record(3)
    (world.home / "policies-local").mkdir()
    (world.home / "policies-local" / "own.yaml").write_text(OWN)
    counts = world.rehearsing.rehearse(files(POLICY), digest(POLICY))
    (flip,) = counts.flips
    assert (flip.rules, flip.count) == (("own-nothing",), 3)
    assert counts.policy_digest == digest(POLICY)


def test_a_rehearsal_is_recorded_and_is_not_itself_rehearsed(world: World) -> None:
    world.record(1)
    world.rehearsing.rehearse(files(POLICY), digest(POLICY))
    counts = world.rehearsing.rehearse(files(POLICY), digest(POLICY))
    assert counts.decisions == 1
    leaves = [leaf for _, leaf in world.ledger.leaves(0, 10)]
    assert [is_event(leaf) for leaf in leaves] == [False, True, True]
    told = event_of(leaves[1])
    assert (told.event, told.by, told.digest) == (PolicyHappening.DRAFT_REHEARSED, "index", digest(POLICY))


def test_a_draft_that_is_read_otherwise_here_is_refused(world: World) -> None:
    with pytest.raises(DomicileError) as raised:
        world.rehearsing.rehearse(files(POLICY), "ab" * 32)
    assert raised.value.code is Code.POLICY_INVALID
    assert world.ledger.size() == 0


EVENT = PolicyEvent(event=PolicyHappening.FLOW_STOPPED, at=AT, region="eu-de", by="node", stop="s1", importer="US-CA")


def test_an_event_is_read_back_and_is_no_decision() -> None:
    assert event_of(event_bytes(EVENT)) == EVENT
    with pytest.raises(DomicileError):
        from_bytes(event_bytes(EVENT))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", event_bytes(EVENT)[:-1], event_bytes(EVENT) + b" ", event_bytes(EVENT).replace(b"US-CA", b"a name")],
)
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(DomicileError) as raised:
        event_of(raw)
    assert raised.value.code is Code.INPUT_INVALID


def test_a_name_does_not_fit_into_an_event() -> None:
    with pytest.raises(DomicileError):
        PolicyEvent(event=PolicyHappening.FLOW_STOPPED, at=AT, region="eu-de", by="Ana Souza")
