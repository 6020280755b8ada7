"""Ed25519 over canonical bytes, and the signed ticket that names who at headquarters asks. It never reads a clock or a key file."""

import base64
import binascii
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policies.engine.errors import Code, DomicileError

MAX_TICKET = 4096
MAX_LIFETIME = timedelta(minutes=15)
MAX_SKEW = timedelta(seconds=30)
_TICKET_CONTEXT = b"domicile ticket v1\n"
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_NONCE = re.compile(r"[0-9a-f]{16,64}\Z")
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_TEXTS = ("analyst", "role", "purpose", "importer", "region", "request_digest", "nonce")
_KEYS = frozenset({*_TEXTS, "issued_at", "expires_at"})


def sign(payload: bytes, private_key: Ed25519PrivateKey, *, context: bytes) -> bytes:
    """The signature (64 bytes) of a payload; `context` keeps one kind of message from being taken for another."""
    return private_key.sign(context + payload)


def verify(payload: bytes, signature: bytes, public_key: Ed25519PublicKey, *, context: bytes) -> bool:
    """Whether the signature is the key's, over this payload in this context."""
    try:
        public_key.verify(signature, context + payload)
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Who asks, in which role and for what: `analyst` is an opaque id, `importer` an organisation id, `region` the exporter's node.

    `request_digest` is SHA-256 (hex) of the canonical request; instants are aware, in whole seconds of UTC.
    """

    analyst: str
    role: str
    purpose: str
    importer: str
    region: str
    request_digest: str
    nonce: str
    issued_at: datetime
    expires_at: datetime


def _refused(what: str, remedy: str = "ask again with a fresh ticket") -> DomicileError:
    return DomicileError(what, where="ticket", remedy=remedy, code=Code.TICKET_REFUSED)


def sign_ticket(ticket: Ticket, private_key: Ed25519PrivateKey) -> bytes:
    """The ticket and its signature as canonical JSON. Raises TICKET_REFUSED when a field is not of its form."""
    _well_formed(ticket)
    body = rfc8785.dumps(_plain(ticket))
    signature = base64.b64encode(sign(body, private_key, context=_TICKET_CONTEXT)).decode("ascii")
    return rfc8785.dumps({"ticket": _plain(ticket), "signature": signature})


def verify_ticket(signed: bytes, public_key: Ed25519PublicKey, *, at: datetime, region: str, request_digest: str) -> Ticket:
    """The ticket, once it holds for this request at this node now. Raises TICKET_REFUSED.

    What it does not check, and the caller must: that the nonce was not used before, that the importer is registered, and that
    the policy permits the purpose.

    (1) size and shape  (2) signature  (3) forms of the fields  (4) time  (5) region  (6) request
    """
    # (1) size and shape
    body, signature = _opened(signed)
    # (2) signature, over the canonical bytes, before anything in it is believed
    if not verify(rfc8785.dumps(body), signature, public_key, context=_TICKET_CONTEXT):
        raise _refused("the signature does not verify", "check which index key this node has pinned")
    # (3) forms of the fields
    ticket = _read(body)
    # (4) time
    if ticket.issued_at > at + MAX_SKEW:
        raise _refused("the ticket is from the future", "set the clocks of the index and the node")
    if at >= ticket.expires_at:
        raise _refused("the ticket has expired")
    # (5) region
    if ticket.region != region:
        raise _refused("the ticket is for another region")
    # (6) request
    if ticket.request_digest != request_digest:
        raise _refused("the ticket is for another request")
    return ticket


def _plain(ticket: Ticket) -> dict[str, str]:
    body = asdict(ticket)
    for key in ("issued_at", "expires_at"):
        body[key] = body[key].astimezone(UTC).strftime(_INSTANT)
    return body


def _opened(signed: bytes) -> tuple[dict[str, Any], bytes]:
    if len(signed) > MAX_TICKET:
        raise _refused("the ticket is too large")
    try:
        outer = json.loads(signed)
        body, encoded = outer["ticket"], outer["signature"]
        signature = base64.b64decode(encoded, validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise _refused("the ticket is not well formed") from None
    if set(outer) != {"ticket", "signature"} or not isinstance(body, dict) or set(body) != _KEYS:
        raise _refused("the ticket is not well formed")
    if not all(isinstance(value, str) and value.isascii() for value in body.values()):
        raise _refused("the ticket is not well formed")
    return body, signature


def _read(body: dict[str, Any]) -> Ticket:
    try:
        issued_at, expires_at = (datetime.strptime(body[key], _INSTANT).replace(tzinfo=UTC) for key in ("issued_at", "expires_at"))
    except ValueError:
        raise _refused("an instant of the ticket cannot be read") from None
    ticket = Ticket(**{key: body[key] for key in _TEXTS}, issued_at=issued_at, expires_at=expires_at)
    _well_formed(ticket)
    return ticket


def _well_formed(ticket: Ticket) -> None:
    for name in ("analyst", "role", "purpose", "importer", "region"):
        if not _TOKEN.match(getattr(ticket, name)):
            message = f"`{name}` of the ticket is not an opaque id or a closed word"
            raise _refused(message)
    if not _DIGEST.match(ticket.request_digest) or not _NONCE.match(ticket.nonce):
        raise _refused("the digest or nonce of the ticket is not hexadecimal")
    if ticket.issued_at.tzinfo is None or ticket.expires_at.tzinfo is None:
        raise _refused("an instant of the ticket has no time zone")
    if not timedelta(0) < ticket.expires_at - ticket.issued_at <= MAX_LIFETIME:
        message = f"the ticket does not live between one second and {int(MAX_LIFETIME.total_seconds() // 60)} minutes"
        raise _refused(message)
