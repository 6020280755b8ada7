"""One ordinary federation's keys and one ordinary bundle of it, for tests to change one thing of. No test is here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine.bundle import Bundle, Role, SignedBundle, unsigned
from policies.engine.roots import KeyRole, PolicyKey, Root

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def private_key(name: str) -> Ed25519PrivateKey:
    """A key made from a name, so that tests say who signs."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"\0"))


def enrolled(name: str, role: KeyRole, region: str = "") -> PolicyKey:
    """The key of that name, enrolled a month ago; its holder has the same name."""
    public = private_key(name).public_key().public_bytes_raw()
    return PolicyKey(public_key=public, role=role, holder=name, region=region, enrolled=AT - 30 * DAY)


AUTHOR, APPROVER, INDEX = "olga", "piet", "index"
OFFICER_EU, OFFICER_BR = "dpo-eu", "dpo-br"
KEYS = (
    enrolled(AUTHOR, KeyRole.COMPLIANCE_OFFICER),
    enrolled(APPROVER, KeyRole.COMPLIANCE_OFFICER),
    enrolled(OFFICER_EU, KeyRole.PRIVACY_OFFICER, "eu-de"),
    enrolled(OFFICER_BR, KeyRole.PRIVACY_OFFICER, "br-sp"),
    enrolled(INDEX, KeyRole.PUBLISHER),
)
ROOT_KEY = private_key("root")
ROOT = Root(
    federation="demo",
    version=3,
    issued=AT - 20 * DAY,
    root_key=ROOT_KEY.public_key().public_bytes_raw(),
    keys=tuple(sorted(KEYS, key=lambda one: one.id)),
)


FILES = {"a.yaml": "policy: x\n"}
"""What the files say is of no matter to who must sign them."""


def bundle(**changes: Any) -> Bundle:
    """Version 7, issued yesterday, active since this morning, for a year; it widens EU law, which eu-de is bound by."""
    ordinary = Bundle(
        federation="demo",
        version=7,
        previous="6" * 64,
        issued=AT - DAY,
        active_from=AT - timedelta(hours=6),
        expires=AT + 365 * DAY,
        files=FILES,
        policy_digest="d" * 64,
        widens=("EU",),
        regions=("eu-de",),
    )
    return replace(ordinary, **changes)


def signed(one: Bundle | None = None, *, by: dict[Role, tuple[str, ...]] | None = None) -> SignedBundle:
    """The bundle with the signatures of everyone who must."""
    names = {
        Role.AUTHOR: (AUTHOR,), Role.APPROVER: (APPROVER,), Role.PRIVACY_OFFICER: (OFFICER_EU,), Role.PUBLISHER: (INDEX,),
    } | (by or {})  # fmt: skip
    result = unsigned(one or bundle())
    for role, signers in names.items():
        for name in signers:
            result = result.signed(role=role, private_key=private_key(name))
    return result
