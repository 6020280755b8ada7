"""The channels to nodes over real gRPC: retried only when nothing was reached, reopened when a node moves or renews
its certificate.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from global_index.catalogue.regions import Region
from global_index.rpc.loop import PulledEntries, WireLoop
from global_index.rpc.regions import RegionLinks
from global_index.transfers.entries import Cursor
from policies.engine.errors import Code, DomicileError
from protos.certificates import Role
from protos.v1 import entries_pb2
from tests.federation.membership_world import FEDERATION, Node, running_node, start, stop


def links_of(node: Node, **options: Any) -> RegionLinks:
    shown = node.certificates.credentials(Role.INDEX, "index")
    return RegionLinks(federation=FEDERATION, credentials=lambda: shown, **options)


def region_of(node: Node, **changed: Any) -> Region:
    told = {"address": node.address, "certificate": node.credentials.certificate, **changed}
    return Region(name="eu-de", jurisdiction="EU", state="joined", active=True, **told)


async def test_a_batch_is_pulled_over_a_warm_channel() -> None:
    async with running_node() as node:
        links = links_of(node)
        for cursor in (0, 4):
            assert (await links.batch(region_of(node), Cursor(epoch="f1", batch=cursor), seconds=5)).cursor == cursor
        await links.close()
    assert node.probe.calls == 2


async def test_a_node_that_is_down_is_told_within_the_deadline_and_found_when_it_is_back() -> None:
    async with running_node() as node:
        links, region = links_of(node), region_of(node)
        await links.batch(region, Cursor(), seconds=5)
        await stop(node)
        began = time.monotonic()
        with pytest.raises(DomicileError) as down:
            await links.batch(region, Cursor(), seconds=3)
        assert down.value.code in {Code.PEER_UNREACHABLE, Code.DEADLINE_EXCEEDED}
        assert time.monotonic() - began < 3.5
        await start(node)
        assert (await links.batch(region, Cursor(), seconds=5)).feed_epoch == "f1"
        await links.close()


async def test_a_renewed_certificate_replaces_the_channel_without_a_restart() -> None:
    async with running_node() as node:
        links, old = links_of(node), node.credentials
        await links.batch(region_of(node), Cursor(), seconds=5)
        node.credentials = node.certificates.credentials(Role.REGION, "eu-de")
        await stop(node)
        await start(node)
        with pytest.raises(DomicileError):
            await links.batch(region_of(node, certificate=old.certificate), Cursor(), seconds=3)
        assert (await links.batch(region_of(node), Cursor(), seconds=5)).feed_epoch == "f1"
        await links.close()


async def test_a_region_that_never_announced_itself_is_down() -> None:
    async with running_node() as node:
        with pytest.raises(DomicileError) as down:
            await links_of(node, tries=1).batch(region_of(node, address=""), Cursor(), seconds=1)
        assert down.value.code is Code.PEER_UNREACHABLE


@dataclass
class Tries:
    """Counts how often a call was made and fails as told."""

    error: DomicileError
    tickets: list[bytes] = field(default_factory=list)

    def once(self, ticket: Callable[[], bytes]) -> Callable[[float], Any]:
        async def call(_left: float) -> None:
            self.tickets.append(ticket())
            raise self.error

        return call


@pytest.mark.parametrize(
    ("code", "tries"), [(Code.PEER_UNREACHABLE, 3), (Code.INTERNAL, 1), (Code.TRANSFER_DENIED, 1), (Code.STORE_UNAVAILABLE, 1)]
)
async def test_only_what_was_never_reached_is_tried_again_and_each_try_has_its_own_ticket(code: Code, tries: int) -> None:
    async with running_node() as node:
        made = Tries(DomicileError("no", code=code))
        drawn = iter(range(10))
        with pytest.raises(DomicileError):
            await links_of(node, tries=3)._trying(made.once(lambda: bytes([next(drawn)])), seconds=5, where="eu-de")
    assert len(made.tickets) == tries
    assert len(set(made.tickets)) == tries


def test_the_worker_pulls_through_the_loop_of_the_wire() -> None:
    loop = WireLoop()
    loop.start()

    async def opened() -> tuple[Any, Node]:
        context = running_node()
        return context, await context.__aenter__()

    context, node = loop.call(opened(), seconds=10)
    try:
        node.probe.act = lambda request: entries_pb2.PullEntriesResponse(region="eu-de", feed_epoch="f2", cursor=request.cursor)
        links = links_of(node)
        pulled = PulledEntries(links, loop, seconds=5)
        assert pulled.pull(region_of(node), Cursor(epoch="f2", batch=3)).feed_epoch == "f2"
        with pytest.raises(DomicileError):
            pulled.pull(replace(region_of(node), address="127.0.0.1:1"), Cursor())
        loop.call(links.close(), seconds=5)
    finally:
        loop.call(context.__aexit__(None, None, None), seconds=10)
        loop.stop()
