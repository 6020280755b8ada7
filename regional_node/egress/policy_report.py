"""Where a node stands with its policies, in closed words and digests: for the index and for whoever asks at the node."""

from datetime import datetime

from policies.engine.errors import DomicileError
from policies.engine.lifecycle import NodeState, PolicyReport
from regional_node.egress.policy_source import InForce
from regional_node.usecases.policies import Accepted, BundleState, Mode, Standing, newest_begun, state_of


def waiting(standing: Standing, *, at: datetime) -> tuple[Accepted, ...]:
    """The accepted bundles that have not begun."""
    return tuple(each for each in standing.accepted if state_of(each, standing.accepted, at=at) is BundleState.PENDING)


def node_state(found: InForce | None, standing: Standing, *, at: datetime) -> NodeState:
    """Where the node stands. EXPIRED and FAULT let nothing leave."""
    begun = newest_begun(standing.accepted, at=at)
    if begun is not None and at >= begun.expires:
        return NodeState.EXPIRED
    if found is None:
        return NodeState.FAULT
    if found.mode is Mode.BUNDLE:
        return NodeState.ACTIVE
    return NodeState.PENDING if waiting(standing, at=at) else NodeState.FOLDER


def report_of(
    found: InForce | None,
    standing: Standing,
    *,
    at: datetime,
    fault: DomicileError | None,
    refused: str,
    root_version: int,
    notice: int,
) -> PolicyReport:
    """What the index is told. `fault` is why nothing decides, `refused` the code of what the last fetch refused."""
    bundle = newest_begun(standing.accepted, at=at)
    pending = max((each.version for each in waiting(standing, at=at)), default=0)
    return PolicyReport(
        state=node_state(found, standing, at=at),
        version=bundle.version if bundle is not None else 0,
        digest=bundle.digest if bundle is not None else "",
        policy_digest=found.policies.digest if found is not None else "",
        overlay_digest=found.overlay_digest if found is not None else "",
        fault=fault.code.value if fault is not None and found is None else refused,
        pending_version=pending,
        root_version=root_version,
        stop_number=notice,
        stops=len(standing.stops),
    )
