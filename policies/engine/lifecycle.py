"""The life of a bundle at headquarters and at a node as state graphs, and what a node reports. Nothing here keeps a state."""

from dataclasses import dataclass
from enum import StrEnum

from policies.engine.states import State, StateGraph
from policies.engine.vocabulary import Outcome


class BundleGraph(StateGraph):
    """From draft to retirement. An edit takes whatever is not published back to DRAFT, and every signature with it is void."""

    DRAFT = State(initial=True)
    CHECKED = State()  # it loads, and its cases answer as expected
    REHEARSED = State()  # the regions were asked which past decisions would flip
    SUBMITTED = State()  # its version and dates are fixed, and its author has signed
    APPROVED = State()  # a second person has signed
    COUNTERSIGNED = State()  # the privacy officer of every region that it widens has signed
    SIGNED = State()  # the index has signed
    PUBLISHED = State()
    FETCHED = State()  # every region that is asked holds it
    ACTIVE = State()
    RETIRED = State(final=True)
    WITHDRAWN = State(final=True)

    DRAFT.to(DRAFT, CHECKED, WITHDRAWN)
    CHECKED.to(DRAFT, CHECKED, REHEARSED, WITHDRAWN)
    REHEARSED.to(DRAFT, REHEARSED, SUBMITTED, WITHDRAWN)
    SUBMITTED.to(DRAFT, APPROVED, WITHDRAWN)
    APPROVED.to(DRAFT, COUNTERSIGNED, SIGNED, WITHDRAWN)
    COUNTERSIGNED.to(DRAFT, SIGNED, WITHDRAWN)
    SIGNED.to(PUBLISHED)
    PUBLISHED.to(FETCHED, ACTIVE, RETIRED)
    FETCHED.to(ACTIVE, RETIRED)
    ACTIVE.to(RETIRED)


class NodeGraph(StateGraph):
    """Where a node stands. EXPIRED and FAULT deny everything; once a bundle was active the folder is never consulted again."""

    FOLDER = State(initial=True)
    PENDING = State()
    ACTIVE = State()
    EXPIRED = State()
    FAULT = State()

    FOLDER.to(PENDING, ACTIVE, FAULT)
    PENDING.to(ACTIVE, EXPIRED, FAULT)
    ACTIVE.to(ACTIVE, EXPIRED, FAULT)
    EXPIRED.to(ACTIVE, PENDING, FAULT)
    FAULT.to(FOLDER, PENDING, ACTIVE, EXPIRED)


class NodeState(StrEnum):
    """The same as a closed list for reports. Grammar: one word."""

    FOLDER = "folder"
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """What a node says of the policies it runs. Empty digests and zero versions say none; `fault` is a code of the catalogue."""

    state: NodeState
    version: int = 0
    digest: str = ""
    policy_digest: str = ""
    overlay_digest: str = ""
    fault: str = ""
    pending_version: int = 0
    root_version: int = 0
    stop_number: int = 0
    stops: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipCount:
    """How many recorded decisions go from one outcome to another under a draft, by the policies that determine the new one."""

    before: Outcome
    after: Outcome
    rules: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalCounts:
    """A rehearsal at one node: counts and names of policies, nothing about anyone. `unreadable` records could not be replayed."""

    policy_digest: str
    decisions: int
    unreadable: int = 0
    flips: tuple[FlipCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A bundle that awaits a region's countersignature. `bundle` is the envelope so far; `difference` is text."""

    digest: str
    bundle: bytes
    title: str
    difference: str
    countersigned: bool
    rehearsal: RehearsalCounts | None = None
