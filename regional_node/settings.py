"""A regional node's settings, one sentence each. Nothing here reads a file or the clock; the base class reads the file."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from chassis.settings import Settings

_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}")


def _address(text: str) -> str:
    if text and not _ADDRESS.fullmatch(text):
        msg = "write HOST:PORT"
        raise ValueError(msg)
    return text


def _fraction(text: str) -> str:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        value = Fraction(-1)
    if value < 0:
        msg = "write a fraction such as 1/4"
        raise ValueError(msg)
    return text


def _zone(text: str) -> str:
    if text not in available_timezones():
        msg = "write a zone such as Europe/Berlin"
        raise ValueError(msg)
    return text


Address = Annotated[str, AfterValidator(_address)]
Rho = Annotated[str, AfterValidator(_fraction)]
Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class NodeSettings(Settings):
    """The settings of one regional node."""

    region: Name = Field(description="Name of this region in the federation, such as eu-de.")
    jurisdiction: str = Field(
        pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$",
        description="Code of the jurisdiction whose law rules here, such as EU, BR or US-CA.",
    )
    state: str = Field(
        default="", pattern=r"^[A-Z0-9-]{0,6}$", description="Member state or state within the jurisdiction, such as DE."
    )
    organisation: Name = Field(description="Id of the organisation that runs this node and exports from it.")
    organisation_name: str = Field(default="", max_length=200, description="Name of that organisation as people read it.")

    countries: tuple[str, ...] = Field(default=(), description="Countries served, as ISO 3166 codes; analysts see others as other.")
    currencies: tuple[str, ...] = Field(
        default=(), description="Currencies in use here, as ISO 4217 codes; the first is the default."
    )
    languages: tuple[str, ...] = Field(default=(), description="Languages of the people here, as BCP 47 tags.")
    time_zones: tuple[Zone, ...] = Field(default=(), description="Time zones of the people here, as tz names.")
    pipelines: tuple[str, ...] = Field(default=("sales",), description="Pipelines that deals run through.")
    stages: tuple[str, ...] = Field(
        default=("prospecting", "engaging", "qualification", "proposal", "negotiation", "won", "lost"),
        description="Stages of those pipelines.",
    )
    products: tuple[str, ...] = Field(default=(), description="Products sold here; analysts see others as other.")
    default_country: str = Field(
        default="",
        pattern=r"^([A-Z]{2})?$",
        description="Country in which a phone number without prefix is dialled; by default the first.",
    )

    database_url: str = Field(default="", description="Address of the store; empty for an embedded file in the home folder.")
    readings: Literal["projection"] = Field(default="projection", description="Where questions are answered from.")
    http_address: Address = Field(default="127.0.0.1:8500", description="Address that the console and the REST API listen on.")
    grpc_address: Address = Field(default="127.0.0.1:8510", description="Address that the index calls, under mutual TLS.")
    announced_address: Address = Field(default="", description="Address told to the index; empty for the one listened on.")
    https: bool = Field(default=False, description="Whether browsers reach the console over HTTPS, behind a proxy too.")

    time_zone: Zone = Field(default="UTC", description="Time zone of the region: its days end there.")
    reading_epoch_seconds: int = Field(
        default=0, ge=0, le=86_400 * 31, description="Length of a reading epoch in seconds; 0 for one day of the region."
    )
    privacy_budget_rho_person: Rho = Field(
        default="1/4", description="What may be learned about one person in a calendar year, in zCDP rho, as a fraction."
    )
    privacy_budget_rho_company: Rho = Field(
        default="1/4", description="What may be learned about one company in a calendar year, in zCDP rho, as a fraction."
    )
    batch_seconds: float = Field(default=60.0, gt=0, le=86_400, description="Seconds between two batches of entries for the index.")
    policy_seconds: float = Field(
        default=15.0, gt=0, le=86_400, description="Seconds between two looks at the index for policies, their keys and stops."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least serious log lines to print.")

    def store_url(self, home: Path) -> str:
        """The address of the store, the embedded one in `home` when none is set."""
        return self.database_url or f"sqlite:///{home / 'node.db'}"

    def phone_country(self) -> str:
        """Where a phone number without prefix is dialled; ZZ when nothing says so, which reads international numbers only."""
        return self.default_country or next(iter(self.countries), "ZZ")
