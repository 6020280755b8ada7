"""The node at a glance, and its imports: counts, closed words, digests and dates. Nothing here says anything about a person."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import Response

from policies.engine.document import FOREVER, Policy
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies
from regional_node.console.doors import ImportReader, Operator, Rooms, show
from regional_node.crm.fields import RecordType
from regional_node.settings import NodeSettings
from regional_node.usecases.feed import Feed
from regional_node.usecases.imports.reasons import REMEDIES
from regional_node.usecases.ledger import Ledger

SOON = timedelta(days=14)
"""How long before its end a certificate that was not renewed is a matter for somebody."""
RUNS = 50
COUNTED = 1000
_REFUSALS = 500


class PoliciesInForce(Protocol):
    """The policies that the gate decides by; None and a fault when none is valid."""

    fault: DomicileError | None

    def __call__(self) -> Policies | None:
        """The policies now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """Where the node's state is read off. What this process does not run is None: `lag` is events the projection has not seen."""

    settings: NodeSettings
    version: str
    policies: PoliciesInForce
    ledger: Ledger
    feed: Feed
    feed_cursor: Callable[[], int] | None = None
    lag: Callable[[], int] | None = None
    reading_epoch: Callable[[], str] | None = None
    certificate_ends: Callable[[], datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LawFile:
    """A file of policies in force: its laws, how many policies, and before which day somebody must look at it again."""

    name: str
    laws: tuple[str, ...]
    policies: int
    review: date | None


class OperatePages:
    """The pages of those who run the node."""

    def __init__(self, rooms: Rooms, instruments: Instruments) -> None:
        self._rooms = rooms
        self._instruments = instruments

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.get("/operate")(self.state)
        router.get("/imports")(self.imports)
        router.get("/imports/{run_id}")(self.run)

    def state(self, request: Request, _caller: Operator) -> Response:
        """The node as it stands now."""
        of, at = self._instruments, self._rooms.now()
        policies = of.policies()
        ends = of.certificate_ends() if of.certificate_ends else None
        return show(
            request,
            "operate.html",
            settings=of.settings,
            version=of.version,
            at=at,
            digest=policies.digest if policies else "",
            fault=of.policies.fault if policies is None else None,
            files=law_files(policies.documents.policies) if policies else (),
            today=at.date(),
            ledger=of.ledger.size(),
            feed_epoch=of.feed.epoch(),
            feed_cursor=of.feed_cursor() if of.feed_cursor else None,
            lag=of.lag() if of.lag else None,
            reading_epoch=of.reading_epoch() if of.reading_epoch else None,
            ends=ends,
            ending=ends is not None and ends - at < SOON,
            records=[(kind.value, self._rooms.editing.count(kind, cap=COUNTED)) for kind in RecordType],
            cap=COUNTED,
        )

    def imports(self, request: Request, _caller: ImportReader) -> Response:
        """The latest runs."""
        return show(request, "imports.html", runs=self._rooms.journal.runs(limit=RUNS))

    def run(self, request: Request, run_id: str, _caller: ImportReader) -> Response:
        """One run and the rows it refused. Raises RECORD_NOT_FOUND for one that is not among the latest."""
        run = next((one for one in self._rooms.journal.runs(limit=RUNS) if one.id == run_id), None)
        if run is None:
            raise DomicileError("there is no such import", remedy="see the list of imports", code=Code.RECORD_NOT_FOUND)
        refusals = self._rooms.journal.refusals(run_id)
        told = [(one, REMEDIES[one.reason]) for one in refusals[:_REFUSALS]]
        return show(request, "import.html", run=run, refusals=told, more=len(refusals) - len(told))


def law_files(policies: Iterable[Policy]) -> tuple[LawFile, ...]:
    """The files that those policies stand in, by name."""
    by_file: dict[str, list[Policy]] = {}
    for policy in policies:
        by_file.setdefault(policy.ref.place.rpartition(":")[0].rpartition("/")[2], []).append(policy)
    return tuple(
        LawFile(
            name=name,
            laws=tuple(dict.fromkeys(policy.law for policy in held)),
            policies=len(held),
            review=min((p.review.again_before for p in held if p.review and p.review.again_before != FOREVER), default=None),
        )
        for name, held in sorted(by_file.items())
    )
