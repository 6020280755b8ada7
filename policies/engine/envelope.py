"""One signed document: canonical bytes and the signatures over them, each with its key and role. It never decides whom to trust.

The form is that of DSSE (payload type, payload, signatures). What a key signs is the context of its kind of document, its role
and the payload's bytes, so that no signature can be taken for one of another role or another kind of document.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policies.engine import signing
from policies.engine.errors import Code, DomicileError

MAX_SIGNATURES = 64
INSTANT = "%Y-%m-%dT%H:%M:%SZ"
KEY_ID = re.compile(r"[0-9a-f]{32}\Z")
_ROLE = re.compile(r"[a-z][a-z_]{0,31}\Z")
_KEYS = frozenset({"payload", "payload_type", "signatures"})
_SIGNATURE_KEYS = frozenset({"key", "role", "value"})
_SIGNATURE_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """One kind of signed document: its payload type, the most bytes of it that are read, and the error when it is not one."""

    name: str
    most: int
    code: Code

    @property
    def payload_type(self) -> str:
        """As the envelope states it."""
        return f"application/vnd.domicile.{self.name}.v1+json"

    def context(self, role: str) -> bytes:
        """What stands before the payload in the signed bytes."""
        return f"domicile {self.name} v1\n{role}\n".encode("ascii")

    def broken(self, what: str, remedy: str = "fetch it again, and compare its digest with the one at the index") -> DomicileError:
        """The error for a document that is not whole, to be raised."""
        return DomicileError(what, where=self.name, remedy=remedy, code=self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature: `key` is a key id (see `key_id`), `value` 64 bytes."""

    key: str
    role: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The payload's canonical bytes and its signatures, none of them verified yet."""

    genre: Genre
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the payload: the document's name, whoever has signed it."""
        return hashlib.sha256(self.payload).hexdigest()

    def signed(self, *, role: str, private_key: Ed25519PrivateKey) -> "Envelope":
        """The same envelope with one more signature; an earlier one of the same key and role is replaced."""
        return self.joined(sign(self, role=role, private_key=private_key))

    def joined(self, signature: Signature) -> "Envelope":
        """The same envelope with a signature that was made elsewhere. It is not verified here."""
        others = [each for each in self.signatures if (each.key, each.role) != (signature.key, signature.role)]
        return replace(self, signatures=tuple(sorted([*others, signature], key=lambda one: (one.role, one.key))))

    def of(self, role: str) -> tuple[Signature, ...]:
        """The signatures given in a role."""
        return tuple(each for each in self.signatures if each.role == role)

    def to_bytes(self) -> bytes:
        """The envelope as RFC 8785 JSON: what is stored and what travels."""
        signatures = [
            {"key": each.key, "role": each.role, "value": base64.b64encode(each.value).decode("ascii")} for each in self.signatures
        ]
        payload = base64.b64encode(self.payload).decode("ascii")
        return rfc8785.dumps({"payload": payload, "payload_type": self.genre.payload_type, "signatures": signatures})


def key_id(public_key: Ed25519PublicKey) -> str:
    """The id of a key: the first 32 hexadecimal digits of SHA-256 of its 32 bytes."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:32]


def sign(envelope: Envelope, *, role: str, private_key: Ed25519PrivateKey) -> Signature:
    """The signature of a key in a role over the envelope's payload."""
    value = signing.sign(envelope.payload, private_key, context=envelope.genre.context(role))
    return Signature(key=key_id(private_key.public_key()), role=role, value=value)


def verify(envelope: Envelope, signature: Signature, public_key: Ed25519PublicKey) -> bool:
    """Whether the signature is this key's, in its stated role, over this payload. It does not say whether the key may."""
    if signature.key != key_id(public_key):
        return False
    return signing.verify(envelope.payload, signature.value, public_key, context=envelope.genre.context(signature.role))


def open_envelope(raw: bytes, genre: Genre) -> Envelope:
    """Read an envelope strictly: size, keys, base64, canonical bytes. Raises the genre's code. No signature is verified."""
    body = canonical(raw, genre, most=2 * genre.most)
    if not isinstance(body, dict) or set(body) != _KEYS or body["payload_type"] != genre.payload_type:
        raise genre.broken("it is not an envelope of this kind")
    listed = body["signatures"]
    if not isinstance(listed, list) or len(listed) > MAX_SIGNATURES:
        raise genre.broken(what=f"it has no list of at most {MAX_SIGNATURES} signatures")
    payload = _octets(body["payload"], genre)
    canonical(payload, genre, most=genre.most)
    envelope = Envelope(genre=genre, payload=payload, signatures=tuple(_signature(each, genre) for each in listed))
    pairs = [(each.role, each.key) for each in envelope.signatures]
    if pairs != sorted(set(pairs)):
        raise genre.broken("its signatures are repeated or out of order")
    return envelope


def canonical(raw: bytes, genre: Genre, *, most: int) -> Any:
    """The JSON value of bytes that are exactly its RFC 8785 form: no repeated key, no spare byte, no float.

    Raises the genre's code.
    """
    if len(raw) > most:
        raise genre.broken(
            what=f"it is larger than {most} bytes", remedy="split the change, or leave out files that are not policies"
        )
    try:
        body = json.loads(raw, parse_float=_no_number, parse_constant=_no_number)
        again = rfc8785.dumps(body)
    except (ValueError, TypeError, RecursionError):
        raise genre.broken("it is truncated or not JSON") from None
    if again != raw:
        raise genre.broken("its bytes are not canonical: a key is repeated or something was added")
    return body


def instant(value: Any, genre: Genre) -> datetime:
    """An instant in whole seconds of UTC."""
    try:
        found = datetime.strptime(value, INSTANT).replace(tzinfo=UTC)
    except (ValueError, TypeError):
        raise genre.broken("an instant cannot be read") from None
    if written(found) != value:
        raise genre.broken("an instant cannot be read")
    return found


def written(value: datetime) -> str:
    """An aware instant as it is written in a payload, to the second."""
    return value.astimezone(UTC).strftime(INSTANT)


def texts(body: Mapping[str, Any], genre: Genre, *names: str) -> dict[str, str]:
    """The members of those names, which must be text."""
    found = {name: body[name] for name in names}
    if not all(isinstance(value, str) for value in found.values()):
        raise genre.broken("a member that must be text is not")
    return found


def _no_number(_: str) -> None:
    raise ValueError


def _signature(body: Any, genre: Genre) -> Signature:
    if not isinstance(body, dict) or set(body) != _SIGNATURE_KEYS:
        raise genre.broken("a signature is not key, role and value")
    found = texts(body, genre, "key", "role", "value")
    if not KEY_ID.match(found["key"]) or not _ROLE.match(found["role"]):
        raise genre.broken("a signature names no key id or no role")
    value = _octets(found["value"], genre)
    if len(value) != _SIGNATURE_SIZE:
        raise genre.broken("a signature is not 64 bytes long")
    return Signature(key=found["key"], role=found["role"], value=value)


def _octets(value: Any, genre: Genre) -> bytes:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise genre.broken("it holds something that is not base64") from None
    if base64.b64encode(raw).decode("ascii") != value:
        raise genre.broken("it holds something that is not base64")
    return raw


def signature_line(signature: Signature) -> str:
    """A signature as one line of text, to be handed on by hand: role, key id, base64."""
    return f"{signature.role} {signature.key} {base64.b64encode(signature.value).decode('ascii')}"


def read_signature_line(text: str) -> Signature:
    """A signature from such a line, not verified. Raises INPUT_INVALID."""
    parts = text.split()
    try:
        role, key, value = parts
        raw = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        role, key, raw = "", "", b""
    if not _ROLE.match(role) or not KEY_ID.match(key) or len(raw) != _SIGNATURE_SIZE:
        raise DomicileError(
            "this is not a signature", remedy="give the line that `global-index policy sign` printed", code=Code.INPUT_INVALID
        )
    return Signature(key=key, role=role, value=raw)
