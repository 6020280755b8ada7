"""Drafts, published bundles, rehearsals and reports as they are kept, and what is needed of a store. Nothing here decides."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from policies.engine.bundle import SignedBundle, read_bundle
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import BundleGraph, PolicyReport, RehearsalCounts
from policies.engine.states import State

LONGEST_TITLE = 200
_UNPUBLISHED = ("DRAFT", "CHECKED", "REHEARSED", "SUBMITTED", "APPROVED", "COUNTERSIGNED", "SIGNED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A change on its way. `author` is an account id; `revision` rises with every write.

    `envelope` is empty until its dates are fixed; then it holds the bundle and the signatures so far. `difference` is what those
    who sign were shown. Once it is published `state` says PUBLISHED, and `settled` what time and the nodes have made of that.
    """

    draft_id: str
    title: str
    author: str
    state: str
    changed_at: datetime
    files: Mapping[str, str]
    revision: int = 1
    envelope: bytes = b""
    difference: str = ""

    @property
    def open(self) -> bool:
        """Whether it can still be edited or withdrawn."""
        return self.state in _UNPUBLISHED

    @property
    def bundle(self) -> SignedBundle | None:
        """The bundle with the signatures so far, None before its dates are fixed."""
        return read_bundle(self.envelope) if self.envelope else None

    def moved(self, target: State, *, at: datetime) -> "Draft":
        """The draft in `target`. Raises RECORD_CONFLICT where the graph does not lead there."""
        state = BundleGraph.move(self.state, target, where=f"draft {self.draft_id[:8]}")
        return replace(self, state=state, changed_at=at)

    def reopened(self, *, at: datetime) -> "Draft":
        """Back in DRAFT: whatever was signed, compared or fixed is void."""
        return replace(self.moved(BundleGraph.DRAFT, at=at), envelope=b"", difference="")


class Act(StrEnum):
    """What somebody did to a draft, a key or a flow. Grammar: a verb in the past."""

    STARTED = "started"
    EDITED = "edited"
    CHECKED = "checked"
    REHEARSED = "rehearsed"
    PREPARED = "prepared"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    COUNTERSIGNED = "countersigned"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    ENROLLED = "enrolled"
    ROTATED = "rotated"
    REVOKED = "revoked"
    STOPPED = "stopped"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One line of what was done: `actor` is an account id, a key's holder, or `operator`; `about` a draft, key or notice."""

    at: datetime
    actor: str
    act: Act
    about: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How a region took a rehearsal: its counts, or the code of the error that kept it from one."""

    region: str
    at: datetime
    code: str = ""
    counts: RehearsalCounts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published bundle. `draft_id` is the draft it came from."""

    version: int
    draft_id: str
    signed: SignedBundle
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a region last said of the policies it runs."""

    region: str
    at: datetime
    report: PolicyReport


class PolicyUnit(Protocol):
    """One transaction over everything of the policies."""

    def draft(self, draft_id: str) -> Draft | None:
        """A draft by its id."""
        ...

    def drafts(self, *, limit: int) -> tuple[Draft, ...]:
        """The latest drafts, newest first."""
        ...

    def add_draft(self, draft: Draft) -> None:
        """Write a new draft."""
        ...

    def keep_draft(self, draft: Draft) -> Draft:
        """Write a changed draft, its revision one up. Raises RECORD_CONFLICT when it has changed since it was read."""
        ...

    def rehearsals(self, draft_id: str) -> tuple[Rehearsed, ...]:
        """How the regions took the rehearsal of a draft, by region."""
        ...

    def keep_rehearsals(self, draft_id: str, found: tuple[Rehearsed, ...]) -> None:
        """Write them in place of earlier ones."""
        ...

    def bundles(self, *, after: int = 0) -> tuple[Published, ...]:
        """The published bundles after a version, in order."""
        ...

    def newest(self) -> Published | None:
        """The last published bundle."""
        ...

    def add_bundle(self, bundle: Published) -> None:
        """Write a published bundle. Raises RECORD_CONFLICT when its version is taken."""
        ...

    def roots(self, *, after: int = 0) -> tuple[bytes, ...]:
        """The signed versions of the root document after a version, in order."""
        ...

    def add_root(self, version: int, envelope: bytes) -> None:
        """Write a new version. Raises RECORD_CONFLICT when it is taken."""
        ...

    def stops(self, *, after: int = 0) -> tuple[bytes, ...]:
        """The signed stop notices after a number, in order."""
        ...

    def add_stop(self, number: int, envelope: bytes) -> None:
        """Write a notice. Raises RECORD_CONFLICT when its number is taken."""
        ...

    def reports(self) -> tuple[Reported, ...]:
        """What each region last said, by region."""
        ...

    def keep_report(self, reported: Reported) -> None:
        """Write what a region says, in place of what it said before."""
        ...

    def record(self, deed: Deed) -> None:
        """Add a line to what was done."""
        ...

    def deeds(self, *, about: str = "", limit: int = 200) -> tuple[Deed, ...]:
        """The latest lines, newest first; of one draft, key or notice where named."""
        ...


class PolicyStore(Protocol):
    """Opens transactions: committed at the end of the block, rolled back when it raises."""

    def writing(self) -> AbstractContextManager[PolicyUnit]:
        """A transaction that may write."""
        ...

    def reading(self) -> AbstractContextManager[PolicyUnit]:
        """A transaction that sees one state."""
        ...


def required(unit: PolicyUnit, draft_id: str) -> Draft:
    """A draft by its id, or by the beginning of it that fits one alone. Raises RECORD_NOT_FOUND."""
    found = unit.draft(draft_id)
    if found is None and len(draft_id) >= 4:  # noqa: PLR2004 - what a person may type instead of 32 digits
        fitting = [
            each for each in unit.drafts(limit=1000) if each.draft_id.endswith(draft_id) or each.draft_id.startswith(draft_id)
        ]
        found = fitting[0] if len(fitting) == 1 else None
    if found is None:
        raise DomicileError(
            what=f"there is no draft `{draft_id[:40]}`", remedy="see `global-index policy status`", code=Code.RECORD_NOT_FOUND
        )
    return found


def settled(draft: Draft, unit: PolicyUnit, *, regions: tuple[str, ...], at: datetime) -> str:
    """What a draft's state is by now: for a published one, what time and the reports of `regions` have made of it."""
    if draft.state != BundleGraph.PUBLISHED.name:
        return draft.state
    signed = draft.bundle
    if signed is None:
        return draft.state
    bundle = signed.bundle
    later = [each for each in unit.bundles(after=bundle.version) if each.signed.bundle.active_from <= at]
    if at >= bundle.expires or later:
        return BundleGraph.move(draft.state, BundleGraph.RETIRED)
    if at >= bundle.active_from:
        return BundleGraph.move(draft.state, BundleGraph.ACTIVE)
    held = {each.region for each in unit.reports() if max(each.report.version, each.report.pending_version) >= bundle.version}
    fetched = bool(regions) and held >= set(regions)
    return BundleGraph.move(draft.state, BundleGraph.FETCHED) if fetched else draft.state
