"""Headquarters of two regions, with the keys of everyone who signs and small policies, for tests to change one thing of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from global_index.policy.approving import Approving, Bound
from global_index.policy.drafting import Drafting
from global_index.policy.drafts import Draft
from global_index.policy.keyring import Keyring
from global_index.policy.offering import Offering
from global_index.policy.rooms import PolicyRooms, rehearsed
from global_index.policy.stopping import Stopping
from global_index.policy_house import compared
from global_index.storage.policies import SqlPolicyStore
from policies.engine.bundle import Role, sign
from policies.engine.bundle_files import files_of, registry_in
from policies.engine.envelope import Signature
from policies.engine.lifecycle import RehearsalCounts
from policies.engine.roots import KeyRole

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLGA, PIET = "a" * 32, "b" * 32
REGIONS = (Bound(region="br-sp", jurisdiction="BR"), Bound(region="eu-de", jurisdiction="EU"))

PERMIT = """\
policy: {name}
law: {law}
title: Counts for reporting
cite: ["{law} Art. 1"]
review: {{by: dpo, last: 2026-11-22, again_before: 2027-02-22}}
effect: permit
when:
  importer.region: {to}
  data.shape: aggregate
  purpose: analytics.reporting
"""
CASES = """\
version: 1
as_of: 2026-11-22
cases:
  - {{id: counts, kind: transfer, date: 2026-11-22, exporter: {{region: {law}}}, importer: {{region: {to}}},
      data: {{shape: aggregate}}, purpose: analytics.reporting, expect: {{outcome: allow}}}}
  - {{id: advertising, kind: transfer, date: 2026-11-22, exporter: {{region: {law}}}, importer: {{region: {to}}},
      data: {{shape: aggregate}}, purpose: marketing, expect: {{outcome: deny}}}}
"""


def private_key(name: str) -> Ed25519PrivateKey:
    """A key made from a name."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"\0"))


def eu(to: str) -> dict[str, str]:
    """A small EU policy that permits one importer, and its cases."""
    policy = PERMIT.format(name="eu-reporting", law="EU", to=to)
    return {"eu.yaml": policy, "eu.cases.yaml": CASES.format(law="EU", to=to)}


def folder_of(path: Path) -> Path:
    """A folder with a small policy for each region's law."""
    path.mkdir(parents=True, exist_ok=True)
    brazil = {
        "br.yaml": PERMIT.format(name="br-reporting", law="BR", to="EU"),
        "br.cases.yaml": CASES.format(law="BR", to="EU"),
    }
    for name, text in {**eu("BR"), **brazil}.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


async def replayed(region: str, _files: Mapping[str, str], digest: str) -> RehearsalCounts:
    """A region that has recorded nothing yet."""
    del region
    return RehearsalCounts(policy_digest=digest, decisions=0)


@dataclass(kw_only=True)
class PolicyWorld:
    """The rooms and what the tests change: `staff` are the accounts that are compliance officers."""

    rooms: PolicyRooms
    staff: set[str] = field(default_factory=lambda: {OLGA, PIET})

    def draft(self, change: Mapping[str, str] | None = None, *, by: str = OLGA, at: datetime = AT) -> Draft:
        """A draft with a change in it."""
        made = self.rooms.drafting.start("let counts go to the US", files=None, by=by, at=at)
        return self.rooms.drafting.edit(made.draft_id, dict(change or eu("US")), revision=None, by=by, at=at)

    async def rehearsed(self, change: Mapping[str, str] | None = None, *, by: str = OLGA, at: datetime = AT) -> str:
        """The id of a draft that was checked and rehearsed."""
        made = self.draft(change, by=by, at=at)
        found = self.rooms.drafting.check(made.draft_id, by=by, at=at)
        assert found.passes, [str(each) for each in found.findings]
        await rehearsed(self.rooms, made.draft_id, by=by, at=at)
        return made.draft_id

    async def submitted(self, change: Mapping[str, str] | None = None, *, at: datetime = AT, **dates: Any) -> str:
        """The id of a draft that its author has signed."""
        draft = await self.rehearsed(change, at=at)
        self.rooms.approving.prepare(draft, by=OLGA, at=at, **dates)
        self.rooms.approving.submit(draft, self.signature(draft, Role.AUTHOR, "olga"), at=at)
        return draft

    async def approved(self, change: Mapping[str, str] | None = None, *, at: datetime = AT, **dates: Any) -> str:
        """The id of a draft that two have signed."""
        draft = await self.submitted(change, at=at, **dates)
        self.rooms.approving.approve(draft, self.signature(draft, Role.APPROVER, "piet"), at=at)
        return draft

    async def published(self, change: Mapping[str, str] | None = None, *, at: datetime = AT, **dates: Any) -> str:
        """The id of a draft that is published."""
        draft = await self.approved(change, at=at, **dates)
        self.countersigned(draft, at=at)
        self.rooms.approving.publish(draft, by=PIET, at=at)
        return draft

    def countersigned(self, draft: str, *, at: datetime = AT) -> None:
        """Every region that must has countersigned."""
        signed = self.rooms.drafting.draft(draft).bundle
        assert signed is not None
        for region in self.rooms.approving.awaited(signed):
            signature = self.signature(draft, Role.PRIVACY_OFFICER, f"dpo-{region}")
            self.rooms.approving.countersign(signed.envelope.digest, signature, region=region, at=at)

    def signature(self, draft: str, role: Role, name: str) -> Signature:
        """Somebody's signature under a draft as it is now."""
        signed = self.rooms.drafting.draft(draft).bundle
        assert signed is not None
        return sign(signed.bundle, role=role, private_key=private_key(name))


def policy_world(engine: Engine, folder: Path, *, regions: Callable[[], tuple[Bound, ...]] = lambda: REGIONS) -> PolicyWorld:
    """Headquarters on a store that has its tables, every key enrolled."""
    store = SqlPolicyStore(engine)
    keyring = Keyring(store=store, federation="demo")
    keyring.found(root_key=private_key("root"), publisher=private_key("index").public_key(), at=AT - DAY)
    ids = iter(range(1, 10_000))
    staff = {OLGA, PIET}
    drafting = Drafting(store=store, shipped=folder_of(folder), differ=compared, new_id=lambda: format(next(ids), "032x"))
    approving = Approving(
        store=store,
        drafting=drafting,
        keyring=keyring,
        federation="demo",
        regions=regions,
        active=lambda account: account in staff,
        publisher=lambda: private_key("index"),
    )
    people = (("olga", KeyRole.COMPLIANCE_OFFICER, OLGA, ""), ("piet", KeyRole.COMPLIANCE_OFFICER, PIET, ""))
    officers = tuple((f"dpo-{r.region}", KeyRole.PRIVACY_OFFICER, f"dpo-{r.region}", r.region) for r in regions())
    for name, role, holder, region in (*people, *officers):
        keyring.enroll(
            private_key(name).public_key(), role=role, holder=holder, region=region, root_key=lambda: private_key("root"), at=AT
        )  # fmt: skip
    stopping = Stopping(
        store=store,
        federation="demo",
        publisher=lambda: private_key("index"),
        registry=lambda: registry_in(files_of(folder)),
    )
    rooms = PolicyRooms(
        store=store,
        drafting=drafting,
        approving=approving,
        keyring=keyring,
        stopping=stopping,
        offering=Offering(store=store, regions=regions),
        regions=regions,
        rehearse=replayed,
    )
    return PolicyWorld(rooms=rooms, staff=staff)
