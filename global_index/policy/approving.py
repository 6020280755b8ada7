"""From a rehearsed draft to a published bundle: dates fixed, signed by its author, a second person, the regions and the index.

No private key of a person comes here: signatures are made elsewhere and are verified here against the enrolled keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from global_index.policy.drafting import Drafting
from global_index.policy.drafts import Act, Deed, Draft, PolicyStore, PolicyUnit, Published, required
from global_index.policy.keyring import Keyring
from policies.engine.bundle import Bundle, Role, SignedBundle, unsigned
from policies.engine.bundle_files import documents_of, registry_in
from policies.engine.envelope import Signature, verify
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import BundleGraph
from policies.engine.registry import Registry
from policies.engine.trust import SIGNS_AS, KeyRole, PolicyKey, Root, verify_bundle

LASTS = timedelta(days=365)
_AUTHORED = ("SUBMITTED", "APPROVED", "COUNTERSIGNED", "SIGNED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A region and the jurisdiction whose law binds it."""

    region: str
    jurisdiction: str


Regions = Callable[[], tuple[Bound, ...]]


def laws_of(jurisdiction: str, registry: Registry) -> frozenset[str]:
    """Every law that attaches to what a region exports: its own, that one's parents, and the overlays."""
    overlays = {code for code, each in registry.jurisdictions.items() if each.overlay}
    law = registry.law_of(jurisdiction)
    return frozenset(overlays if law is None else {*overlays, *registry.chain(law)})


class Approving:
    """The use cases. `active` says which accounts may sign now; `publisher` reads the index's own key."""

    def __init__(
        self,
        *,
        store: PolicyStore,
        drafting: Drafting,
        keyring: Keyring,
        federation: str,
        regions: Regions,
        active: Callable[[str], bool],
        publisher: Callable[[], Ed25519PrivateKey],
    ) -> None:
        self._store = store
        self._drafting = drafting
        self._keyring = keyring
        self._federation = federation
        self._regions = regions
        self._active = active
        self._publisher = publisher

    def prepare(
        self, draft_id: str, *, active_from: datetime | None = None, expires: datetime | None = None, by: str, at: datetime
    ) -> Draft:
        """Fix version, dates and what it widens: the bytes that are signed from now on. Nobody has signed them yet.

        Raises RECORD_CONFLICT for a draft that was not rehearsed, ROLE_MISSING for anyone but its author.
        """
        draft = self._drafting.draft(draft_id)
        BundleGraph.move(draft.state, BundleGraph.SUBMITTED, where=_where(draft))
        if draft.author != by:
            raise DomicileError(
                "only its author submits a draft", where=_where(draft), remedy="edit it, which makes you its author",
                code=Code.ROLE_MISSING,
            )  # fmt: skip
        found = self._drafting.compared(draft)
        at = at.replace(microsecond=0)
        starts = (active_from or at).replace(microsecond=0)
        with self._store.writing() as unit:
            newest = unit.newest()
            bundle = Bundle(
                federation=self._federation,
                version=newest.version + 1 if newest else 1,
                previous=newest.signed.link.digest if newest else "",
                issued=at,
                active_from=starts,
                expires=(expires or max(starts, at) + LASTS).replace(microsecond=0),
                files=draft.files,
                policy_digest=documents_of(draft.files).digest,
                widens=found.widens,
                regions=self._affected(found.widens, registry_in(draft.files)),
            )
            if at >= bundle.expires:
                raise DomicileError(
                    "it would be expired at once", where="expires", remedy="choose a later day", code=Code.INPUT_INVALID
                )
            kept = replace(draft, envelope=unsigned(bundle).to_bytes(), difference=found.text, changed_at=at)
            unit.record(Deed(at=at, actor=by, act=Act.PREPARED, about=draft.draft_id, detail=f"version {bundle.version}"))
            return unit.keep_draft(kept)

    def submit(self, draft_id: str, signature: Signature, *, at: datetime) -> Draft:
        """Take the author's signature. Raises BUNDLE_ALTERED, BUNDLE_KEY_UNKNOWN, BUNDLE_KEY_REVOKED."""
        with self._store.writing() as unit:
            draft = required(unit, draft_id)
            signed = _bundle(draft)
            key = self._signer(signed, signature, Role.AUTHOR)
            if key.holder != draft.author:
                raise _wrong(draft, "it is not the author's signature", "sign with the key of whoever edited it last")
            kept = replace(draft.moved(BundleGraph.SUBMITTED, at=at), envelope=signed.joined(signature).to_bytes())
            unit.record(Deed(at=at, actor=key.holder, act=Act.SUBMITTED, about=draft.draft_id, detail=_versioned(signed)))
            return unit.keep_draft(kept)

    def approve(self, draft_id: str, signature: Signature, *, at: datetime) -> Draft:
        """Take a second person's signature. Raises BUNDLE_OWN_APPROVAL for the author's."""
        with self._store.writing() as unit:
            draft = required(unit, draft_id)
            signed = _bundle(draft)
            key = self._signer(signed, signature, Role.APPROVER)
            if key.holder == draft.author:
                raise DomicileError(
                    "its author cannot approve it", where=_where(draft), remedy="have a second compliance officer approve it",
                    code=Code.BUNDLE_OWN_APPROVAL,
                )  # fmt: skip
            kept = replace(draft.moved(BundleGraph.APPROVED, at=at), envelope=signed.joined(signature).to_bytes())
            unit.record(Deed(at=at, actor=key.holder, act=Act.APPROVED, about=draft.draft_id, detail=_versioned(signed)))
            return unit.keep_draft(kept)

    def countersign(self, digest: str, signature: Signature, *, region: str, at: datetime) -> int:
        """Take the signature of a region's privacy officer; how many regions are awaited still. Raises RECORD_NOT_FOUND.

        `region` is who calls, by its certificate: an officer of another region does not sign for it.
        """
        with self._store.writing() as unit:
            draft = next((each for each in proposals(unit) if _bundle(each).envelope.digest == digest), None)
            if draft is None:
                raise DomicileError(
                    "no proposal of this digest awaits a countersignature", where=digest[:16], remedy="look at the proposals again",
                    code=Code.RECORD_NOT_FOUND,
                )  # fmt: skip
            signed = _bundle(draft)
            key = self._signer(signed, signature, Role.PRIVACY_OFFICER)
            if key.region != region:
                raise DomicileError(
                    "the key is another region's", where=signature.key, remedy="sign with the key of this region's officer",
                    code=Code.BUNDLE_KEY_UNKNOWN,
                )  # fmt: skip
            signed = signed.joined(signature)
            awaited = len(self.awaited(signed))
            kept = replace(draft, envelope=signed.to_bytes(), changed_at=at)
            if not awaited and kept.state == BundleGraph.APPROVED.name:
                kept = kept.moved(BundleGraph.COUNTERSIGNED, at=at)
            unit.record(Deed(at=at, actor=key.holder, act=Act.COUNTERSIGNED, about=draft.draft_id, detail=region))
            unit.keep_draft(kept)
            return awaited

    def publish(self, draft_id: str, *, by: str, at: datetime) -> Published:
        """Sign as the index and let the regions fetch it. Raises the error of `verify_bundle` for what is missing still."""
        root, private_key = self._keyring.root(), self._publisher()
        with self._store.writing() as unit:
            draft = required(unit, draft_id)
            if draft.state not in {"APPROVED", "COUNTERSIGNED"}:
                BundleGraph.move(draft.state, BundleGraph.SIGNED, where=_where(draft))
            signed = _bundle(draft).signed(role=Role.PUBLISHER, private_key=private_key)
            newest = unit.newest()
            if signed.bundle.previous != (newest.signed.link.digest if newest else ""):
                raise DomicileError(
                    "another bundle was published since it was submitted", where=_where(draft),
                    remedy="edit it, so that it is compared with what is live now, and submit it again", code=Code.RECORD_CONFLICT,
                )  # fmt: skip
            verify_bundle(signed, root, at=at, current=newest.signed.link if newest else None)
            kept = replace(draft.moved(BundleGraph.SIGNED, at=at), envelope=signed.to_bytes())
            unit.keep_draft(kept.moved(BundleGraph.PUBLISHED, at=at))
            published = Published(version=signed.bundle.version, draft_id=draft.draft_id, signed=signed, published_at=at)
            unit.add_bundle(published)
            unit.record(Deed(at=at, actor=by, act=Act.PUBLISHED, about=draft.draft_id, detail=_versioned(signed)))
            return published

    def awaited(self, signed: SignedBundle) -> tuple[str, ...]:
        """The regions that must countersign and have not."""
        root = self._keyring.root()
        there = {key.region for each in signed.envelope.of(Role.PRIVACY_OFFICER.value) if (key := root.key(each.key))}
        return tuple(region for region in signed.bundle.regions if region not in there)

    def _affected(self, widens: tuple[str, ...], registry: Registry) -> tuple[str, ...]:
        return tuple(sorted(each.region for each in self._regions() if laws_of(each.jurisdiction, registry) & set(widens)))

    def _signer(self, signed: SignedBundle, signature: Signature, role: Role) -> PolicyKey:
        """The standing key behind a signature, once it verifies."""
        root: Root = self._keyring.root()
        key = root.key(signature.key)
        if key is None or key.role is not SIGNS_AS[role] or signature.role != role.value:
            raise DomicileError(
                what=f"the key `{signature.key}` is not enrolled to sign as {role.value}", where=_versioned(signed),
                remedy="see `global-index policy keys list`", code=Code.BUNDLE_KEY_UNKNOWN,
            )  # fmt: skip
        if key.state != "current" or (key.role is KeyRole.COMPLIANCE_OFFICER and not self._active(key.holder)):
            raise DomicileError(
                what=f"the key `{signature.key}` is {key.state}, or its holder is no compliance officer any more",
                where=_versioned(signed), remedy="sign with a current key", code=Code.BUNDLE_KEY_REVOKED,
            )  # fmt: skip
        if not verify(signed.envelope, signature, key.public):
            raise DomicileError(
                "the signature does not verify for this bundle", where=_versioned(signed),
                remedy="sign the bundle as it is now: `global-index policy status` shows its digest", code=Code.BUNDLE_ALTERED,
            )  # fmt: skip
        return key


def proposals(unit: PolicyUnit) -> tuple[Draft, ...]:
    """The drafts that author and approver have signed and that are not published, oldest first."""
    waiting = {BundleGraph.APPROVED.name, BundleGraph.COUNTERSIGNED.name}
    return tuple(sorted((each for each in unit.drafts(limit=1000) if each.state in waiting), key=lambda one: one.draft_id))


def _bundle(draft: Draft) -> SignedBundle:
    signed = draft.bundle
    if signed is None:
        raise _wrong(draft, "its dates are not fixed yet", "have its author submit it")
    return signed


def _where(draft: Draft) -> str:
    return f"draft {draft.draft_id[:8]}"


def _versioned(signed: SignedBundle) -> str:
    return f"version {signed.bundle.version}"


def _wrong(draft: Draft, what: str, remedy: str) -> DomicileError:
    return DomicileError(what, where=_where(draft), remedy=remedy, code=Code.RECORD_CONFLICT)
