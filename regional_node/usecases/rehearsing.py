"""Rehearsing a draft on this node's own ledger. What comes out are counts and names of policies; that it was asked is recorded."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from policies.engine.bundle_files import documents_of
from policies.engine.document import Documents
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.lifecycle import RehearsalCounts
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes, is_event
from policies.engine.record import DecisionRecord, from_bytes
from policies.engine.replay import Rebuild, replay
from regional_node.usecases.ledger import Ledger

NEWEST = 50_000
"""How many of the newest leaves are replayed: what a draft would do shows in those, and the index waits for the answer."""
_PAGE = 2_000


class Rehearsing:
    """Replays drafts. `live` gives the policies in force, `overlaid` lays the region's own rules over a draft.

    `rebuild` gives back the request behind a record, with the claims that the node holds for the importer.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        region: str,
        live: Callable[[], Policies | None],
        overlaid: Callable[[Documents], Documents],
        rebuild: Rebuild,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._region = region
        self._live = live
        self._overlaid = overlaid
        self._rebuild = rebuild
        self._clock = clock

    def rehearse(self, files: Mapping[str, str], policy_digest: str, *, by: str = "index") -> RehearsalCounts:
        """What a draft would have decided otherwise; `by` says who asks. Raises PolicyError, POLICY_INVALID."""
        documents = documents_of(files)
        if documents.digest != policy_digest:
            raise DomicileError(
                "the draft is read here as other policies than at the index",
                where="draft",
                remedy="bring both sides to the same release",
                code=Code.POLICY_INVALID,
            )
        at = self._clock()
        event = PolicyEvent(event=PolicyHappening.DRAFT_REHEARSED, at=at, region=self._region, by=by, digest=policy_digest)
        self._ledger.append(event_bytes(event), at=at)
        draft = compile_policies(self._overlaid(documents))
        counts = replay(draft, self._records(), live=self._live(), rebuild=self._rebuild)
        return replace(counts, policy_digest=policy_digest)

    def _records(self) -> Iterator[DecisionRecord]:
        size = self._ledger.size()
        start = max(0, size - NEWEST)
        while start < size:
            for _, leaf in self._ledger.leaves(start, _PAGE):
                if not is_event(leaf):
                    yield from_bytes(leaf)
            start += _PAGE
