"""The root document: the keys of those who may sign policies, enrolled, rotated and revoked. It keeps nothing and reads no file.

The root is signed by the federation's root key, which a node learns when it joins. Keys are enrolled, rotated and revoked by a new
version of the root; nothing in a root is ever taken back, so that a revoked key stays revoked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policies.engine import envelope as envelopes
from policies.engine.envelope import Envelope, Genre, canonical, instant, key_id, open_envelope, texts, written
from policies.engine.errors import Code, DomicileError

FORMAT = "domicile.policy-root/1"
ROOT = Genre(name="policy-root", most=1024 * 1024, code=Code.TRUST_REFUSED)
MAX_KEYS = 1024
_ROOT_ROLE = "root"
_MAX_VERSION = 2**31 - 1
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_HOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}\Z")
_PUBLIC = re.compile(r"[0-9a-f]{64}\Z")
_KEYS = frozenset({"format", "federation", "version", "issued", "root_key", "keys"})
_KEY_KEYS = frozenset({"id", "public_key", "role", "holder", "region", "enrolled", "rotated", "revoked"})


class KeyRole(StrEnum):
    """What the holder of a key is. Grammar: one noun."""

    COMPLIANCE_OFFICER = "compliance_officer"  # signs as author, or as approver of another's bundle
    PRIVACY_OFFICER = "privacy_officer"  # countersigns for one region
    PUBLISHER = "publisher"  # the index


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyKey:
    """An enrolled key. `holder` is an account or officer id; `region` is set for privacy officers alone.

    `rotated` is from when its successor signs instead; `revoked` is from when nothing it ever signed counts any more.
    """

    public_key: bytes
    role: KeyRole
    holder: str
    region: str = ""
    enrolled: datetime
    rotated: datetime | None = None
    revoked: datetime | None = None

    @property
    def id(self) -> str:
        """The key's id, as signatures name it."""
        return key_id(self.public)

    @property
    def public(self) -> Ed25519PublicKey:
        """The key to verify with."""
        return Ed25519PublicKey.from_public_bytes(self.public_key)

    @property
    def state(self) -> str:
        """`current`, `rotated` or `revoked`."""
        return "revoked" if self.revoked else "rotated" if self.rotated else "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The root document: whom the federation lets sign policies. `root_key` is the public key that signs it."""

    federation: str
    version: int
    issued: datetime
    root_key: bytes
    keys: tuple[PolicyKey, ...] = ()

    def key(self, identifier: str) -> PolicyKey | None:
        """The key of that id, None when it was never enrolled."""
        return next((each for each in self.keys if each.id == identifier), None)

    def current(self, role: KeyRole, *, region: str = "", holder: str = "") -> tuple[PolicyKey, ...]:
        """The keys of a role that sign now, of one region or holder where given."""
        return tuple(
            each
            for each in self.keys
            if each.role is role
            and each.state == "current"
            and (not region or each.region == region)
            and (not holder or each.holder == holder)
        )

    def enrolled(self, key: PolicyKey) -> "Root":
        """The next version, with a key more. Raises RECORD_DUPLICATE, INPUT_INVALID."""
        if self.key(key.id) is not None:
            raise DomicileError(
                "this key is enrolled already", where=key.id, remedy="make a new key; one is never enrolled twice",
                code=Code.RECORD_DUPLICATE,
            )  # fmt: skip
        if (key.role is KeyRole.PRIVACY_OFFICER) is not bool(key.region):
            raise DomicileError(
                "a privacy officer, and nobody else, has a region", where=key.holder[:64], remedy="give or leave out `--region`",
                code=Code.INPUT_INVALID,
            )  # fmt: skip
        return self._next((*self.keys, key), at=key.enrolled)

    def rotated(self, identifier: str, successor: PolicyKey) -> "Root":
        """The next version, in which `successor` signs instead of a key; what that has signed until now stands."""
        old = self._standing(identifier)
        if (successor.role, successor.holder, successor.region) != (old.role, old.holder, old.region):
            raise DomicileError(
                "a key is rotated to one of the same holder, role and region", where=identifier, remedy="enroll it as a new key",
                code=Code.INPUT_INVALID,
            )  # fmt: skip
        grown = self.enrolled(successor)
        turned = replace(old, rotated=successor.enrolled)
        return replace(grown, keys=tuple(turned if each.id == identifier else each for each in grown.keys))

    def revoked(self, identifier: str, *, at: datetime) -> "Root":
        """The next version, in which nothing that a key signed counts any more. Raises RECORD_NOT_FOUND, RECORD_CONFLICT."""
        old = self.key(identifier) or self._standing(identifier)
        if old.revoked is not None:
            raise DomicileError(
                "it is revoked already", where=identifier, remedy="nothing is to be done", code=Code.RECORD_CONFLICT
            )
        ended = replace(old, revoked=at)
        return self._next(tuple(ended if each.id == identifier else each for each in self.keys), at=at)

    def payload(self) -> bytes:
        """The canonical bytes. Raises TRUST_REFUSED for a root that no reader would take."""
        body: dict[str, Any] = {
            "format": FORMAT,
            "federation": self.federation,
            "version": self.version,
            "issued": written(self.issued),
            "root_key": self.root_key.hex(),
            "keys": [_key_body(each) for each in self.keys],
        }
        raw = rfc8785.dumps(body)
        read_root(raw)
        return raw

    def signed(self, *private_keys: Ed25519PrivateKey) -> bytes:
        """The signed envelope: by the root key, and by the one before where it changes."""
        envelope = Envelope(genre=ROOT, payload=self.payload())
        for private_key in private_keys:
            envelope = envelope.signed(role=_ROOT_ROLE, private_key=private_key)
        return envelope.to_bytes()

    def _standing(self, identifier: str) -> PolicyKey:
        key = self.key(identifier)
        if key is None:
            raise DomicileError(
                what=f"there is no key `{identifier[:64]}`",
                remedy="see `global-index policy keys list`",
                code=Code.RECORD_NOT_FOUND,
            )
        if key.state != "current":
            raise DomicileError(
                what=f"the key is {key.state} already", where=identifier, remedy="enroll a new key", code=Code.RECORD_CONFLICT
            )
        return key

    def _next(self, keys: Sequence[PolicyKey], *, at: datetime) -> "Root":
        return replace(self, version=self.version + 1, issued=at, keys=tuple(sorted(keys, key=lambda one: one.id)))


def open_root(raw: bytes, *, federation: str, known: Root | None) -> Root:
    """The root of an envelope once it is verified. Raises TRUST_REFUSED, TRUST_OLDER.

    With `known` (the root this side holds) the new one must be newer, signed by the known root key, and take nothing back. Without
    it, as on joining, the root is only found consistent: the caller must have it from the authenticated index.

    (1) whole and of this federation  (2) signed by its own root key  (3) newer  (4) signed by the known root key
    (5) takes nothing back
    """
    # (1) whole and of this federation
    envelope = open_envelope(raw, ROOT)
    root = read_root(envelope.payload)
    if root.federation != federation:
        raise _refused("it is of another federation")
    # (2) signed by its own root key
    _require_root_signature(envelope, root.root_key)
    if known is None:
        return root
    # (3) newer
    if root.version <= known.version:
        raise DomicileError(
            what=f"it has version {root.version}, the one known has {known.version}",
            where="policy-root",
            remedy="check who answers at the index's address; the known list stays in force",
            code=Code.TRUST_OLDER,
        )
    # (4) signed by the known root key
    _require_root_signature(envelope, known.root_key)
    # (5) takes nothing back
    for old in known.keys:
        new = root.key(old.id)
        if new is None or (new.role, new.holder, new.region, new.enrolled) != (old.role, old.holder, old.region, old.enrolled):
            raise _refused("a key that was enrolled is missing or changed")
        if (old.revoked and new.revoked != old.revoked) or (old.rotated and new.rotated != old.rotated):
            raise _refused("a key that was revoked or rotated is current again")
    return root


def read_root(raw: bytes) -> Root:
    """Read a root's payload strictly. Raises TRUST_REFUSED. It verifies no signature: use `open_root`."""
    body = canonical(raw, ROOT, most=ROOT.most)
    if not isinstance(body, dict) or set(body) != _KEYS:
        raise _refused("keys of the payload are missing or unknown")
    found = texts(body, ROOT, "format", "federation", "root_key")
    if found["format"] != FORMAT or not _LABEL.match(found["federation"]) or not _PUBLIC.match(found["root_key"]):
        raise _refused("its format, federation or root key is not of its form")
    if type(body["version"]) is not int or not 1 <= body["version"] <= _MAX_VERSION:
        raise _refused("its version is not a whole number from 1")
    if not isinstance(body["keys"], list) or len(body["keys"]) > MAX_KEYS:
        raise _refused(what=f"it has no list of at most {MAX_KEYS} keys")
    keys = tuple(_read_key(each) for each in body["keys"])
    identifiers = [each.id for each in keys]
    if identifiers != sorted(set(identifiers)):
        raise _refused("its keys are repeated or out of order")
    return Root(
        federation=found["federation"],
        version=body["version"],
        issued=instant(body["issued"], ROOT),
        root_key=bytes.fromhex(found["root_key"]),
        keys=keys,
    )


def _require_root_signature(envelope: Envelope, root_key: bytes) -> None:
    public = Ed25519PublicKey.from_public_bytes(root_key)
    named = [each for each in envelope.of(_ROOT_ROLE) if each.key == key_id(public)]
    if not named or not envelopes.verify(envelope, named[0], public):
        raise _refused(what=f"it is not signed by the root key `{key_id(public)}`")


def _key_body(key: PolicyKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "public_key": key.public_key.hex(),
        "role": key.role.value,
        "holder": key.holder,
        "region": key.region,
        "enrolled": written(key.enrolled),
        "rotated": written(key.rotated) if key.rotated else "",
        "revoked": written(key.revoked) if key.revoked else "",
    }


def _read_key(body: Any) -> PolicyKey:
    if not isinstance(body, dict) or set(body) != _KEY_KEYS:
        raise _refused("a key lacks a member or has an unknown one")
    found = texts(body, ROOT, *_KEY_KEYS)
    if found["role"] not in set(KeyRole) or not _HOLDER.match(found["holder"]) or not _PUBLIC.match(found["public_key"]):
        raise _refused("a key's role, holder or public key is not of its form")
    if (found["role"] == KeyRole.PRIVACY_OFFICER) is not bool(_LABEL.match(found["region"])) or (
        found["role"] != KeyRole.PRIVACY_OFFICER and found["region"]
    ):
        raise _refused("a privacy officer, and nobody else, has a region")
    key = PolicyKey(
        public_key=bytes.fromhex(found["public_key"]),
        role=KeyRole(found["role"]),
        holder=found["holder"],
        region=found["region"],
        enrolled=instant(found["enrolled"], ROOT),
        rotated=instant(found["rotated"], ROOT) if found["rotated"] else None,
        revoked=instant(found["revoked"], ROOT) if found["revoked"] else None,
    )
    if key.id != found["id"]:
        raise _refused("a key's id is not that of its public key")
    return key


def _refused(what: str) -> DomicileError:
    return ROOT.broken(what, "check who answers at the index's address; the list already known stays in force")
