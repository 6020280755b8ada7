"""What regions fetch and say: roots, bundles in order, stops, proposals, reports. Each region verifies what it is given itself."""

from collections.abc import Sequence
from datetime import datetime

from global_index.policy.approving import Bound, Regions, laws_of, proposals
from global_index.policy.drafts import Draft, PolicyStore, PolicyUnit, Published, Reported
from policies.engine.bundle import Phase, Role, SignedBundle
from policies.engine.bundle_files import registry_in
from policies.engine.diagnostics import PolicyError
from policies.engine.lifecycle import PolicyReport, Proposal
from policies.engine.roots import Root
from policies.engine.trust import KeyRole

PAGE = 32


class Offering:
    """The use cases of a region's calls. `region` is always who calls, by its certificate."""

    def __init__(self, *, store: PolicyStore, regions: Regions) -> None:
        self._store = store
        self._regions = regions

    def roots(self, *, after: int) -> tuple[tuple[bytes, ...], bool]:
        """The versions of the root document after the one known, and whether more follow."""
        with self._store.reading() as unit:
            found = unit.roots(after=after)
        return found[:PAGE], len(found) > PAGE

    def bundle(self, *, after: int, at: datetime) -> tuple[bytes, bool]:
        """The next bundle and whether more follow; nothing when none does.

        A region that holds none begins with the bundle in force: what was retired is not put in force again.
        """
        with self._store.reading() as unit:
            found = unit.bundles(after=after)
        if after == 0:
            found = found[_first(found, at=at) :]
        return (found[0].signed.to_bytes(), len(found) > 1) if found else (b"", False)

    def stops(self, *, after: int) -> tuple[tuple[bytes, ...], bool]:
        """The stop notices after a number, and whether more follow."""
        with self._store.reading() as unit:
            found = unit.stops(after=after)
        return found[:PAGE], len(found) > PAGE

    def proposal(self, region: str, *, after: str, root: Root) -> tuple[Proposal | None, bool]:
        """The next proposal that awaits the region's countersignature, or has it, and whether more follow."""
        with self._store.reading() as unit:
            waiting = [each for each in proposals(unit) if (signed := each.bundle) and self._concerns(signed, region)]
            digests = [each.bundle.envelope.digest for each in waiting if each.bundle]
            if after in digests:
                waiting = waiting[digests.index(after) + 1 :]
            if not waiting:
                return None, False
            return _proposal(unit, waiting[0], region=region, root=root), len(waiting) > 1

    def report(self, region: str, report: PolicyReport, *, at: datetime) -> None:
        """Keep what a region says of the policies it runs."""
        with self._store.writing() as unit:
            unit.keep_report(Reported(region=region, at=at, report=report))

    def _concerns(self, signed: SignedBundle, region: str) -> bool:
        if region in signed.bundle.regions:
            return True
        bound = next((each for each in self._regions() if each.region == region), None)  # it joined after the submission
        return bound is not None and _attaches(signed, bound)


def _attaches(signed: SignedBundle, bound: Bound) -> bool:
    try:
        return bool(laws_of(bound.jurisdiction, registry_in(signed.bundle.files)) & set(signed.bundle.widens))
    except PolicyError:
        return False


def _proposal(unit: PolicyUnit, draft: Draft, *, region: str, root: Root) -> Proposal:
    signed = draft.bundle
    assert signed is not None, "a proposal is signed"  # noqa: S101 - tells the type checker what `proposals` gives
    officers = {key.id for key in root.keys if key.role is KeyRole.PRIVACY_OFFICER and key.region == region}
    rehearsed = next((each for each in unit.rehearsals(draft.draft_id) if each.region == region), None)
    return Proposal(
        digest=signed.envelope.digest,
        bundle=signed.to_bytes(),
        title=draft.title,
        difference=draft.difference,
        countersigned=any(each.key in officers for each in signed.envelope.of(Role.PRIVACY_OFFICER.value)),
        rehearsal=rehearsed.counts if rehearsed else None,
    )


def _first(found: Sequence[Published], *, at: datetime) -> int:
    """Where a region without any bundle begins: at the newest one that has begun, else at the first."""
    begun = [place for place, each in enumerate(found) if each.signed.bundle.phase(at=at) is not Phase.PENDING]
    return begun[-1] if begun else 0
