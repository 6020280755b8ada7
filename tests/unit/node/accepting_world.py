"""A node that takes policies from an index: home, store and ledger, and what the index offers it. It asserts nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from chassis.database import open_database
from policies.engine.bundle import SignedBundle
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies
from policies.engine.lifecycle import PolicyReport
from policies.engine.policy_event import PolicyHappening, event_of
from regional_node.bootstrap.policies import attaching_laws, lies_in, policies_kept, policy_source
from regional_node.egress.policy_report import report_of
from regional_node.egress.policy_source import PolicySource
from regional_node.settings import NodeSettings
from regional_node.storage.ledger import LedgerKey, StoredLedger
from regional_node.storage.metadata import metadata
from regional_node.storage.policy_files import StoredPolicies
from regional_node.usecases.accepting import Accepting, Whereabouts
from regional_node.usecases.fetching import Fetching
from regional_node.usecases.stopping import Stopping
from tests.signing_room import FEDERATION, POLICY, REGION, START, SigningRoom

WIDER = POLICY.replace("eu-within", "eu-wide").replace("when: {importer.group: true}", "when: {exporter.region: EU}")
SETTINGS = NodeSettings(region=REGION, jurisdiction="EU", state="DE", organisation="acme-de")


@dataclass
class Node:
    """A node's home, store and ledger, and what the index offers it."""

    home: Path
    engine: Engine
    room: SigningRoom
    now: datetime = START + timedelta(hours=1)
    offered: list[bytes] = field(default_factory=list)
    roots_offered: list[bytes] = field(default_factory=list)
    stops_offered: list[bytes] = field(default_factory=list)
    reports: list[PolicyReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.home / "policies").mkdir(exist_ok=True)
        (self.home / "policies" / "eu.yaml").write_text(POLICY.replace("eu-within-the-group", "from-the-folder"))
        self.kept: StoredPolicies = policies_kept(self.home, self.engine)
        self.source: PolicySource = policy_source(self.home, SETTINGS, self.kept, clock=lambda: self.now)
        signer = LedgerKey(origin="domicile.test/eu-de", key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))
        self.ledger = StoredLedger(self.engine, signer=signer)
        ids = iter(f"{number:032x}" for number in range(1, 100))
        self.stopping = Stopping(self.kept, self.ledger, region=REGION, clock=lambda: self.now, new_id=lambda: next(ids))
        self.accepting = Accepting(
            self.kept,
            self.ledger,
            self.stopping,
            node=Whereabouts(
                federation=FEDERATION,
                region=REGION,
                laws=lambda policies: attaching_laws("EU", policies),
                lies_in=partial(lies_in, jurisdiction=SETTINGS.jurisdiction, state=SETTINGS.state),
            ),
            present=self.source,
            clock=lambda: self.now,
        )
        self.fetching = Fetching(self.accepting, self.kept.book, report=self._report, clock=lambda: self.now)

    def _report(self, refused: str) -> PolicyReport:
        found = self.source.in_force()
        standing = self.kept.standing()
        return report_of(
            found, standing, at=self.now, fault=self.source.fault, refused=refused, root_version=1, notice=self.kept.notice()
        )

    # the index, as `Fetching` sees it

    def roots(self, known: int) -> Iterator[bytes]:
        return iter(self.roots_offered)

    def bundles(self, after: int, version_of: Callable[[bytes], int]) -> Iterator[bytes]:
        return iter(self.offered)

    def stops(self, after: int) -> Iterator[bytes]:
        return iter(self.stops_offered)

    def report(self, report: PolicyReport) -> None:
        self.reports.append(report)

    def in_force(self) -> list[str]:
        policies: Policies | None = self.source()
        return [each.name for each in policies.documents.policies] if policies is not None else []

    def events(self) -> list[PolicyHappening]:
        return [event_of(leaf).event for _, leaf in self.ledger.leaves(0, 100)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    engine = open_database(f"sqlite:///{tmp_path / 'node.db'}", synchronous="NORMAL")
    metadata.create_all(engine)
    made = Node(tmp_path, engine, SigningRoom())
    made.kept.put_root(made.room.signed_root())
    yield made
    engine.dispose()


def refused(code: Code, work: Callable[[], Any]) -> DomicileError:
    with pytest.raises(DomicileError) as raised:
        work()
    assert raised.value.code is code, raised.value
    assert raised.value.remedy
    assert "\n" not in str(raised.value)
    return raised.value


def first(node: Node) -> SignedBundle:
    """The first bundle, taken and in force."""
    signed = node.room.sign(node.room.bundle())
    node.accepting.take_bundles([signed.to_bytes()])
    assert node.in_force() == ["eu-within-the-group"]
    return signed
