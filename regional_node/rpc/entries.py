"""Serves the feed of pseudonymous keys to the index. It never makes a batch: it hands on those that were sealed and released."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from grpc import aio

from policies.engine.crossing import EntryBatch, Released
from protos.v1 import entries_pb2 as pb
from protos.v1 import entries_pb2_grpc
from protos.wire import Pull, batch_to_message, nothing_to_message, pull_from_message
from regional_node.egress.gate import Gate
from regional_node.usecases.feed import Feed


def answer(released: Released[EntryBatch]) -> pb.PullEntriesResponse:
    """The response to a pull. Its type is the permit."""
    return batch_to_message(released)


class EntriesServicer(entries_pb2_grpc.EntriesServicer):
    """`importer` gives the organisation that runs the index, as the node learnt it on joining: a pull carries no ticket."""

    def __init__(self, gate: Gate, feed: Feed, executor: Executor, *, importer: Callable[[], str]) -> None:
        self._gate = gate
        self._feed = feed
        self._executor = executor
        self._importer = importer

    async def PullEntries(  # noqa: N802 - the contract's name
        self, request: pb.PullEntriesRequest, _context: "aio.ServicerContext[Any, Any]"
    ) -> pb.PullEntriesResponse:
        """The next sealed batch; or that none follows, in which case nothing leaves and nothing is recorded."""
        pull = pull_from_message(request)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._pulled, pull)

    def _pulled(self, pull: Pull) -> pb.PullEntriesResponse:
        batch = self._feed.batch_after(pull.feed_epoch, pull.cursor)
        if not batch.entries:
            return nothing_to_message(batch)
        return answer(self._gate.release_entries(batch, self._importer()))
