"""A policy bundle: every policy, case and registry file of one version as text, its dates and what it widens. It decides nothing.

The payload is RFC 8785 JSON in a signed envelope. Reading refuses what is too large, truncated, repeated, unknown or not canonical.
Whether the signatures suffice is asked of `policies.engine.trust`; a bundle that was only read is trusted by nobody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policies.engine import envelope as envelopes
from policies.engine.envelope import Envelope, Genre, Signature, canonical, instant, open_envelope, texts, written
from policies.engine.errors import Code

FORMAT = "domicile.policy-bundle/1"
MAX_PAYLOAD = 6 * 1024 * 1024
MAX_FILE = 1024 * 1024
MAX_FILES = 512
MAX_VERSION = 2**31 - 1
LONGEST = timedelta(days=400)
"""How long a bundle may stand: who is kept from seeing a newer one must not go on for years under an old one."""
FILE_NAME = re.compile(r"(?:registry/(?:laws/)?)?[a-z0-9][a-z0-9_-]{0,79}(?:\.cases)?\.yaml\Z")
BUNDLE = Genre(name="policy-bundle", most=MAX_PAYLOAD, code=Code.BUNDLE_ALTERED)

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_LAW = re.compile(r"[A-Z]{2,12}(?:-[A-Z0-9]{1,12})*\Z")
_KEYS = frozenset(
    {
        "format", "federation", "version", "previous", "issued", "active_from", "expires", "files", "policy_digest", "widens",
        "regions",
    }
)  # fmt: skip


class Role(StrEnum):
    """In which role somebody signs a bundle. Grammar: one noun."""

    AUTHOR = "author"
    APPROVER = "approver"  # a second person
    PRIVACY_OFFICER = "privacy_officer"  # of a region whose law it widens
    PUBLISHER = "publisher"  # the index, once the others have signed


class Phase(StrEnum):
    """Where a bundle stands in time. Grammar: one adjective."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A bundle in the chain: its version and its digest."""

    version: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The payload. Instants are aware, in whole seconds of UTC; `active_from` is inclusive, `expires` exclusive.

    `version` rises by one; `previous` is the digest of the bundle before, empty for version 1. `files` are texts by name
    (`gdpr.yaml`, `gdpr.cases.yaml`, `registry/facts.yaml`, `registry/laws/eu.yaml`); `policy_digest` is that of their documents.
    `widens` names the laws under which something becomes newly allowed, `regions` whose privacy officers must countersign that.
    """

    federation: str
    version: int
    previous: str
    issued: datetime
    active_from: datetime
    expires: datetime
    files: Mapping[str, str]
    policy_digest: str
    widens: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def payload(self) -> bytes:
        """The canonical bytes. Raises BUNDLE_ALTERED for a bundle that no reader would take."""
        body: dict[str, Any] = {
            "format": FORMAT,
            "federation": self.federation,
            "version": self.version,
            "previous": self.previous,
            "issued": written(self.issued),
            "active_from": written(self.active_from),
            "expires": written(self.expires),
            "files": dict(self.files),
            "policy_digest": self.policy_digest,
            "widens": list(self.widens),
            "regions": list(self.regions),
        }
        raw = rfc8785.dumps(body)
        read_payload(raw)
        return raw

    @property
    def envelope(self) -> Envelope:
        """An envelope over it that nobody has signed yet."""
        return Envelope(genre=BUNDLE, payload=self.payload())

    @property
    def link(self) -> Link:
        """Its place in the chain, for the next bundle's `previous` and as `current` of `verify_bundle`."""
        return Link(version=self.version, digest=self.envelope.digest)

    def phase(self, *, at: datetime) -> Phase:
        """Where it stands at an instant: pending before its date, expired from `expires` on."""
        if at >= self.expires:
            return Phase.EXPIRED
        return Phase.ACTIVE if at >= self.active_from else Phase.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBundle:
    """A bundle as it was read, with the envelope that its signatures are in."""

    bundle: Bundle
    envelope: Envelope

    @property
    def link(self) -> Link:
        """Its place in the chain."""
        return Link(version=self.bundle.version, digest=self.envelope.digest)

    def signed(self, *, role: Role, private_key: Ed25519PrivateKey) -> "SignedBundle":
        """The same with one more signature."""
        return replace(self, envelope=self.envelope.signed(role=role.value, private_key=private_key))

    def joined(self, signature: Signature) -> "SignedBundle":
        """The same with a signature made elsewhere, which is not verified here."""
        return replace(self, envelope=self.envelope.joined(signature))

    def to_bytes(self) -> bytes:
        """What is stored and what travels; `read_bundle` takes it back."""
        return self.envelope.to_bytes()


def unsigned(bundle: Bundle) -> SignedBundle:
    """The bundle before anyone signs. Raises BUNDLE_ALTERED when it is not well formed."""
    return SignedBundle(bundle=bundle, envelope=bundle.envelope)


def sign(bundle: Bundle, *, role: Role, private_key: Ed25519PrivateKey) -> Signature:
    """A signature over the bundle in a role; to be added with `joined`."""
    return envelopes.sign(bundle.envelope, role=role.value, private_key=private_key)


def verify(signed: SignedBundle, signature: Signature, public_key: Ed25519PublicKey) -> bool:
    """Whether a signature is this key's over this bundle in its stated role. Who may sign is asked of `verify_bundle`."""
    return envelopes.verify(signed.envelope, signature, public_key)


def read_bundle(raw: bytes) -> SignedBundle:
    """Read an envelope and its payload strictly. Raises BUNDLE_ALTERED. No signature is verified: call `verify_bundle` next."""
    envelope = open_envelope(raw, BUNDLE)
    return SignedBundle(bundle=read_payload(envelope.payload), envelope=envelope)


def read_payload(raw: bytes) -> Bundle:
    """Read a payload strictly. Raises BUNDLE_ALTERED.

    (1) canonical bytes  (2) keys and types  (3) forms of names and digests  (4) files  (5) dates
    """
    # (1) canonical bytes
    body = canonical(raw, BUNDLE, most=MAX_PAYLOAD)
    # (2) keys and types
    if not isinstance(body, dict) or set(body) != _KEYS:
        raise BUNDLE.broken("keys of the payload are missing or unknown")
    found = texts(body, BUNDLE, "format", "federation", "previous", "policy_digest")
    if found["format"] != FORMAT:
        raise BUNDLE.broken(what=f"its format is not `{FORMAT}`", remedy="upgrade the program that reads it")
    # (3) forms of names and digests
    version = body["version"]
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        raise BUNDLE.broken("its version is not a whole number from 1")
    if (found["previous"] == "") is not (version == 1) or not all(
        _DIGEST.match(each) for each in (found["previous"], found["policy_digest"]) if each
    ):
        raise BUNDLE.broken("a digest is missing or not SHA-256 in hex")
    if not _LABEL.match(found["federation"]) or not found["policy_digest"]:
        raise BUNDLE.broken("it names no federation or no policy digest")
    bundle = Bundle(
        federation=found["federation"],
        version=version,
        previous=found["previous"],
        issued=instant(body["issued"], BUNDLE),
        active_from=instant(body["active_from"], BUNDLE),
        expires=instant(body["expires"], BUNDLE),
        files=_files(body["files"]),  # (4)
        policy_digest=found["policy_digest"],
        widens=_names(body["widens"], _LAW, "widens"),
        regions=_names(body["regions"], _LABEL, "regions"),
    )
    _dated(bundle)  # (5)
    return bundle


def _dated(bundle: Bundle) -> None:
    if not bundle.issued < bundle.expires or not bundle.active_from < bundle.expires:
        raise BUNDLE.broken("it expires before it is issued or active", "make it anew with a later `expires`")
    if bundle.expires - min(bundle.issued, bundle.active_from) > LONGEST:
        raise BUNDLE.broken(
            what=f"it would stand for more than {LONGEST.days} days", remedy="make it anew with an earlier `expires`"
        )


def _files(body: Any) -> Mapping[str, str]:
    if not isinstance(body, dict) or not 1 <= len(body) <= MAX_FILES:
        raise BUNDLE.broken(what=f"it holds no file, or more than {MAX_FILES}")
    for name, text in body.items():
        if not FILE_NAME.match(name):
            raise BUNDLE.broken("a file has a name that no policy, case or registry file has")
        if not isinstance(text, str) or len(text.encode()) > MAX_FILE:
            raise BUNDLE.broken(what=f"a file is not text of at most {MAX_FILE} bytes")
    return MappingProxyType(body)


def _names(body: Any, form: re.Pattern[str], what: str) -> tuple[str, ...]:
    if not isinstance(body, list) or len(body) > MAX_FILES or not all(isinstance(each, str) and form.match(each) for each in body):
        raise BUNDLE.broken(what=f"`{what}` is not a list of names")
    if body != sorted(set(body)):
        raise BUNDLE.broken(what=f"`{what}` is repeated or out of order")
    return tuple(body)
