"""What a region tells the index of itself: where it serves, what it runs, its columns' values. Nothing here is about a person."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionalDomain:
    """The values a catalogue column may take in this region, e.g. the countries it serves."""

    table: str
    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One announcement. `address` is host:port; an empty digest or epoch says that there is none yet."""

    address: str
    program_version: str
    wire_version: int
    policy_digest: str
    feed_epoch: str
    reading_epoch: str
    domains: tuple[RegionalDomain, ...]
    time_zone: str
