"""What the demo consists of: homes, addresses, accounts, each node's register of importers. Nothing here starts anything."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.places import REGIONS
from deploy.terms import PIPELINES, PRODUCTS, STAGES

INDEX = "index"
FEDERATION = "demo"
HEADQUARTERS = "domicile-hq-ie"
US_COMPANY = "domicile-inc-us"
BASE_PORTS = {INDEX: (8420, 8421), "eu-de": (8430, 8431), "br-sp": (8440, 8441), "us-ca": (8450, 8451)}
LOOPBACK = "127.0.0.1"
BATCH_SECONDS = "1"
"""How often a node of the demo seals entries for the index: no one wants to wait a minute for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A regional node of the demo: its law, its organisation, and the ground on which each purpose stands there."""

    region: str
    jurisdiction: str
    state: str
    organisation: str
    organisation_name: str
    analytics_basis: str
    support_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who can sign in where, in which role, for which organisation."""

    home: str
    name: str
    role: str
    importer: str


NODES = (
    Node(
        region="eu-de",
        jurisdiction="EU",
        state="DE",
        organisation="domicile-de",
        organisation_name="Domicile Deutschland GmbH",
        analytics_basis="A6-1-f",
        support_basis="A6-1-b",
    ),
    Node(
        region="br-sp",
        jurisdiction="BR",
        state="SP",
        organisation="domicile-br",
        organisation_name="Domicile Brasil Ltda.",
        analytics_basis="legitimate_interest",
        support_basis="contract",
    ),
    Node(
        region="us-ca",
        jurisdiction="US-CA",
        state="CA",
        organisation="domicile-ca",
        organisation_name="Domicile California LLC",
        analytics_basis="none_required",
        support_basis="none_required",
    ),
)
ADMINISTRATOR, ANALYST, US_ANALYST = "hugo", "ada", "dana"
ACCOUNTS = (
    Account(home=INDEX, name=ADMINISTRATOR, role="administrator", importer=HEADQUARTERS),
    Account(home=INDEX, name=ANALYST, role="analyst", importer=HEADQUARTERS),
    Account(home=INDEX, name=US_ANALYST, role="analyst", importer=US_COMPANY),
    Account(home="eu-de", name="lena", role="agent", importer="domicile-de"),
    Account(home="br-sp", name="bruna", role="agent", importer="domicile-br"),
    Account(home="us-ca", name="jordan", role="agent", importer="domicile-ca"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where one process of the demo listens: for browsers and for its peers."""

    http: str
    grpc: str


def addresses(ports: Mapping[str, tuple[int, int]]) -> dict[str, Addresses]:
    """The addresses on loopback of every process, by home."""
    return {home: Addresses(http=f"{LOOPBACK}:{http}", grpc=f"{LOOPBACK}:{grpc}") for home, (http, grpc) in ports.items()}


def is_free(port: int) -> bool:
    """Whether nothing listens there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_ports(*, free: bool) -> dict[str, tuple[int, int]]:
    """BASE_PORTS, or free ones where asked for or where one of those is taken."""
    if not free and all(is_free(port) for pair in BASE_PORTS.values() for port in pair):
        return dict(BASE_PORTS)
    probes = [socket.socket() for _ in range(2 * len(BASE_PORTS))]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        found = [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
    return {home: (found[2 * n], found[2 * n + 1]) for n, home in enumerate(BASE_PORTS)}


def node_settings(node: Node, where: Mapping[str, Addresses]) -> list[str]:
    """The `--set KEY=VALUE` arguments of a node's `init`."""
    place = REGIONS[node.region]
    values = {
        "organisation_name": node.organisation_name,
        "countries": ",".join(country.code for country in place.countries),
        "currencies": place.currency,
        "languages": ",".join(place.languages),
        "time_zones": ",".join(place.time_zones),
        "pipelines": ",".join(PIPELINES),
        "stages": ",".join(STAGES),
        "products": ",".join(PRODUCTS),
        "default_country": place.countries[0].code,
        "time_zone": place.time_zone,
        "http_address": where[node.region].http,
        "grpc_address": where[node.region].grpc,
        "announced_address": where[node.region].grpc,
        "batch_seconds": BATCH_SECONDS,
    }
    return settings_arguments(values)


def index_settings(where: Mapping[str, Addresses]) -> list[str]:
    """The `--set KEY=VALUE` arguments of the index's `init`."""
    return settings_arguments({"http_address": where[INDEX].http, "grpc_address": where[INDEX].grpc})


def settings_arguments(values: Mapping[str, str]) -> list[str]:
    """Each pair as two arguments."""
    return [argument for key, value in values.items() for argument in ("--set", f"{key}={value}")]


def importers_register(node: Node) -> str:
    """The node's `importers.yaml`: headquarters, with what its law asks for, and the US company, without a mechanism.

    Every text is written in double quotes as JSON does, which is YAML that nobody can misread.
    """
    # the last three are the region's own statements, of what its people did and of who receives (28 CFR 202.211): the node can
    # find out none of them, and denies without them
    provider = {"role": "service_provider", "ccpa_contract": True, "deletion_forwarded": True, "covered_person": False}
    californian = provider if node.jurisdiction == "US-CA" else {"role": "controller"}
    grounds = {
        "analytics.reporting": node.analytics_basis,
        "functional.federation_index": node.analytics_basis,
        "essential.service.operations.support": node.support_basis,
    }
    lines = [
        "# Who may ask this region, for what, and on which ground. Silence denies: what is not here gets nothing.",
        "importers:",
        *_importer(
            identity={"id": HEADQUARTERS, "name": "Domicile Headquarters, Dublin", "jurisdiction": "EU", "state": "IE"},
            facts={"group": True, "can_resolve_pseudonym": True, **californian},
            mechanisms=["adequacy"] if node.jurisdiction == "BR" else [],
            grounds=grounds,
        ),
        *_importer(
            identity={"id": US_COMPANY, "name": "Domicile Inc., New York", "jurisdiction": "US", "state": "NY"},
            facts={"group": True, "can_resolve_pseudonym": True, **californian, "dpf": {"listed": False}},
            mechanisms=[],
            grounds=grounds,
        ),
    ]
    return "\n".join(lines) + "\n"


def _importer(
    *, identity: Mapping[str, str], facts: Mapping[str, object], mechanisms: list[str], grounds: Mapping[str, str]
) -> list[str]:
    first, *rest = (f"{key}: {json.dumps(value)}" for key, value in identity.items())
    return [
        f"  - {first}",
        *(f"    {line}" for line in rest),
        "    facts:",
        *_mapping(facts, indent=6),
        "    mechanisms:" if mechanisms else "    mechanisms: []",
        *(f"      - id: {json.dumps(mechanism)}" for mechanism in mechanisms),
        "    purposes:",
        *_mapping(grounds, indent=6),
    ]


def _mapping(values: Mapping[str, object], *, indent: int) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"{' ' * indent}{key}:", *_mapping(value, indent=indent + 2)]
        else:
            lines.append(f"{' ' * indent}{key}: {json.dumps(value)}")
    return lines


def import_files(folder: Path) -> list[str]:
    """The files a node imports, what is referred to first."""
    return [str(folder / f"{name}.csv") for name in ("companies", "people", "deals", "orders", "activities")]
