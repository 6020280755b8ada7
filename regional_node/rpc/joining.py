"""How a node joins the federation, renews and announces itself. Its private key is made here and never leaves its folder.

The folder holds `identity.pem` (key and certificate in one file, so that both change at once), `authorities.pem`,
`revocations.pem`, `membership.json` and, where the federation has one, `policy_root.json`; a node has joined when `identity.pem` is
there.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from grpc import aio

from policies.engine.announcement import Announcement
from policies.engine.errors import Code, DomicileError
from policies.engine.trust import open_root
from protos.certificates import (
    Identity,
    Revocations,
    Role,
    belongs,
    key_pem,
    make_request,
    new_key,
    read_identity,
    read_key,
    read_revocations,
    read_validity,
    write_private,
)
from protos.channel import Credentials, open_to_index, require_address
from protos.invites import Invite, read_invite
from protos.membership_wire import announcement_to_message
from protos.v1 import membership_pb2 as pb
from protos.v1.membership_pb2_grpc import FederationStub
from regional_node.rpc.index_certificate import index_certificate

DEADLINE = 10.0
TICKET_KEY_LENGTH = 32

POLICY_ROOT = "policy_root.json"
_IDENTITY, _AUTHORITIES, _REVOCATIONS, _MEMBERSHIP = "identity.pem", "authorities.pem", "revocations.pem", "membership.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMembership:
    """A node's membership as its folder holds it. `organisation` is the importer of entries.

    `ticket_key` is the one it joined under: an announcement never changes it, so no thief of the index's certificate can.
    """

    identity: Identity
    credentials: Credentials
    jurisdiction: str
    index_address: str
    organisation: str
    ticket_key: bytes
    revocations: Revocations

    @property
    def revoked(self) -> frozenset[str]:
        """The serials that are refused."""
        return self.revocations.serials

    @property
    def region(self) -> str:
        """The region this node is."""
        return self.identity.name

    @property
    def federation(self) -> str:
        """The federation it belongs to."""
        return self.identity.federation

    def renewal_due(self, *, at: datetime) -> bool:
        """Whether two thirds of the certificate's life are over."""
        start, end = read_validity(self.credentials.certificate)
        return at >= start + (end - start) * 2 / 3


async def join(
    invite_text: str, folder: Path, *, region: str, jurisdiction: str, address: str, at: datetime, deadline: float = DEADLINE
) -> NodeMembership:
    """Join the federation of an invite and write the membership into `folder`. Nothing is written unless the join succeeded.

    Raises one-line errors: INVITE_REFUSED (expired, used, damaged, of another region), PEER_UNREACHABLE, PEER_REFUSED.
    """
    invite = read_invite(invite_text)
    _check_invite(invite, folder, region=region, jurisdiction=jurisdiction, at=at)
    require_address(address, where="address")
    key = new_key()
    request = pb.JoinRequest(
        region=region, jurisdiction=jurisdiction, certificate_request=make_request(region, key), address=address
    )
    async with open_to_index(invite.address, credentials=invite.credentials, federation=invite.federation) as channel:
        answer = await FederationStub(channel).Join(request, timeout=deadline)
    if answer.authorities != invite.authorities.encode() or answer.federation != invite.federation:
        raise _wrong_answer("its authority is not the one in the invite")
    identity = _require_own(
        answer.certificate, answer.authorities, key_pem(key), federation=invite.federation, region=region, at=at
    )
    membership = {
        "federation": identity.federation,
        "region": identity.name,
        "jurisdiction": jurisdiction,
        "index_address": invite.address,
        "organisation": answer.index_organisation,
        "ticket_key": _ticket_key(answer.ticket_key).hex(),
    }
    read_revocations(answer.revocations, answer.authorities).require_current(at=at)
    if answer.policy_root:  # whose signatures make a policy bundle; an index without one gives it at a later fetch
        open_root(answer.policy_root, federation=invite.federation, known=None)
        write_private(folder / POLICY_ROOT, answer.policy_root)
    write_private(folder / _AUTHORITIES, answer.authorities)
    write_private(folder / _REVOCATIONS, answer.revocations)
    write_private(folder / _MEMBERSHIP, json.dumps(membership, indent=2).encode())
    write_private(folder / _IDENTITY, key_pem(key) + answer.certificate)
    return load(folder)


async def renew(folder: Path, *, at: datetime, deadline: float = DEADLINE) -> NodeMembership:
    """Replace the node's key and certificate before they end; announce at once afterwards, which retires the old one."""
    present = load(folder)
    _require_valid(present, at=at)
    _, credentials = await _unrevoked_index(folder, present, deadline=deadline)
    key = new_key()
    request = pb.RenewCertificateRequest(certificate_request=make_request(present.region, key))
    async with open_to_index(present.index_address, credentials=credentials, federation=present.federation) as channel:
        answer = await FederationStub(channel).RenewCertificate(request, timeout=deadline)
    if answer.authorities != present.credentials.trust:
        raise _wrong_answer("its authority is not the one this node joined under")
    _require_own(answer.certificate, answer.authorities, key_pem(key), federation=present.federation, region=present.region, at=at)
    write_private(folder / _IDENTITY, key_pem(key) + answer.certificate)
    return load(folder)


async def announce(
    folder: Path, announcement: Announcement, *, at: datetime, deadline: float = DEADLINE
) -> tuple[NodeMembership, timedelta]:
    """Tell the index of this node, keep what it tells of others; returns the membership and when to announce again.

    The answer is taken in this order: (1) its revocation list is signed, not older than the one kept, and not over; (2) the
    index that gave it is not on it; (3) the ticket key is still the one this node joined under.
    """
    present = load(folder)
    _require_valid(present, at=at)
    index, credentials = await _unrevoked_index(folder, present, deadline=deadline)
    async with open_to_index(present.index_address, credentials=credentials, federation=present.federation) as channel:
        answer = await FederationStub(channel).Announce(announcement_to_message(announcement), timeout=deadline)
    told = read_revocations(answer.revocations, present.credentials.trust)  # (1)
    present.revocations.require_successor(told)
    told.require_current(at=at)
    write_private(folder / _REVOCATIONS, answer.revocations)
    _require_unrevoked(index, told)  # (2)
    if _ticket_key(answer.ticket_key) != present.ticket_key:  # (3)
        raise _wrong_answer("its ticket key is not the one this node joined under")
    return load(folder), timedelta(seconds=max(1, answer.announce_again_after))


@asynccontextmanager
async def index_channel(folder: Path, *, at: datetime, deadline: float = DEADLINE) -> AsyncIterator[aio.Channel]:
    """A channel to the index under this node's membership, the index's certificate looked up on the revocation list first."""
    present = load(folder)
    _require_valid(present, at=at)
    _, credentials = await _unrevoked_index(folder, present, deadline=deadline)
    async with open_to_index(present.index_address, credentials=credentials, federation=present.federation) as channel:
        yield channel


def has_joined(folder: Path) -> bool:
    """Whether the folder holds a membership."""
    return (folder / _IDENTITY).exists()


def load(folder: Path) -> NodeMembership:
    """The membership in a folder. Raises KEY_MISSING when the node has not joined or a file is damaged."""
    try:
        return _read(folder)
    except FileNotFoundError:
        what, remedy = "this node has not joined a federation", "run `regional-node join` with an invite"
    except (OSError, ValueError, KeyError, TypeError, DomicileError):
        what, remedy = "the node's membership cannot be read", "restore the folder from a backup, or join again with a new invite"
    raise DomicileError(what, where=str(folder), remedy=remedy, code=Code.KEY_MISSING)


def _read(folder: Path) -> NodeMembership:
    identity, authorities = (folder / _IDENTITY).read_bytes(), (folder / _AUTHORITIES).read_bytes()
    kept = json.loads((folder / _MEMBERSHIP).read_bytes())
    certificate = identity[identity.index(b"-----BEGIN CERTIFICATE") :]
    if not belongs(certificate, read_key(identity)):
        raise ValueError
    return NodeMembership(
        identity=read_identity(certificate),
        credentials=Credentials(key=identity, certificate=certificate, trust=authorities),
        jurisdiction=kept["jurisdiction"],
        index_address=kept["index_address"],
        organisation=kept["organisation"],
        ticket_key=bytes.fromhex(kept["ticket_key"]),
        revocations=read_revocations((folder / _REVOCATIONS).read_bytes(), authorities),
    )


def standing(membership: Callable[[], NodeMembership], *, clock: Callable[[], datetime]) -> Callable[[Identity], Awaitable[None]]:
    """The check of a caller's serial for the node's server: not on the federation's list of revoked certificates.

    Once the list kept is over nobody is let in: a node cut off from its index would else never hear of a revocation.
    """

    async def check(identity: Identity) -> None:
        kept = membership().revocations
        kept.require_current(at=clock())
        if identity.serial in kept.serials:
            raise DomicileError("the caller's certificate was refused: it is revoked", remedy="renew it", code=Code.PEER_REFUSED)

    return check


async def _unrevoked_index(folder: Path, present: NodeMembership, *, deadline: float) -> tuple[Identity, Credentials]:
    """Who the index is now, not revoked, and what to open a channel with that nobody else can answer."""
    shown = await index_certificate(
        present.index_address,
        own=folder / _IDENTITY,
        trust=present.credentials.trust,
        federation=present.federation,
        deadline=deadline,
    )
    index = read_identity(shown)
    _require_unrevoked(index, present.revocations)
    return index, replace(present.credentials, trust=shown)


def _require_unrevoked(index: Identity, kept: Revocations) -> None:
    if index.serial in kept.serials:
        raise DomicileError(
            "the index's certificate was refused: it is revoked",
            where="index",
            remedy="check who answers at the index's address",
            code=Code.PEER_REFUSED,
        )


def _check_invite(invite: Invite, folder: Path, *, region: str, jurisdiction: str, at: datetime) -> None:
    if has_joined(folder):
        raise DomicileError(
            "this node has joined already", where=str(folder), remedy="remove the folder to join anew", code=Code.RECORD_CONFLICT
        )
    if (invite.region, invite.jurisdiction) != (region, jurisdiction):
        raise _refused(
            what=f"it is for region `{invite.region}` under `{invite.jurisdiction}`, this is `{region}` under `{jurisdiction}`",
            remedy="ask for an invite for this region",
        )
    start, _ = read_validity(invite.certificate.encode())
    if at < start:
        raise _refused("it was made in the future by this machine's clock", "set the clock, then try again")
    if at >= invite.ends:
        raise _refused("it has expired", "ask for a new one, or set this machine's clock if it is ahead")


def _require_own(certificate: bytes, authorities: bytes, key: bytes, *, federation: str, region: str, at: datetime) -> Identity:
    """Who the issued certificate names: (1) this region, (2) this key, (3) signed by the authority, (4) valid now."""
    identity = read_identity(certificate)
    if (identity.federation, identity.role, identity.name) != (federation, Role.REGION, region):  # (1)
        raise _wrong_answer("its certificate is for something else")
    if not belongs(certificate, read_key(key)):  # (2)
        raise _wrong_answer("its certificate is for another key")
    try:
        x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(x509.load_pem_x509_certificate(authorities))  # (3)
    except (InvalidSignature, ValueError, TypeError):
        raise _wrong_answer("its certificate is not signed by the federation's authority") from None
    start, end = read_validity(certificate)
    if not start <= at < end:  # (4)
        raise _wrong_answer("its certificate is not valid by this machine's clock, set the clock")
    return identity


def _require_valid(present: NodeMembership, *, at: datetime) -> None:
    start, end = read_validity(present.credentials.certificate)
    if at < start:
        raise DomicileError(
            "this node's certificate begins in the future", remedy="set this machine's clock", code=Code.PEER_REFUSED
        )
    if at >= end:
        raise DomicileError(
            "this node's certificate has expired", remedy="join again with a new invite, or set the clock", code=Code.PEER_REFUSED
        )


def _ticket_key(value: bytes) -> bytes:
    if len(value) != TICKET_KEY_LENGTH:
        raise _wrong_answer("its ticket key is not an Ed25519 public key")
    return value


def _refused(what: str, remedy: str) -> DomicileError:
    return DomicileError(what=f"the invite was refused: {what}", remedy=remedy, code=Code.INVITE_REFUSED)


def _wrong_answer(what: str) -> DomicileError:
    return DomicileError(
        what=f"the index's answer was refused: {what}", where="index", remedy="ask for a new invite", code=Code.PEER_REFUSED
    )
