"""The warm channels to the regions' nodes and the calls over them. Retrying is here and nowhere else.

A call is tried again only when the node could not be reached, so no answer was under way; each try has a fresh ticket,
because a node
spends a ticket once. A question is safe to repeat: the same plan on the same reading epoch is charged once and its answer recorded.
A channel is opened anew when the region's address, its certificates or our own have changed, so no renewal and no restart of a node
needs a restart here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from global_index.catalogue.regions import Region
from global_index.queries.answer import RegionAnswer
from global_index.requests.persons import PersonAnswer
from global_index.transfers.entries import Cursor
from policies.engine.crossing import EntryBatch, Plan
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import RehearsalCounts
from protos import wire
from protos.channel import Credentials, open_to_node
from protos.policies_wire import draft_to_message, rehearsal_from_message
from protos.v1.entries_pb2_grpc import EntriesStub
from protos.v1.persons_pb2_grpc import PersonsStub
from protos.v1.policies_pb2_grpc import RehearsalsStub
from protos.v1.questions_pb2_grpc import QuestionsStub

T = TypeVar("T")

TRIES = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 0.5
_GRACE = 5.0

_Shown = tuple[str, bytes, bytes]


class RegionLinks:
    """Channels by region. All of it lives on one event loop; `close` before that loop ends."""

    def __init__(
        self, *, federation: str, credentials: Callable[[], Credentials], request_id: Callable[[], str] = str, tries: int = TRIES
    ) -> None:
        self._federation = federation
        self._credentials = credentials
        self._request_id = request_id
        self._tries = tries
        self._channels: dict[str, tuple[_Shown, Any]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(self, region: Region, plan: Plan, *, ticket: Callable[[], bytes], seconds: float) -> RegionAnswer:
        """The region's share of an answer. Raises Denied or DomicileError."""

        async def once(left: float) -> RegionAnswer:
            message = wire.question_to_message(wire.Question(plan=plan, ticket=ticket()))
            reply = await QuestionsStub(self._channel(region)).AnswerQuestion(message, timeout=left)
            share, receipt = wire.answer_from_message(reply, plan)
            return RegionAnswer(share=share, decision=receipt.decision, leaf=receipt.leaf)

        return await self._trying(once, seconds=seconds, where=region.name)

    async def person(
        self, region: Region, *, pseudonym: bytes, fields: tuple[str, ...], ticket: Callable[[], bytes], seconds: float
    ) -> PersonAnswer:
        """The fields of one person as the gate let them out. Raises Denied or DomicileError."""

        async def once(left: float) -> PersonAnswer:
            question = wire.PersonQuestion(pseudonym=pseudonym, fields=fields, ticket=ticket())
            reply = await PersonsStub(self._channel(region)).ReadPerson(wire.person_question_to_message(question), timeout=left)
            view, receipt = wire.person_from_message(reply)
            if (view.region, view.pseudonym) != (region.name, pseudonym):
                raise _unfit(region, "it answered about somebody else")
            return PersonAnswer(view=view, decision=receipt.decision, leaf=receipt.leaf)

        return await self._trying(once, seconds=seconds, where=region.name)

    async def batch(self, region: Region, cursor: Cursor, *, seconds: float) -> EntryBatch:
        """The batch of entries after the cursor. Raises DomicileError."""

        async def once(left: float) -> EntryBatch:
            message = wire.pull_to_message(wire.Pull(feed_epoch=cursor.epoch, cursor=cursor.batch))
            reply = await EntriesStub(self._channel(region)).PullEntries(message, timeout=left)
            batch, _receipt = wire.batch_from_message(reply)
            return batch

        return await self._trying(once, seconds=seconds, where=region.name)

    async def rehearse(self, region: Region, files: Mapping[str, str], digest: str, *, seconds: float) -> RehearsalCounts:
        """How the region's own recorded decisions come out under a draft, in counts and names of policies."""

        async def once(left: float) -> RehearsalCounts:
            reply = await RehearsalsStub(self._channel(region)).Rehearse(draft_to_message(files, digest), timeout=left)
            counts = rehearsal_from_message(reply.rehearsal)
            if counts.policy_digest != digest:
                raise _unfit(region, "it rehearsed something else")
            return counts

        return await self._trying(once, seconds=seconds, where=region.name)

    async def close(self) -> None:
        """Close every channel."""
        channels = [channel for _, channel in self._channels.values()]
        self._channels.clear()
        await asyncio.gather(*(channel.close() for channel in channels), *self._closing, return_exceptions=True)

    async def _trying(self, once: Callable[[float], Awaitable[T]], *, seconds: float, where: str) -> T:
        ends = time.monotonic() + seconds
        tries = AsyncRetrying(
            retry=retry_if_exception(_unreached),
            stop=stop_after_attempt(self._tries),
            wait=wait_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
            reraise=True,
        )
        async for one in tries:
            with one:
                left = ends - time.monotonic()
                if left <= 0:
                    raise DomicileError(
                        "it did not answer in time", where=where, remedy="try again later", code=Code.DEADLINE_EXCEEDED
                    )
                return await once(left)
        raise AssertionError("tenacity returns or raises")

    def _channel(self, region: Region) -> Any:
        if not region.address or not region.certificate:
            raise DomicileError(
                "it has not announced itself yet", where=region.name, remedy="start its node", code=Code.PEER_UNREACHABLE
            )
        own = self._credentials()
        shown = (region.address, region.certificate, own.certificate)
        known = self._channels.get(region.name)
        if known is not None and known[0] == shown:
            return known[1]
        channel = open_to_node(
            region.address,
            credentials=own,
            pinned=region.certificate,
            federation=self._federation,
            region=region.name,
            request_id=self._request_id,
        )
        self._channels[region.name] = (shown, channel)
        if known is not None:
            closing = asyncio.get_running_loop().create_task(known[1].close(grace=_GRACE))  # calls under way may end
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return channel


def _unreached(error: BaseException) -> bool:
    return isinstance(error, DomicileError) and error.code is Code.PEER_UNREACHABLE


def _unfit(region: Region, what: str) -> DomicileError:
    return DomicileError(what, where=region.name, remedy="look into the region's log", code=Code.MESSAGE_TRUNCATED)
