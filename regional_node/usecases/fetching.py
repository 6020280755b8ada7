"""One look at the index for policies: keys first, then stops, then bundles, then the report. One that fails keeps no other back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from policies.engine.bundle import read_bundle
from policies.engine.errors import DomicileError
from policies.engine.lifecycle import PolicyReport
from regional_node.usecases.accepting import Accepting
from regional_node.usecases.policies import Accepted, FetchState

T = TypeVar("T")


class Index(Protocol):
    """A conversation with the index. Each method raises what the wire raises."""

    def roots(self, known: int) -> Iterator[bytes]:
        """The lists of keys after a version."""
        ...

    def bundles(self, after: int, version_of: Callable[[bytes], int]) -> Iterator[bytes]:
        """The bundles after a version."""
        ...

    def stops(self, after: int) -> Iterator[bytes]:
        """The stop notices after a number."""
        ...

    def report(self, report: PolicyReport) -> None:
        """Tell what this node runs."""
        ...


class FetchKept(Protocol):
    """Where it is kept how the last look went, and which notice was the last."""

    def notice(self) -> int:
        """The number of the last notice taken."""
        ...

    def fetched(self, state: FetchState) -> None:
        """Keep how it went."""
        ...

    def fetch_state(self) -> FetchState:
        """How the last one went."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a look brought, and the first thing that was refused."""

    roots: int = 0
    stops: int = 0
    bundles: tuple[Accepted, ...] = ()
    fault: DomicileError | None = None


class Fetching:
    """Looks, takes, keeps how it went, and tells the index what runs here whenever that has changed."""

    def __init__(
        self,
        accepting: Accepting,
        kept: FetchKept,
        *,
        report: Callable[[str], PolicyReport],
        clock: Callable[[], datetime],
    ) -> None:
        self._accepting = accepting
        self._kept = kept
        self._report = report
        self._clock = clock
        self._reported: PolicyReport | None = None

    def fetch(self, index: Index) -> Fetched:
        """Take what there is. What is refused is kept as the state of the fetch, and told; nothing raises but the store."""
        faults: list[DomicileError] = []
        roots = _tried(lambda: self._roots(index), 0, faults)
        stops = _tried(lambda: self._accepting.take_stops(index.stops(self._kept.notice())), 0, faults)
        bundles: tuple[Accepted, ...] = _tried(lambda: self._bundles(index), (), faults)
        self.keep(faults[0] if faults else None)
        _tried(lambda: self._tell(index, faults[0].code.value if faults else ""), None, faults)
        return Fetched(roots=roots, stops=stops, bundles=bundles, fault=faults[0] if faults else None)

    def keep(self, fault: DomicileError | None) -> None:
        """Keep how a look went, or that the index could not be reached."""
        at = self._clock()
        before = self._kept.fetch_state()
        if fault is None:
            self._kept.fetched(FetchState(tried_at=at, went_well_at=at))
        else:
            told = FetchState(tried_at=at, went_well_at=before.went_well_at, code=fault.code.value, fault=str(fault))
            self._kept.fetched(told)

    def _roots(self, index: Index) -> int:
        known = self._accepting.root()
        return self._accepting.take_roots(index.roots(known.version if known is not None else 0))

    def _bundles(self, index: Index) -> tuple[Accepted, ...]:
        if self._accepting.root() is None:
            return ()  # a federation that signs no bundles yet
        held = self._accepting.held()
        found = index.bundles(held.version if held is not None else 0, lambda raw: read_bundle(raw).bundle.version)
        return self._accepting.take_bundles(found)

    def _tell(self, index: Index, fault: str) -> None:
        report = self._report(fault)
        if report != self._reported:
            index.report(report)
            self._reported = report


def _tried(work: Callable[[], T], otherwise: T, faults: list[DomicileError]) -> T:
    try:
        return work()
    except DomicileError as error:
        faults.append(error)
        return otherwise
