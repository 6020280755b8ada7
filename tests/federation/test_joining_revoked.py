"""Revocation over real sockets: the index can be revoked too, and no node forgets a revocation or lives on an old list."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from global_index.requests import membership
from global_index.requests.members import Holder, Member, MembershipUnit
from global_index.requests.membership import REVOCATIONS_LAST
from policies.engine.errors import Code, DomicileError
from protos.certificates import Identity, Revocations, Role, read_identity, read_revocations
from regional_node.rpc import joining
from regional_node.rpc.index_certificate import index_certificate
from regional_node.rpc.joining import NodeMembership, announce, join, load, renew
from tests.federation.membership_world import ANNOUNCEMENT, Certificates, Index, now, running_index


async def joined(index: Index, home: Path) -> NodeMembership:
    return await join(index.invite(), home, region="eu-de", jurisdiction="EU", address="127.0.0.1:7001", at=now())


async def refused(act: Awaitable[object], code: Code = Code.PEER_REFUSED) -> str:
    with pytest.raises(DomicileError) as caught:
        await act
    assert caught.value.code is code, caught.value
    return str(caught.value)


def index_identity(index: Index) -> Identity:
    return read_identity(index.authority.index_credentials(at=now()).certificate)


async def test_a_revoked_index_makes_itself_a_new_certificate_and_nodes_refuse_the_old_one(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        member = await joined(index, tmp_path / "node")
        old = index_identity(index)
        await joining.standing(lambda: member, clock=now)(old)
        index.memberships.revoke_certificate(old.serial, at=now())
        new = index_identity(index)
        assert new.serial != old.serial
        member, _ = await announce(tmp_path / "node", ANNOUNCEMENT, at=now())
        assert member.revoked == {old.serial}
        await joining.standing(lambda: member, clock=now)(new)
        assert "revoked" in await refused(joining.standing(lambda: member, clock=now)(old))
        own = [each for each in index.memberships.certificates() if each.role is Holder.INDEX]
        assert [(each.serial, each.stands(at=now())) for each in own] == [(old.serial, False), (new.serial, True)]


async def test_an_index_certificate_older_than_its_store_can_be_revoked_too(tmp_path: Path) -> None:
    async with running_index(tmp_path / "a") as index, running_index(tmp_path / "b") as other:
        other.authority._folder, other.authority._authority = index.authority._folder, index.authority._authority
        present = index_identity(index)
        assert index_identity(other) == present
        other.memberships.revoke_certificate(present.serial, at=now())
        assert index_identity(other) != present


async def robbed(index: Index, home: Path) -> None:
    """The index's certificate is stolen and revoked, the node knows, and the thief answers at the index's address."""
    await joined(index, home)
    stolen = index.authority.index_credentials(at=now())
    index.memberships.revoke_certificate(read_identity(stolen.certificate).serial, at=now())
    await announce(home, ANNOUNCEMENT, at=now())
    index.stolen = stolen


async def test_a_node_tells_a_revoked_index_nothing(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await robbed(index, tmp_path / "node")
        (before,) = index.memberships.members(at=now())
        issued = index.memberships.certificates()
        assert "revoked" in await refused(announce(tmp_path / "node", ANNOUNCEMENT, at=now()))
        assert "revoked" in await refused(renew(tmp_path / "node", at=now()))
        assert index.memberships.members(at=now()) == (before,)
        assert index.memberships.certificates() == issued


async def test_without_looking_at_the_indexs_certificate_it_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_index(tmp_path / "index") as index:
        await robbed(index, tmp_path / "node")
        monkeypatch.setattr(joining, "_require_unrevoked", lambda *_: None)
        await announce(tmp_path / "node", ANNOUNCEMENT, at=now())


async def test_a_call_reaches_no_index_but_the_one_that_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")

        async def then_swapped(*given: object, **named: object) -> bytes:
            found = await index_certificate(*given, **named)  # type: ignore[arg-type]  # passed on as they came
            index.stolen = Certificates(index.authority._authority).credentials(Role.INDEX, "index")
            return found

        monkeypatch.setattr(joining, "index_certificate", then_swapped)
        with pytest.raises(DomicileError) as caught:
            await announce(tmp_path / "node", ANNOUNCEMENT, at=now())
        assert caught.value.code in {Code.PEER_REFUSED, Code.PEER_UNREACHABLE}
        (member,) = index.memberships.members(at=now())
        assert member.seen_at is None


async def test_another_at_the_indexs_address_is_refused_and_none_is_named(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        for stranger in (
            Certificates().credentials(Role.INDEX, "index"),
            replace(
                Certificates(index.authority._authority).credentials(Role.REGION, "br-sp"), trust=index.authority.authorities()
            ),
        ):
            index.stolen = stranger
            await refused(announce(tmp_path / "node", ANNOUNCEMENT, at=now()))
        assert index.served is not None
        await index.served.server.stop(None)
        assert "cannot be reached" in await refused(announce(tmp_path / "node", ANNOUNCEMENT, at=now()), Code.PEER_UNREACHABLE)


async def test_an_announcement_never_replaces_the_ticket_key(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        index.memberships._terms = replace(index.memberships._terms, ticket_key=b"x" * 32)
        assert "ticket key" in await refused(announce(tmp_path / "node", ANNOUNCEMENT, at=now()))
        assert load(tmp_path / "node").ticket_key == b"k" * 32


async def answered_with_an_older_list(index: Index, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate was revoked and the node knows; then the index answers with the list from before."""
    await joined(index, home)
    forgotten = index.authority.revocations((), at=now(), next_update=now() + REVOCATIONS_LAST)
    index.memberships.revoke_certificate(index_identity(index).serial, at=now())
    await announce(home, ANNOUNCEMENT, at=now())
    monkeypatch.setattr(index.authority, "revocations", lambda *_, **__: forgotten)
    await announce(home, ANNOUNCEMENT, at=now())


async def test_a_list_with_a_lower_number_is_refused_and_the_kept_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_index(tmp_path / "index") as index:
        assert "number" in await refused(answered_with_an_older_list(index, tmp_path / "node", monkeypatch))
        assert len(load(tmp_path / "node").revoked) == 1


async def test_without_comparing_numbers_a_revocation_would_be_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_index(tmp_path / "index") as index:
        monkeypatch.setattr(Revocations, "require_successor", lambda *_: None)
        await answered_with_an_older_list(index, tmp_path / "node", monkeypatch)
        assert load(tmp_path / "node").revoked == frozenset()


async def test_nobody_is_let_in_once_the_list_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_index(tmp_path / "index") as index:
        member = await joined(index, tmp_path / "node")
        caller = index_identity(index)
        last = member.revocations.next_update
        await joining.standing(lambda: member, clock=lambda: last - timedelta(seconds=1))(caller)
        late = joining.standing(lambda: member, clock=lambda: last)
        assert "out of date" in await refused(late(caller))
        monkeypatch.setattr(Revocations, "require_current", lambda *_, **__: None)
        await late(caller)


async def test_a_list_that_is_over_is_not_taken(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        kept = load(tmp_path / "node").revocations
        index.clock.shift = timedelta(minutes=1)
        late = now() + REVOCATIONS_LAST + timedelta(hours=1)
        assert "out of date" in await refused(announce(tmp_path / "node", ANNOUNCEMENT, at=late))
        assert load(tmp_path / "node").revocations == kept


async def test_a_list_of_revocations_under_another_signature_is_refused(tmp_path: Path) -> None:
    async with running_index(tmp_path / "a") as index, running_index(tmp_path / "b") as other:
        forged = other.authority.revocations((), at=now(), next_update=now() + timedelta(days=1))
        with pytest.raises(DomicileError, match="not signed by the federation"):
            read_revocations(forged, index.authority.authorities())


async def admitted_then_suspended(index: Index, home: Path) -> str:
    """The state after a suspension that came between letting an announcement in and keeping it."""
    member = await joined(index, home)
    index.memberships.suspend("eu-de", at=now())
    try:
        index.memberships.announce(region="eu-de", serial=member.identity.serial, announcement=ANNOUNCEMENT, at=now())
    except DomicileError as error:
        assert error.code is Code.PEER_REFUSED  # noqa: PT017 - whether it raises is what is asked
    (kept,) = index.memberships.members(at=now())
    return kept.state


async def test_an_announcement_does_not_lift_a_suspension(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        assert await admitted_then_suspended(index, tmp_path / "node") == "SUSPENDED"
        serial = load(tmp_path / "node").identity.serial
        with pytest.raises(DomicileError, match="suspended"):
            index.memberships.renew(region="eu-de", serial=serial, request=b"", at=now())


async def test_without_looking_at_the_state_it_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_any_state(unit: MembershipUnit, region: str, *, at: datetime) -> Member:
        return membership._required(unit, region)

    monkeypatch.setattr(membership, "_heard", of_any_state)
    async with running_index(tmp_path / "index") as index:
        assert await admitted_then_suspended(index, tmp_path / "node") == "JOINED"
