"""Answers and persons over real gRPC to a stand-in node: what leaves arrives as it was, and a killed node is named."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from global_index.catalogue.published import published
from global_index.catalogue.regions import Region
from global_index.queries.answer import Status
from global_index.queries.ask import FanOut
from global_index.queries.plan import plan_question
from global_index.requests.tickets import TicketOffice
from global_index.rpc.regions import RegionLinks
from policies.engine.crossing import FieldView, LeafRef, PersonView, Released, person_digest, plan_digest
from policies.engine.denial import Denied
from policies.engine.errors import DomicileError
from policies.engine.signing import verify_ticket
from policies.engine.vocabulary import Form
from protos import wire
from protos.certificates import Role
from protos.channel import Served, serve
from protos.interceptors import Admission, Watch
from protos.v1.persons_pb2_grpc import PersonsServicer, add_PersonsServicer_to_server
from protos.v1.questions_pb2_grpc import QuestionsServicer, add_QuestionsServicer_to_server
from tests.federation.membership_world import FEDERATION, Certificates, now
from tests.unit.index.ordinary import ALLOWED, KEY, QUESTION, REFUSED, WHO, share

LEAF = LeafRef(index=3, leaf_hash=bytes(32))


@dataclass
class StandIn(QuestionsServicer, PersonsServicer):
    """A node that verifies tickets as a node does and answers the same cell to everything."""

    name: str
    refuses: bool = False
    tells_of: tuple[str, bytes] | None = None  # whom its answer about a person is about, when not who was asked for
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    nonces: set[str] = field(default_factory=set)

    async def AnswerQuestion(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        question = wire.question_from_message(request)
        digest = plan_digest(question.plan)
        ticket = verify_ticket(question.ticket, KEY.public_key(), at=now(), region=self.name, request_digest=digest)
        assert ticket.nonce not in self.nonces
        self.nonces.add(ticket.nonce)
        self.began.set()
        await self.waits.wait()
        if self.refuses:
            raise Denied("the policy does not let it leave", decision=REFUSED)
        cell = tuple(100 for _ in question.plan.aggregates)
        one = share(
            self.name, question.plan, {tuple("DE" if k.column == "country" else "consumer" for k in question.plan.group_by): cell}
        )
        return wire.answer_to_message(Released(one, ALLOWED, LEAF), question.plan)

    async def ReadPerson(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        asked = wire.person_question_from_message(request)
        digest = person_digest(asked.pseudonym, asked.fields)
        verify_ticket(asked.ticket, KEY.public_key(), at=now(), region=self.name, request_digest=digest)
        shown = tuple(
            FieldView(name=n, category="user.name", form=Form.MASK, value="A•••", rules=ALLOWED.rules) for n in asked.fields
        )
        region, subject = self.tells_of or (self.name, asked.pseudonym)
        return wire.person_to_message(Released(PersonView(region=region, pseudonym=subject, fields=shown), ALLOWED, LEAF))


@dataclass
class Federation:
    """Stand-in nodes and the index's channels to them."""

    certificates: Certificates
    nodes: dict[str, StandIn]
    regions: list[Region] = field(default_factory=list)
    served: dict[str, Served] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)

    async def start(self, name: str, port: int = 0) -> int:
        async def everyone(_: object) -> None:
            return None

        def register(server: Any) -> None:
            add_QuestionsServicer_to_server(self.nodes[name], server)
            add_PersonsServicer_to_server(self.nodes[name], server)

        self.served[name] = await serve(
            f"127.0.0.1:{port}",
            credentials=lambda: self.shown[name],
            register=register,
            admission=Admission(federation=FEDERATION, standing=everyone, clock=now),
            watch=Watch(),
        )
        return self.served[name].port


@asynccontextmanager
async def federation(*names: str) -> AsyncIterator[tuple[Federation, RegionLinks]]:
    made = Certificates()
    held = Federation(made, {name: StandIn(name) for name in names})
    for name, node in held.nodes.items():
        node.waits.set()
        held.shown[name] = made.credentials(Role.REGION, name)
        port = await held.start(name)
        told: dict[str, Any] = {"address": f"127.0.0.1:{port}", "certificate": held.shown[name].certificate}
        domains = {("people", "country"): ("DE",), ("people", "currency"): ("EUR",)}
        held.regions.append(Region(name=name, jurisdiction="EU", state="joined", active=True, domains=domains, **told))
    own = made.credentials(Role.INDEX, "index")
    links = RegionLinks(federation=FEDERATION, credentials=lambda: own)
    try:
        yield held, links
    finally:
        await links.close()
        for served in held.served.values():
            await served.server.stop(None)


def asking(links: RegionLinks, seconds: float = 3.0) -> FanOut:
    return FanOut(asker=links, tickets=TicketOffice(key=KEY, now=now, random=secrets.token_bytes), seconds=seconds)


async def ask(held: Federation, links: RegionLinks, seconds: float = 3.0) -> Any:
    catalogue = published(held.regions)
    question = plan_question(QUESTION, catalogue)
    return await asking(links, seconds).answer(question, regions=held.regions, catalogue=catalogue, who=WHO)


async def test_three_regions_answer_over_the_wire() -> None:
    async with federation("a", "b", "c") as (held, links):
        answer = await ask(held, links)
    assert [one.status for one in answer.coverage] == [Status.ANSWERED] * 3
    assert [row.values[:3] for row in answer.rows] == [("DE", "consumer", 300)]
    assert answer.coverage[0].leaves == (3,)


async def test_a_refusal_arrives_with_its_decision() -> None:
    async with federation("a", "b") as (held, links):
        held.nodes["b"].refuses = True
        answer = await ask(held, links)
    assert [one.status for one in answer.coverage] == [Status.ANSWERED, Status.REFUSED]
    assert answer.coverage[1].try_instead == ("scc_br",)
    assert answer.coverage[1].rules[0].cite == ("GDPR Recital 26",)


async def test_a_region_killed_in_the_middle_is_named_in_time_and_whole_again_when_it_is_back() -> None:
    async with federation("a", "b") as (held, links):
        assert len((await ask(held, links)).coverage) == 2
        node = held.nodes["b"]
        node.waits.clear()
        node.began.clear()
        began = time.monotonic()
        under_way = asyncio.create_task(ask(held, links))
        await asyncio.wait_for(node.began.wait(), 5)
        port = held.served["b"].port
        await held.served["b"].server.stop(None)
        answer = await under_way
        assert time.monotonic() - began < 3.5
        assert [one.status for one in answer.coverage] == [Status.ANSWERED, Status.DOWN]
        assert [row.values[:3] for row in answer.rows] == [("DE", "consumer", 100)]
        node.waits.set()
        await held.start("b", port)
        assert [one.status for one in (await ask(held, links)).coverage] == [Status.ANSWERED, Status.ANSWERED]


async def test_a_person_is_read_over_the_wire() -> None:
    async with federation("a") as (held, links):
        subject, fields = bytes(range(16)), ("name", "email")
        ticket = asking(links).tickets.maker(WHO, region="a", request_digest=person_digest(subject, fields))
        answer = await links.person(held.regions[0], pseudonym=subject, fields=fields, ticket=ticket, seconds=3)
        assert [(f.name, f.form, f.value) for f in answer.view.fields] == [
            ("name", Form.MASK, "A•••"),
            ("email", Form.MASK, "A•••"),
        ]
        assert "A•••" not in repr(answer)


@pytest.mark.parametrize(
    "tells_of", [("a", bytes(range(1, 17))), ("b", bytes(range(16)))], ids=["another person", "another region"]
)
async def test_an_answer_about_somebody_else_is_refused(tells_of: tuple[str, bytes]) -> None:
    async with federation("a") as (held, links):
        held.nodes["a"].tells_of = tells_of
        ticket = asking(links).tickets.maker(WHO, region="a", request_digest=person_digest(bytes(range(16)), ("name",)))
        with pytest.raises(DomicileError, match="somebody else") as unfit:
            await links.person(held.regions[0], pseudonym=bytes(range(16)), fields=("name",), ticket=ticket, seconds=3)
        assert "A•••" not in str(unfit.value)


async def test_fan_out_overhead_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    async with federation("a", "b", "c") as (held, links):
        times = []
        for _ in range(15):
            began = time.perf_counter()
            await ask(held, links)
            times.append((time.perf_counter() - began) * 1000)
    middle = sorted(times)[len(times) // 2]
    with capsys.disabled():
        print(f"\n[three regions over mutual TLS, plan to merged answer: {middle:.1f} ms]")  # noqa: T201 - a figure to read
    assert middle < 150
