"""The stops that a node takes from the index and makes itself: obeyed at once, lifted by who made them, never lost."""

from datetime import timedelta
from typing import Any

import pytest

from policies.engine.bundle import Role
from policies.engine.errors import Code, DomicileError
from policies.engine.policy_event import PolicyHappening
from policies.engine.roots import KeyRole, PolicyKey
from regional_node.bootstrap.policies import lies_in
from regional_node.storage.ledger import StoredLedger
from regional_node.usecases.policies import StopOrigin
from tests.signing_room import START, SigningRoom, seeded_key
from tests.unit.node.accepting_world import Node, first, node, refused

__all__ = ["node"]


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
