"""Pulling entries: batch by batch after a cursor, in order, again after any interruption. Pulling twice changes nothing.

When a region announces a new feed epoch (it was restored from a backup) its entries are pulled afresh beside the old ones
and replace
them in one step at the end, so that a look-up never meets half a region.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from global_index.catalogue.regions import Region
from policies.engine.crossing import Entry, EntryBatch
from policies.engine.errors import Code, DomicileError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a region's feed is held. `epoch` is empty before the first pull."""

    epoch: str = ""
    batch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry as the index keeps it: each pseudonym is a cluster of its own until linkage joins them."""

    cluster: str
    region: str
    pseudonym: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What one run brought."""

    region: str
    batches: int
    entries: int
    replaced: bool
    more: bool


class EntrySource(Protocol):
    """The way to a region's feed."""

    def pull(self, region: Region, cursor: Cursor) -> EntryBatch:
        """The batch after the cursor; a batch of the new epoch when the cursor's epoch has ended. Raises DomicileError."""
        ...


class EntryStore(Protocol):
    """Where entries are kept."""

    def cursor(self, region: str) -> Cursor:
        """How far the region is held, counting what is pulled afresh."""
        ...

    def append(self, batch: EntryBatch, *, after: Cursor) -> None:
        """Keep a batch and move the cursor, in one transaction; does nothing when the cursor is no longer at `after`."""
        ...

    def restart(self, region: str, *, epoch: str) -> None:
        """Begin a new epoch beside the old one."""
        ...

    def settle(self, region: str) -> bool:
        """Let the epoch pulled afresh replace the old one, in one transaction. True when there was one."""
        ...

    def forget(self, region: str) -> None:
        """Drop everything of a region that has left."""
        ...

    def count(self, region: str) -> int:
        """How many entries of the region are shown."""
        ...

    def export(self, *, region: str | None = None) -> Iterator[Kept]:
        """The entries of one region or of all, by region and pseudonym."""
        ...


def pull(region: Region, *, source: EntrySource, store: EntryStore, most_batches: int = 50) -> Pulled:
    """Pull up to `most_batches` batches of one region. Returns whether more is waiting. Raises DomicileError; call again later."""
    batches = entries = 0
    more = True
    while more and batches < most_batches:
        cursor = store.cursor(region.name)
        batch = _next(region, cursor, source)
        if batch.feed_epoch != cursor.epoch:
            store.restart(region.name, epoch=batch.feed_epoch)
            cursor = Cursor(epoch=batch.feed_epoch)
        _require_next(batch, region, cursor)
        if batch.cursor > cursor.batch:
            store.append(batch, after=cursor)
            batches += 1
            entries += len(batch.entries)
        more = batch.more
    replaced = False if more else store.settle(region.name)
    return Pulled(region=region.name, batches=batches, entries=entries, replaced=replaced, more=more)


def _next(region: Region, cursor: Cursor, source: EntrySource) -> EntryBatch:
    try:
        return source.pull(region, cursor)
    except DomicileError as error:
        if error.code is not Code.EPOCH_UNKNOWN or not cursor.epoch:
            raise
    return source.pull(region, Cursor())  # the epoch has ended: from the first batch


def _require_next(batch: EntryBatch, region: Region, cursor: Cursor) -> None:
    if batch.region != region.name:
        raise _broken(region, "it sent entries of another region")
    if batch.cursor not in {cursor.batch, cursor.batch + 1}:
        raise _broken(region, "its batches are out of order")
    if batch.cursor == cursor.batch and (batch.entries or batch.more):
        raise _broken(region, "it sent a batch that is held already")
    if batch.entries and any(len(entry.pseudonym) != PSEUDONYM_BYTES for entry in batch.entries):
        raise _broken(region, "a pseudonym has not 16 bytes")


PSEUDONYM_BYTES = 16


def split(entries: tuple[Entry, ...]) -> tuple[list[bytes], list[bytes]]:
    """The pseudonyms a batch adds and those it takes away; the last word on a pseudonym counts."""
    last = {entry.pseudonym: entry.tombstone for entry in entries}
    return [p for p, gone in last.items() if not gone], [p for p, gone in last.items() if gone]


def _broken(region: Region, what: str) -> DomicileError:
    return DomicileError(what, where=region.name, remedy="look into the region's feed", code=Code.MESSAGE_TRUNCATED)
