"""What a node does by itself on a clock: feeding the projection, sealing entries, announcing itself, fetching policies.

Each piece is bounded and may fail alone; nothing here decides what leaves.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from chassis.worker import Task
from regional_node.usecases.feed import Feed

FEED_PROJECTION = "feed-projection"
SEAL_ENTRIES = "seal-entries"
ANNOUNCE = "announce"
FETCH_POLICIES = "fetch-policies"
_PROJECTION_SECONDS = 0.5
_ANNOUNCE_SECONDS = 20.0
_SWEEP_SECONDS = 600.0


class Fed(Protocol):
    """Something fed from the outbox."""

    def catch_up(self) -> int:
        """Take one batch and return how many events still wait."""
        ...


def tasks(
    *,
    projection: Fed,
    feed: Feed,
    announce: Callable[[], None],
    fetch_policies: Callable[[], None],
    sweep: Callable[[], int],
    clock: Callable[[], datetime],
    batch_seconds: float,
    policy_seconds: float,
) -> tuple[Task, ...]:
    """The node's tasks. `announce` tells the index of the node and renews its certificate when that is due; `fetch_policies` takes
    what the index publishes of policies, and tells it what runs here.
    """

    def fed() -> bool:
        return projection.catch_up() > 0

    def sealed() -> None:
        feed.seal(at=clock())

    def swept() -> None:
        sweep()

    return (
        Task(name=FEED_PROJECTION, run=fed, every=_PROJECTION_SECONDS),
        Task(name=SEAL_ENTRIES, run=sealed, every=batch_seconds),
        Task(name=ANNOUNCE, run=announce, every=_ANNOUNCE_SECONDS, at_most=60.0),
        Task(name=FETCH_POLICIES, run=fetch_policies, every=policy_seconds),
        Task(name="sweep-sessions", run=swept, every=_SWEEP_SECONDS),
    )
