"""The feed of pseudonymous keys: sealed, shuffled batches in order. Nothing here says anything about a person but the key."""

from datetime import datetime
from typing import Protocol

from policies.engine.crossing import EntryBatch


class Feed(Protocol):
    """Entries waiting to be sealed, and the batches that were."""

    def epoch(self) -> str:
        """The feed epoch: new after a restore."""
        ...

    def seal(self, *, at: datetime) -> int:
        """Seal what waits into batches of at most a fixed size, shuffled; returns how many batches were made."""
        ...

    def batch_after(self, feed_epoch: str, cursor: int) -> EntryBatch:
        """The next batch after `cursor`, empty with the same cursor when none follows.

        Raises `DomicileError` (EPOCH_UNKNOWN) when the epoch is not the present one and not empty.
        """
        ...
