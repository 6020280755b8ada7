"""Taking what the index publishes: the list of keys, bundles, stop notices. Each is verified first; what fails changes nothing.

Who answers at the index's address is not believed: a bundle counts by the signatures of its author, a second person, the privacy
officers of the regions it widens, and the index, each under a key of the list that this node has followed since it joined.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policies.engine.bundle import Link, SignedBundle, read_bundle
from policies.engine.bundle_files import policies_of
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes
from policies.engine.stops import ANY, Act, next_number, open_past
from policies.engine.stops import Stop as Notice
from policies.engine.trust import Root, open_root, verify_bundle, verify_chain
from regional_node.usecases.ledger import Ledger
from regional_node.usecases.policies import Accepted, Standing, Stop, StopOrigin
from regional_node.usecases.stopping import Stopping


class BundlesKept(Protocol):
    """What keeps roots, bundles and notices, durably."""

    def standing(self) -> Standing:
        """The accepted bundles and the stops that stand."""
        ...

    def root(self) -> bytes | None:
        """The list of keys held, as it was signed."""
        ...

    def put_root(self, signed: bytes) -> None:
        """Keep a list of keys."""
        ...

    def accept(self, bundle: Accepted, signed: bytes) -> None:
        """Keep a bundle. Raises RECORD_CONFLICT."""
        ...

    def withdraw(self, version: int, *, at: datetime) -> bool:
        """Take back one that has not begun."""
        ...

    def envelope(self, bundle: Accepted) -> bytes:
        """Its signed bytes. Raises POLICY_MISSING."""
        ...

    def notice(self) -> int:
        """The number of the last notice taken."""
        ...

    def noticed(self, number: int) -> None:
        """Keep that number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Which node this is. `laws` gives every law that attaches to it under some policies: its own, those above it, the overlays.

    `lies_in` tells whether a stop of a place's exports binds it: of one of these laws, or of the state it lies in.
    """

    federation: str
    region: str
    laws: Callable[[Policies | None], Collection[str]]
    lies_in: Callable[[str, Policies | None], bool]


class _Reader:
    """Opens bundles in turn. `laws` grows by those that attach under each one's own registry: a bundle cannot make a law go away.

    `faults` names the versions whose files do not load here. One in the middle is not kept, and keeps nobody behind.
    """

    def __init__(self, *, laws: set[str], of: Callable[[Policies], Collection[str]]) -> None:
        self.laws = laws
        self.faults: dict[int, DomicileError] = {}
        self._of = of

    def read(self, found: Iterable[bytes]) -> Iterator[SignedBundle]:
        """Each opened. Raises BUNDLE_ALTERED."""
        for raw in found:
            signed = read_bundle(raw)
            try:
                self.laws |= {*self._of(policies_of(signed.bundle))}
            except DomicileError as error:
                self.faults[signed.bundle.version] = error
            yield signed


class Accepting:
    """Verifies and keeps. `present` gives the policies in force, or None."""

    def __init__(
        self,
        kept: BundlesKept,
        ledger: Ledger,
        stopping: Stopping,
        *,
        node: Whereabouts,
        present: Callable[[], Policies | None],
        clock: Callable[[], datetime],
    ) -> None:
        self._kept = kept
        self._ledger = ledger
        self._stopping = stopping
        self._node = node
        self._present = present
        self._clock = clock

    def root(self) -> Root | None:
        """The list of keys held; None before there is one. Raises TRUST_REFUSED when its file is damaged."""
        raw = self._kept.root()
        return None if raw is None else open_root(raw, federation=self._node.federation, known=None)

    def take_roots(self, found: Iterable[bytes]) -> int:
        """Follow the list of keys, version by version; how many were new. Raises TRUST_REFUSED, TRUST_OLDER.

        A bundle that waits for its date is withdrawn when a key under it no longer counts; one that has begun stays in force.
        That is seen to at every look: the last one may have ended between keeping a list and withdrawing.
        """
        known, taken = self.root(), 0
        try:
            for raw in found:
                if raw == self._kept.root():  # another process of this home was first
                    continue
                known = open_root(raw, federation=self._node.federation, known=known)
                self._kept.put_root(raw)
                taken += 1
        finally:
            if known is not None:
                self._withdraw(known)
        return taken

    def take_bundles(self, found: Iterable[bytes]) -> tuple[Accepted, ...]:
        """Keep those that verify, in order. Raises the code of what is wrong with the last one, and then none was kept."""
        root = self._required_root()
        at = self._clock()
        held = self.held()
        current = Link(version=held.version, digest=held.digest) if held is not None else None
        reader = _Reader(laws={*self._node.laws(self._present())}, of=self._node.laws)
        whole = verify_chain(reader.read(found), root, at=at, current=current, region=self._node.region, laws=reader.laws)
        if whole and (fault := reader.faults.get(whole[-1].bundle.version)) is not None:
            raise fault
        return tuple(self._keep(each, at) for each in whole if each.bundle.version not in reader.faults)

    def take_stops(self, found: Iterable[bytes]) -> int:
        """Obey the stop notices, in order; how many there were. Raises STOP_REFUSED at the first that fails, the others obeyed.

        Under a publisher's key revoked since, a stop is obeyed and a resumption passed over: neither keeps later notices back.
        """
        last, taken = self._kept.notice(), 0
        for raw in found:
            notice, stands = open_past(raw, self._required_root())
            next_number([notice], last)
            if stands or notice.act is Act.STOP:
                self._obey(notice)
            self._kept.noticed(notice.number)
            last, taken = notice.number, taken + 1
        return taken

    def held(self) -> Accepted | None:
        """The newest bundle accepted, in force or waiting."""
        return max(self._kept.standing().accepted, key=lambda each: each.version, default=None)

    def _required_root(self) -> Root:
        root = self.root()
        if root is None:
            raise DomicileError(
                "this node knows no list of policy keys, so it accepts no bundle",
                where="policies",
                remedy="have headquarters run `global-index policy keys`, then run `regional-node policy fetch`",
                code=Code.TRUST_REFUSED,
            )
        return root

    def _keep(self, signed: SignedBundle, at: datetime) -> Accepted:
        bundle = signed.bundle
        accepted = Accepted(
            version=bundle.version,
            digest=signed.envelope.digest,
            policy_digest=bundle.policy_digest,
            active_from=bundle.active_from,
            expires=bundle.expires,
            accepted_at=at,
        )
        event = PolicyEvent(
            event=PolicyHappening.BUNDLE_INSTALLED,
            at=at,
            region=self._node.region,
            by=StopOrigin.INDEX.value,
            bundle=bundle.version,
            digest=accepted.digest,
        )
        self._ledger.append(event_bytes(event), at=at)  # first: what decides is never without a leaf
        self._kept.accept(accepted, signed.to_bytes())
        return accepted

    def _withdraw(self, root: Root) -> None:
        at = self._clock()
        for waiting in self._kept.standing().accepted:
            if waiting.begun(at=at):
                continue
            try:
                verify_bundle(read_bundle(self._kept.envelope(waiting)), root, at=at, current=None)
            except DomicileError:
                self._kept.withdraw(waiting.version, at=at)

    def _obey(self, notice: Notice) -> None:
        if notice.act is Act.STOP:
            if notice.exporter == ANY or self._node.lies_in(notice.exporter, self._present()):
                self._stopping.stop(
                    importer="" if notice.importer == ANY else notice.importer,
                    purpose=notice.purpose,
                    reason=notice.reason,
                    origin=StopOrigin.INDEX,
                    stop_id=_stop_id(notice.number),
                )
            return
        standing: tuple[Stop, ...] = self._kept.standing().stops
        if any(each.id == _stop_id(notice.ends) for each in standing):
            self._stopping.resume(_stop_id(notice.ends), why=notice.reason, origin=StopOrigin.INDEX)


def _stop_id(number: int) -> str:
    return f"hq-{number}"
