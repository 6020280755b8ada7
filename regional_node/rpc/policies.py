"""The wire of policies at a node: fetching from the index under the membership, and rehearsing drafts for it. It believes nothing.

What is fetched are signed documents as bytes; `usecases.accepting` opens them. A rehearsal returns counts and names of policies.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from grpc import aio

from policies.engine.envelope import Signature
from policies.engine.lifecycle import PolicyReport, Proposal
from protos.policies_wire import (
    countersignature_to_message,
    draft_from_message,
    envelope_bytes,
    envelopes_from,
    proposal_from_message,
    rehearsal_to_message,
    report_to_message,
)
from protos.strictness import refusal
from protos.v1 import policies_pb2 as pb
from protos.v1 import policies_pb2_grpc
from regional_node.rpc.joining import DEADLINE, index_channel
from regional_node.usecases.rehearsing import Rehearsing

MAX_PAGES = 10_000
MAX_PROPOSALS = 64


class IndexPolicies:
    """A conversation with the index, for a thread that may wait: `with IndexPolicies(...) as index`. Raises PEER_UNREACHABLE."""

    def __init__(self, folder: Path, *, at: datetime, deadline: float = DEADLINE) -> None:
        self._opening: AbstractAsyncContextManager[aio.Channel] = index_channel(folder, at=at, deadline=deadline)
        self._deadline = deadline
        self._runner = asyncio.Runner()
        self._stub: Any = None

    def __enter__(self) -> Self:
        """Open the channel."""
        try:
            self._stub = policies_pb2_grpc.PoliciesStub(self._runner.run(self._opening.__aenter__()))
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        try:
            self._runner.run(_closed(self._opening))
        finally:
            self._runner.close()

    def roots(self, known: int) -> Iterator[bytes]:
        """Every version of the list of keys after the one known, oldest first."""
        for _ in range(MAX_PAGES):
            answer = self._call(self._stub.FetchRoot, pb.FetchRootRequest(known_version=known))
            page = envelopes_from(answer.roots, "roots")
            yield from page
            known += len(page)
            if not answer.more or not page:
                return
        raise _endless("roots")

    def bundles(self, after: int, version_of: Callable[[bytes], int]) -> Iterator[bytes]:
        """Every bundle after the version held, in order. `version_of` reads the version of one."""
        for _ in range(MAX_PAGES):
            answer = self._call(self._stub.FetchBundles, pb.FetchBundlesRequest(after_version=after))
            if not answer.bundle:
                return
            raw = envelope_bytes(answer.bundle, "bundle")
            yield raw
            after = max(version_of(raw), after + 1)
            if not answer.more:
                return
        raise _endless("bundle")

    def stops(self, after: int) -> Iterator[bytes]:
        """Every stop notice after the number held, in order."""
        for _ in range(MAX_PAGES):
            answer = self._call(self._stub.FetchStops, pb.FetchStopsRequest(after_number=after))
            page = envelopes_from(answer.stops, "stops")
            yield from page
            after += len(page)
            if not answer.more or not page:
                return
        raise _endless("stops")

    def proposals(self) -> list[Proposal]:
        """What awaits this region's countersignature."""
        found: list[Proposal] = []
        while len(found) < MAX_PROPOSALS:
            after = found[-1].digest if found else ""
            answer = self._call(self._stub.FetchProposals, pb.FetchProposalsRequest(after=after))
            if not answer.HasField("proposal"):
                return found
            found.append(proposal_from_message(answer.proposal))
            if not answer.more:
                return found
        return found

    def countersign(self, digest: str, signature: Signature) -> int:
        """Hand in a privacy officer's signature; how many regions have not countersigned yet."""
        return int(self._call(self._stub.Countersign, countersignature_to_message(digest, signature)).awaited)

    def report(self, report: PolicyReport) -> None:
        """Tell which policies this node runs."""
        self._call(self._stub.ReportPolicy, report_to_message(report))

    def _call(self, method: Any, message: Any) -> Any:
        return self._runner.run(_awaited(method(message, timeout=self._deadline)))


async def _awaited(call: Any) -> Any:
    return await call


async def _closed(opening: AbstractAsyncContextManager[aio.Channel]) -> None:
    await opening.__aexit__(None, None, None)


def _endless(where: str) -> Exception:
    return refusal(where, "it does not come to an end")


class RehearsalsServicer(policies_pb2_grpc.RehearsalsServicer):
    """Answers the index, whose certificate alone may ask. `executor` keeps the store's work off the event loop."""

    def __init__(self, rehearsing: Rehearsing, executor: Executor) -> None:
        self._rehearsing = rehearsing
        self._executor = executor

    async def Rehearse(  # noqa: N802 - the contract's name
        self, request: pb.RehearseRequest, _context: "aio.ServicerContext[Any, Any]"
    ) -> pb.RehearseResponse:
        """Replay a draft on this node's own ledger."""
        files, policy_digest = draft_from_message(request)
        counts = await asyncio.get_running_loop().run_in_executor(self._executor, self._rehearsing.rehearse, files, policy_digest)
        return pb.RehearseResponse(rehearsal=rehearsal_to_message(counts))
