"""The service of the policies that regions call. Who calls is read from the certificate; what is signed passes through as bytes."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from global_index.policy.rooms import PolicyRooms
from policies.engine.lifecycle import Proposal
from protos.peer import caller
from protos.policies_wire import countersignature_from_message, proposal_to_message, report_from_message
from protos.strictness import digest
from protos.v1 import policies_pb2 as pb
from protos.v1.policies_pb2_grpc import PoliciesServicer


class PolicyService(PoliciesServicer):
    """Answers regions. The store is asked from threads, so that a slow one does not stop other calls."""

    def __init__(self, rooms: PolicyRooms, *, clock: Callable[[], datetime]) -> None:
        self._rooms = rooms
        self._clock = clock

    async def FetchRoot(self, request: pb.FetchRootRequest, context: Any) -> pb.FetchRootResponse:  # noqa: ARG002, N802
        """The versions of the root document after the one known."""
        found, more = await asyncio.to_thread(self._rooms.offering.roots, after=request.known_version)
        return pb.FetchRootResponse(roots=found, more=more)

    async def FetchBundles(self, request: pb.FetchBundlesRequest, context: Any) -> pb.FetchBundlesResponse:  # noqa: ARG002, N802
        """The next bundle after a version."""
        found, more = await asyncio.to_thread(self._rooms.offering.bundle, after=request.after_version, at=self._clock())
        return pb.FetchBundlesResponse(bundle=found, more=more)

    async def FetchStops(self, request: pb.FetchStopsRequest, context: Any) -> pb.FetchStopsResponse:  # noqa: ARG002, N802
        """The stop notices after a number."""
        found, more = await asyncio.to_thread(self._rooms.offering.stops, after=request.after_number)
        return pb.FetchStopsResponse(stops=found, more=more)

    async def FetchProposals(self, request: pb.FetchProposalsRequest, context: Any) -> pb.FetchProposalsResponse:  # noqa: N802
        """The next proposal that concerns the caller."""
        region, after = caller(context).name, digest(request.after, "after", empty=True)

        def found() -> tuple[Proposal | None, bool]:
            return self._rooms.offering.proposal(region, after=after, root=self._rooms.keyring.root())

        proposal, more = await asyncio.to_thread(found)
        return pb.FetchProposalsResponse(proposal=proposal_to_message(proposal) if proposal else None, more=more)

    async def Countersign(self, request: pb.CountersignRequest, context: Any) -> pb.CountersignResponse:  # noqa: N802
        """The signature of the caller's privacy officer is taken. Raises BUNDLE_KEY_UNKNOWN, BUNDLE_ALTERED."""
        named, signature = countersignature_from_message(request)
        region = caller(context).name
        awaited = await asyncio.to_thread(
            self._rooms.approving.countersign, named, signature, region=region, at=self._clock()
        )  # fmt: skip
        return pb.CountersignResponse(awaited=awaited)

    async def ReportPolicy(self, request: pb.ReportPolicyRequest, context: Any) -> pb.ReportPolicyResponse:  # noqa: N802
        """What the caller runs is kept."""
        report, region = report_from_message(request), caller(context).name
        await asyncio.to_thread(self._rooms.offering.report, region, report, at=self._clock())
        return pb.ReportPolicyResponse()
