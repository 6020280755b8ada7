"""The keys of those who sign policies, at headquarters: enrolled, rotated and revoked. Only public keys are kept.

The root key signs each version. It lies in a file that may be kept away from this machine; only these use cases ask for it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from global_index.policy.drafts import Act, Deed, PolicyStore, PolicyUnit
from policies.engine.errors import Code, DomicileError
from policies.engine.roots import KeyRole, PolicyKey, Root, open_root

OPERATOR = "operator"
PUBLISHER_HOLDER = "index"
RootKey = Callable[[], Ed25519PrivateKey]


class Keyring:
    """The use cases. `root_key` reads the root's private key when a change needs it."""

    def __init__(self, *, store: PolicyStore, federation: str) -> None:
        self._store = store
        self._federation = federation

    def found(self, *, root_key: Ed25519PrivateKey, publisher: Ed25519PublicKey, at: datetime) -> Root:
        """The first version, with the index's own publisher key. Where there is one already it is returned as it is."""
        with self._store.writing() as unit:
            if unit.roots():
                return self._newest(unit)
            at = at.replace(microsecond=0)
            own = PolicyKey(public_key=publisher.public_bytes_raw(), role=KeyRole.PUBLISHER, holder=PUBLISHER_HOLDER, enrolled=at)
            public = root_key.public_key().public_bytes_raw()
            root = Root(federation=self._federation, version=1, issued=at, root_key=public, keys=(own,))
            unit.add_root(1, root.signed(root_key))
            unit.record(Deed(at=at, actor=OPERATOR, act=Act.ENROLLED, about=own.id, detail=KeyRole.PUBLISHER.value))
            return root

    def root(self) -> Root:
        """The newest version. Raises KEY_MISSING where none was ever made."""
        with self._store.reading() as unit:
            return self._newest(unit)

    def envelope(self) -> bytes:
        """The newest version as it is signed: what a joining region is given. Empty where none was ever made."""
        with self._store.reading() as unit:
            return next(reversed(unit.roots()), b"")

    def enroll(
        self, public: Ed25519PublicKey, *, role: KeyRole, holder: str, region: str = "", root_key: RootKey, at: datetime
    ) -> PolicyKey:
        """Let a key sign in a role from now on. Raises RECORD_DUPLICATE, INPUT_INVALID.

        One holder has one current key of a role and region: a further one replaces it by `rotate`.
        """
        key = PolicyKey(public_key=public.public_bytes_raw(), role=role, holder=holder, region=region, enrolled=_second(at))
        with self._store.writing() as unit:
            root = self._newest(unit)
            if root.current(role, holder=holder, region=region):
                raise DomicileError(
                    "this holder has a current key of this role", where=holder, remedy="rotate that key instead",
                    code=Code.RECORD_DUPLICATE,
                )  # fmt: skip
            self._keep(unit, root.enrolled(key), root_key)
            detail = f"{role.value} {holder} {region}".strip()
            unit.record(Deed(at=at, actor=OPERATOR, act=Act.ENROLLED, about=key.id, detail=detail))
        return key

    def rotate(self, identifier: str, public: Ed25519PublicKey, *, root_key: RootKey, at: datetime) -> PolicyKey:
        """Let another key of the same holder sign instead; what the old one signed until now stands."""
        with self._store.writing() as unit:
            root = self._newest(unit)
            old = _required(root, identifier)
            new = replace(old, public_key=public.public_bytes_raw(), enrolled=_second(at), rotated=None, revoked=None)
            self._keep(unit, root.rotated(old.id, new), root_key)
            unit.record(Deed(at=at, actor=OPERATOR, act=Act.ROTATED, about=old.id, detail=new.id))
        return new

    def revoke(self, identifier: str, *, root_key: RootKey, at: datetime) -> PolicyKey:
        """Let nothing that a key ever signed count any more."""
        with self._store.writing() as unit:
            root = self._newest(unit)
            old = _required(root, identifier)
            grown = root.revoked(old.id, at=_second(at))
            self._keep(unit, grown, root_key)
            unit.record(Deed(at=at, actor=OPERATOR, act=Act.REVOKED, about=old.id))
        return replace(old, revoked=_second(at))

    def _newest(self, unit: PolicyUnit) -> Root:
        kept = unit.roots()
        if not kept:
            raise DomicileError(
                "this index has no list of policy keys yet", remedy="run `global-index policy keys init`", code=Code.KEY_MISSING
            )
        return open_root(kept[-1], federation=self._federation, known=None)

    def _keep(self, unit: PolicyUnit, root: Root, root_key: RootKey) -> None:
        private_key = root_key()
        if private_key.public_key().public_bytes_raw() != root.root_key:
            raise DomicileError(
                "this is not the root key of this federation", remedy="give `--root-key` with the file that `init` made",
                code=Code.KEY_MISSING,
            )  # fmt: skip
        unit.add_root(root.version, root.signed(private_key))


def _required(root: Root, identifier: str) -> PolicyKey:
    """A key by its id, or the beginning of it that fits one alone."""
    fitting = [each for each in root.keys if each.id == identifier or (len(identifier) > 5 and each.id.startswith(identifier))]  # noqa: PLR2004 - of 32 digits
    if len(fitting) != 1:
        raise DomicileError(
            what=f"there is no key `{identifier[:40]}`", remedy="see `global-index policy keys list`", code=Code.RECORD_NOT_FOUND
        )
    return fitting[0]


def _second(at: datetime) -> datetime:
    """The whole second before an instant; documents know no parts of one."""
    return at - timedelta(microseconds=at.microsecond)
