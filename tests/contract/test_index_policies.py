"""The life of a bundle at headquarters, on every kind of store: nobody approves their own, an edit voids what was signed, regions
fetch in order, and each refusal is one error with its remedy.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.database import migrate, open_database
from global_index.bootstrap import MIGRATIONS
from global_index.policy.drafts import Act
from global_index.policy.rooms import overview, overview_json, shown
from policies.engine.bundle import Role, read_bundle
from policies.engine.envelope import Signature
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import BundleGraph, NodeState, PolicyReport
from policies.engine.roots import KeyRole, open_root
from policies.engine.stops import in_force, next_number, open_stop
from policies.engine.trust import verify_bundle, verify_chain
from tests.postgres import NoPostgresError, postgres_server
from tests.unit.index.policy_world import AT, DAY, OLGA, PIET, PolicyWorld, eu, policy_world, private_key

REPORT = PolicyReport(state=NodeState.ACTIVE, version=1, digest="1" * 64, policy_digest="2" * 64, root_version=5)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    try:
        with postgres_server() as address:
            yield address
    except NoPostgresError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", "postgres"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PolicyWorld]:
    url = f"sqlite:///{tmp_path / 'index.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
    engine = open_database(url)
    if request.param == "postgres":
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    migrate(engine, MIGRATIONS)
    yield policy_world(engine, tmp_path / "policies")
    engine.dispose()


def refusal(code: Code, act, *args, **kwargs) -> DomicileError:  # type: ignore[no-untyped-def]  # any act
    with pytest.raises(DomicileError) as caught:
        act(*args, **kwargs)
    assert caught.value.code is code, str(caught.value)
    assert caught.value.remedy
    return caught.value


def state(index: PolicyWorld, draft: str) -> str:
    return index.rooms.drafting.draft(draft).state


# --- the whole road ------------------------------------------------------------------------------------------------------------


async def test_a_change_goes_from_draft_to_every_region(index: PolicyWorld) -> None:
    draft = await index.approved()
    signed = index.rooms.drafting.draft(draft).bundle
    assert signed is not None
    assert signed.bundle.widens == ("BR", "EU"), "the first bundle: nobody has countersigned any law yet"
    assert index.rooms.approving.awaited(signed) == ("br-sp", "eu-de")
    refusal(Code.BUNDLE_NOT_COUNTERSIGNED, index.rooms.approving.publish, draft, by=PIET, at=AT)
    index.countersigned(draft)
    assert state(index, draft) == BundleGraph.COUNTERSIGNED.name
    made = index.rooms.approving.publish(draft, by=PIET, at=AT)
    fetched, more = index.rooms.offering.bundle(after=0, at=AT)
    root = index.rooms.keyring.root()
    verify_bundle(read_bundle(fetched), root, at=AT, current=None, region="eu-de", laws=("EU",))
    assert (read_bundle(fetched), more) == (made.signed, False)
    assert index.rooms.offering.bundle(after=1, at=AT) == (b"", False)
    found = overview(index.rooms, at=AT)
    assert (found.active_version, found.drafts[0].state) == (1, "ACTIVE")
    _, deeds = shown(index.rooms, draft, at=AT)
    acts = [each.act for each in reversed(deeds)]
    assert acts == [
        Act.STARTED, Act.EDITED, Act.CHECKED, Act.REHEARSED, Act.PREPARED, Act.SUBMITTED, Act.APPROVED, Act.COUNTERSIGNED,
        Act.COUNTERSIGNED, Act.PUBLISHED,
    ]  # fmt: skip


async def test_the_next_bundle_awaits_only_the_region_whose_law_it_widens(index: PolicyWorld) -> None:
    first = await index.published()
    second = await index.approved(eu("GB"))
    signed = index.rooms.drafting.draft(second).bundle
    assert signed is not None
    assert (signed.bundle.version, signed.bundle.widens, signed.bundle.regions) == (2, ("EU",), ("eu-de",))
    before = index.rooms.drafting.draft(first).bundle
    assert before is not None
    assert signed.bundle.previous == before.envelope.digest
    assert "newly allowed" in index.rooms.drafting.draft(second).difference


async def test_a_change_that_only_tightens_needs_no_countersignature(index: PolicyWorld) -> None:
    await index.published()
    stricter = eu("US")["eu.yaml"].replace("  purpose:", "  exporter.state: DE\n  purpose:")
    cases = eu("US")["eu.cases.yaml"].replace("region: EU}", "region: EU, state: DE}")
    second = await index.approved({"eu.yaml": stricter, "eu.cases.yaml": cases})
    signed = index.rooms.drafting.draft(second).bundle
    assert signed is not None
    assert (signed.bundle.widens, signed.bundle.regions) == ((), ())
    index.rooms.approving.publish(second, by=PIET, at=AT)


async def test_a_bundle_waits_for_its_day_and_is_retired_by_the_next(index: PolicyWorld) -> None:
    first = await index.published()
    second = await index.published(eu("GB"), active_from=AT + 2 * DAY)

    def states(at) -> list[str]:  # type: ignore[no-untyped-def]  # an instant
        return [shown(index.rooms, each, at=at)[0].state for each in (first, second)]

    assert states(AT) == ["ACTIVE", "PUBLISHED"]
    for region in ("br-sp", "eu-de"):
        held = PolicyReport(state=NodeState.ACTIVE, version=1, pending_version=2)
        index.rooms.offering.report(region, held, at=AT)
    assert states(AT) == ["ACTIVE", "FETCHED"]
    assert states(AT + 2 * DAY - timedelta(seconds=1)) == ["ACTIVE", "FETCHED"]
    assert states(AT + 2 * DAY) == ["RETIRED", "ACTIVE"]
    assert states(AT + 500 * DAY) == ["RETIRED", "RETIRED"]


async def test_regions_fetch_every_bundle_in_order_and_a_new_one_begins_with_what_is_in_force(index: PolicyWorld) -> None:
    for place, to in enumerate(("US", "GB", "CH")):
        await index.published(eu(to), active_from=AT + place * DAY)
    held, series = 1, []
    while (found := index.rooms.offering.bundle(after=held, at=AT + DAY))[0]:
        series.append(read_bundle(found[0]))
        held = series[-1].bundle.version
    assert [each.bundle.version for each in series] == [2, 3]
    first = read_bundle(index.rooms.offering.bundle(after=0, at=AT)[0])
    kept = verify_chain(series, index.rooms.keyring.root(), at=AT + DAY, current=first.link)
    assert len(kept) == 2
    begins = read_bundle(index.rooms.offering.bundle(after=0, at=AT + DAY)[0])
    assert begins.bundle.version == 2


# --- four eyes -----------------------------------------------------------------------------------------------------------------


async def test_nobody_approves_their_own(index: PolicyWorld) -> None:
    draft = await index.submitted()
    refusal(Code.BUNDLE_OWN_APPROVAL, index.rooms.approving.approve, draft, index.signature(draft, Role.APPROVER, "olga"), at=AT)


async def test_whoever_edits_last_is_the_author_and_cannot_approve(index: PolicyWorld) -> None:
    draft = await index.rehearsed()
    index.rooms.drafting.edit(draft, eu("GB"), revision=None, by=PIET, at=AT)
    assert state(index, draft) == "DRAFT"
    refusal(Code.RECORD_CONFLICT, index.rooms.approving.prepare, draft, by=PIET, at=AT)


async def test_an_edit_voids_every_signature(index: PolicyWorld) -> None:
    draft = await index.approved()
    index.countersigned(draft)
    kept = index.rooms.drafting.edit(draft, eu("GB"), revision=None, by=OLGA, at=AT)
    assert (kept.state, kept.envelope, kept.difference) == ("DRAFT", b"", "")
    refusal(Code.RECORD_CONFLICT, index.rooms.approving.publish, draft, by=PIET, at=AT)


async def test_an_officer_who_left_signs_nothing(index: PolicyWorld) -> None:
    draft = await index.submitted()
    index.staff.discard(PIET)
    signature = index.signature(draft, Role.APPROVER, "piet")
    refusal(Code.BUNDLE_KEY_REVOKED, index.rooms.approving.approve, draft, signature, at=AT)


async def test_a_signature_of_a_stranger_or_over_other_bytes_is_refused(index: PolicyWorld) -> None:
    draft = await index.submitted()
    stranger = index.signature(draft, Role.APPROVER, "mallory")
    refusal(Code.BUNDLE_KEY_UNKNOWN, index.rooms.approving.approve, draft, stranger, at=AT)
    right = index.signature(draft, Role.APPROVER, "piet")
    wrong = Signature(key=right.key, role=right.role, value=bytes(64))
    refusal(Code.BUNDLE_ALTERED, index.rooms.approving.approve, draft, wrong, at=AT)


async def test_an_officer_of_another_region_does_not_countersign(index: PolicyWorld) -> None:
    draft = await index.approved()
    signed = index.rooms.drafting.draft(draft).bundle
    assert signed is not None
    foreign = index.signature(draft, Role.PRIVACY_OFFICER, "dpo-br-sp")
    act = index.rooms.approving.countersign
    refusal(Code.BUNDLE_KEY_UNKNOWN, act, signed.envelope.digest, foreign, region="eu-de", at=AT)
    refusal(Code.RECORD_NOT_FOUND, act, "0" * 64, foreign, region="br-sp", at=AT)


async def test_a_key_revoked_after_the_approval_keeps_the_bundle_from_being_published(index: PolicyWorld) -> None:
    draft = await index.approved()
    index.countersigned(draft)
    key = index.rooms.keyring.root().current(KeyRole.COMPLIANCE_OFFICER, holder=PIET)[0]
    index.rooms.keyring.revoke(key.id, root_key=lambda: private_key("root"), at=AT)
    refusal(Code.BUNDLE_KEY_REVOKED, index.rooms.approving.publish, draft, by=OLGA, at=AT)


# --- drafts --------------------------------------------------------------------------------------------------------------------


async def test_of_two_drafts_submitted_at_once_the_second_is_compared_again(index: PolicyWorld) -> None:
    one, two = await index.approved(), await index.approved(eu("GB"))
    for each in (one, two):
        index.countersigned(each)
    index.rooms.approving.publish(one, by=PIET, at=AT)
    error = refusal(Code.RECORD_CONFLICT, index.rooms.approving.publish, two, by=PIET, at=AT)
    assert "another bundle was published" in error.what


def test_two_who_edit_at_once_do_not_overwrite_each_other(index: PolicyWorld) -> None:
    draft = index.draft()
    index.rooms.drafting.edit(draft.draft_id, eu("GB"), revision=draft.revision, by=OLGA, at=AT)
    late = {"revision": draft.revision, "by": PIET, "at": AT}
    refusal(Code.RECORD_CONFLICT, index.rooms.drafting.edit, draft.draft_id, eu("CH"), **late)


def test_a_draft_that_does_not_load_or_fails_a_case_stays_a_draft(index: PolicyWorld) -> None:
    broken = index.draft({"eu.yaml": eu("US")["eu.yaml"].replace("purpose:", "porpoise:")})
    found = index.rooms.drafting.check(broken.draft_id, by=OLGA, at=AT)
    assert not found.passes
    assert found.findings[0].where.startswith("eu.yaml:")
    failing = index.draft({"eu.yaml": eu("US")["eu.yaml"]})
    assert not index.rooms.drafting.check(failing.draft_id, by=OLGA, at=AT).passes
    assert [state(index, each.draft_id) for each in (broken, failing)] == ["DRAFT", "DRAFT"]


@pytest.mark.parametrize("name", ["../eu.yaml", "eu.txt", "registry/eu/x.yaml", "EU.yaml"])
def test_a_file_that_cannot_stand_in_a_bundle_is_refused(index: PolicyWorld, name: str) -> None:
    draft = index.draft()
    refusal(Code.INPUT_INVALID, index.rooms.drafting.edit, draft.draft_id, {name: "x"}, revision=None, by=OLGA, at=AT)


async def test_a_published_draft_is_neither_edited_nor_withdrawn(index: PolicyWorld) -> None:
    draft = await index.published()
    refusal(Code.RECORD_CONFLICT, index.rooms.drafting.edit, draft, eu("GB"), revision=None, by=OLGA, at=AT)
    refusal(Code.RECORD_CONFLICT, index.rooms.drafting.withdraw, draft, by=OLGA, at=AT)


async def test_a_region_that_cannot_rehearse_is_told_with_its_reason(index: PolicyWorld) -> None:
    made = index.draft()
    index.rooms.drafting.check(made.draft_id, by=OLGA, at=AT)

    async def ask(region: str, *_: object) -> object:
        raise DomicileError("it cannot be reached", where=region, code=Code.PEER_UNREACHABLE)

    found = await index.rooms.drafting.rehearse(made.draft_id, ("eu-de",), ask, by=OLGA, at=AT)  # type: ignore[arg-type]  # it only raises
    assert [(each.region, each.code, each.counts) for each in found] == [("eu-de", "peer:channel:unreachable", None)]
    assert state(index, made.draft_id) == "REHEARSED"


# --- keys, stops, reports --------------------------------------------------------------------------------------------------------


def test_each_version_of_the_keys_follows_the_one_before(index: PolicyWorld) -> None:
    roots, more = index.rooms.offering.roots(after=0)
    known = open_root(roots[0], federation="demo", known=None)
    for raw in roots[1:]:
        known = open_root(raw, federation="demo", known=known)
    assert (known, more) == (index.rooms.keyring.root(), False)
    assert index.rooms.offering.roots(after=known.version) == ((), False)


def test_a_key_is_rotated_by_its_holder_and_nobody_has_two(index: PolicyWorld) -> None:
    keyring = index.rooms.keyring
    old = keyring.root().current(KeyRole.COMPLIANCE_OFFICER, holder=OLGA)[0]
    new = private_key("olga-2").public_key()
    root_key = {"root_key": lambda: private_key("root"), "at": AT}
    refusal(Code.RECORD_DUPLICATE, keyring.enroll, new, role=KeyRole.COMPLIANCE_OFFICER, holder=OLGA, **root_key)
    keyring.rotate(old.id[:8], new, **root_key)
    assert keyring.root().key(old.id).state == "rotated"  # type: ignore[union-attr]  # it is there
    refusal(Code.KEY_MISSING, keyring.revoke, old.id, root_key=lambda: private_key("other"), at=AT)


def test_a_stop_is_one_act_and_reaches_every_region_until_it_is_resumed(index: PolicyWorld) -> None:
    made = index.rooms.stopping.stop(exporter="EU", importer="US", purpose="", reason="court order", by="operator", at=AT)
    root = index.rooms.keyring.root()
    notices, _ = index.rooms.offering.stops(after=0)
    stops = [open_stop(each, root) for each in notices]
    next_number(stops, 0)
    assert stops == [made]
    assert made.covers(laws={"EU"}, importers={"US", "US-CA"}, purpose="marketing")
    assert not made.covers(laws={"EU"}, importers={"GB"}, purpose="marketing")
    index.rooms.stopping.resume(1, reason="order lifted", by=OLGA, at=AT)
    notices, _ = index.rooms.offering.stops(after=0)
    assert in_force(open_stop(each, root) for each in notices) == ()
    refusal(Code.RECORD_NOT_FOUND, index.rooms.stopping.resume, 1, reason="again", by=OLGA, at=AT)
    for wrong in ({"exporter": "EX"}, {"importer": "Utopia"}, {"purpose": "fun"}, {"purpose": "essential"}):
        flow = {"exporter": "EU", "importer": "US", "purpose": "", "reason": "x", "by": "operator", "at": AT, **wrong}
        refusal(Code.INPUT_UNKNOWN, index.rooms.stopping.stop, **flow)


def test_what_a_region_says_it_runs_is_shown(index: PolicyWorld) -> None:
    index.rooms.offering.report("eu-de", REPORT, at=AT)
    index.rooms.offering.report("eu-de", REPORT, at=AT + DAY)
    regions = overview_json(overview(index.rooms, at=AT))["regions"]
    assert [(one["region"], one.get("policy_digest"), one["same"]) for one in regions] == [
        ("br-sp", None, None),
        ("eu-de", "2" * 64, False),
    ]


async def test_a_region_sees_the_proposals_that_concern_it(index: PolicyWorld) -> None:
    await index.published()
    draft = await index.approved(eu("GB"))
    root = index.rooms.keyring.root()
    assert index.rooms.offering.proposal("br-sp", after="", root=root) == (None, False)
    proposal, more = index.rooms.offering.proposal("eu-de", after="", root=root)
    assert proposal is not None
    assert not more
    assert not proposal.countersigned
    assert proposal.rehearsal is not None
    assert read_bundle(proposal.bundle).envelope.digest == proposal.digest
    assert index.rooms.offering.proposal("eu-de", after=proposal.digest, root=root) == (None, False)
    index.countersigned(draft)
    again, _ = index.rooms.offering.proposal("eu-de", after="", root=root)
    assert again is not None
    assert again.countersigned
