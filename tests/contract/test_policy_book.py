"""The page on policies in a node's store, on both engines: what was accepted stays, versions only rise, changes are counted."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from policies.engine.errors import Code, DomicileError
from regional_node.storage import policies  # noqa: F401 - its tables
from regional_node.storage.policies import SqlPolicyBook
from regional_node.usecases.policies import (
    Accepted,
    BundleState,
    FetchState,
    Stop,
    StopOrigin,
    newest_begun,
    state_of,
)
from tests.contract.backends import fixture_engine, fixture_postgres_address  # noqa: F401 - fixtures

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FIRST = Accepted(
    version=1,
    digest="aa" * 32,
    policy_digest="bb" * 32,
    active_from=AT,
    expires=AT + timedelta(days=30),
    accepted_at=AT,
)
SECOND = replace(FIRST, version=2, digest="cc" * 32, active_from=AT + timedelta(days=3))
STOP = Stop(id="s1", importer="US-CA", purpose="", reason="a leak", origin=StopOrigin.NODE, set_at=AT)


@pytest.fixture
def book(engine: Engine) -> SqlPolicyBook:
    return SqlPolicyBook(engine)


def test_a_fresh_store_has_nothing(book: SqlPolicyBook) -> None:
    standing = book.standing()
    assert (standing.generation, standing.accepted, standing.stops) == (0, (), ())
    assert (book.generation(), book.notice(), book.fetch_state(), book.stops()) == (0, 0, FetchState(), ())


def test_what_is_accepted_is_read_back_in_order(book: SqlPolicyBook) -> None:
    book.accept(FIRST)
    book.accept(SECOND)
    book.accept(SECOND)
    assert book.standing().accepted == (FIRST, SECOND)
    assert book.standing().generation == book.generation() > 0


@pytest.mark.parametrize(
    "wrong", [replace(FIRST, digest="dd" * 32), replace(SECOND, digest="dd" * 32), replace(FIRST, version=1, digest="ee" * 32)]
)
def test_a_version_is_never_accepted_twice_with_other_content(book: SqlPolicyBook, wrong: Accepted) -> None:
    book.accept(FIRST)
    book.accept(SECOND)
    with pytest.raises(DomicileError) as raised:
        book.accept(wrong)
    assert raised.value.code is Code.RECORD_CONFLICT
    assert book.standing().accepted == (FIRST, SECOND)


def test_a_begun_bundle_is_not_withdrawn_and_a_waiting_one_is(book: SqlPolicyBook) -> None:
    book.accept(FIRST)
    book.accept(SECOND)
    before = book.generation()
    book.begin(1, at=AT)
    assert book.generation() == before
    book.begin(1, at=AT + timedelta(days=1))
    assert book.standing().accepted[0].begun_at == AT
    assert not book.withdraw(1, at=AT)
    assert book.withdraw(2, at=AT)
    assert [each.version for each in book.standing().accepted] == [1]
    remade = replace(SECOND, digest="dd" * 32)
    book.accept(remade)
    assert book.standing().accepted[1] == remade


def test_the_newest_that_has_begun_counts_whatever_the_clock_says_later(book: SqlPolicyBook) -> None:
    book.accept(FIRST)
    book.accept(SECOND)
    book.begin(2, at=SECOND.active_from)
    held = book.standing().accepted
    found = newest_begun(held, at=AT)
    assert found is not None
    assert found.version == 2
    assert [state_of(each, held, at=AT) for each in held] == [BundleState.RETIRED, BundleState.ACTIVE]
    assert state_of(held[1], held, at=SECOND.expires) is BundleState.EXPIRED


def test_a_stop_stands_until_it_is_lifted_and_may_stand_again(book: SqlPolicyBook) -> None:
    book.stop(STOP)
    book.stop(replace(STOP, reason="told twice"))
    assert book.standing().stops == (STOP,)
    lifted = book.lift("s1", at=AT + timedelta(hours=1), why="mended")
    assert lifted.id == "s1"
    assert book.standing().stops == ()
    assert [(each.id, each.lifted_why) for each in book.stops()] == [("s1", "mended")]
    with pytest.raises(DomicileError) as raised:
        book.lift("s1", at=AT, why="again")
    assert raised.value.code is Code.RECORD_NOT_FOUND
    book.stop(STOP)
    assert book.standing().stops == (STOP,)


def test_every_change_grows_the_generation(book: SqlPolicyBook) -> None:
    seen = [book.generation()]
    for change in (
        lambda: book.accept(FIRST),
        lambda: book.stop(STOP),
        lambda: book.lift("s1", at=AT, why=""),
        lambda: book.noticed(3),
    ):
        change()
        seen.append(book.generation())
    assert seen == sorted(set(seen))


def test_the_number_of_the_last_notice_never_falls(book: SqlPolicyBook) -> None:
    book.noticed(7)
    book.noticed(3)
    assert book.notice() == 7


def test_how_a_look_went_is_kept(book: SqlPolicyBook) -> None:
    book.fetched(FetchState(tried_at=AT, went_well_at=AT))
    failed = FetchState(
        tried_at=AT + timedelta(minutes=1), went_well_at=AT, code=Code.BUNDLE_GAP.value, fault="version 3 is missing"
    )
    book.fetched(failed)
    assert book.fetch_state() == failed
    assert book.generation() == 0


def test_many_that_change_at_once_lose_nothing(book: SqlPolicyBook) -> None:
    book.stop(STOP)
    before = book.generation()
    faults: list[BaseException] = []

    def stops(start: int) -> None:
        try:
            for number in range(start, start + 10):
                book.stop(replace(STOP, id=f"n{number}"))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=stops, args=(start,)) for start in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(book.standing().stops) == 21
    assert book.generation() == before + 20


def test_of_two_that_accept_one_version_one_wins(book: SqlPolicyBook) -> None:
    results: list[str] = []

    def accept(digest: str) -> None:
        try:
            book.accept(replace(FIRST, digest=digest))
            results.append("kept")
        except DomicileError as error:
            results.append(error.code.value)

    threads = [threading.Thread(target=accept, args=(digest * 32,)) for digest in ("aa", "dd")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(["kept", Code.RECORD_CONFLICT.value])
    assert len(book.standing().accepted) == 1
