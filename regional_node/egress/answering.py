"""Answering an ad hoc question under the privacy account: charged before it is computed, noised, kept, and given again for nothing.

Nothing here decides whether who asks may: the gate has, afresh for every question. The order is the whole point:
(1) normalise and digest  (2) a recorded answer is returned  (3) check and (4) commit the charge  (5) compute and draw noise
(6) record the answer. A crash after (4) stays charged; a retry of the same digest goes on from there and pays nothing more.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from policies.engine.crossing import Cell, Plan, Share
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import ReadingTable
from regional_node.egress.disclosure import NoiseTerms, disclosure, noise_of, noised, question_digest
from regional_node.egress.noise import Below
from regional_node.egress.payload import share_bytes, share_from_bytes
from regional_node.usecases.accounts import PrivacyAccount
from regional_node.usecases.readings import Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks for what under which policy: all that tells one question from another beside the plan."""

    importer: str
    purpose: str
    analyst: str
    policy_digest: str
    terms: NoiseTerms


class Answering:
    """Turns a checked plan into a noised share. `below` gives uniform integers from the system's randomness."""

    def __init__(self, *, region: str, readings: Readings, account: PrivacyAccount, below: Below) -> None:
        self._region = region
        self._readings = readings
        self._account = account
        self._below = below

    def answer(self, plan: Plan, table: ReadingTable, asking: Asking, *, at: datetime) -> Share:
        """The region's share of the answer, its cells and noise in the plan's own order."""
        # (1) normalise and digest: the same question in another order is the same question
        asked = in_order(plan)
        epoch = self._readings.epoch(at=at)
        clamps = self._readings.clamps(asked)
        domains = self._readings.domains()
        how = disclosure(asked, table, clamps, asking.terms, domains=domains, frozen_on=epoch.frozen_on)
        digest = question_digest(
            asked,
            how,
            clamps,
            policy_digest=asking.policy_digest,
            epoch=epoch.name,
            importer=asking.importer,
            purpose=asking.purpose,
        )
        # (2) a recorded answer is returned and costs nothing
        kept = self._account.recorded(digest)
        if kept is not None:
            return _in_plan_order(share_from_bytes(kept, recorded=True), asked, plan)
        # (3) (4) check and commit the charge, before anything is computed
        self._account.charge(
            digest=digest, subject_class=how.subject_class, rho=how.rho, analyst=asking.analyst, at=at, also=how.also
        )
        # (5) compute on the frozen epoch and draw noise
        cells, suppressed = noised(how, self._readings.measure(asked, epoch), self._below)
        share = Share(
            region=self._region,
            reading_epoch=epoch.name,
            frozen_at=epoch.frozen_at,
            cells=cells,
            noise=noise_of(how),
            suppressed=suppressed,
            rho=str(how.rho),
            recorded=False,
        )
        # (6) record the answer: the only draw that may ever leave for this digest
        return _in_plan_order(self._recorded(digest, share, at), asked, plan)

    def _recorded(self, digest: str, share: Share, at: datetime) -> Share:
        try:
            self._account.record(digest, share_bytes(share), at=at)
        except DomicileError as error:
            # another copy of this node was faster: its draw counts, ours is forgotten
            kept = self._account.recorded(digest) if error.code is Code.LEDGER_BROKEN else None
            if kept is None:
                raise
            return share_from_bytes(kept, recorded=True)
        return share


def in_order(plan: Plan) -> Plan:
    """The plan with its keys and measures sorted."""
    return replace(
        plan,
        group_by=tuple(sorted(plan.group_by, key=lambda key: (key.column, key.part or ""))),
        aggregates=tuple(sorted(plan.aggregates, key=lambda m: (m.kind.value, m.column or "", m.currency or ""))),
    )


def _in_plan_order(share: Share, asked: Plan, plan: Plan) -> Share:
    keys = [asked.group_by.index(key) for key in plan.group_by]
    values = [asked.aggregates.index(measure) for measure in plan.aggregates]
    cells = tuple(Cell(keys=tuple(c.keys[i] for i in keys), values=tuple(c.values[i] for i in values)) for c in share.cells)
    return replace(share, cells=cells, noise=tuple(share.noise[i] for i in values))
