"""What a node does with its policies, put together: the source that the gate asks, stops, fetching, rehearsing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import Engine

from policies.engine.bundle import read_bundle
from policies.engine.bundle_files import documents_of
from policies.engine.document import Documents
from policies.engine.errors import DomicileError
from policies.engine.evaluator import Policies
from policies.engine.lifecycle import PolicyReport
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes
from policies.engine.registry_parser import shipped_registry
from regional_node.egress.importers import ImporterRegister
from regional_node.egress.listed import FOLDER as LISTS
from regional_node.egress.policy_overlay import load_overlay, together
from regional_node.egress.policy_rehearsal import rebuilding
from regional_node.egress.policy_report import report_of
from regional_node.egress.policy_source import InForce, LocalRules, PolicySource
from regional_node.egress.requests import NodeIdentity
from regional_node.rpc import joining
from regional_node.rpc.policies import IndexPolicies
from regional_node.settings import NodeSettings
from regional_node.storage.lists import ListFiles
from regional_node.storage.policies import SqlPolicyBook
from regional_node.storage.policy_files import PolicyFiles, StoredPolicies
from regional_node.usecases.accepting import Accepting, Whereabouts
from regional_node.usecases.fetching import Fetched, Fetching
from regional_node.usecases.ledger import Ledger
from regional_node.usecases.lists import Loading
from regional_node.usecases.policies import newest_begun
from regional_node.usecases.rehearsing import Rehearsing
from regional_node.usecases.stopping import Stopping

OVERLAY = "policies-local"
BUNDLES = "bundles"


def policies_kept(home: Path, engine: Engine) -> StoredPolicies:
    """What the home and its store keep of policies."""
    return StoredPolicies(SqlPolicyBook(engine), PolicyFiles(home / BUNDLES, root=home / "tls" / joining.POLICY_ROOT))


def policy_source(home: Path, settings: NodeSettings, kept: StoredPolicies, *, clock: Callable[[], datetime]) -> PolicySource:
    """The policies in force in a home."""
    local = LocalRules(overlay=home / OVERLAY, kept=kept, jurisdiction=settings.jurisdiction, opened=_opened)
    return PolicySource(home / "policies", local=local, clock=clock)


def _opened(raw: bytes) -> Documents:
    return documents_of(read_bundle(raw).bundle.files)


def attaching_laws(jurisdiction: str, policies: Policies | None) -> frozenset[str]:
    """Every law that attaches to a node: its own, those above it, and the overlays."""
    registry = policies.registry if policies is not None else shipped_registry()
    own = registry.law_of(jurisdiction)
    above = registry.chain(own) if own is not None else ()
    return frozenset({jurisdiction, *above, *(code for code, each in registry.jurisdictions.items() if each.overlay)})


def lies_in(code: str, policies: Policies | None, *, jurisdiction: str, state: str) -> bool:
    """Whether a stop of the exports of a place binds a node: of a law that attaches to it, or of the state that it lies in.

    What cannot be told binds: a place that no registry here knows, a node that was not told its state.
    """
    if code in attaching_laws(jurisdiction, policies):
        return True
    registry = policies.registry if policies is not None else shipped_registry()
    law = registry.law_of(code)
    if law is None:
        return shipped_registry().law_of(code) is None
    own, place = registry.party(jurisdiction), registry.party(code).get("state")
    if place is None or law != own["region"]:
        return False
    mine = state or own.get("state", "")
    return not mine or f"{mine}-".startswith(f"{place}-") or place.startswith(f"{mine}-")


@dataclass(frozen=True)
class PolicyRooms:
    """All that is done with the policies of one home."""

    home: Path
    settings: NodeSettings
    node: NodeIdentity
    kept: StoredPolicies
    source: PolicySource
    importers: ImporterRegister
    ledger: Ledger
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def stopping(self) -> Stopping:
        """Stopping flows and letting them run again."""
        return Stopping(self.kept, self.ledger, region=self.settings.region, clock=self.clock, new_id=self.new_id)

    @cached_property
    def lists(self) -> ListFiles:
        """The dated lists that an operator loaded."""
        return ListFiles(self.home / LISTS)

    @cached_property
    def loading(self) -> Loading:
        """Loading lists."""
        return Loading(self.lists, self.ledger, region=self.settings.region, clock=self.clock)

    @cached_property
    def accepting(self) -> Accepting:
        """Taking what the index publishes. Raises KEY_MISSING before the node has joined."""
        node = Whereabouts(
            federation=joining.load(self.home / "tls").federation,
            region=self.settings.region,
            laws=lambda policies: attaching_laws(self.settings.jurisdiction, policies),
            lies_in=partial(lies_in, jurisdiction=self.settings.jurisdiction, state=self.settings.state),
        )
        return Accepting(self.kept, self.ledger, self.stopping, node=node, present=self.source, clock=self.clock)

    @cached_property
    def fetching(self) -> Fetching:
        """Looking at the index."""
        return Fetching(self.accepting, self.kept.book, report=self.report, clock=self.clock)

    @cached_property
    def rehearsing(self) -> Rehearsing:
        """Replaying drafts."""
        return Rehearsing(
            self.ledger,
            region=self.settings.region,
            live=self._live,
            overlaid=self._overlaid,
            rebuild=rebuilding(self.node, self.importers),
            clock=self.clock,
        )

    def index(self) -> IndexPolicies:
        """A conversation with the index."""
        return IndexPolicies(self.home / "tls", at=self.clock())

    def fetch(self) -> Fetched:
        """Look at the index once. What cannot be reached or is refused is kept, told by `policy status`, and returned."""
        try:
            with self.index() as index:
                return self.fetching.fetch(index)
        except DomicileError as error:
            self.fetching.keep(error)
            return Fetched(fault=error)

    def base(self) -> Documents | None:
        """The documents of the bundle in force, without the region's own rules and stops; None where the folder decides."""
        bundle = newest_begun(self.kept.standing().accepted, at=self.clock())
        return _opened(self.kept.envelope(bundle)) if bundle is not None else None

    def laws(self) -> frozenset[str]:
        """Every law that attaches to this node."""
        return attaching_laws(self.settings.jurisdiction, self.source())

    def countersigned(self, version: int, digest: str, *, by: str) -> None:
        """Record that a privacy officer agreed to a bundle with a key."""
        at = self.clock()
        event = PolicyEvent(
            event=PolicyHappening.DRAFT_COUNTERSIGNED,
            at=at,
            region=self.settings.region,
            by=by,
            bundle=version,
            digest=digest,
        )
        self.ledger.append(event_bytes(event), at=at)

    def in_force(self) -> InForce | None:
        """What decides now."""
        return self.source.in_force()

    def report(self, refused: str) -> PolicyReport:
        """What the index is told."""
        found = self.source.in_force()
        try:
            root = self.accepting.root()
        except DomicileError:
            root = None
        return report_of(
            found,
            self.kept.standing(),
            at=self.clock(),
            fault=self.source.fault,
            refused=refused,
            root_version=root.version if root is not None else 0,
            notice=self.kept.notice(),
        )

    def _live(self) -> Policies | None:
        found = self.source.in_force()
        return found.policies if found is not None and not found.stops else None

    def _overlaid(self, documents: Documents) -> Documents:
        return together(documents, load_overlay(self.home / OVERLAY, documents))
