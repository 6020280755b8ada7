"""Headquarters in miniature for tests: a root with enrolled keys, bundles signed by whoever a test says, stop notices."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine.bundle import Bundle, Role, SignedBundle, unsigned
from policies.engine.bundle_files import documents_of, files_of
from policies.engine.envelope import key_id
from policies.engine.roots import KeyRole, PolicyKey, Root
from policies.engine.stops import ANY, Act, Stop

FEDERATION = "acme"
REGION = "eu-de"
START = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = """policy: eu-within-the-group
law: EU
title: Within the group
cite: ["GDPR Art. 45"]
kind: [transfer, release]
effect: permit
when: {importer.group: true}
"""
LAWS = ("eu", "pci", "us-ca", "us")  # of the shipped registry, so that a test does not wait for all of them
ALL = (Role.AUTHOR, Role.APPROVER, Role.PRIVACY_OFFICER, Role.PUBLISHER)


def seeded_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")[:32])


@cache
def files(policy: str) -> Mapping[str, str]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "eu.yaml").write_text(policy, encoding="utf-8")
        whole = files_of(Path(folder))
    return {name: text for name, text in whole.items() if not name.startswith("registry/laws/") or Path(name).stem in LAWS}


@dataclass
class SigningRoom:
    """Keys of an author, an approver, the region's officer and the publisher, and the root that names them."""

    keys: dict[Role, Ed25519PrivateKey] = field(default_factory=lambda: {role: seeded_key(role.value) for role in Role})
    root_key: Ed25519PrivateKey = field(default_factory=lambda: seeded_key("root"))
    federation: str = FEDERATION
    region: str = REGION

    def __post_init__(self) -> None:
        kinds = {Role.PUBLISHER: KeyRole.PUBLISHER, Role.PRIVACY_OFFICER: KeyRole.PRIVACY_OFFICER}
        self.root = Root(
            federation=self.federation, version=1, issued=START, root_key=self.root_key.public_key().public_bytes_raw()
        )
        for role, key in self.keys.items():
            kind = kinds.get(role, KeyRole.COMPLIANCE_OFFICER)
            enrolled = PolicyKey(
                public_key=key.public_key().public_bytes_raw(),
                role=kind,
                holder=role.value,
                region=self.region if kind is KeyRole.PRIVACY_OFFICER else "",
                enrolled=START,
            )
            self.root = self.root.enrolled(enrolled)

    def signed_root(self) -> bytes:
        return self.root.signed(self.root_key)

    def revoke(self, role: Role, at: datetime = START + timedelta(days=1)) -> bytes:
        """The next root, in which the key of a role counts no more."""
        self.root = self.root.revoked(key_id(self.keys[role].public_key()), at=at)
        return self.signed_root()

    def bundle(self, previous: SignedBundle | None = None, *, policy: str = POLICY, **changed: object) -> Bundle:
        made = dict(files(policy))
        bundle = Bundle(
            federation=self.federation,
            version=previous.bundle.version + 1 if previous is not None else 1,
            previous=previous.envelope.digest if previous is not None else "",
            issued=START,
            active_from=START,
            expires=START + timedelta(days=90),
            files=made,
            policy_digest=documents_of(made).digest,
            widens=("EU",),
            regions=(self.region,),
        )
        return replace(bundle, **changed)  # type: ignore[arg-type]  # a test names what it changes

    def sign(self, bundle: Bundle, roles: tuple[Role, ...] = ALL) -> SignedBundle:
        signed = unsigned(bundle)
        for role in roles:
            signed = signed.signed(role=role, private_key=self.keys[role])
        return signed

    def stop(self, number: int, *, importer: str = ANY, exporter: str = ANY, purpose: str = "", ends: int = 0) -> bytes:
        notice = Stop(
            federation=self.federation,
            number=number,
            act=Act.RESUME if ends else Act.STOP,
            exporter=exporter,
            importer=importer,
            purpose=purpose,
            reason="a leak",
            issued=START,
            ends=ends,
        )
        return notice.signed(self.keys[Role.PUBLISHER])
