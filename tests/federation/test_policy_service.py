"""The policy service over real mutual TLS: a region fetches roots, bundles and stops, countersigns and reports; nobody else may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chassis.database import migrate, open_database
from global_index.bootstrap import MIGRATIONS
from global_index.catalogue.regions import Region
from global_index.rpc.policies import PolicyService
from global_index.rpc.regions import RegionLinks
from policies.engine.bundle import Role as Signs
from policies.engine.bundle import read_bundle, sign
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import FlipCount, NodeState, PolicyReport, RehearsalCounts
from policies.engine.roots import open_root
from policies.engine.stops import open_stop
from policies.engine.trust import verify_bundle
from policies.engine.vocabulary import Outcome
from protos.certificates import Role
from protos.channel import open_to_index, serve
from protos.interceptors import Admission, Watch
from protos.policies_wire import (
    MAX_REHEARSED,
    countersignature_to_message,
    draft_from_message,
    draft_to_message,
    proposal_from_message,
    rehearsal_to_message,
    report_to_message,
)
from protos.v1 import policies_pb2 as pb
from protos.v1.policies_pb2_grpc import (
    PoliciesStub,
    RehearsalsServicer,
    add_PoliciesServicer_to_server,
    add_RehearsalsServicer_to_server,
)
from tests.federation.membership_world import FEDERATION, Certificates, now
from tests.unit.index.policy_world import AT, PIET, PolicyWorld, policy_world, private_key

FLIP = FlipCount(before=Outcome.ALLOW, after=Outcome.DENY, rules=("eu-reporting",), count=3)


@dataclass
class Headquarters:
    """The served rooms, and the way of a caller to them."""

    world: PolicyWorld
    certificates: Certificates
    port: int

    @asynccontextmanager
    async def called_by(self, role: Role, name: str) -> AsyncIterator[Any]:
        credentials = self.certificates.credentials(role, name)
        async with open_to_index(f"127.0.0.1:{self.port}", credentials=credentials, federation=FEDERATION) as channel:
            yield PoliciesStub(channel)


async def admitted(_: object) -> None:
    """Every certificate of the federation stands."""


def admission() -> Admission:
    return Admission(federation=FEDERATION, standing=admitted, clock=now)


@pytest.fixture
async def hq(tmp_path: Path) -> AsyncIterator[Headquarters]:
    engine = open_database(f"sqlite:///{tmp_path / 'index.db'}")
    migrate(engine, MIGRATIONS)
    world, certificates = policy_world(engine, tmp_path / "policies"), Certificates()
    service = PolicyService(world.rooms, clock=lambda: AT)
    own = certificates.credentials(Role.INDEX, "index")
    served = await serve(
        "127.0.0.1:0",
        credentials=lambda: own,
        register=lambda server: add_PoliciesServicer_to_server(service, server),
        admission=admission(),
        watch=Watch(),
    )
    yield Headquarters(world, certificates, served.port)
    await served.server.stop(None)
    engine.dispose()


async def test_a_region_countersigns_fetches_verifies_and_reports(hq: Headquarters) -> None:
    draft = await hq.world.approved()
    stop = hq.world.rooms.stopping.stop(exporter="EU", importer="US", purpose="", reason="order", by="operator", at=AT)
    async with hq.called_by(Role.REGION, "eu-de") as region:
        roots = (await region.FetchRoot(pb.FetchRootRequest(), timeout=10)).roots
        root = None
        for raw in roots:
            root = open_root(raw, federation="demo", known=root)
        assert root is not None
        proposal = proposal_from_message((await region.FetchProposals(pb.FetchProposalsRequest(), timeout=10)).proposal)
        offered = read_bundle(proposal.bundle)
        signature = sign(offered.bundle, role=Signs.PRIVACY_OFFICER, private_key=private_key("dpo-eu-de"))
        message = countersignature_to_message(proposal.digest, signature)
        assert (await region.Countersign(message, timeout=10)).awaited == 1
    async with hq.called_by(Role.REGION, "br-sp") as other:
        with pytest.raises(DomicileError) as caught:
            await other.Countersign(message, timeout=10)
        assert caught.value.code is Code.BUNDLE_KEY_UNKNOWN
    hq.world.countersigned(draft)
    hq.world.rooms.approving.publish(draft, by=PIET, at=AT)
    async with hq.called_by(Role.REGION, "eu-de") as region:
        fetched = await region.FetchBundles(pb.FetchBundlesRequest(), timeout=10)
        bundle = read_bundle(fetched.bundle)
        verify_bundle(bundle, root, at=AT, current=None, region="eu-de", laws=("EU",))
        assert not fetched.more
        notices = (await region.FetchStops(pb.FetchStopsRequest(), timeout=10)).stops
        assert [open_stop(each, root) for each in notices] == [stop]
        report = PolicyReport(state=NodeState.ACTIVE, version=1, digest=bundle.link.digest, policy_digest="2" * 64, stops=1)
        await region.ReportPolicy(report_to_message(report), timeout=10)
    with hq.world.rooms.store.reading() as unit:
        assert [(each.region, each.report) for each in unit.reports()] == [("eu-de", report)]


@pytest.mark.parametrize("role", [Role.INDEX, Role.INVITE])
async def test_nobody_but_a_region_calls_it(hq: Headquarters, role: Role) -> None:
    async with hq.called_by(role, "eu-de") as stranger:
        with pytest.raises(DomicileError) as caught:
            await stranger.FetchRoot(pb.FetchRootRequest(), timeout=10)
    assert caught.value.code is Code.PEER_REFUSED


@pytest.mark.parametrize(
    "report",
    [
        pb.ReportPolicyRequest(),
        pb.ReportPolicyRequest(state=pb.POLICY_STATE_ACTIVE, digest="x"),
        pb.ReportPolicyRequest(state=pb.POLICY_STATE_ACTIVE, fault="<script>"),
    ],
)
async def test_a_report_that_is_not_of_its_form_is_refused(hq: Headquarters, report: pb.ReportPolicyRequest) -> None:
    async with hq.called_by(Role.REGION, "eu-de") as region:
        with pytest.raises(DomicileError) as caught:
            await region.ReportPolicy(report, timeout=10)
    assert caught.value.code is Code.MESSAGE_TRUNCATED


class Rehearsing(RehearsalsServicer):
    """A node's rehearsal that counts what it was given. `digest` is what it says that it rehearsed, when not what was asked."""

    def __init__(self, digest: str = "") -> None:
        self.digest = digest
        self.files: dict[str, str] = {}

    async def Rehearse(self, request: pb.RehearseRequest, context: Any) -> pb.RehearseResponse:  # noqa: N802 - the contract's
        self.files, asked = draft_from_message(request)
        counts = RehearsalCounts(policy_digest=self.digest or asked, decisions=9, unreadable=1, flips=(FLIP,))
        return pb.RehearseResponse(rehearsal=rehearsal_to_message(counts))


async def rehearse(node: Rehearsing, files: dict[str, str]) -> RehearsalCounts:
    certificates = Certificates()
    shown = certificates.credentials(Role.REGION, "eu-de")
    served = await serve(
        "127.0.0.1:0",
        credentials=lambda: shown,
        register=lambda server: add_RehearsalsServicer_to_server(node, server),
        admission=admission(),
        watch=Watch(),
    )
    region = Region(
        name="eu-de", jurisdiction="EU", state="joined", active=True, address=f"127.0.0.1:{served.port}",
        certificate=shown.certificate,
    )  # fmt: skip
    own = certificates.credentials(Role.INDEX, "index")
    links = RegionLinks(federation=FEDERATION, credentials=lambda: own)
    try:
        return await links.rehearse(region, files, "1" * 64, seconds=10)
    finally:
        await links.close()
        await served.server.stop(None)


async def test_the_index_asks_a_node_to_rehearse_and_the_cases_stay_home() -> None:
    node = Rehearsing()
    found = await rehearse(node, {"eu.yaml": "policy: x", "eu.cases.yaml": "cases: []", "registry/laws/eu.yaml": "law: EU"})
    assert found == RehearsalCounts(policy_digest="1" * 64, decisions=9, unreadable=1, flips=(FLIP,))
    assert set(node.files) == {"eu.yaml", "registry/laws/eu.yaml"}


async def test_an_answer_about_another_draft_is_refused() -> None:
    with pytest.raises(DomicileError, match="it rehearsed something else"):
        await rehearse(Rehearsing("2" * 64), {"eu.yaml": "policy: x"})


def test_a_draft_too_large_for_a_call_is_refused_before_it_is_sent() -> None:
    with pytest.raises(DomicileError, match="larger than"):
        draft_to_message({"eu.yaml": "x" * (MAX_REHEARSED + 1)}, "1" * 64)
