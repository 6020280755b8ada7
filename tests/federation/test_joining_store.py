"""Memberships on both kinds of store: of many at once one wins, and what was kept comes back as it was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine, create_engine, text

from chassis.database import open_database, require_classified
from global_index.requests.members import CertificateKept, Holder, InviteKept, Member
from global_index.storage.membership import SqlMembershipStore, SqlMembershipUnit
from global_index.storage.metadata import metadata
from policies.engine.announcement import Announcement, RegionalDomain
from policies.engine.errors import DomicileError
from tests.postgres import NoPostgresError, postgres_server, without_server

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
MEMBER = Member(name="eu-de", jurisdiction="EU", state="INVITED", changed_at=AT, invite_ends=AT + timedelta(hours=1))
INVITE = InviteKept(serial="ab", region="eu-de", jurisdiction="EU", expires_at=AT + timedelta(hours=1))
CERTIFICATE = CertificateKept(serial="c1", region="eu-de", pem=b"PEM", issued_at=AT, not_after=AT + timedelta(days=90))
ANNOUNCEMENT = Announcement(
    address="127.0.0.1:1",
    program_version="1",
    wire_version=1,
    policy_digest="",
    feed_epoch="",
    reading_epoch="",
    domains=(RegionalDomain(table="people", column="country", values=("DE",)),),
    time_zone="UTC",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    try:
        with postgres_server() as url:
            yield url
    except NoPostgresError as missing:
        without_server(missing)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path}/index.db")
    else:
        opened = create_engine(request.getfixturevalue("postgres"), pool_size=16)
    metadata.drop_all(opened)
    metadata.create_all(opened)
    yield opened
    opened.dispose()


def test_every_column_says_what_it_holds() -> None:
    require_classified(metadata)


def test_what_was_kept_comes_back(engine: Engine) -> None:
    store = SqlMembershipStore(engine)
    announced = replace(MEMBER, state="JOINED", address="127.0.0.1:1", seen_at=AT, announcement=ANNOUNCEMENT)
    later = replace(CERTIFICATE, serial="a0", issued_at=AT)
    with store.writing() as unit:
        unit.keep_member(MEMBER)
        unit.keep_member(announced)
        unit.keep_invite(INVITE)
        unit.keep_certificate(CERTIFICATE)
        unit.keep_certificate(later)
        unit.keep_certificate(replace(CERTIFICATE, revoked_at=AT, proved_at=AT))
    with store.reading() as unit:
        assert unit.members() == (announced,)
        assert unit.member("br-sp") is None
        assert unit.invite("ab") == INVITE
        assert unit.certificates("eu-de") == (replace(CERTIFICATE, revoked_at=AT, proved_at=AT), later)
        assert unit.revoked(at=AT) == ("c1",)
        assert unit.revoked(at=AT + timedelta(days=91)) == ()


def test_the_indexs_certificates_are_kept_beside_a_region_of_its_name(engine: Engine) -> None:
    store = SqlMembershipStore(engine)
    own = replace(CERTIFICATE, serial="d1", region="index", role=Holder.INDEX, revoked_at=AT)
    namesake = replace(CERTIFICATE, serial="d2", region="index")
    with store.writing() as unit:
        unit.keep_certificate(own)
        unit.keep_certificate(namesake)
    with store.reading() as unit:
        assert unit.certificates("index") == (namesake,)
        assert unit.issued() == (own, namesake)
        assert unit.revoked(at=AT) == ("d1",)


def suspended_meanwhile(engine: Engine) -> str:
    """The state after one transaction read a member, another suspended it, and the first wrote what it had read."""
    store, has_read = SqlMembershipStore(engine), Event()
    joined = replace(MEMBER, state="JOINED")
    with store.writing() as unit:
        unit.keep_member(joined)

    def suspend() -> None:
        has_read.wait(5)
        with store.writing() as unit:
            found = unit.member("eu-de")
            assert found is not None
            unit.keep_member(replace(found, state="SUSPENDED"))

    with ThreadPoolExecutor(1) as pool:
        with store.writing() as unit:
            found = unit.member("eu-de")
            assert found is not None
            has_read.set()
            suspending = pool.submit(suspend)
            wait([suspending], timeout=0.5)
            unit.keep_member(replace(found, seen_at=AT))
        suspending.result(10)
    with store.reading() as unit:
        kept = unit.member("eu-de")
    assert kept is not None
    return kept.state


def test_an_announcement_does_not_write_over_a_suspension_that_came_meanwhile(engine: Engine) -> None:
    assert suspended_meanwhile(engine) == "SUSPENDED"


def test_without_holding_the_row_it_would(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one transaction write at a time: there is no row to hold")
    monkeypatch.setattr(SqlMembershipUnit, "_held", lambda _unit, rows: rows)
    assert suspended_meanwhile(engine) == "JOINED"


def test_what_raises_leaves_nothing_behind(engine: Engine) -> None:
    store = SqlMembershipStore(engine)
    with store.writing() as unit:
        unit.keep_invite(INVITE)

    def use_then_fail() -> None:
        with store.writing() as unit:
            assert unit.use_invite("ab", at=AT)
            raise DomicileError("the request was malformed")

    with pytest.raises(DomicileError):
        use_then_fail()
    with store.writing() as unit:
        assert unit.use_invite("ab", at=AT)
        assert not unit.use_invite("ab", at=AT)


def uses(engine: Engine) -> int:
    """How many of sixteen at once may use one invite."""
    store = SqlMembershipStore(engine)
    with store.writing() as unit:
        unit.keep_invite(INVITE)

    def use(_: int) -> bool:
        with store.writing() as unit:
            return unit.use_invite("ab", at=AT)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(use, range(16)))


def test_of_many_at_once_one_uses_the_invite(engine: Engine) -> None:
    assert uses(engine) == 1


def test_without_the_condition_more_than_one_would(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def unconditional(unit: SqlMembershipUnit, serial: str, *, at: datetime) -> bool:
        unit._connection.execute(text("UPDATE invites SET used_at = 1"))
        return True

    monkeypatch.setattr(SqlMembershipUnit, "use_invite", unconditional)
    assert uses(engine) > 1
