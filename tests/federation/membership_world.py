"""A federation on loopback for tests: a real authority, a real index store, real servers on free ports. Not for anything else."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from chassis.database import open_database
from global_index.requests.membership import Memberships, Terms
from global_index.rpc.membership import FederationService, standing
from global_index.storage.authority import FileAuthority, make_authority_files
from global_index.storage.membership import SqlMembershipStore
from global_index.storage.metadata import metadata
from policies.engine.announcement import Announcement, RegionalDomain
from protos import certificates
from protos.certificates import Identity, Role
from protos.channel import Credentials, Served, serve
from protos.interceptors import Admission, Watch
from protos.v1 import entries_pb2
from protos.v1.entries_pb2_grpc import EntriesServicer, add_EntriesServicer_to_server
from protos.v1.membership_pb2_grpc import add_FederationServicer_to_server

FEDERATION = "acme"
ANNOUNCEMENT = Announcement(
    address="127.0.0.1:7001",
    program_version="0.1.0",
    wire_version=1,
    policy_digest="ab" * 32,
    feed_epoch="f1",
    reading_epoch="2026-11-22",
    domains=(RegionalDomain(table="people", column="country", values=("DE", "FR")),),
    time_zone="Europe/Berlin",
)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Clock:
    """The present, which a test may shift."""

    shift: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.shift


def random_serial() -> str:
    return format(secrets.randbits(126) | 1 << 126, "x")


@dataclass
class Certificates:
    """An authority, and whatever certificates a test needs from it."""

    authority: certificates.Authority = field(
        default_factory=lambda: certificates.make_authority(FEDERATION, at=now(), days=30, serial=random_serial())
    )

    def credentials(self, role: Role, name: str, *, at: datetime | None = None, life: timedelta = timedelta(days=1)) -> Credentials:
        at = at or now()
        key = certificates.new_key()
        identity = Identity(federation=self.authority.federation, role=role, name=name, serial=random_serial(), not_after=at + life)
        pem = certificates.issue_to(self.authority, key.public_key(), identity=identity, at=at)
        return Credentials(key=certificates.key_pem(key), certificate=pem, trust=self.authority.certificate_pem)

    def expired(self, role: Role, name: str) -> Credentials:
        return self.credentials(role, name, at=now() - timedelta(days=9))


async def _at_once(_: object) -> None:
    return None


class EntriesProbe(EntriesServicer):
    """A servicer whose one method does what a test says."""

    def __init__(self) -> None:
        self.calls = 0
        self.wait: Callable[[object], Awaitable[None]] = _at_once
        self.act: Callable[[entries_pb2.PullEntriesRequest], entries_pb2.PullEntriesResponse] = lambda request: (
            entries_pb2.PullEntriesResponse(region="eu-de", feed_epoch="f1", cursor=request.cursor)
        )

    async def PullEntries(self, request: entries_pb2.PullEntriesRequest, context: Any) -> entries_pb2.PullEntriesResponse:  # noqa: N802
        self.calls += 1
        await self.wait(request)
        return self.act(request)


@dataclass
class Node:
    """A node's server: its certificates, what it shows now, whom it refuses, what was told to its watch."""

    certificates: Certificates
    credentials: Credentials
    probe: EntriesProbe = field(default_factory=EntriesProbe)
    refused: set[str] = field(default_factory=set)
    told: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    began: list[str] = field(default_factory=list)
    port: int = 0
    served: Served | None = None
    clock: Clock = field(default_factory=Clock)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def standing(self, identity: Identity) -> None:
        if identity.serial in self.refused:
            raise certificates._refused("it is revoked")


@asynccontextmanager
async def running_node(*, shown: Credentials | None = None) -> AsyncIterator[Node]:
    made = Certificates()
    node = Node(made, shown or made.credentials(Role.REGION, "eu-de"))
    await start(node)
    try:
        yield node
    finally:
        await stop(node)


async def start(node: Node) -> None:
    """Serve, on the port the node had before if it had one."""
    node.served = await serve(
        node.address,
        credentials=lambda: node.credentials,
        register=lambda server: add_EntriesServicer_to_server(node.probe, server),
        admission=Admission(federation=FEDERATION, standing=node.standing, clock=node.clock),
        watch=Watch(
            begun=node.began.append,
            finished=lambda method, code: node.told.append((method, code)),
            fault=lambda method, error: node.faults.append(type(error).__name__),
        ),
    )
    node.port = node.served.port


async def stop(node: Node) -> None:
    """End all calls and the server, if it runs."""
    if node.served is not None:
        await node.served.server.stop(None)
    node.served = None


@dataclass
class Index:
    """An index's server on a real store."""

    memberships: Memberships
    store: SqlMembershipStore
    authority: FileAuthority
    folder: Path
    clock: Clock
    served: Served | None = None
    stolen: Credentials | None = None
    """What a thief at the index's address shows, once there is one."""

    @property
    def address(self) -> str:
        assert self.served is not None
        return f"127.0.0.1:{self.served.port}"

    def invite(self, region: str = "eu-de", jurisdiction: str = "EU", ttl: timedelta = timedelta(hours=1)) -> str:
        return self.memberships.invite(region, jurisdiction, ttl=ttl, at=self.clock()).text


@asynccontextmanager
async def running_index(folder: Path, url: str | None = None) -> AsyncIterator[Index]:
    clock = Clock()
    tls = folder / "tls"
    make_authority_files(tls, federation=FEDERATION, at=now(), random=secrets.token_bytes)
    engine = open_database(url or f"sqlite:///{folder}/index.db")
    metadata.create_all(engine)
    store = SqlMembershipStore(engine)
    authority = FileAuthority(tls, federation=FEDERATION, random=secrets.token_bytes, store=store)
    port = free_port()
    terms = Terms(federation=FEDERATION, address=f"127.0.0.1:{port}", organisation="acme-hq", ticket_key=b"k" * 32)
    memberships = Memberships(store=store, issuer=authority, terms=terms, random=secrets.token_bytes, forget=lambda _: None)
    index = Index(memberships, store, authority, tls, clock)
    index.served = await serve(
        f"127.0.0.1:{port}",
        credentials=lambda: index.stolen or authority.index_credentials(at=now()),
        register=lambda server: add_FederationServicer_to_server(FederationService(memberships, clock=clock), server),
        admission=Admission(federation=FEDERATION, standing=standing(memberships, clock=clock), clock=clock),
        watch=Watch(),
    )
    try:
        yield index
    finally:
        await index.served.server.stop(None)
        engine.dispose()


def free_port() -> int:
    import socket  # noqa: PLC0415 - one line of it

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def raw_channel(address: str, host: str, credentials: Credentials, *, roots: bytes | None = None) -> aio.Channel:
    """A channel without our courtesies: for what a hostile caller would send."""
    shown = grpc.ssl_channel_credentials(roots or credentials.trust, credentials.key, credentials.certificate)
    options = [("grpc.ssl_target_name_override", host), ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    return aio.secure_channel(address, shown, options=options)
