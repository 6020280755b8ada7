"""The service that regions call: Join, RenewCertificate, Announce. Who calls is read from the certificate, never a message."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from global_index.requests.membership import Memberships
from policies.engine.errors import Code, DomicileError
from protos.certificates import Identity, Role
from protos.channel import require_address
from protos.membership_wire import announcement_from_message
from protos.peer import caller
from protos.strictness import region, text
from protos.v1 import membership_pb2 as pb
from protos.v1.membership_pb2_grpc import FederationServicer
from protos.wire import WIRE_VERSION


class FederationService(FederationServicer):
    """Answers regions. The store is asked from threads, so that a slow one does not stop other calls."""

    def __init__(
        self, memberships: Memberships, *, clock: Callable[[], datetime], policy_root: Callable[[], bytes] = bytes
    ) -> None:
        self._memberships = memberships
        self._clock = clock
        self._policy_root = policy_root

    async def Join(self, request: pb.JoinRequest, context: Any) -> pb.JoinResponse:  # noqa: N802 - the contract's name
        """A region's certificate for an invite. Raises INVITE_REFUSED."""
        invited = caller(context)
        if request.region != invited.name:
            raise DomicileError(
                what=f"the invite was refused: it is for region `{invited.name}`",
                remedy="join with the region it was made for",
                code=Code.INVITE_REFUSED,
            )
        joined = await asyncio.to_thread(
            self._memberships.join,
            serial=invited.serial,
            region=region(request.region, "region"),
            jurisdiction=text(request.jurisdiction, "jurisdiction", most=16),
            request=request.certificate_request,
            address=require_address(request.address, where="address"),
            at=self._clock(),
        )
        return pb.JoinResponse(
            certificate=joined.certificate,
            authorities=joined.authorities,
            ticket_key=joined.terms.ticket_key,
            revocations=joined.revocations,
            federation=joined.terms.federation,
            index_organisation=joined.terms.organisation,
            policy_root=await asyncio.to_thread(self._policy_root),
        )

    async def RenewCertificate(self, request: pb.RenewCertificateRequest, context: Any) -> pb.RenewCertificateResponse:  # noqa: N802
        """The caller's next certificate."""
        member = caller(context)
        renewed = await asyncio.to_thread(
            self._memberships.renew, region=member.name, serial=member.serial, request=request.certificate_request, at=self._clock()
        )
        return pb.RenewCertificateResponse(certificate=renewed.certificate, authorities=renewed.authorities)

    async def Announce(self, request: pb.AnnounceRequest, context: Any) -> pb.AnnounceResponse:  # noqa: N802 - the contract's name
        """What the caller must know of others, for what it says of itself."""
        member = caller(context)
        told = await asyncio.to_thread(
            self._memberships.announce,
            region=member.name,
            serial=member.serial,
            announcement=announcement_from_message(request),
            at=self._clock(),
        )
        return pb.AnnounceResponse(
            revocations=told.revocations,
            ticket_key=told.terms.ticket_key,
            wire_version=WIRE_VERSION,
            announce_again_after=int(told.terms.announce_again_after.total_seconds()),
        )


def standing(memberships: Memberships, *, clock: Callable[[], datetime]) -> Callable[[Identity], Awaitable[None]]:
    """The check of a caller's serial for the index's server: known, not revoked, its region not suspended, its invite unused."""

    async def check(identity: Identity) -> None:
        await asyncio.to_thread(
            memberships.require_standing,
            invited=identity.role is Role.INVITE,
            name=identity.name,
            serial=identity.serial,
            at=clock(),
        )

    return check
