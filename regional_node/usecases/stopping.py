"""Stopping a flow at once, and letting it run again. A stop holds as soon as it is kept; whatever comes after may fail."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from policies.engine.diagnostics import use_one_of
from policies.engine.errors import Code, DomicileError
from policies.engine.facts import PURPOSES
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes
from policies.engine.registry import Registry
from regional_node.usecases.ledger import Ledger
from regional_node.usecases.policies import Standing, Stop, StopOrigin

_LONGEST_REASON = 500


class StopsKept(Protocol):
    """What keeps stops."""

    def standing(self) -> Standing:
        """What stands."""
        ...

    def stop(self, stop: Stop) -> None:
        """Keep a stop, durably."""
        ...

    def lift(self, stop_id: str, *, at: datetime, why: str) -> Stop:
        """End one. Raises RECORD_NOT_FOUND."""
        ...


class Stopping:
    """Stops and resumes, each with its leaf in the ledger."""

    def __init__(
        self, kept: StopsKept, ledger: Ledger, *, region: str, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._kept = kept
        self._ledger = ledger
        self._region = region
        self._clock = clock
        self._new_id = new_id

    def stop(
        self, *, importer: str, purpose: str, reason: str, origin: StopOrigin = StopOrigin.NODE, stop_id: str = ""
    ) -> tuple[Stop, bool]:
        """Stop a flow; the stop, and whether it is new. An equal one that stands already stays as it is.

        Raises what the ledger raises, after the stop holds.
        """
        for standing in self._kept.standing().stops:
            same = (standing.importer, standing.purpose, standing.origin) == (importer, purpose, origin)
            if (stop_id and standing.id == stop_id) or (same and not stop_id):
                return standing, False
        stop = Stop(
            id=stop_id or self._new_id(),
            importer=importer,
            purpose=purpose,
            reason=reason[:_LONGEST_REASON],
            origin=origin,
            set_at=self._clock(),
        )
        self._kept.stop(stop)
        try:
            self._record(PolicyHappening.FLOW_STOPPED, stop, origin)
        except DomicileError as error:
            what = f"the flow is stopped ({stop.id}), but that could not be recorded: {error.what}"
            raise DomicileError(what, where=error.where, remedy=error.remedy, code=error.code) from None
        return stop, True

    def resume(self, stop_id: str, *, why: str, origin: StopOrigin = StopOrigin.NODE) -> Stop:
        """Let a flow run again. Recorded first, so that no flow runs again unrecorded.

        Raises RECORD_NOT_FOUND, or ROLE_MISSING for a stop that somebody else set.
        """
        standing = next((each for each in self._kept.standing().stops if each.id == stop_id), None)
        if standing is None:
            raise DomicileError(
                what=f"no stop `{stop_id[:64]}` stands",
                remedy="see `regional-node policy status` for those that do",
                code=Code.RECORD_NOT_FOUND,
            )
        if standing.origin is not origin:
            raise DomicileError(
                what=f"stop `{stop_id}` was set by headquarters",
                remedy="have it lifted there; it ends here at the next fetch",
                code=Code.ROLE_MISSING,
            )
        self._record(PolicyHappening.FLOW_RESUMED, standing, origin)
        return self._kept.lift(stop_id, at=self._clock(), why=why[:_LONGEST_REASON])

    def _record(self, event: PolicyHappening, stop: Stop, by: StopOrigin) -> None:
        at = self._clock()
        purpose = (
            stop.purpose if stop.purpose in PURPOSES else ""
        )  # a leaf holds purposes of the vocabulary alone; its id says which
        leaf = PolicyEvent(
            event=event, at=at, region=self._region, by=by.value, stop=stop.id, importer=stop.importer, purpose=purpose
        )
        self._ledger.append(event_bytes(leaf), at=at)


def known_flow(importer: str, purpose: str, registry: Registry) -> None:
    """Refuse what a stop could never match, with the nearest word. Raises INPUT_UNKNOWN."""
    if importer and registry.law_of(importer) is None:
        what = f"unknown jurisdiction `{importer[:16]}`"
        remedy = use_one_of(importer, registry.jurisdictions) + "; or `--all`"
        raise DomicileError(what, where="--importer", remedy=remedy, code=Code.INPUT_UNKNOWN)
    if purpose and purpose not in PURPOSES:
        what = f"unknown purpose `{purpose[:80]}`"
        raise DomicileError(what, where="--purpose", remedy=use_one_of(purpose, sorted(PURPOSES)), code=Code.INPUT_UNKNOWN)
