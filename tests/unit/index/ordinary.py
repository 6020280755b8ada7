"""One ordinary federation of three regions, for tests to change one thing about. It asks nobody: its regions are plain objects."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from global_index.catalogue.published import published
from global_index.catalogue.regions import Region
from global_index.queries.answer import RegionAnswer
from global_index.requests.history import Memory
from global_index.requests.tickets import Asker, TicketOffice
from policies.engine.crossing import Cell, LeafRef, Noise, Plan, Share
from policies.engine.decision import Decision, RuleRef
from policies.engine.denial import Denied
from policies.engine.vocabulary import Outcome, Purpose

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
CITE = RuleRef(policy="eu-anonymous-aggregates", law="EU", place="gdpr.yaml:283", cite=("GDPR Recital 26",))
ALLOWED = Decision(outcome=Outcome.ALLOW, reasons=("anonymous_aggregate",), rules=(CITE,))
REFUSED = Decision(outcome=Outcome.DENY, reasons=("no_mechanism",), rules=(CITE,), try_instead=("scc_br",))
WHO = Asker(analyst="a" * 32, role="analyst", importer="acme-hq", purpose=Purpose.ANALYTICS_REPORTING)
QUESTION = "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people GROUP BY 1,2"


def region(name: str, jurisdiction: str, *countries: str) -> Region:
    domains = {("people", "country"): countries, ("people", "currency"): ("EUR", "BRL", "USD")}
    return Region(
        name=name,
        jurisdiction=jurisdiction,
        state="joined",
        active=True,
        address="127.0.0.1:1",
        certificate=b"pem",
        domains=domains,
    )


EU = region("eu-de", "EU", "DE", "FR")
BR = region("br-sp", "BR", "BR")
US = region("us-ca", "US-CA", "US", "DE")
REGIONS = (BR, EU, US)
CATALOGUE = published(REGIONS)


def share(
    name: str, plan: Plan, cells: dict[tuple[str | None, ...], tuple[int, ...]], *, suppressed: int = 0, sd: int = 2
) -> Share:
    return Share(
        region=name,
        reading_epoch="2026-11-22",
        frozen_at=AT,
        cells=tuple(Cell(keys=keys, values=values) for keys, values in cells.items()),
        noise=tuple(Noise(variance_numerator=sd * sd, variance_denominator=1) for _ in plan.aggregates),
        suppressed=suppressed,
        rho="1/200",
        recorded=False,
    )


def released(one: Share) -> RegionAnswer:
    return RegionAnswer(share=one, decision=ALLOWED, leaf=LeafRef(index=7, leaf_hash=bytes(32)))


Behaviour = Callable[[Region, Plan, Callable[[], bytes]], Awaitable[RegionAnswer]]


async def answers(one: Region, plan: Plan, _ticket: Callable[[], bytes]) -> RegionAnswer:
    """A region with 100 in the one group of its first country."""
    key = tuple({"country": one.domains["people", "country"][0], "segment": "consumer"}.get(k.column) for k in plan.group_by)
    return released(share(one.name, plan, {key: tuple(100 for _ in plan.aggregates)}))


async def hangs(*_: object) -> RegionAnswer:
    """Deaf to being told to stop, too."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(3600)
            raise


async def refuses(*_: object) -> RegionAnswer:
    raise Denied("the policy does not let it leave", decision=REFUSED)


async def breaks(*_: object) -> RegionAnswer:
    raise ZeroDivisionError("jane.canary@example.org")


@dataclass
class FakeAsker:
    """Regions that behave as they are told."""

    behaviour: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, Plan]] = field(default_factory=list)

    async def ask(self, region: Region, plan: Plan, *, ticket: Callable[[], bytes], seconds: float) -> RegionAnswer:
        self.asked.append((region.name, plan))
        return await self.behaviour.get(region.name, answers)(region, plan, ticket)


@dataclass
class FakeHistory:
    """A history in memory."""

    lines: list[Memory] = field(default_factory=list)

    def remember(self, memory: Memory) -> None:
        self.lines.append(memory)

    def recent(self, *, limit: int, analyst: str | None = None) -> tuple[Memory, ...]:
        return tuple(line for line in reversed(self.lines) if analyst in {None, line.analyst})[:limit]

    def charged(self, *, year: int) -> dict[str, str]:
        return {}


@dataclass
class FakeDirectory:
    """The three regions, or others."""

    known: tuple[Region, ...] = REGIONS

    def regions(self) -> tuple[Region, ...]:
        return self.known


def office() -> TicketOffice:
    drawn = iter(range(1, 1_000_000))
    return TicketOffice(key=KEY, now=lambda: AT, random=lambda n: next(drawn).to_bytes(n, "big"))


async def here(work: Coroutine[Any, Any, Any]) -> Any:
    return await work
