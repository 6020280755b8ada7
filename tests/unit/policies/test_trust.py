"""Who must have signed a bundle: four eyes, countersignatures, keys that are known and stand, a chain without gap or way back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from policies.engine import trust
from policies.engine.bundle import Link, Phase, Role, SignedBundle, read_bundle
from policies.engine.errors import Code, DomicileError
from policies.engine.roots import KeyRole, Root, open_root
from policies.engine.trust import verify_bundle, verify_chain
from tests.unit.policies.ordinary_bundle import (
    APPROVER,
    AT,
    AUTHOR,
    DAY,
    INDEX,
    OFFICER_BR,
    OFFICER_EU,
    ROOT,
    ROOT_KEY,
    bundle,
    enrolled,
    private_key,
    signed,
)

BEFORE = Link(version=6, digest="6" * 64)


def refused(one: SignedBundle, root: Root = ROOT, *, at=AT, current=BEFORE, region="eu-de", laws=("EU", "PCI")) -> DomicileError:  # type: ignore[no-untyped-def]  # a test's shorthand
    with pytest.raises(DomicileError) as caught:
        verify_bundle(one, root, at=at, current=current, region=region, laws=laws)
    error = caught.value
    assert error.remedy, "every refusal has its remedy"
    assert "\n" not in str(error)
    return error


def without(name: str) -> Root:
    return replace(ROOT, keys=tuple(key for key in ROOT.keys if key.holder != name))


def key_of(name: str) -> str:
    return next(key.id for key in ROOT.keys if key.holder == name)


# --- who must sign -------------------------------------------------------------------------------------------------------------


def test_an_ordinary_bundle_is_taken() -> None:
    verify_bundle(signed(), ROOT, at=AT, current=BEFORE, region="eu-de", laws=("EU", "PCI"))


@pytest.mark.parametrize(("role", "word"), [(Role.AUTHOR, "author"), (Role.APPROVER, "approver")])
def test_a_bundle_signed_by_one_of_two_is_refused(role: Role, word: str) -> None:
    error = refused(signed(by={role: ()}))
    assert error.code is Code.BUNDLE_ONE_SIGNATURE
    assert f"the signature of the {word} is missing" in error.what


def test_an_author_cannot_approve() -> None:
    assert refused(signed(by={Role.APPROVER: (AUTHOR,)})).code is Code.BUNDLE_OWN_APPROVAL


def test_an_author_cannot_approve_with_a_second_key_of_his_own() -> None:
    second = replace(enrolled("olga-second", KeyRole.COMPLIANCE_OFFICER), holder=AUTHOR)
    root = replace(ROOT, keys=(*ROOT.keys, second))
    assert refused(signed(by={Role.APPROVER: ("olga-second",)}), root).code is Code.BUNDLE_OWN_APPROVAL


def test_a_widened_region_must_countersign() -> None:
    error = refused(signed(by={Role.PRIVACY_OFFICER: ()}))
    assert error.code is Code.BUNDLE_NOT_COUNTERSIGNED
    assert "`eu-de` has not countersigned" in error.what


def test_a_node_demands_its_own_countersignature_whatever_the_bundle_says() -> None:
    one = signed(bundle(regions=()), by={Role.PRIVACY_OFFICER: ()})
    assert refused(one).code is Code.BUNDLE_NOT_COUNTERSIGNED
    verify_bundle(one, ROOT, at=AT, current=BEFORE, region="br-sp", laws=("BR", "PCI"))


def test_another_regions_officer_does_not_countersign_for_it() -> None:
    assert refused(signed(by={Role.PRIVACY_OFFICER: (OFFICER_BR,)})).code is Code.BUNDLE_NOT_COUNTERSIGNED


def test_the_index_must_have_published_it() -> None:
    assert refused(signed(by={Role.PUBLISHER: ()})).code is Code.BUNDLE_NOT_PUBLISHED


# --- keys ----------------------------------------------------------------------------------------------------------------------


def test_a_key_that_is_not_enrolled_is_refused() -> None:
    assert refused(signed(by={Role.AUTHOR: ("mallory",)})).code is Code.BUNDLE_KEY_UNKNOWN
    assert refused(signed(), without(APPROVER)).code is Code.BUNDLE_KEY_UNKNOWN


def test_a_key_signs_in_its_own_role_only() -> None:
    assert refused(signed(by={Role.AUTHOR: (OFFICER_EU,)})).code is Code.BUNDLE_KEY_UNKNOWN
    assert refused(signed(by={Role.PUBLISHER: (APPROVER,)})).code is Code.BUNDLE_KEY_UNKNOWN


@pytest.mark.parametrize("name", [AUTHOR, APPROVER, OFFICER_EU, INDEX])
def test_a_revoked_key_counts_for_nothing(name: str) -> None:
    assert refused(signed(), ROOT.revoked(key_of(name), at=AT)).code is Code.BUNDLE_KEY_REVOKED


def test_what_a_rotated_key_signed_before_stands_and_later_does_not() -> None:
    successor = replace(enrolled("olga-2", KeyRole.COMPLIANCE_OFFICER), holder=AUTHOR, enrolled=AT - timedelta(hours=1))
    root = ROOT.rotated(key_of(AUTHOR), successor)
    verify_bundle(signed(), root, at=AT, current=BEFORE)
    assert refused(signed(bundle(issued=AT)), root).code is Code.BUNDLE_KEY_REVOKED
    verify_bundle(signed(bundle(issued=AT), by={Role.AUTHOR: ("olga-2",)}), root, at=AT, current=BEFORE)


def test_a_signature_under_another_bundle_is_refused() -> None:
    other = signed(bundle(active_from=AT))
    moved = replace(signed(), envelope=replace(signed().envelope, signatures=other.envelope.signatures))
    assert refused(moved).code is Code.BUNDLE_ALTERED


def test_a_signature_given_in_one_role_is_none_in_another() -> None:
    one = signed(by={Role.APPROVER: ()})
    author = one.envelope.of("author")[0]
    moved = one.joined(replace(author, role="approver"))
    assert refused(moved).code is Code.BUNDLE_ALTERED


# --- the chain and time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [7, 8, 90])
def test_an_older_bundle_is_refused(held: int) -> None:
    assert refused(signed(), current=Link(version=held, digest="0" * 64)).code is Code.BUNDLE_OLDER


def test_a_gap_is_refused_and_so_is_another_past() -> None:
    assert refused(signed(), current=Link(version=5, digest="5" * 64)).code is Code.BUNDLE_GAP
    assert refused(signed(), current=Link(version=6, digest="7" * 64)).code is Code.BUNDLE_GAP


def test_where_none_was_ever_held_any_version_is_the_first() -> None:
    verify_bundle(signed(), ROOT, at=AT, current=None)


def test_a_bundle_expires_at_its_instant() -> None:
    ends = signed().bundle.expires
    verify_bundle(signed(), ROOT, at=ends - timedelta(seconds=1), current=BEFORE)
    assert refused(signed(), at=ends).code is Code.BUNDLE_EXPIRED


def test_a_bundle_before_its_date_is_taken_and_pending() -> None:
    one = signed(bundle(active_from=AT + DAY))
    verify_bundle(one, ROOT, at=AT, current=BEFORE)
    phases = [one.bundle.phase(at=AT + DAY + timedelta(seconds=shift)) for shift in (-1, 0, 1)]
    assert phases == [Phase.PENDING, Phase.ACTIVE, Phase.ACTIVE]
    assert one.bundle.phase(at=one.bundle.expires) is Phase.EXPIRED


def test_another_federations_bundle_is_refused() -> None:
    assert refused(signed(bundle(federation="other"))).code is Code.BUNDLE_KEY_UNKNOWN


def test_a_series_passes_over_what_expired_in_its_middle_and_keeps_the_rest() -> None:
    short = signed(bundle(expires=AT - timedelta(hours=1)))
    after = signed(bundle(version=8, previous=short.link.digest, issued=AT))
    assert verify_chain([short, after], ROOT, at=AT, current=BEFORE) == (after,)
    with pytest.raises(DomicileError) as caught:
        verify_chain([short], ROOT, at=AT, current=BEFORE)
    assert caught.value.code is Code.BUNDLE_EXPIRED


@pytest.mark.parametrize("name", [AUTHOR, OFFICER_EU])
def test_what_one_under_a_revoked_key_widened_the_next_must_have_countersigned(name: str) -> None:
    late = replace(enrolled("late", KeyRole.COMPLIANCE_OFFICER), holder="late")
    officer = enrolled("dpo-eu-2", KeyRole.PRIVACY_OFFICER, "eu-de")
    root = replace(ROOT, keys=(*ROOT.keys, late, officer)).revoked(key_of(name), at=AT)
    wide = signed(bundle())
    silent = bundle(version=8, previous=wide.link.digest, widens=(), regions=())
    by: dict[Role, tuple[str, ...]] = {Role.AUTHOR: ("late",)}
    with pytest.raises(DomicileError) as caught:
        verify_chain([wide, signed(silent, by=by | {Role.PRIVACY_OFFICER: ()})], root, at=AT, current=BEFORE)
    assert caught.value.code is Code.BUNDLE_NOT_COUNTERSIGNED
    agreed = signed(silent, by=by | {Role.PRIVACY_OFFICER: ("dpo-eu-2",)})
    assert verify_chain([wide, agreed], root, at=AT, current=BEFORE) == (agreed,)


def test_a_series_is_not_bent_around_a_bundle_that_was_never_approved() -> None:
    alone = signed(by={Role.APPROVER: ()})
    after = signed(bundle(version=8, previous=alone.link.digest, issued=AT))
    with pytest.raises(DomicileError) as caught:
        verify_chain([alone, after], ROOT, at=AT, current=BEFORE)
    assert caught.value.code is Code.BUNDLE_ONE_SIGNATURE


def test_a_build_without_the_four_eyes_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_holders", lambda _signers, wanted: {wanted.value})
    with pytest.raises(pytest.fail.Exception):
        test_an_author_cannot_approve()


def test_a_build_that_ignores_revocation_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Root, "revoked", lambda self, _key, *, at: self)
    with pytest.raises(pytest.fail.Exception):
        test_a_revoked_key_counts_for_nothing(AUTHOR)


# --- the root document ---------------------------------------------------------------------------------------------------------


def opened(raw: bytes, known: Root | None = ROOT) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        open_root(raw, federation="demo", known=known)
    return caught.value


def test_a_root_comes_back_as_it_was_signed_and_the_next_follows() -> None:
    assert open_root(ROOT.signed(ROOT_KEY), federation="demo", known=None) == ROOT
    newer = ROOT.revoked(key_of(AUTHOR), at=AT)
    assert open_root(newer.signed(ROOT_KEY), federation="demo", known=ROOT) == newer


def test_a_root_that_is_not_newer_is_refused() -> None:
    assert opened(ROOT.signed(ROOT_KEY)).code is Code.TRUST_OLDER


def test_a_root_signed_by_anyone_else_is_refused() -> None:
    newer = ROOT.revoked(key_of(AUTHOR), at=AT)
    assert opened(newer.signed(private_key("mallory"))).code is Code.TRUST_REFUSED
    usurped = replace(newer, root_key=private_key("mallory").public_key().public_bytes_raw())
    assert opened(usurped.signed(private_key("mallory"))).code is Code.TRUST_REFUSED
    assert open_root(usurped.signed(private_key("mallory"), ROOT_KEY), federation="demo", known=ROOT) == usurped


def test_a_revoked_key_stays_revoked_and_an_enrolled_one_stays_listed() -> None:
    held = ROOT.revoked(key_of(AUTHOR), at=AT)
    forgiving = replace(ROOT, version=9)
    assert "current again" in opened(forgiving.signed(ROOT_KEY), held).what
    shorter = replace(without(APPROVER), version=9)
    assert "missing or changed" in opened(shorter.signed(ROOT_KEY)).what


def test_a_root_of_another_federation_is_refused() -> None:
    assert opened(replace(ROOT, federation="other", version=4).signed(ROOT_KEY)).code is Code.TRUST_REFUSED


def test_a_bundle_is_the_same_after_its_journey() -> None:
    assert read_bundle(signed().to_bytes()) == signed()
