"""The one way to open or serve a channel: mutual TLS 1.3, peers pinned. There is no way to ask for less."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from grpc import aio

from policies.engine.errors import Code, DomicileError
from protos import TLS13_ONLY
from protos.certificates import Role, host_of
from protos.interceptors import Admission, CallCourtesy, CallGuard, Watch

REQUEST_BYTES = 4 * 1024 * 1024
ANSWER_BYTES = 16 * 1024 * 1024
METADATA_BYTES = 64 * 1024
INDEX_NAME = "index"

_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")

_COMMON_OPTIONS: list[tuple[str, int]] = [
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
]
_SERVER_OPTIONS: list[tuple[str, int]] = [
    *_COMMON_OPTIONS,
    ("grpc.so_reuseport", 0),  # a second process on the same port must fail, not share the calls
    ("grpc.max_receive_message_length", REQUEST_BYTES),
    ("grpc.max_send_message_length", ANSWER_BYTES),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 30_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_concurrent_streams", 256),
]
_CHANNEL_OPTIONS: list[tuple[str, int]] = [
    *_COMMON_OPTIONS,
    ("grpc.max_send_message_length", REQUEST_BYTES),
    ("grpc.max_receive_message_length", ANSWER_BYTES),
    ("grpc.enable_http_proxy", 0),  # a proxy from the environment must not see who talks to whom
    ("grpc.use_local_subchannel_pool", 1),  # a channel opened anew makes a new handshake
    ("grpc.enable_retries", 0),  # retrying has one place, above
    ("grpc.initial_reconnect_backoff_ms", 100),  # a region that is back is found within a second
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What one side shows and trusts, all PEM: its private key, its certificate, the federation's authorities."""

    key: bytes
    certificate: bytes
    trust: bytes

    def __repr__(self) -> str:
        """Never the key."""
        return "Credentials(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server and the port it got."""

    server: aio.Server
    port: int


def open_to_node(
    address: str, *, credentials: Credentials, pinned: bytes, federation: str, region: str, request_id: Callable[[], str] = str
) -> aio.Channel:
    """A channel from the index to a region's node. `pinned` is the node's current certificate, PEM, and the only root.

    A certificate of the same authority for another region is refused, and so is an older one of this region. While a renewal
    is under way `pinned` holds two certificates.
    """
    host = host_of(federation, Role.REGION, region)
    return _open(address, credentials=credentials, roots=pinned, host=host, where=region, request_id=request_id)


def open_to_index(address: str, *, credentials: Credentials, federation: str, request_id: Callable[[], str] = str) -> aio.Channel:
    """A channel from a node to the index: the federation's authority is the root, and the certificate must name the index."""
    host = host_of(federation, Role.INDEX, INDEX_NAME)
    return _open(address, credentials=credentials, roots=credentials.trust, host=host, where=INDEX_NAME, request_id=request_id)


def _open(
    address: str, *, credentials: Credentials, roots: bytes, host: str, where: str, request_id: Callable[[], str]
) -> aio.Channel:
    _require_tls13()
    require_address(address, where=where)
    if b"BEGIN CERTIFICATE" not in roots:  # with no root at all, gRPC would trust the machine's own list
        raise DomicileError("no certificate is pinned", where=where, remedy="have the node join first", code=Code.PEER_REFUSED)
    shown = grpc.ssl_channel_credentials(
        root_certificates=roots, private_key=credentials.key, certificate_chain=credentials.certificate
    )
    options = [*_CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", host)]
    return aio.secure_channel(address, shown, options=options, interceptors=[CallCourtesy(where=where, request_id=request_id)])


async def serve(
    address: str,
    *,
    credentials: Callable[[], Credentials],
    register: Callable[[aio.Server], None],
    admission: Admission,
    watch: Watch,
) -> Served:
    """A started server; port 0 takes a free one. `credentials` is asked at every handshake: renewing needs no restart.

    `register` adds the servicers (coroutine methods only). Raises SETTINGS_INVALID when the address cannot be bound.
    """
    _require_tls13()
    require_address(address, where="address")
    server = aio.server(interceptors=[CallGuard(admission, watch)], options=_SERVER_OPTIONS)
    register(server)
    refreshed = _Refreshed(credentials)
    shown = grpc.dynamic_ssl_server_credentials(
        _configuration(refreshed.shown),
        refreshed.configuration,  # type: ignore[arg-type]  # None says "no change"; the stub leaves that out
        require_client_authentication=True,
    )
    try:
        port = server.add_secure_port(address, shown)
    except RuntimeError:
        what = f"the address `{address}` cannot be bound"
        raise DomicileError(what, remedy="choose a free port", code=Code.SETTINGS_INVALID) from None
    await server.start()
    return Served(server=server, port=port)


class _Refreshed:
    """Gives gRPC a new configuration when the credentials have changed, None otherwise. gRPC asks from its own thread."""

    def __init__(self, credentials: Callable[[], Credentials]) -> None:
        self._credentials = credentials
        self.shown = credentials()

    def configuration(self) -> grpc.ServerCertificateConfiguration | None:
        now = self._credentials()
        if now == self.shown:
            return None
        self.shown = now
        return _configuration(now)


def _configuration(credentials: Credentials) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(credentials.key, credentials.certificate)], credentials.trust)


def require_address(address: str, *, where: str) -> str:
    """The same text when it is `host:port`. Raises INPUT_INVALID: other gRPC schemes (unix:, dns://…) are not for us."""
    if not _ADDRESS.fullmatch(address) or int(address.rsplit(":", 1)[1]) > 65535:  # noqa: PLR2004 - the largest port
        what = f"`{address[:120]}` is not an address"
        raise DomicileError(what, where=where, remedy="write `host:port`", code=Code.INPUT_INVALID)
    return address


def _require_tls13() -> None:
    if not TLS13_ONLY:
        raise DomicileError(
            "TLS 1.2 cannot be ruled out: grpc was imported before `protos`",
            remedy="import `protos` first, or set GRPC_SSL_CIPHER_SUITES before starting",
            code=Code.SETTINGS_INVALID,
        )
