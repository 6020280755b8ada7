"""Batches of entries between `policies.engine.crossing` and the wire. An entry holds no more than a pseudonym and tokens."""

from dataclasses import dataclass

from policies.engine.crossing import Entry, EntryBatch, Released
from protos.decision_wire import Receipt, decision_to_message, leaf_to_message, receipt_from_messages
from protos.strictness import at_most, octets, refusal, region, text
from protos.v1 import entries_pb2 as pb

PSEUDONYM_LENGTH = 16
TOKEN_LENGTH = 16
MAX_ENTRIES = 50_000
MAX_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Which batch is wanted: the one after `cursor` of a feed epoch; an empty epoch for the first pull."""

    feed_epoch: str
    cursor: int


def pull_to_message(pull: Pull) -> pb.PullEntriesRequest:
    """A pull, as it travels."""
    return pb.PullEntriesRequest(feed_epoch=pull.feed_epoch, cursor=pull.cursor)


def pull_from_message(message: pb.PullEntriesRequest) -> Pull:
    """A pull from outside. Raises MESSAGE_TRUNCATED."""
    return Pull(feed_epoch=text(message.feed_epoch, "feed_epoch", most=64, empty=True), cursor=_cursor(message.cursor))


def batch_to_message(released: Released[EntryBatch]) -> pb.PullEntriesResponse:
    """A released batch, as it travels."""
    batch = released.value
    message = _bare(batch)
    message.entries.extend(pb.Entry(pseudonym=e.pseudonym, tokens=e.tokens, tombstone=e.tombstone) for e in batch.entries)
    message.decision.CopyFrom(decision_to_message(released.decision))
    message.leaf.CopyFrom(leaf_to_message(released.leaf))
    return message


def nothing_to_message(batch: EntryBatch) -> pb.PullEntriesResponse:
    """That nothing follows the cursor: no entry leaves, so there is no verdict and no leaf. Refuses a batch with entries."""
    if batch.entries or batch.more:
        raise refusal("entries", "entries leave through the gate only")
    return _bare(batch)


def batch_from_message(message: pb.PullEntriesResponse) -> tuple[EntryBatch, Receipt | None]:
    """A batch from outside and its receipt; None for the batch that says nothing follows. Raises MESSAGE_TRUNCATED."""
    entries = tuple(_entry(each) for each in at_most(message.entries, "entries", most=MAX_ENTRIES))
    if message.more and not entries:
        raise refusal("more", "more is announced, but nothing came")
    batch = EntryBatch(
        region=region(message.region, "region"),
        feed_epoch=text(message.feed_epoch, "feed_epoch", most=64),
        cursor=_cursor(message.cursor),
        entries=entries,
        more=message.more,
    )
    return batch, receipt_from_messages(message.decision, message.leaf) if entries else None


def _bare(batch: EntryBatch) -> pb.PullEntriesResponse:
    return pb.PullEntriesResponse(region=batch.region, feed_epoch=batch.feed_epoch, cursor=batch.cursor, more=batch.more)


def _entry(message: pb.Entry) -> Entry:
    tokens = tuple(
        octets(t, "entries.tokens", length=TOKEN_LENGTH) for t in at_most(message.tokens, "entries.tokens", most=MAX_TOKENS)
    )
    if message.tombstone and tokens:
        raise refusal("entries.tombstone", "a tombstone has no tokens")
    return Entry(
        pseudonym=octets(message.pseudonym, "entries.pseudonym", length=PSEUDONYM_LENGTH),
        tokens=tokens,
        tombstone=message.tombstone,
    )


def _cursor(value: int) -> int:
    if value >= 2**63:
        raise refusal("cursor", "it is too large")
    return value
