"""The exporter's log, as the gate and the auditors see it. Nothing here keeps a leaf; storage does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policies.engine.crossing import LeafRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What checking the whole log found: its size, its root, and whether leaves, tree and last checkpoint agree."""

    size: int
    root: bytes
    checkpoint: str
    sound: bool
    fault: str = ""


class Ledger(Protocol):
    """An append-only RFC 9162 log."""

    def append(self, leaf: bytes, *, at: datetime) -> LeafRef:
        """Keep one leaf durably and return where. Raises `DomicileError` (STORE_*, LEDGER_BROKEN) and then nothing was kept."""
        ...

    def append_all(self, leaves: Sequence[bytes], *, at: datetime) -> list[LeafRef]:
        """Keep several leaves in one durable step, all or none, and return where each stands."""
        ...

    def size(self) -> int:
        """How many leaves there are."""
        ...

    def leaves(self, start: int, count: int) -> Iterator[tuple[int, bytes]]:
        """The leaves from `start`, in order."""
        ...

    def checkpoint(self, *, at: datetime) -> str:
        """A signed note over the present size and root (C2SP tlog-checkpoint)."""
        ...

    def verify(self) -> Verification:
        """Recompute the tree from the leaves and compare it with the last checkpoint."""
        ...
