"""Whether a bundle is signed by those who must: author, a second person, the regions it widens, the index. It keeps nothing.

Who may sign is what the root document says (`policies.engine.roots`, whose names are given on here).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.engine import envelope as envelopes
from policies.engine.bundle import Bundle, Link, Role, SignedBundle
from policies.engine.bundle_files import permitting
from policies.engine.envelope import Signature, written
from policies.engine.errors import Code, DomicileError
from policies.engine.roots import ROOT, KeyRole, PolicyKey, Root, open_root, read_root

__all__ = [
    "ROOT",
    "SIGNS_AS",
    "KeyRole",
    "PolicyKey",
    "Root",
    "Unsettled",
    "open_root",
    "read_root",
    "require_next",
    "verify_bundle",
    "verify_chain",
]

SIGNS_AS = {
    Role.AUTHOR: KeyRole.COMPLIANCE_OFFICER,
    Role.APPROVER: KeyRole.COMPLIANCE_OFFICER,
    Role.PRIVACY_OFFICER: KeyRole.PRIVACY_OFFICER,
    Role.PUBLISHER: KeyRole.PUBLISHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """What the next bundle of a series owes besides its own: what those passed over before it widened, for which no key vouches.

    `first` while no bundle of the series was taken at a node that never held one: there all that is permitted is new.
    """

    first: bool = False
    widens: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()

    def passed_over(self, bundle: Bundle) -> "Unsettled":
        """The same after one more that was not taken."""
        return Unsettled(first=self.first, widens=self.widens | {*bundle.widens}, regions=self.regions | {*bundle.regions})


SETTLED = Unsettled()


def verify_bundle(
    signed: SignedBundle,
    root: Root,
    *,
    at: datetime,
    current: Link | None,
    region: str = "",
    laws: Collection[str] = (),
    unsettled: Unsettled = SETTLED,
) -> None:
    """Raise unless the bundle may be kept: signed by all who must, the next in the chain, not expired. Pending is no error.

    `current` is the newest bundle held (in force or pending), None where none ever was. `region` and `laws` are the node's own: its
    name and every law that attaches to it (own, parents, overlays); where the bundle widens one of them, this region must have
    countersigned whatever the bundle says. Where none was ever held, each of these laws that permits anything counts as widened.
    It does not check that the files load: call `policies_of` next.

    (1) federation  (2) each signature  (3) author and approver  (4) two persons  (5) countersignatures  (6) publisher
    (7) the chain  (8) expiry
    """
    bundle = signed.bundle
    # (1) federation
    if bundle.federation != root.federation:
        raise _bundle(bundle, Code.BUNDLE_KEY_UNKNOWN, "it is of another federation", "check the index's address")
    # (2) each signature: known key, fit for its role, standing, and right
    signers = [_signer(signed, each, root) for each in signed.envelope.signatures]
    # (3) author and approver
    authors, approvers = _holders(signers, Role.AUTHOR), _holders(signers, Role.APPROVER)
    for role, holders in ((Role.AUTHOR, authors), (Role.APPROVER, approvers)):
        if not holders:
            what = f"it is signed by one of two: the signature of the {role.value} is missing"
            raise _bundle(bundle, Code.BUNDLE_ONE_SIGNATURE, what, f"have the {role.value} sign it, then publish it again")
    # (4) two persons
    if authors & approvers:
        what = "its author approved it"
        raise _bundle(bundle, Code.BUNDLE_OWN_APPROVAL, what, "have a second compliance officer approve it")
    # (5) countersignatures
    first = current is None or unsettled.first
    widened = {*bundle.widens, *unsettled.widens, *(permitting(bundle, laws) if region and first else ())}
    signed_for = {key.region for role, key in signers if role is Role.PRIVACY_OFFICER}
    own = sorted(widened & set(laws)) if region else []
    needed = {*bundle.regions, *unsettled.regions, *([region] if own else [])}
    _require_countersigned(bundle, needed - signed_for, own or sorted(widened))
    # (6) publisher
    if not _holders(signers, Role.PUBLISHER):
        raise _bundle(bundle, Code.BUNDLE_NOT_PUBLISHED, "it is not signed by the index", "publish it at the index")
    # (7) the chain
    require_next(signed, current)
    # (8) expiry
    if at >= bundle.expires:
        what = f"it has expired on {written(bundle.expires)}"
        raise _bundle(bundle, Code.BUNDLE_EXPIRED, what, "publish a new bundle at the index")


def verify_chain(
    found: Iterable[SignedBundle],
    root: Root,
    *,
    at: datetime,
    current: Link | None,
    region: str = "",
    laws: Collection[str] = (),
) -> tuple[SignedBundle, ...]:
    """Those of a series, in order, that may be kept. Raises the error of the last one when that may not be.

    One in the middle that has expired, or that a since revoked key signed, is passed over when the verified last one descends from
    it by digest: it is not kept, yet no node stays behind for ever because of it. Nothing is kept when the last one fails.
    What one under a revoked key widened, the next must have countersigned: its files still hold it, and its signatures count for
    nothing.
    """
    unsettled = Unsettled(first=current is None)
    kept: list[SignedBundle] = []
    skipped: DomicileError | None = None
    for each in found:
        skipped = None
        try:
            verify_bundle(each, root, at=at, current=current, region=region, laws=laws, unsettled=unsettled)
        except DomicileError as error:
            if error.code not in {Code.BUNDLE_EXPIRED, Code.BUNDLE_KEY_REVOKED}:
                raise
            require_next(each, current)
            skipped = error
        else:
            kept.append(each)
        revoked = skipped is not None and skipped.code is Code.BUNDLE_KEY_REVOKED
        unsettled = unsettled.passed_over(each.bundle) if revoked else SETTLED  # an expired one was countersigned by all who must
        current = each.link
    if skipped is not None:
        raise skipped
    return tuple(kept)


def require_next(signed: SignedBundle, current: Link | None) -> None:
    """Raise BUNDLE_OLDER or BUNDLE_GAP unless the bundle follows `current`. Where nothing is held, any version may be the first."""
    bundle = signed.bundle
    if current is None:
        return
    if bundle.version <= current.version:
        what = f"it is older: version {current.version} is held"
        remedy = "nothing is rolled back; to undo a change publish it as a new version"
        raise _bundle(bundle, Code.BUNDLE_OLDER, what, remedy)
    if bundle.version != current.version + 1:
        what = f"version {current.version + 1} is missing before it"
        raise _bundle(bundle, Code.BUNDLE_GAP, what, "fetch the bundles in order, and see that the index holds all of them")
    if bundle.previous != current.digest:
        what = f"it follows another version {current.version} than the one held"
        raise _bundle(bundle, Code.BUNDLE_GAP, what, "compare the digests with `global-index policy status`")


def _require_countersigned(bundle: Bundle, missing: Collection[str], widened: Sequence[str]) -> None:
    for region in sorted(missing)[:1]:
        what = f"it widens {', '.join(f'`{law}`' for law in widened)} and `{region}` has not countersigned"
        remedy = f"have the privacy officer of `{region}` run `regional-node policy countersign`, then publish it again"
        raise _bundle(bundle, Code.BUNDLE_NOT_COUNTERSIGNED, what, remedy)


def _signer(signed: SignedBundle, signature: Signature, root: Root) -> tuple[Role, PolicyKey]:
    """The role and the enrolled key behind a signature."""
    bundle = signed.bundle
    key = root.key(signature.key)
    role = next((each for each in Role if each.value == signature.role), None)
    if key is None or role is None or SIGNS_AS[role] is not key.role:
        what = f"the key `{signature.key}` is not enrolled to sign as `{signature.role}`"
        raise _bundle(bundle, Code.BUNDLE_KEY_UNKNOWN, what, "fetch the list of keys, or have the key enrolled at the index")
    if key.revoked is not None:
        what = f"the key `{signature.key}` of its {signature.role} is revoked"
        raise _bundle(bundle, Code.BUNDLE_KEY_REVOKED, what, "have it signed with a current key, and published again")
    if key.rotated is not None and bundle.issued >= key.rotated:
        what = f"the key `{signature.key}` of its {signature.role} was replaced before it was issued"
        raise _bundle(bundle, Code.BUNDLE_KEY_REVOKED, what, "have it signed with the key that replaced it, and published again")
    if not envelopes.verify(signed.envelope, signature, key.public):
        what = f"the signature of its {signature.role} does not verify: it was altered"
        raise _bundle(bundle, Code.BUNDLE_ALTERED, what, "fetch it again, and compare its digest with the one at the index")
    return role, key


def _holders(signers: Sequence[tuple[Role, PolicyKey]], wanted: Role) -> set[str]:
    return {key.holder for role, key in signers if role is wanted}


def _bundle(bundle: Bundle, code: Code, what: str, remedy: str) -> DomicileError:
    return DomicileError(what, where=f"policy-bundle {bundle.version}", remedy=remedy, code=code)
