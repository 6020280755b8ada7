"""What decides at a node: its folder, its own stricter overlay, and what is stopped. Whatever is wrong with one of them denies."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from chassis.database import open_database
from policies.engine.decision import Decision
from policies.engine.document import Documents
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import decide
from policies.engine.parser import parse_text
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Kind, Outcome
from regional_node.egress.policy_source import LocalRules, PolicySource
from regional_node.storage.metadata import metadata
from regional_node.storage.policies import SqlPolicyBook
from regional_node.storage.policy_files import PolicyFiles, StoredPolicies
from regional_node.usecases.policies import Accepted, Mode, Stop, StopOrigin

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PERMIT = """policy: eu-within-the-group
law: EU
title: Within the group
cite: ["GDPR Art. 45"]
kind: [transfer, release]
effect: permit
when: {importer.group: true}
"""
STRICTER = """policy: own-no-support
law: EU
title: No support from outside
cite: ["works agreement 7"]
kind: transfer
effect: prohibit
when: {purpose: essential.service.operations.support}
reasons: [processing_restricted]
"""
REQUEST = TransferRequest(
    kind=Kind.TRANSFER,
    facts={
        "exporter": {"region": "EU"},
        "importer": {"region": "US-CA", "group": True},
        "purpose": "essential.service.operations.support",
        "data": {"categories": ["user.contact.email"]},
    },
)


@dataclass
class World:
    """A node's home with a store, its time and its patience in the test's hand."""

    home: Path
    engine: Engine
    now: datetime = AT
    seconds: float = 0.0
    loads: int = 0
    bundles: dict[bytes, Documents] = field(default_factory=dict)

    @property
    def kept(self) -> StoredPolicies:
        files = PolicyFiles(self.home / "bundles", root=self.home / "tls" / "policy_root.json")
        return StoredPolicies(SqlPolicyBook(self.engine), files, digest_of=lambda raw: raw.hex())

    def source(self) -> PolicySource:
        local = LocalRules(overlay=self.home / "policies-local", kept=self.kept, jurisdiction="EU", opened=self._opened)
        return PolicySource(self.home / "policies", local=local, clock=lambda: self.now, elapsed=lambda: self.seconds)

    def _opened(self, raw: bytes) -> Documents:
        self.loads += 1
        return self.bundles[raw]

    def accept(self, version: int, text: str = PERMIT, *, days: int = 30, starts: datetime = AT) -> Accepted:
        """A bundle as the fetch would have accepted it after its signatures held."""
        raw = f"bundle {version} {text}".encode()
        documents = parse_text(text, "eu.yaml")
        self.bundles[raw] = documents
        bundle = Accepted(
            version=version,
            digest=raw.hex(),
            policy_digest=documents.digest,
            active_from=starts,
            expires=starts + timedelta(days=days),
            accepted_at=AT,
        )
        self.kept.accept(bundle, raw)
        return bundle

    def stop(self, importer: str = "", purpose: str = "", stop_id: str = "s1") -> None:
        self.kept.stop(
            Stop(id=stop_id, importer=importer, purpose=purpose, reason="a leak", origin=StopOrigin.NODE, set_at=self.now)
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_database(f"sqlite:///{tmp_path / 'node.db'}", synchronous="NORMAL")
    metadata.create_all(engine)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "eu.yaml").write_text(PERMIT)
    yield World(tmp_path, engine)
    engine.dispose()


def verdict(source: PolicySource, request: TransferRequest = REQUEST, at: datetime = AT) -> Decision:
    policies = source()
    assert policies is not None, source.fault
    return decide(policies, request, at=at.date())


def other(**facts: Any) -> TransferRequest:
    return TransferRequest(kind=REQUEST.kind, facts={**REQUEST.facts, **facts})


def test_without_a_bundle_the_folder_decides(world: World) -> None:
    found = world.source().in_force()
    assert found is not None
    assert (found.mode, found.bundle, found.overlay_digest) == (Mode.FOLDER, None, "")
    assert found.policies.digest == found.base_digest
    assert verdict(world.source()).outcome is Outcome.ALLOW


def test_a_bundle_that_has_begun_decides_and_the_folder_is_not_asked_again(world: World) -> None:
    source = world.source()
    assert source() is not None
    world.accept(1, PERMIT.replace("eu-within-the-group", "eu-signed"))
    found = source.in_force()
    assert found is not None
    assert found.mode is Mode.BUNDLE
    assert [rule.policy for rule in verdict(source).rules] == ["eu-signed"]
    for path in (world.home / "policies").iterdir():
        path.unlink()
    (world.home / "policies").rmdir()
    assert [rule.policy for rule in verdict(source).rules] == ["eu-signed"]
    assert [rule.policy for rule in verdict(world.source()).rules] == ["eu-signed"]


def test_a_bundle_begins_on_its_instant_and_not_before(world: World) -> None:
    world.accept(1, PERMIT.replace("eu-within-the-group", "eu-signed"), starts=AT + timedelta(days=2))
    source = world.source()
    world.now = AT + timedelta(days=2, seconds=-1)
    found = source.in_force()
    assert found is not None
    assert found.mode is Mode.FOLDER
    world.now = AT + timedelta(days=2)
    found = source.in_force()
    assert found is not None
    assert found.mode is Mode.BUNDLE


def test_an_expired_bundle_denies_and_nothing_older_comes_back(world: World) -> None:
    world.accept(1, days=300)
    source = world.source()
    assert source() is not None
    world.accept(2, PERMIT.replace("eu-within-the-group", "eu-second"), days=10)
    assert [rule.policy for rule in verdict(source).rules] == ["eu-second"]
    world.now = AT + timedelta(days=10)
    assert source() is None
    assert source.fault is not None
    assert source.fault.code is Code.POLICY_MISSING
    assert "expired" in str(source.fault)
    assert "policy fetch" in source.fault.remedy
    assert world.source()() is None


def test_a_clock_set_back_brings_nothing_older_back(world: World) -> None:
    world.accept(1)
    assert world.source()() is not None
    world.now = AT + timedelta(days=5)
    world.accept(2, PERMIT.replace("eu-within-the-group", "eu-second"), starts=AT + timedelta(days=5))
    assert [rule.policy for rule in verdict(world.source()).rules] == ["eu-second"]
    world.now = AT
    assert [rule.policy for rule in verdict(world.source()).rules] == ["eu-second"]


@pytest.mark.parametrize("damage", ["gone", "older", "cut"])
def test_a_bundle_file_that_is_not_what_was_accepted_denies(world: World, damage: str) -> None:
    world.accept(1)
    world.accept(2)
    first, second = (world.home / "bundles" / f"{n:08d}.bundle" for n in (1, 2))
    if damage == "gone":
        second.unlink()
    elif damage == "older":
        second.write_bytes(first.read_bytes())
    else:
        second.write_bytes(second.read_bytes()[:-1])
    source = world.source()
    assert source() is None
    assert source.fault is not None
    assert "bundle 2" in str(source.fault)


def test_a_bundle_that_is_read_as_other_policies_than_were_signed_denies(world: World) -> None:
    world.accept(1)
    (raw,) = world.bundles
    world.bundles[raw] = parse_text(PERMIT.replace("importer.group: true", "importer.group: false"), "eu.yaml")
    source = world.source()
    assert source() is None
    assert "other policies" in str(source.fault)


def test_the_folder_of_bundles_is_its_owners_alone(world: World) -> None:
    world.accept(1)
    modes = {path.name: oct(path.stat().st_mode)[-3:] for path in (world.home / "bundles").iterdir()}
    assert set(modes.values()) == {"600"}
    assert oct((world.home / "bundles").stat().st_mode)[-3:] == "700"


@pytest.mark.parametrize("signed", [False, True])
def test_the_regions_own_overlay_forbids_what_the_policies_permit(world: World, signed: bool) -> None:
    if signed:
        world.accept(1)
    source = world.source()
    assert verdict(source).outcome is Outcome.ALLOW
    (world.home / "policies-local").mkdir()
    (world.home / "policies-local" / "own.yaml").write_text(STRICTER)
    denied = verdict(source)
    assert denied.outcome is Outcome.DENY
    assert [rule.policy for rule in denied.rules] == ["own-no-support"]
    found = source.in_force()
    assert found is not None
    assert len(found.overlay_digest) == 64
    assert found.policies.digest not in {found.base_digest, found.overlay_digest}
    (world.home / "policies-local" / "own.yaml").unlink()
    assert verdict(source).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (STRICTER.replace("prohibit", "permit").replace("reasons: [processing_restricted]\n", ""), "policies-local/own.yaml:1"),
        (STRICTER.replace("own-no-support", "eu-within-the-group"), "exists already"),
        (STRICTER.replace("prohibit", "prohibbit"), "policies-local/own.yaml:6"),
        (STRICTER.replace("law: EU", "law: EU\nlaw: EU"), "own.yaml:3"),
        (
            STRICTER.replace("prohibit", "oblige")
            .replace("kind: transfer", "kind: release")
            .replace("reasons: [processing_restricted]", 'obligations: [{noise: {rho_per_measure: "1/400"}}]'),
            "`noise` alone",
        ),
    ],
)
def test_an_overlay_that_is_not_stricter_or_not_valid_denies_and_is_named(world: World, text: str, named: str) -> None:
    folder = world.home / "policies-local"
    folder.mkdir()
    (folder / "own.yaml").write_text(text)
    source = world.source()
    assert source() is None
    assert source.fault is not None
    assert named in str(source.fault)
    assert source.fault.remedy
    (folder / "own.yaml").write_text(STRICTER)
    assert source() is not None


def test_a_stray_file_of_the_overlay_denies(world: World) -> None:
    (world.home / "policies-local").mkdir()
    (world.home / "policies-local" / "own.yml").write_text(STRICTER)
    assert world.source()() is None


def test_a_weakened_overlay_that_took_permits_would_be_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same permit, with the check taken out of the code, does let something leave: so the check is what keeps it."""
    monkeypatch.setattr("regional_node.egress.policy_overlay._findings", lambda *_: [])
    (world.home / "policies" / "eu.yaml").write_text(PERMIT.replace("importer.group: true", "importer.group: false"))
    (world.home / "policies-local").mkdir()
    (world.home / "policies-local" / "own.yaml").write_text(PERMIT.replace("eu-within-the-group", "own-permit"))
    assert verdict(world.source()).outcome is Outcome.ALLOW


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("importer", "purpose", "stopped"),
    [
        ("", "", True),
        ("US-CA", "", True),
        ("US", "", False),  # a law of its own until it is the parent of US-CA
        ("BR", "", False),
        ("", "essential.service", True),
        ("", "analytics", False),
        ("US-CA", "analytics", False),
        ("US-CA", "essential.service.operations.support", True),
    ],
)
def test_a_stopped_flow_is_denied_at_the_next_decision(
    world: World, signed: bool, importer: str, purpose: str, stopped: bool
) -> None:
    if signed:
        world.accept(1)
    source = world.source()
    assert verdict(source).outcome is Outcome.ALLOW
    world.stop(importer, purpose)
    if importer == "US" and "US" in source().registry.chain("US-CA"):  # type: ignore[union-attr]
        stopped = True
    denied = verdict(source)
    assert (denied.outcome is Outcome.DENY) is stopped
    if stopped:
        assert denied.reasons == ("emergency_stop",)
        assert [rule.policy for rule in denied.rules] == ["emergency-stop-s1"]
    world.kept.lift("s1", at=world.now, why="it was nothing")
    assert verdict(source).outcome is Outcome.ALLOW


def test_a_stop_of_a_member_state_matches_its_state_and_denies_one_that_does_not_say(world: World) -> None:
    world.stop("DE")
    source = world.source()
    assert verdict(source, other(importer={"region": "EU", "state": "DE", "group": True})).outcome is Outcome.DENY
    assert verdict(source, other(importer={"region": "EU", "state": "FR", "group": True})).outcome is Outcome.ALLOW
    assert verdict(source, other(importer={"region": "EU", "group": True})).outcome is Outcome.DENY


def test_a_stop_by_another_copy_of_the_node_is_heard_within_a_second(world: World) -> None:
    """Another home on the same store: its mark is not ours, so the store's generation tells."""
    source = world.source()
    assert source() is not None
    stop = Stop(id="s9", importer="", purpose="", reason="", origin=StopOrigin.NODE, set_at=AT)
    SqlPolicyBook(world.engine).stop(stop)
    world.seconds = 1.0
    assert verdict(source).outcome is Outcome.DENY


def test_a_change_made_while_the_policies_are_composed_is_taken_up_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source = world.source()
    compose = source._composed

    def slow(at: datetime) -> Any:
        found = compose(at)
        if not world.kept.standing().stops:
            world.stop()
        return found

    monkeypatch.setattr(source, "_composed", slow)
    assert verdict(source).outcome is Outcome.ALLOW
    assert verdict(source).outcome is Outcome.DENY


def test_a_store_that_does_not_answer_denies_and_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source = world.source()
    assert source() is not None

    def gone(_self: object) -> int:
        raise DomicileError("the store does not answer", code=Code.STORE_UNAVAILABLE)

    with monkeypatch.context() as broken:
        broken.setattr(SqlPolicyBook, "generation", gone)
        world.seconds = 1.0
        assert source() is None
        assert source.fault is not None
    world.seconds = 2.0
    assert source() is not None
    assert source.fault is None


def test_nothing_is_read_again_while_nothing_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.accept(1)
    source = world.source()
    first = source()
    asked = 0

    def counted(_self: object) -> Any:
        nonlocal asked
        asked += 1
        raise AssertionError

    monkeypatch.setattr(SqlPolicyBook, "standing", counted)
    for _ in range(50):
        assert source() is first
    assert (asked, world.loads) == (0, 1)


def test_a_fault_is_remembered_until_something_changes(world: World) -> None:
    broken = world.home / "policies" / "eu.yaml"
    broken.write_text(PERMIT.replace("permit", "pemit"))
    loads = 0

    def load(folder: Path) -> Any:
        nonlocal loads
        loads += 1
        from policies.engine.evaluator import load_policies  # noqa: PLC0415 - the real one, counted

        return load_policies(folder)

    source = PolicySource(world.home / "policies", load=load, clock=lambda: world.now, elapsed=lambda: world.seconds)
    for second in range(20):
        world.seconds = float(second)
        assert source() is None
    assert loads == 1
    broken.write_text(PERMIT)
    os.utime(broken, ns=(1, 1))
    assert source() is not None
