"""The regions of the federation as the index sees them: who they are, where they serve, which values they hold. No
person is in here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

LEFT = "left"  # the state of a region whose membership has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One region. `certificate` is its current one in PEM, pinned by the channel; `domains` is what it announced, by
    (table, column).

    `state` is where its membership stands (`joined`, `suspended`, ...); only `active` regions are asked.
    """

    name: str
    jurisdiction: str
    state: str
    active: bool
    address: str = ""
    certificate: bytes = b""
    time_zone: str = ""
    program_version: str = ""
    policy_digest: str = ""
    domains: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


class RegionDirectory(Protocol):
    """Where the regions are kept."""

    def regions(self) -> tuple[Region, ...]:
        """All regions by name, suspended ones too."""
        ...
