"""Which certificate the index shows now, read in a handshake of its own. No call is made on it and nothing is sent.

gRPC's Python client never tells the certificate of its peer (`auth_context` is the server's alone), so a node could not
look the index up on the revocation list. It looks here first, and then opens the channel with the found certificate as the
only root: whoever answers the call holds that one and no other.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path

from policies.engine.errors import Code, DomicileError
from protos.certificates import Role, host_of
from protos.channel import INDEX_NAME, require_address


async def index_certificate(address: str, *, own: Path, trust: bytes, federation: str, deadline: float) -> bytes:
    """The certificate, PEM, under the authorities `trust` and in the index's name. `own` holds this node's key and certificate.

    Raises PEER_UNREACHABLE, DEADLINE_EXCEEDED, or PEER_REFUSED when it is not the federation's index that answers.
    """
    host, port = require_address(address, where=INDEX_NAME).rsplit(":", 1)
    context = _context(own, trust)
    name = host_of(federation, Role.INDEX, INDEX_NAME)
    try:
        async with asyncio.timeout(deadline):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        raise _refused(error.verify_message) from None
    except ssl.SSLError:
        raise _refused("the handshake failed") from None
    except TimeoutError:
        raise DomicileError(
            "it did not answer in time", where=INDEX_NAME, remedy="try again later", code=Code.DEADLINE_EXCEEDED
        ) from None
    except OSError:
        raise DomicileError(
            "it cannot be reached", where=INDEX_NAME, remedy="check that it runs and the network", code=Code.PEER_UNREACHABLE
        ) from None
    try:
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # the certificate is read: how the other side takes the goodbye is all one
            await writer.wait_closed()
    if not found:
        raise _refused("it showed none")
    return ssl.DER_cert_to_PEM_cert(found).encode()


def _context(own: Path, trust: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the chain and the name
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])  # gRPC's server refuses a handshake without
    try:
        context.load_verify_locations(cadata=trust.decode("ascii"))
        context.load_cert_chain(own)
    except (OSError, ValueError):
        raise DomicileError(
            "the node's certificate files cannot be read",
            where=str(own.parent),
            remedy="restore the folder from a backup, or join again with a new invite",
            code=Code.KEY_MISSING,
        ) from None
    return context


def _refused(what: str) -> DomicileError:
    return DomicileError(
        f"the index's certificate was refused: {what}",
        where=INDEX_NAME,
        remedy="check who answers at its address",
        code=Code.PEER_REFUSED,
    )
