"""What a node takes of what the index publishes. What does not verify changes nothing that is in force, and is one clear error."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from chassis.database import open_database
from policies.engine.bundle import Role, SignedBundle
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies
from policies.engine.lifecycle import NodeState, PolicyReport
from policies.engine.policy_event import PolicyHappening, event_of
from policies.engine.registry_parser import shipped_registry
from policies.engine.roots import KeyRole, PolicyKey
from policies.engine.trust import verify_chain
from regional_node.bootstrap.policies import attaching_laws, lies_in, policies_kept, policy_source
from regional_node.egress.policy_report import report_of
from regional_node.egress.policy_source import PolicySource
from regional_node.settings import NodeSettings
from regional_node.storage.ledger import LedgerKey, StoredLedger
from regional_node.storage.metadata import metadata
from regional_node.storage.policy_files import StoredPolicies
from regional_node.usecases import accepting as accepting_module
from regional_node.usecases.accepting import Accepting, Whereabouts
from regional_node.usecases.fetching import Fetching
from regional_node.usecases.policies import StopOrigin
from regional_node.usecases.stopping import Stopping
from tests.signing_room import ALL, FEDERATION, POLICY, REGION, START, SigningRoom, seeded_key

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


def test_a_bundle_that_all_have_signed_is_taken_and_decides(node: Node) -> None:
    assert node.in_force() == ["from-the-folder"]
    signed = first(node)
    assert (node.home / "bundles" / "00000001.bundle").read_bytes() == signed.to_bytes()
    assert node.events() == [PolicyHappening.BUNDLE_INSTALLED]


def test_a_bundle_ahead_of_its_date_waits_and_then_decides(node: Node) -> None:
    before = first(node)
    later = node.room.bundle(before, policy=POLICY.replace("eu-within", "eu-later"), active_from=START + timedelta(days=3))
    node.accepting.take_bundles([node.room.sign(later).to_bytes()])
    assert node.in_force() == ["eu-within-the-group"]
    node.now = START + timedelta(days=3)
    assert node.in_force() == ["eu-later-the-group"]


MADE_WRONG: dict[str, tuple[Code, Callable[[SigningRoom, SignedBundle], bytes]]] = {
    "signed by one of two": (
        Code.BUNDLE_ONE_SIGNATURE,
        lambda room, old: room.sign(room.bundle(old), (Role.AUTHOR, Role.PRIVACY_OFFICER, Role.PUBLISHER)).to_bytes(),
    ),
    "approved by its author": (
        Code.BUNDLE_OWN_APPROVAL,
        lambda room, old: (
            room.sign(room.bundle(old), (Role.AUTHOR, Role.PRIVACY_OFFICER, Role.PUBLISHER))
            .signed(role=Role.APPROVER, private_key=room.keys[Role.AUTHOR])
            .to_bytes()
        ),
    ),
    "not countersigned": (
        Code.BUNDLE_NOT_COUNTERSIGNED,
        lambda room, old: room.sign(room.bundle(old), (Role.AUTHOR, Role.APPROVER, Role.PUBLISHER)).to_bytes(),
    ),
    "not countersigned, and silent about whom it widens": (
        Code.BUNDLE_NOT_COUNTERSIGNED,
        lambda room, old: room.sign(room.bundle(old, regions=()), (Role.AUTHOR, Role.APPROVER, Role.PUBLISHER)).to_bytes(),
    ),
    "not published": (
        Code.BUNDLE_NOT_PUBLISHED,
        lambda room, old: room.sign(room.bundle(old), (Role.AUTHOR, Role.APPROVER, Role.PRIVACY_OFFICER)).to_bytes(),
    ),
    "signed by a stranger": (
        Code.BUNDLE_KEY_UNKNOWN,
        lambda room, old: room.sign(room.bundle(old)).signed(role=Role.APPROVER, private_key=seeded_key("a stranger")).to_bytes(),
    ),
    "the same version again, with other content": (
        Code.BUNDLE_OLDER,
        lambda room, _: room.sign(room.bundle(policy=POLICY.replace("true", "false"))).to_bytes(),
    ),
    "a gap": (
        Code.BUNDLE_GAP,
        lambda room, old: room.sign(room.bundle(room.sign(room.bundle(old)))).to_bytes(),
    ),
    "of another line": (
        Code.BUNDLE_GAP,
        lambda room, old: room.sign(replace(room.bundle(old), previous="ab" * 32)).to_bytes(),
    ),
    "expired": (
        Code.BUNDLE_EXPIRED,
        lambda room, old: room.sign(room.bundle(old, expires=START + timedelta(minutes=1))).to_bytes(),
    ),
    "truncated": (Code.BUNDLE_ALTERED, lambda room, old: room.sign(room.bundle(old)).to_bytes()[:-40]),
    "altered": (
        Code.BUNDLE_ALTERED,
        lambda room, old: room.sign(room.bundle(old)).to_bytes().replace(b'"signatures"', b'"signature2"'),
    ),
    "of another federation": (
        Code.BUNDLE_KEY_UNKNOWN,
        lambda room, old: room.sign(room.bundle(old, federation="other")).to_bytes(),
    ),
    "of files that do not have their digest": (
        Code.BUNDLE_ALTERED,
        lambda room, old: room.sign(room.bundle(old, policy_digest="ab" * 32)).to_bytes(),
    ),
}


@pytest.mark.parametrize("what", MADE_WRONG)
def test_a_bundle_that_does_not_verify_changes_nothing(node: Node, what: str) -> None:
    code, make = MADE_WRONG[what]
    old = first(node)
    wrong = make(node.room, old)
    before = node.kept.standing()
    refused(code, lambda: node.accepting.take_bundles([wrong]))
    assert node.kept.standing() == before
    assert node.in_force() == ["eu-within-the-group"]
    assert node.events() == [PolicyHappening.BUNDLE_INSTALLED]


@pytest.mark.parametrize("what", [n for n, (code, _) in MADE_WRONG.items() if code not in {Code.BUNDLE_OLDER, Code.BUNDLE_GAP}])
def test_a_first_bundle_that_does_not_verify_leaves_the_folder_in_force(node: Node, what: str) -> None:
    """A gap is none there: a node without a bundle takes any version as its first."""
    code, make = MADE_WRONG[what]
    refused(code, lambda: node.accepting.take_bundles([make(node.room, node.room.sign(node.room.bundle()))]))
    assert node.in_force() == ["from-the-folder"]


def test_an_older_bundle_is_refused_by_its_version(node: Node) -> None:
    old = first(node)
    node.accepting.take_bundles([node.room.sign(node.room.bundle(old)).to_bytes()])
    refused(Code.BUNDLE_OLDER, lambda: node.accepting.take_bundles([old.to_bytes()]))


@pytest.mark.parametrize("role", ALL)
def test_a_bundle_signed_with_a_revoked_key_is_refused(node: Node, role: Role) -> None:
    old = first(node)
    signed = node.room.sign(node.room.bundle(old))
    node.accepting.take_roots([node.room.revoke(role)])
    refused(Code.BUNDLE_KEY_REVOKED, lambda: node.accepting.take_bundles([signed.to_bytes()]))
    assert node.in_force() == ["eu-within-the-group"]


def test_a_waiting_bundle_is_withdrawn_when_a_key_under_it_is_revoked_and_one_in_force_stays(node: Node) -> None:
    old = first(node)
    waiting = node.room.bundle(old, policy=POLICY.replace("eu-within", "eu-later"), active_from=START + timedelta(days=3))
    node.accepting.take_bundles([node.room.sign(waiting).to_bytes()])
    assert [each.version for each in node.kept.standing().accepted] == [1, 2]
    node.accepting.take_roots([node.room.revoke(Role.APPROVER)])
    assert [each.version for each in node.kept.standing().accepted] == [1]
    node.now = START + timedelta(days=4)
    assert node.in_force() == ["eu-within-the-group"]


def test_a_waiting_bundle_is_withdrawn_although_the_look_that_brought_the_revocation_ended_early(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = first(node)
    waiting = node.room.bundle(old, policy=POLICY.replace("eu-within", "eu-later"), active_from=START + timedelta(days=3))
    node.accepting.take_bundles([node.room.sign(waiting).to_bytes()])
    with monkeypatch.context() as cut:
        cut.setattr(Accepting, "_withdraw", lambda *_: None)
        node.accepting.take_roots([node.room.revoke(Role.APPROVER)])
    assert node.accepting.take_roots([]) == 0
    node.now = START + timedelta(days=4)
    assert node.in_force() == ["eu-within-the-group"]


def test_a_broken_list_of_keys_after_a_revocation_does_not_keep_a_waiting_bundle(node: Node) -> None:
    waiting = node.room.bundle(first(node), active_from=START + timedelta(days=3))
    node.accepting.take_bundles([node.room.sign(waiting).to_bytes()])
    revoked = node.room.revoke(Role.APPROVER)
    refused(Code.TRUST_REFUSED, lambda: node.accepting.take_roots([revoked, b"broken"]))
    assert [each.version for each in node.kept.standing().accepted] == [1]


def test_a_list_of_keys_that_takes_a_revocation_back_or_is_older_is_refused(node: Node) -> None:
    original = node.room.signed_root()
    revoked = node.room.revoke(Role.APPROVER)
    assert node.accepting.take_roots([revoked, revoked]) == 1
    refused(Code.TRUST_OLDER, lambda: node.accepting.take_roots([original]))
    back = replace(SigningRoom().root, version=9)
    refused(Code.TRUST_REFUSED, lambda: node.accepting.take_roots([back.signed(node.room.root_key)]))
    forged = replace(node.room.root, version=9, root_key=seeded_key("thief").public_key().public_bytes_raw())
    refused(Code.TRUST_REFUSED, lambda: node.accepting.take_roots([forged.signed(seeded_key("thief"))]))
    held = node.accepting.root()
    assert held is not None
    assert held.version == node.room.root.version


def test_a_node_that_was_away_passes_over_what_expired_meanwhile(node: Node) -> None:
    old = first(node)
    missed = node.room.sign(node.room.bundle(old, expires=START + timedelta(days=5)))
    last = node.room.sign(node.room.bundle(missed, policy=POLICY.replace("eu-within", "eu-last")))
    node.now = START + timedelta(days=6)
    taken = node.accepting.take_bundles([missed.to_bytes(), last.to_bytes()])
    assert [each.version for each in taken] == [3]
    assert node.in_force() == ["eu-last-the-group"]


def test_what_a_revoked_officer_alone_countersigned_does_not_come_in_with_the_next_bundle(node: Node) -> None:
    old = first(node)
    wide = node.room.sign(node.room.bundle(old, policy=WIDER))
    silent = node.room.bundle(wide, policy=WIDER.replace("Within the group", "Reworded"), widens=(), regions=())
    after = node.room.sign(silent, (Role.AUTHOR, Role.APPROVER, Role.PUBLISHER))
    node.accepting.take_roots([node.room.revoke(Role.PRIVACY_OFFICER)])
    refused(Code.BUNDLE_NOT_COUNTERSIGNED, lambda: node.accepting.take_bundles([wide.to_bytes(), after.to_bytes()]))
    assert node.in_force() == ["eu-within-the-group"]


def test_a_first_bundle_that_is_silent_about_what_it_permits_is_not_taken(node: Node) -> None:
    by_index = (Role.AUTHOR, Role.APPROVER, Role.PUBLISHER)
    early = node.room.sign(node.room.bundle(policy=WIDER), by_index)
    silent = node.room.bundle(early, policy=WIDER.replace("Within", "Inside"), widens=(), regions=())
    later = node.room.sign(silent, by_index)
    refused(Code.BUNDLE_NOT_COUNTERSIGNED, lambda: node.accepting.take_bundles([later.to_bytes()]))
    refused(Code.BUNDLE_NOT_COUNTERSIGNED, lambda: node.accepting.take_bundles([early.to_bytes(), later.to_bytes()]))
    assert node.in_force() == ["from-the-folder"]


def test_a_first_bundle_is_taken_when_an_earlier_one_of_the_series_was_countersigned_or_it_permits_nothing(node: Node) -> None:
    by_index = (Role.AUTHOR, Role.APPROVER, Role.PUBLISHER)
    agreed = node.room.sign(node.room.bundle())
    narrower = POLICY.replace("permit", "prohibit") + "reasons: [processing_restricted]\n"
    later = node.room.sign(node.room.bundle(agreed, policy=narrower, widens=(), regions=()), by_index)
    again = node.room.sign(node.room.bundle(later, widens=(), regions=()), by_index)
    verify_chain([later], node.room.root, at=node.now, current=None, region=REGION, laws=("EU",))
    taken = node.accepting.take_bundles([each.to_bytes() for each in (agreed, later, again)])
    assert [each.version for each in taken] == [1, 2, 3]


def test_one_in_the_middle_that_does_not_load_here_keeps_nobody_behind(node: Node) -> None:
    old = first(node)
    strange = node.room.sign(node.room.bundle(old, files={"eu.yaml": "policy: [", "registry/facts.yaml": "x: y"}))
    last = node.room.sign(node.room.bundle(strange, policy=POLICY.replace("eu-within", "eu-last")))
    refused(Code.POLICY_INVALID, lambda: node.accepting.take_bundles([strange.to_bytes()]))
    taken = node.accepting.take_bundles([strange.to_bytes(), last.to_bytes()])
    assert [each.version for each in taken] == [3]


def test_after_its_end_a_bundle_denies_and_the_folder_does_not_come_back(node: Node) -> None:
    first(node)
    node.now = START + timedelta(days=90)
    assert node.in_force() == []
    assert node._report("").state is NodeState.EXPIRED


def test_a_node_without_a_list_of_keys_takes_no_bundle(node: Node) -> None:
    (node.home / "tls" / "policy_root.json").unlink()
    refused(Code.TRUST_REFUSED, lambda: node.accepting.take_bundles([node.room.sign(node.room.bundle()).to_bytes()]))


def test_a_build_that_does_not_verify_would_be_found(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the verification taken out every wrong bundle that can be read is taken: so it is the verification that refuses."""
    old = first(node)
    monkeypatch.setattr(accepting_module, "verify_chain", lambda found, *_, **__: tuple(found))
    taken = node.accepting.take_bundles([MADE_WRONG["signed by one of two"][1](node.room, old)])
    assert [each.version for each in taken] == [2]


# Stops


def test_a_stop_of_the_index_is_obeyed_and_lifted_by_the_index_alone(node: Node) -> None:
    assert node.accepting.take_stops([node.room.stop(1, importer="US-CA")]) == 1
    (stop,) = node.kept.standing().stops
    assert (stop.id, stop.importer, stop.origin) == ("hq-1", "US-CA", StopOrigin.INDEX)
    assert "emergency-stop-hq-1" in node.in_force()
    refused(Code.ROLE_MISSING, lambda: node.stopping.resume("hq-1", why="we disagree"))
    node.accepting.take_stops([node.room.stop(2, ends=1)])
    assert node.kept.standing().stops == ()
    assert node.events() == [PolicyHappening.FLOW_STOPPED, PolicyHappening.FLOW_RESUMED]


def test_a_stop_for_another_exporter_is_passed_over_and_one_for_a_law_above_is_not(node: Node) -> None:
    node.accepting.take_stops([node.room.stop(1, exporter="BR"), node.room.stop(2, exporter="EU", purpose="analytics")])
    assert [each.id for each in node.kept.standing().stops] == ["hq-2"]
    assert node.kept.notice() == 2


def test_stops_under_a_publishers_key_revoked_since_hold_and_hide_no_later_one(node: Node) -> None:
    before = [node.room.stop(1, importer="BR"), node.room.stop(2, ends=1)]
    node.room.revoke(Role.PUBLISHER)
    new = node.room.keys[Role.PUBLISHER] = seeded_key("publisher two")
    public = new.public_key().public_bytes_raw()
    enrolled = PolicyKey(public_key=public, role=KeyRole.PUBLISHER, holder="index", enrolled=START + timedelta(days=1))
    node.room.root = node.room.root.enrolled(enrolled)
    node.accepting.take_roots([node.room.signed_root()])
    assert node.accepting.take_stops([*before, node.room.stop(3)]) == 3
    assert [each.id for each in node.kept.standing().stops] == ["hq-1", "hq-3"]
    node.accepting.take_stops([node.room.stop(4, ends=1)])
    assert [each.id for each in node.kept.standing().stops] == ["hq-3"]


@pytest.mark.parametrize(
    ("exporter", "state", "binds"),
    [
        ("DE", "DE", True), ("EU-DE", "DE", True), ("FR", "DE", False), ("EU", "DE", True), ("DE", "", True), ("DE", "DE-BY", True),
        ("DE-BY", "DE", True), ("BR", "DE", False), ("QQ", "DE", True), ("US-CA", "DE", False), ("PCI", "DE", True),
    ],
)  # fmt: skip
def test_a_stop_of_a_state_binds_the_nodes_that_lie_in_it(exporter: str, state: str, binds: bool) -> None:
    assert lies_in(exporter, None, jurisdiction="EU", state=state) is binds


def test_a_stop_of_a_member_state_is_obeyed(node: Node) -> None:
    node.accepting.take_stops([node.room.stop(1, exporter="FR"), node.room.stop(2, exporter="DE")])
    assert [each.id for each in node.kept.standing().stops] == ["hq-2"]


@pytest.mark.parametrize("purpose", ["essential", "nothing_we_know"])
def test_a_stop_for_a_word_above_purposes_denies_and_can_be_lifted(node: Node, purpose: str) -> None:
    first(node)
    node.accepting.take_stops([node.room.stop(1, purpose=purpose)])
    assert node.in_force() == ["eu-within-the-group", "emergency-stop-hq-1"]
    assert node.source.fault is None
    node.accepting.take_stops([node.room.stop(2, purpose=purpose, ends=1)])
    assert node.in_force() == ["eu-within-the-group"]
    assert node.kept.notice() == 2


def test_a_missing_or_forged_stop_notice_is_refused(node: Node) -> None:
    refused(Code.STOP_REFUSED, lambda: node.accepting.take_stops([node.room.stop(2)]))
    stranger = SigningRoom(keys={**node.room.keys, Role.PUBLISHER: seeded_key("thief")})
    refused(Code.STOP_REFUSED, lambda: node.accepting.take_stops([stranger.stop(1)]))
    assert node.kept.standing().stops == ()


def test_an_own_stop_is_recorded_and_needs_no_index(node: Node) -> None:
    stop, new = node.stopping.stop(importer="", purpose="", reason="a leak")
    assert new
    assert node.stopping.stop(importer="", purpose="", reason="again") == (stop, False)
    node.stopping.resume(stop.id, why="mended")
    assert node.events() == [PolicyHappening.FLOW_STOPPED, PolicyHappening.FLOW_RESUMED]
    assert b"a leak" not in b"".join(leaf for _, leaf in node.ledger.leaves(0, 10))
    refused(Code.RECORD_NOT_FOUND, lambda: node.stopping.resume(stop.id, why="twice"))


def test_a_stop_holds_although_the_ledger_fails(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise DomicileError("the ledger does not fit its checkpoint", remedy="look", code=Code.LEDGER_BROKEN)

    monkeypatch.setattr(StoredLedger, "append", broken)
    error = refused(Code.LEDGER_BROKEN, lambda: node.stopping.stop(importer="", purpose="", reason=""))
    assert "is stopped" in error.what
    (stop,) = node.kept.standing().stops
    refused(Code.LEDGER_BROKEN, lambda: node.stopping.resume(stop.id, why="nothing runs again unrecorded"))
    assert node.kept.standing().stops == (stop,)


# A look at the index


def test_a_look_takes_keys_stops_and_bundles_and_reports(node: Node) -> None:
    old = first(node)
    silent = node.room.bundle(old, widens=(), regions=())
    node.roots_offered = [node.room.revoke(Role.PRIVACY_OFFICER)]
    node.offered = [node.room.sign(silent, (Role.AUTHOR, Role.APPROVER, Role.PUBLISHER)).to_bytes()]
    node.stops_offered = [node.room.stop(1, importer="BR")]
    fetched = node.fetching.fetch(node)
    assert (fetched.roots, fetched.stops, [each.version for each in fetched.bundles], fetched.fault) == (1, 1, [2], None)
    (report,) = node.reports
    assert (report.state, report.version, report.stop_number, report.stops) == (NodeState.ACTIVE, 2, 1, 1)
    node.roots_offered, node.offered, node.stops_offered = [], [], []
    node.fetching.fetch(node)
    assert len(node.reports) == 1


def test_a_refused_bundle_keeps_no_stop_back_and_is_told(node: Node) -> None:
    old = first(node)
    node.offered = [MADE_WRONG["signed by one of two"][1](node.room, old)]
    node.stops_offered = [node.room.stop(1)]
    fetched = node.fetching.fetch(node)
    assert fetched.fault is not None
    assert (fetched.stops, fetched.bundles) == (1, ())
    state = node.kept.book.fetch_state()
    assert state.code == Code.BUNDLE_ONE_SIGNATURE
    assert "approver" in state.fault
    assert node.reports[-1].fault == Code.BUNDLE_ONE_SIGNATURE
    assert node.reports[-1].version == 1


def test_the_laws_that_attach_are_those_above_and_the_overlays() -> None:
    laws = attaching_laws("US-CA", None)
    assert {"US-CA", *shipped_registry().chain("US-CA")} <= laws
    assert {code for code, each in shipped_registry().jurisdictions.items() if each.overlay} <= laws
    assert "BR" not in laws
