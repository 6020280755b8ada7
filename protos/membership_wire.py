"""Announcements between `policies.engine` and the wire, strict both ways. Nothing here decides on a membership."""

from policies.engine.announcement import Announcement, RegionalDomain
from protos.channel import require_address
from protos.strictness import at_most, digest, name, refusal, text, texts
from protos.v1 import membership_pb2 as pb

MAX_DOMAINS = 64
MAX_VALUES = 1024


def announcement_to_message(announcement: Announcement) -> pb.AnnounceRequest:
    """An announcement, as it travels."""
    return pb.AnnounceRequest(
        address=announcement.address,
        program_version=announcement.program_version,
        wire_version=announcement.wire_version,
        policy_digest=announcement.policy_digest,
        feed_epoch=announcement.feed_epoch,
        reading_epoch=announcement.reading_epoch,
        domains=[pb.RegionalDomain(table=each.table, column=each.column, values=each.values) for each in announcement.domains],
        time_zone=announcement.time_zone,
    )


def announcement_from_message(message: pb.AnnounceRequest) -> Announcement:
    """An announcement from outside. Raises MESSAGE_TRUNCATED or INPUT_INVALID."""
    domains = tuple(_domain(each) for each in at_most(message.domains, "domains", most=MAX_DOMAINS))
    if len({(each.table, each.column) for each in domains}) != len(domains):
        raise refusal("domains", "a column is announced twice")
    return Announcement(
        address=require_address(message.address, where="address"),
        program_version=text(message.program_version, "program_version", most=64),
        wire_version=message.wire_version,
        policy_digest=digest(message.policy_digest, "policy_digest", empty=True),
        feed_epoch=text(message.feed_epoch, "feed_epoch", most=64, empty=True),
        reading_epoch=text(message.reading_epoch, "reading_epoch", most=64, empty=True),
        domains=domains,
        time_zone=text(message.time_zone, "time_zone", most=64),
    )


def _domain(message: pb.RegionalDomain) -> RegionalDomain:
    return RegionalDomain(
        table=name(message.table, "domains.table"),
        column=name(message.column, "domains.column"),
        values=texts(message.values, "domains.values", most=MAX_VALUES, longest=64),
    )
