"""Asking the regions: every chosen region at once, each with its own ticket, all within one deadline. Whoever fails is
named, not waited for.

(1) fit the plans to each region  (2) ask all at once  (3) stop at the deadline  (4) say how each took it  (5) merge what came.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from time import perf_counter
from typing import Protocol

from global_index.catalogue.published import Catalogue
from global_index.catalogue.regions import Region
from global_index.queries.answer import Answer, Coverage, RegionAnswer, Status
from global_index.queries.merge import deviations, merge
from global_index.queries.question import Question
from global_index.queries.specialise import for_region
from global_index.requests.tickets import Asker, TicketOffice
from policies.engine.crossing import Plan, Share, plan_digest
from policies.engine.denial import Denied
from policies.engine.errors import Code, DomicileError

_DOWN = frozenset({Code.PEER_UNREACHABLE, Code.DEADLINE_EXCEEDED, Code.STORE_UNAVAILABLE})
_UNCLEAR = frozenset({Code.INTERNAL, Code.MESSAGE_TRUNCATED, Code.PEER_REFUSED, Code.LEDGER_BROKEN, Code.METHOD_UNKNOWN})


class RegionAsker(Protocol):
    """The way to a region's node."""

    async def ask(self, region: Region, plan: Plan, *, ticket: Callable[[], bytes], seconds: float) -> RegionAnswer:
        """The region's share. `ticket` makes a fresh ticket for each try. Raises Denied or DomicileError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """Asks regions. `seconds` is how long an answer may take in all."""

    asker: RegionAsker
    tickets: TicketOffice
    seconds: float

    async def answer(self, question: Question, *, regions: Sequence[Region], catalogue: Catalogue, who: Asker) -> Answer:
        """The merged answer with its coverage. Never raises for what a region did."""
        asked = [r for r in regions if r.active and (question.regions is None or r.name in question.regions)]
        began = perf_counter()
        tasks = [asyncio.create_task(self._region(region, question, catalogue, who)) for region in asked]  # (1) (2)
        if tasks:
            await asyncio.wait(tasks, timeout=self.seconds)  # (3)
        taken: list[tuple[Coverage, Sequence[Share | None]]] = []
        for region, task in zip(asked, tasks, strict=True):
            if task.done():
                taken.append(task.result())
            else:
                task.cancel()  # not awaited: what does not end when told to must not hold the answer
                taken.append((_late(region.name, perf_counter() - began), ()))
        shares = {one.region: parts for one, parts in taken if one.status is Status.ANSWERED}
        coverage = tuple(one for one, _ in taken)  # (4)
        return replace(merge(question, shares, catalogue), coverage=coverage)  # (5)

    async def _region(
        self, region: Region, question: Question, catalogue: Catalogue, who: Asker
    ) -> tuple[Coverage, Sequence[Share | None]]:
        began = perf_counter()
        plans = [for_region(plan, region.name, catalogue) for plan in question.plans]
        if all(plan is None for plan in plans):
            return Coverage(region=region.name, status=Status.NOT_ASKED, reason="outside_domain"), ()
        results = await asyncio.gather(*(self._one(region, plan, who) for plan in plans), return_exceptions=True)
        milliseconds = (perf_counter() - began) * 1000
        answers = [result for result in results if isinstance(result, RegionAnswer)]
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            told = replace(refusal(region.name, failure), milliseconds=milliseconds, rho=_charged(answers))
            return told, ()
        shares = [result.share if isinstance(result, RegionAnswer) else None for result in results]
        return _answered(region.name, question, answers, shares, milliseconds), shares

    async def _one(self, region: Region, plan: Plan | None, who: Asker) -> RegionAnswer | None:
        if plan is None:
            return None
        ticket = self.tickets.maker(who, region=region.name, request_digest=plan_digest(plan))
        answer = await self.asker.ask(region, plan, ticket=ticket, seconds=self.seconds)
        _require_shape(answer.share, region, plan)
        return answer


def refusal(region: str, failure: BaseException) -> Coverage:
    """How a region's failure is told: by policy, by rule, down, or unclear."""
    if isinstance(failure, Denied):
        decision = failure.decision
        return Coverage(
            region=region,
            status=Status.REFUSED,
            reason=decision.reasons[0] if decision.reasons else failure.code.value,
            detail=failure.what,
            remedy=failure.remedy,
            rules=decision.rules,
            reasons=decision.reasons,
            try_instead=decision.try_instead,
        )
    if isinstance(failure, DomicileError):
        status = Status.DOWN if failure.code in _DOWN else Status.UNKNOWN if failure.code in _UNCLEAR else Status.REFUSED
        return Coverage(region=region, status=status, reason=failure.code.value, detail=failure.what, remedy=failure.remedy)
    if isinstance(failure, TimeoutError | asyncio.CancelledError | ConnectionError):
        return _late(region, 0.0)
    return Coverage(region=region, status=Status.UNKNOWN, reason=Code.INTERNAL.value, detail="asking it failed at the index")


def _late(region: str, seconds: float) -> Coverage:
    return Coverage(
        region=region,
        status=Status.DOWN,
        reason=Code.DEADLINE_EXCEEDED.value,
        detail="it did not answer in time",
        remedy="ask again later",
        milliseconds=seconds * 1000,
    )


def _answered(
    region: str, question: Question, answers: list[RegionAnswer], shares: Sequence[Share | None], milliseconds: float
) -> Coverage:
    last = answers[-1]
    return Coverage(
        region=region,
        status=Status.ANSWERED,
        rules=last.decision.rules,
        reasons=last.decision.reasons,
        epoch=last.share.reading_epoch,
        frozen_at=last.share.frozen_at,
        suppressed=sum(answer.share.suppressed for answer in answers),
        noise=deviations(question, shares),
        recorded=all(answer.share.recorded for answer in answers),
        rho=_charged(answers),
        leaves=tuple(answer.leaf.index for answer in answers),
        milliseconds=milliseconds,
    )


def _charged(answers: Sequence[RegionAnswer]) -> Fraction:
    """What was charged now: a recorded answer was paid for when it was first given."""
    return sum((Fraction(answer.share.rho) for answer in answers if not answer.share.recorded), Fraction(0))


def _require_shape(share: Share, region: Region, plan: Plan) -> None:
    fits = (
        share.region == region.name
        and len(share.noise) == len(plan.aggregates)
        and all(len(cell.keys) == len(plan.group_by) and len(cell.values) == len(plan.aggregates) for cell in share.cells)
    )
    if not fits:
        raise DomicileError(
            "its answer does not fit the question",
            where=region.name,
            remedy="look into the region's log",
            code=Code.MESSAGE_TRUNCATED,
        )
