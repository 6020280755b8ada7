"""Who calls: read from the verified certificate of the channel, never from a message."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from grpc import aio

from policies.engine.errors import Code, DomicileError
from protos.certificates import Identity, read_identity

TLS_VERSION = b"TLSv1.3"

AuthContext = Mapping[str, Iterable[bytes]]


def caller(context: "aio.ServicerContext[Any, Any]") -> Identity:
    """The identity behind a call. Raises PEER_REFUSED without a verified certificate of our profile over TLS 1.3."""
    return identity_of(context.auth_context())


def identity_of(found: AuthContext) -> Identity:
    """The identity in a channel's verified properties. Raises PEER_REFUSED."""
    certificates = list(found.get("x509_pem_cert", ()))
    if len(certificates) != 1 or list(found.get("transport_security_type", ())) != [b"ssl"]:
        raise _refused("no certificate was presented")
    if list(found.get("ssl_tls_version", ())) != [TLS_VERSION]:
        raise _refused("the channel is not TLS 1.3")
    return _identity(certificates[0])


@lru_cache(maxsize=1024)
def _identity(pem: bytes) -> Identity:
    return read_identity(pem)


def _refused(what: str) -> DomicileError:
    return DomicileError(what, remedy="open the channel with the certificate from joining", code=Code.PEER_REFUSED)
