"""The desk where questions are asked: text in, answer with coverage out, one line of history kept. It keeps no answer and no text.

(1) read the question  (2) ask the regions  (3) remember plans and coverage  (4) hand the answer over.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from global_index.catalogue.published import Catalogue, published
from global_index.catalogue.regions import Region, RegionDirectory
from global_index.queries.answer import Answer, Coverage, Status, decimal_text
from global_index.queries.ask import FanOut
from global_index.queries.expect import Advisor, Expected
from global_index.queries.plan import plan_question
from global_index.queries.question import Question
from global_index.requests.history import Asked, History, Memory, Told
from global_index.requests.tickets import Asker
from policies.engine.crossing import canonical, plan_digest
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import TABLES

REMEMBERED_SECONDS = 1.0
"""How long the list of regions is taken as known: a region that joins or leaves is seen a second later."""

_log = logging.getLogger(__name__)

Elsewhere = Callable[[Coroutine[Any, Any, Answer]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer and the id of its line in the history."""

    question_id: str
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A question as it was understood, and what each region will probably say."""

    question: Question
    expected: tuple[Expected, ...]
    seconds: float


@dataclass(kw_only=True)
class Desk:
    """The use case of asking. `elsewhere` runs a coroutine on the loop that owns the channels."""

    directory: RegionDirectory
    fan_out: FanOut
    history: History
    advisor: Advisor
    elsewhere: Elsewhere
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    _known: tuple[float, tuple[Region, ...], Catalogue] | None = field(default=None, init=False)

    def regions(self) -> tuple[Region, ...]:
        """The regions that take part, as of a moment ago."""
        return self._look()[0]

    def catalogue(self) -> Catalogue:
        """What can be asked about, as of a moment ago."""
        return self._look()[1]

    async def ask(self, text: str, who: Asker) -> Given:
        """The answer. Raises QuestionError for the text; what a region does stands in the coverage."""
        regions, catalogue = await asyncio.to_thread(self._look)
        question = plan_question(text, catalogue)  # (1)
        if not regions:
            raise DomicileError(
                "no region has joined yet", remedy="invite one with `global-index invite`", code=Code.PEER_UNREACHABLE
            )
        answer = await self.elsewhere(self.fan_out.answer(question, regions=regions, catalogue=catalogue, who=who))  # (2)
        question_id = self.new_id()
        await asyncio.to_thread(self.history.remember, self._memory(question_id, question, answer, who))  # (3)
        _log.info("question answered", extra={"question_id": question_id, "rows": len(answer.rows), "count": len(answer.coverage)})
        return Given(question_id=question_id, answer=answer)  # (4)

    def explain(self, text: str, who: Asker) -> Explained:
        """What would be asked of whom, and what they will probably say. Asks nobody."""
        regions, catalogue = self._look()
        question = plan_question(text, catalogue)
        chosen = tuple(r for r in regions if question.regions is None or r.name in question.regions)
        return Explained(
            question=question, expected=self.advisor.expect(question.plans, regions=chosen, who=who), seconds=self.fan_out.seconds
        )

    def check(self, text: str) -> Question:
        """The question as it is understood. Raises QuestionError; for an editor that checks while somebody types."""
        return plan_question(text, self._look()[1])

    def _look(self) -> tuple[tuple[Region, ...], Catalogue]:
        known = self._known
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1], known[2]
        regions = tuple(region for region in self.directory.regions() if region.active)
        catalogue = published(regions)
        self._known = (time.monotonic(), regions, catalogue)
        return regions, catalogue

    def _memory(self, question_id: str, question: Question, answer: Answer, who: Asker) -> Memory:
        return Memory(
            question_id=question_id,
            at=self.now(),
            asked=Asked.QUESTION,
            analyst=who.analyst,
            importer=who.importer,
            purpose=who.purpose.value,
            told=tuple(_told(one) for one in answer.coverage),
            plans=tuple(canonical(plan).decode() for plan in question.plans),
            digests=tuple(plan_digest(plan) for plan in question.plans),
        )


_CODES = frozenset(code.value for code in Code)


def _told(one: Coverage) -> Told:
    """Closed words only: what a region said in its own words is shown once and not kept."""
    code = one.reason if one.reason in _CODES else Code.TRANSFER_DENIED.value if one.status is Status.REFUSED else ""
    leaf = one.leaves[0] if one.leaves else None
    return Told(
        region=one.region,
        status=one.status.value,
        code=code,
        rho=f"{one.rho.numerator}/{one.rho.denominator}" if one.rho else "0",
        leaf=leaf,
    )


def explained_json(explained: Explained) -> dict[str, Any]:
    """Plans, expected verdicts and cost, as plain data."""
    return {
        "advice": True,
        "plans": [{"digest": plan_digest(plan), "plan": canonical(plan).decode()} for plan in explained.question.plans],
        "figures": [o.name for o in explained.question.outputs],
        "expected": [_expected_json(one, explained.question) for one in explained.expected],
        "seconds": explained.seconds,
    }


def _expected_json(one: Expected, question: Question) -> dict[str, Any]:
    decision = one.decision
    if decision is None:
        return {
            "region": one.region,
            "outcome": "unknown",
            "reasons": [],
            "rules": [],
            "try_instead": [],
            "rho": None,
            "same_policies": False,
        }
    noise = decision.obligation("noise")
    return {
        "region": one.region,
        "outcome": decision.outcome.value,
        "reasons": list(decision.reasons),
        "rules": [
            {"policy": rule.policy, "law": rule.law, "place": rule.place, "cite": list(rule.cite)} for rule in decision.rules
        ],
        "try_instead": list(decision.try_instead),
        "rho": _cost(noise.arguments.get("rho_per_measure") if noise else None, question),
        "same_policies": one.same_policies,
    }


def _cost(rate: Any, question: Question) -> str | None:
    """What the question would charge: each measure, and one count of subjects a plan, which the node always takes.

    Where a subject holds one row, the question's own count is that count; elsewhere it is another and is paid for.
    """
    if not isinstance(rate, str):
        return None
    measures = sum(
        len({*plan.aggregates})
        + (0 if TABLES[plan.table].rows_per_subject == 1 and any(m.column is None for m in plan.aggregates) else 1)
        for plan in question.plans
    )
    return decimal_text(Fraction(rate) * measures)
