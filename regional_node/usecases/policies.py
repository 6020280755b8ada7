"""The life of policies at a node: which bundles were accepted, which flows are stopped. Nothing here verifies or decides.

A bundle is accepted once, after it was verified. What has begun is never taken back: the newest that has is in force, also when it
has expired (then everything is denied), so no older one comes back. One that waits is withdrawn when its signers no longer count.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Mode(StrEnum):
    """What a node decides by. Grammar: one noun."""

    FOLDER = "folder"  # the home's own copy, as `init` makes it, until a first bundle has begun
    BUNDLE = "bundle"


class BundleState(StrEnum):
    """How a bundle stands at a node. Grammar: one adjective."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    RETIRED = "retired"


class StopOrigin(StrEnum):
    """Who stopped a flow, and alone may let it run again. Grammar: one noun."""

    NODE = "node"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A bundle that was verified. `begun_at` is when the node first saw it in force: a clock set back does not undo that."""

    version: int
    digest: str
    policy_digest: str
    active_from: datetime
    expires: datetime
    accepted_at: datetime
    begun_at: datetime | None = None

    def begun(self, *, at: datetime) -> bool:
        """Whether it has been in force, or is now."""
        return self.begun_at is not None or self.active_from <= at


def newest_begun(accepted: tuple[Accepted, ...], *, at: datetime) -> Accepted | None:
    """The one in force, or that was last in force and has expired; None when none has begun yet."""
    return max((each for each in accepted if each.begun(at=at)), key=lambda each: each.version, default=None)


def state_of(bundle: Accepted, accepted: tuple[Accepted, ...], *, at: datetime) -> BundleState:
    """How one of the accepted bundles stands."""
    if not bundle.begun(at=at):
        return BundleState.PENDING
    if bundle != newest_begun(accepted, at=at):
        return BundleState.RETIRED
    return BundleState.EXPIRED if at >= bundle.expires else BundleState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A flow that is stopped: to the importers of a jurisdiction (empty: to all), for a purpose and those below it (empty: all)."""

    id: str
    importer: str
    purpose: str
    reason: str
    origin: StopOrigin
    set_at: datetime
    lifted_at: datetime | None = None
    lifted_why: str = ""

    @property
    def stands(self) -> bool:
        """Whether nothing may flow."""
        return self.lifted_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchState:
    """How the last look at the index went: when, what of it was refused (code, one line), and when one last went well."""

    tried_at: datetime | None = None
    went_well_at: datetime | None = None
    code: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the store keeps of policies, read in one transaction. `generation` grows with every change."""

    generation: int
    accepted: tuple[Accepted, ...]
    stops: tuple[Stop, ...]


class PolicyBook(Protocol):
    """The store's page on policies. Every change is durable before it returns, and grows the generation."""

    def generation(self) -> int:
        """How many changes there were."""
        ...

    def standing(self) -> Standing:
        """Everything that decides: accepted bundles by version, and the stops that stand."""
        ...

    def accept(self, bundle: Accepted) -> None:
        """Keep a verified bundle. Raises RECORD_CONFLICT unless it is newer than all, or there already, byte for byte."""
        ...

    def withdraw(self, version: int, *, at: datetime) -> bool:
        """Take back a bundle that has not begun; False when it has, or is not there."""
        ...

    def begin(self, version: int, *, at: datetime) -> None:
        """Keep that a bundle has been in force from now on; a second time changes nothing."""
        ...

    def stop(self, stop: Stop) -> None:
        """Keep a stop; one of the same id that stands stays as it is, one that was lifted stands again."""
        ...

    def lift(self, stop_id: str, *, at: datetime, why: str) -> Stop:
        """End a stop. Raises RECORD_NOT_FOUND when none of that id stands."""
        ...

    def stops(self) -> tuple[Stop, ...]:
        """All that ever were, newest first."""
        ...

    def notice(self) -> int:
        """The number of the last stop notice that was taken from the index, 0 before the first."""
        ...

    def noticed(self, number: int) -> None:
        """Keep the number of the last notice taken; it never falls."""
        ...

    def fetched(self, state: FetchState) -> None:
        """Keep how a look at the index went. It decides nothing, so the generation stays."""
        ...

    def fetch_state(self) -> FetchState:
        """How the last look at the index went."""
        ...


class PoliciesKept(Protocol):
    """What a node keeps of policies, as the source of policies reads it at each decision."""

    def stamp(self) -> Hashable:
        """Something that differs after any change made in this home: a cheap look, no more than a file's time."""
        ...

    def generation(self) -> int:
        """How many changes the store has seen, also by other copies of this node. Raises STORE_UNAVAILABLE."""
        ...

    def standing(self) -> Standing:
        """What the store keeps."""
        ...

    def envelope(self, bundle: Accepted) -> bytes:
        """The signed bytes of an accepted bundle. Raises POLICY_MISSING when they are gone or are not those that were accepted."""
        ...

    def begin(self, version: int, *, at: datetime) -> None:
        """Keep that a bundle has been in force from now on."""
        ...
