"""Joining over real sockets: an invite becomes a certificate exactly once, and a certificate says who may do what."""

import asyncio
import json
import secrets
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from global_index.storage.authority import FileAuthority, make_authority_files
from global_index.storage.membership import SqlRegionDirectory
from policies.engine.errors import Code, DomicileError
from protos.certificates import Identity, Role, key_pem, make_request, new_key, read_identity
from protos.channel import Credentials, open_to_index
from protos.invites import read_invite, write_invite
from protos.v1 import membership_pb2 as pb
from protos.v1.membership_pb2_grpc import FederationStub
from regional_node.rpc.joining import NodeMembership, announce, join, load, renew
from tests.federation.membership_world import ANNOUNCEMENT, FEDERATION, Certificates, Index, free_port, now, running_index

ADDRESS = "127.0.0.1:7001"


async def joined(index: Index, home: Path, region: str = "eu-de", jurisdiction: str = "EU") -> NodeMembership:
    text = index.invite(region, jurisdiction)
    return await join(text, home, region=region, jurisdiction=jurisdiction, address=ADDRESS, at=now())


async def refused(code: Code, act: "asyncio.Future[object] | object") -> str:
    with pytest.raises(DomicileError) as caught:
        await act  # type: ignore[misc]  # any awaitable
    assert caught.value.code is code, caught.value
    assert "\n" not in str(caught.value)
    return str(caught.value)


def joining_with(text: str, home: Path, **changed: object) -> object:
    given = {"region": "eu-de", "jurisdiction": "EU", "address": ADDRESS, "at": now()} | changed
    return join(text, home, **given)  # type: ignore[arg-type]  # one thing changed


async def test_a_node_joins_announces_renews_and_the_old_certificate_is_retired(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        home = tmp_path / "node"
        member = await joined(index, home)
        assert (member.region, member.federation, member.jurisdiction) == ("eu-de", FEDERATION, "EU")
        assert (member.organisation, member.ticket_key) == ("acme-hq", b"k" * 32)
        assert member.identity.role is Role.REGION
        assert stat.S_IMODE((home / "identity.pem").stat().st_mode) == 0o600

        member, again = await announce(home, ANNOUNCEMENT, at=now())
        assert again == timedelta(minutes=5)
        (region,) = SqlRegionDirectory(index.store, clock=now).regions()
        assert (region.state, region.active, region.address) == ("joined", True, ADDRESS)
        assert region.domains == {("people", "country"): ("DE", "FR")}
        assert region.certificate == member.credentials.certificate

        renewed = await renew(home, at=now())
        assert renewed.identity.serial != member.identity.serial
        both = index.memberships.pinned("eu-de", at=now())
        assert both == member.credentials.certificate + renewed.credentials.certificate

        renewed, _ = await announce(home, ANNOUNCEMENT, at=now())
        assert index.memberships.pinned("eu-de", at=now()) == renewed.credentials.certificate
        assert renewed.revoked == {member.identity.serial}
        (home / "identity.pem").write_bytes(member.credentials.key)
        assert "revoked" in await refused(Code.PEER_REFUSED, announce(home, ANNOUNCEMENT, at=now()))


async def test_a_renewal_whose_answer_was_lost_can_be_asked_again_with_the_present_certificate(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        home = tmp_path / "node"
        member = await joined(index, home)
        lost = await renew(home, at=now())
        (home / "identity.pem").write_bytes(member.credentials.key)
        again = await renew(home, at=now())
        await announce(home, ANNOUNCEMENT, at=now())
        assert index.memberships.pinned("eu-de", at=now()) == again.credentials.certificate
        assert lost.identity.serial in load(home).revoked


async def test_an_invite_is_good_for_one_join(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        text = index.invite()
        await joining_with(text, tmp_path / "one")  # type: ignore[misc]
        assert "used already" in await refused(Code.INVITE_REFUSED, joining_with(text, tmp_path / "two"))
        assert not (tmp_path / "two").exists()


async def test_of_two_joins_at_once_exactly_one_wins(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        text = index.invite()
        outcomes = await asyncio.gather(
            *(joining_with(text, tmp_path / f"node-{i}") for i in range(8)),  # type: ignore[misc]
            return_exceptions=True,
        )
        won = [each for each in outcomes if isinstance(each, NodeMembership)]
        lost = [each for each in outcomes if isinstance(each, DomicileError)]
        assert (len(won), len(lost)) == (1, 7)
        assert {each.code for each in lost} == {Code.INVITE_REFUSED}
        assert index.memberships.pinned("eu-de", at=now()) == won[0].credentials.certificate


async def test_an_expired_invite_is_refused_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_index(tmp_path / "index") as index:
        text = index.invite(ttl=timedelta(seconds=30))
        late = now() + timedelta(minutes=1)
        assert "it has expired" in await refused(Code.INVITE_REFUSED, joining_with(text, tmp_path / "node", at=late))
        index.clock.shift = timedelta(minutes=1)  # the node's own check is passed: the index has the last word
        assert "it has expired" in await refused(Code.INVITE_REFUSED, joining_with(text, tmp_path / "node"))
        (member,) = index.memberships.members(at=index.clock())
        assert member.state == "EXPIRED"


async def test_a_later_invite_ends_the_earlier(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        earlier = index.invite()
        later = index.invite()
        await refused(Code.INVITE_REFUSED, joining_with(earlier, tmp_path / "node"))
        await joining_with(later, tmp_path / "node")  # type: ignore[misc]


async def test_a_clock_that_is_behind_is_named(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        early = now() - timedelta(hours=2)
        assert "set the clock" in await refused(Code.INVITE_REFUSED, joining_with(index.invite(), tmp_path / "node", at=early))


async def test_an_invite_for_another_region_is_refused_at_the_node(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        said = await refused(
            Code.INVITE_REFUSED, joining_with(index.invite(), tmp_path / "node", region="br-sp", jurisdiction="BR")
        )
        assert "`eu-de`" in said


async def test_an_index_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        elsewhere = write_invite(replace(read_invite(index.invite()), address=f"127.0.0.1:{free_port()}"))
        assert "index: it cannot be reached" in await refused(Code.PEER_UNREACHABLE, joining_with(elsewhere, tmp_path / "node"))


def another_authority(index: Index, folder: Path) -> FileAuthority:
    """An authority of the same name with a key of its own."""
    make_authority_files(folder, federation=FEDERATION, at=now(), random=secrets.token_bytes)
    return FileAuthority(folder, federation=FEDERATION, random=secrets.token_bytes, store=index.store)


async def test_a_certificate_that_another_authority_signed_is_not_taken_on_joining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_index(tmp_path / "index") as index:
        monkeypatch.setattr(index.authority, "issue", another_authority(index, tmp_path / "other").issue)
        said = await refused(Code.PEER_REFUSED, joining_with(index.invite(), tmp_path / "node"))
        assert "not signed by the federation's authority" in said
        assert not (tmp_path / "node" / "identity.pem").exists()


async def test_another_authority_is_not_taken_on_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_index(tmp_path / "index") as index:
        home = tmp_path / "node"
        await joined(index, home)
        kept = (home / "identity.pem").read_bytes()
        other = another_authority(index, tmp_path / "other")
        monkeypatch.setattr(index.authority, "issue", other.issue)
        renewed = index.memberships.renew
        told = {"authorities": other.authorities()}
        monkeypatch.setattr(index.memberships, "renew", lambda **asked: replace(renewed(**asked), **told))
        assert "not the one this node joined under" in await refused(Code.PEER_REFUSED, renew(home, at=now()))
        assert (home / "identity.pem").read_bytes() == kept


async def test_an_index_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    async with running_index(tmp_path / "a") as index, running_index(tmp_path / "b") as other:
        misled = write_invite(replace(read_invite(index.invite()), address=other.address))
        await refused(Code.PEER_REFUSED, joining_with(misled, tmp_path / "node"))


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-20], lambda t: t[30:], lambda t: t[:60] + "A" + t[61:], lambda t: "", lambda t: t + "€"]
)
async def test_a_damaged_invite_is_one_clear_error(tmp_path: Path, spoil: object) -> None:
    async with running_index(tmp_path / "index") as index:
        await refused(Code.INVITE_REFUSED, joining_with(spoil(index.invite()), tmp_path / "node"))  # type: ignore[operator]


async def test_an_invite_broken_into_lines_by_a_mail_program_still_works(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        text = index.invite()
        broken = "\n".join(text[i : i + 76] for i in range(0, len(text), 76)) + "\r\n"
        await joining_with(broken, tmp_path / "node")  # type: ignore[misc]


async def call(index: Index, credentials: Credentials, method: str, request: object) -> object:
    async with open_to_index(index.address, credentials=credentials, federation=FEDERATION) as opened:
        return await getattr(FederationStub(opened), method)(request, timeout=5)


def join_request(**changed: object) -> pb.JoinRequest:
    given = {
        "region": "eu-de",
        "jurisdiction": "EU",
        "certificate_request": make_request("eu-de", new_key()),
        "address": ADDRESS,
    }
    return pb.JoinRequest(**(given | changed))  # type: ignore[arg-type]


def spoofed_request(name: str) -> bytes:
    """A request that asks for another's names in every place where a request can ask."""
    key = new_key()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(f"domicile://{FEDERATION}/index/index"), x509.DNSName(f"index.index.{FEDERATION}.internal")]
    )
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.DER)


async def test_a_request_with_another_name_gets_the_invited_name(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        invite = read_invite(index.invite())
        answer = await call(index, invite.credentials, "Join", join_request(certificate_request=spoofed_request("br-sp")))
        identity = read_identity(answer.certificate)  # type: ignore[attr-defined]
        assert (identity.role, identity.name) == (Role.REGION, "eu-de")
        issued = x509.load_pem_x509_certificate(answer.certificate)  # type: ignore[attr-defined]
        assert issued.subject.rfc4514_string() == "CN=eu-de"
        assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


async def test_an_invite_does_not_buy_another_regions_name_and_is_not_used_up_by_trying(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        text = index.invite()
        shown = read_invite(text).credentials
        for changed in ({"region": "br-sp"}, {"jurisdiction": "BR"}, {"region": ""}):
            await refused(Code.INVITE_REFUSED, call(index, shown, "Join", join_request(**changed)))
        for garbage in (b"", b"\x30\x03", secrets.token_bytes(300), b"\0" * 20_000):
            await refused(Code.INPUT_INVALID, call(index, shown, "Join", join_request(certificate_request=garbage)))
        await refused(Code.INPUT_INVALID, call(index, shown, "Join", join_request(address="unix:/etc/passwd")))
        await joining_with(text, tmp_path / "node")  # type: ignore[misc]


async def test_an_invite_may_call_join_only(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        shown = read_invite(index.invite()).credentials
        await refused(Code.PEER_REFUSED, call(index, shown, "Announce", pb.AnnounceRequest()))
        await refused(Code.PEER_REFUSED, call(index, shown, "RenewCertificate", pb.RenewCertificateRequest()))


async def test_a_region_may_not_join_again_with_its_certificate(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        member = await joined(index, tmp_path / "node")
        await refused(Code.PEER_REFUSED, call(index, member.credentials, "Join", join_request(region="br-sp", jurisdiction="BR")))


async def test_a_region_speaks_for_itself_only(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        german = await joined(index, tmp_path / "de")
        brazilian = await joined(index, tmp_path / "br", "br-sp", "BR")
        await announce(tmp_path / "br", replace(ANNOUNCEMENT, address="127.0.0.1:7002"), at=now())
        regions = {each.name: each for each in SqlRegionDirectory(index.store, clock=now).regions()}
        assert regions["eu-de"].address == ADDRESS
        assert regions["eu-de"].domains == {}
        renewed = await renew(tmp_path / "br", at=now())
        assert renewed.region == "br-sp"
        assert index.memberships.pinned("eu-de", at=now()) == german.credentials.certificate
        assert brazilian.credentials.certificate in index.memberships.pinned("br-sp", at=now())


async def test_a_certificate_the_authority_signed_but_the_index_does_not_know_is_refused(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        stray = Certificates(index.authority._authority).credentials(Role.REGION, "eu-de")
        assert "not issued here" in await refused(Code.PEER_REFUSED, call(index, stray, "Announce", pb.AnnounceRequest()))


async def test_a_revoked_region_is_out_and_may_be_invited_again(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        home = tmp_path / "node"
        member = await joined(index, home)
        await announce(home, ANNOUNCEMENT, at=now())
        with pytest.raises(DomicileError, match="has joined already"):
            index.invite()
        index.memberships.revoke("eu-de", at=now())
        await refused(Code.PEER_REFUSED, announce(home, ANNOUNCEMENT, at=now()))
        await refused(Code.PEER_REFUSED, renew(home, at=now()))
        assert index.memberships.pinned("eu-de", at=now()) == b""
        other = await joined(index, tmp_path / "other", "br-sp", "BR")
        assert member.identity.serial in other.revoked
        again = await joined(index, tmp_path / "again")
        assert again.identity.serial != member.identity.serial


async def test_one_revoked_certificate_is_refused(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        member = await joined(index, tmp_path / "node")
        index.memberships.revoke_certificate(member.identity.serial, at=now())
        await refused(Code.PEER_REFUSED, announce(tmp_path / "node", ANNOUNCEMENT, at=now()))


async def test_a_suspended_region_is_not_heard_until_it_is_resumed(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        index.memberships.suspend("eu-de", at=now())
        (region,) = SqlRegionDirectory(index.store, clock=now).regions()
        assert (region.state, region.active) == ("suspended", False)
        assert "suspended" in await refused(Code.PEER_REFUSED, announce(tmp_path / "node", ANNOUNCEMENT, at=now()))
        index.memberships.resume("eu-de", at=now())
        await announce(tmp_path / "node", ANNOUNCEMENT, at=now())


async def test_a_silent_region_is_unreachable_until_it_announces(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        index.clock.shift = timedelta(minutes=20)
        (member,) = index.memberships.members(at=index.clock())
        assert (member.state, member.active) == ("UNREACHABLE", True)
        await announce(tmp_path / "node", ANNOUNCEMENT, at=now())
        (member,) = index.memberships.members(at=index.clock())
        assert member.state == "JOINED"


async def test_an_announcement_out_of_shape_is_refused_whole(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        member = await joined(index, tmp_path / "node")
        for message in (
            pb.AnnounceRequest(address=ADDRESS, program_version="1", time_zone="UTC", policy_digest="no digest"),
            pb.AnnounceRequest(address=ADDRESS, program_version="1\n2", time_zone="UTC"),
            pb.AnnounceRequest(
                address=ADDRESS, program_version="1", time_zone="UTC", domains=[pb.RegionalDomain(table="people", column="x")] * 65
            ),
        ):
            await refused(Code.MESSAGE_TRUNCATED, call(index, member.credentials, "Announce", message))
        (region,) = SqlRegionDirectory(index.store, clock=now).regions()
        assert region.time_zone == ""


async def test_a_node_that_joined_does_not_join_over_itself(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        before = (tmp_path / "node" / "identity.pem").read_bytes()
        await refused(Code.RECORD_CONFLICT, joining_with(index.invite(), tmp_path / "node"))
        assert (tmp_path / "node" / "identity.pem").read_bytes() == before


async def test_a_damaged_membership_is_one_clear_error(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        home = tmp_path / "node"
        member = await joined(index, home)
        stranger = key_pem(new_key()) + member.credentials.certificate
        for file, content in (
            ("identity.pem", stranger),
            ("identity.pem", b"\0"),
            ("membership.json", b"[]"),
            ("revocations.pem", b""),
            ("authorities.pem", b""),
        ):
            kept = (home / file).read_bytes()
            (home / file).write_bytes(content)
            with pytest.raises(DomicileError, match="cannot be read"):
                load(home)
            (home / file).write_bytes(kept)
        assert load(home) == member
        with pytest.raises(DomicileError, match="has not joined"):
            load(tmp_path / "nowhere")


async def test_an_expired_certificate_is_told_before_a_call_is_made(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        await joined(index, tmp_path / "node")
        later = now() + timedelta(days=91)
        assert "has expired" in await refused(Code.PEER_REFUSED, renew(tmp_path / "node", at=later))
        assert load(tmp_path / "node").renewal_due(at=now() + timedelta(days=61))
        assert not load(tmp_path / "node").renewal_due(at=now() + timedelta(days=30))


async def test_no_private_key_of_a_region_or_an_invite_is_kept_at_the_index(tmp_path: Path) -> None:
    async with running_index(tmp_path / "index") as index:
        text = index.invite()
        member = await joining_with(text, tmp_path / "node")  # type: ignore[misc]
        assert isinstance(member.identity, Identity)
        secret = [line.encode() for line in read_invite(text).key.splitlines()[1:-1]]
        secret += member.credentials.key.splitlines()[1:3]
        kept = b"".join(file.read_bytes() for file in (tmp_path / "index").rglob("*") if file.is_file())
        assert not [line for line in secret if line in kept]
        assert stat.S_IMODE((index.folder / "authority.key").stat().st_mode) == 0o600
        assert json.loads((tmp_path / "node" / "membership.json").read_text())["region"] == "eu-de"
