"""What a node takes of what the index publishes. What does not verify changes nothing that is in force, and is one clear error."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from policies.engine.bundle import Role, SignedBundle
from policies.engine.errors import Code
from policies.engine.lifecycle import NodeState
from policies.engine.policy_event import PolicyHappening
from policies.engine.registry_parser import shipped_registry
from policies.engine.trust import verify_chain
from regional_node.bootstrap.policies import attaching_laws
from regional_node.usecases import accepting as accepting_module
from regional_node.usecases.accepting import Accepting
from tests.signing_room import ALL, POLICY, REGION, START, SigningRoom, seeded_key
from tests.unit.node.accepting_world import WIDER, Node, first, node, refused

__all__ = ["node"]


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
