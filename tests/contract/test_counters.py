"""Every store of counts counts each person once in a window, exactly under concurrent reservations, and never one too few."""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from regional_node.storage.counters import KEPT_DAYS, StoredCounters
from regional_node.usecases.counters import CounterStore
from tests.contract.backends import emptied, engine_of, fixture_postgres_address  # noqa: F401 - a fixture
from tests.fakes import FakeCounters

SCOPE, OTHER = b"s" * 16, b"o" * 16
DAY = date(2026, 11, 22)
SINCE = date(2026, 1, 1)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CounterStore]:
    if request.param == "fake":
        yield FakeCounters()
        return
    address = request.getfixturevalue("postgres_address") if request.param == "postgres" else ""
    for engine in emptied(engine_of(request.param, tmp_path, address)):
        yield StoredCounters(engine)


def person(number: int) -> bytes:
    return number.to_bytes(16, "big")


def reserve(
    store: CounterStore, *numbers: int, holder: str = "a", day: date = DAY, since: date = SINCE, scope: bytes = SCOPE
) -> int:
    return store.reserve_persons(scope, [person(n) for n in numbers], day=day, since=since, holder=holder)


def test_a_person_counts_once_however_often(store):
    assert reserve(store, 1, 2, holder="a") == 2
    assert reserve(store, 2, 3, holder="b", day=DAY + timedelta(1)) == 3
    assert reserve(store, 1, holder="b", day=DAY + timedelta(1)) == 3
    assert reserve(store, 1, holder="a", scope=OTHER) == 1


def test_a_person_counts_from_the_first_day_of_the_window_and_not_from_the_day_before(store):
    reserve(store, 1, day=date(2025, 12, 31))
    reserve(store, 2, day=date(2026, 1, 1))
    assert store.persons(SCOPE, [], since=SINCE) == 1
    assert reserve(store, 1, holder="b") == 2, "who comes again counts anew"


def test_asking_keeps_nothing_and_tells_what_it_would_be(store):
    reserve(store, 1)
    assert store.persons(SCOPE, [person(1), person(2)], since=SINCE) == 2
    assert store.persons(SCOPE, [], since=SINCE) == 1


def test_what_is_taken_back_is_as_it_was(store):
    reserve(store, 1, holder="a", day=DAY - timedelta(400))
    assert reserve(store, 1, 2, holder="b") == 2
    store.take_back_persons(SCOPE, [person(1), person(2)], holder="b")
    assert store.persons(SCOPE, [], since=SINCE) == 0
    assert store.persons(SCOPE, [], since=DAY - timedelta(400)) == 1


def test_a_person_that_another_reserved_too_stays_counted(store):
    reserve(store, 1, holder="a")
    reserve(store, 1, holder="b")
    store.take_back_persons(SCOPE, [person(1)], holder="a")
    assert store.persons(SCOPE, [], since=SINCE) == 1


def test_a_later_day_is_not_taken_back_by_who_counted_earlier(store):
    reserve(store, 1, holder="a", day=DAY - timedelta(1))
    reserve(store, 1, holder="b", day=DAY)
    store.take_back_persons(SCOPE, [person(1)], holder="a")
    assert store.persons(SCOPE, [], since=DAY) == 1


def test_what_was_committed_long_ago_is_not_taken_back_with_a_repeat(store):
    reserve(store, 1, holder="a")  # and sent
    reserve(store, 1, holder="b")
    store.take_back_persons(SCOPE, [person(1)], holder="b")
    assert store.persons(SCOPE, [], since=SINCE) == 1


def test_a_batch_of_five_thousand_counts_whole(store):
    members = [person(n) for n in range(5_000)]
    assert store.reserve_persons(SCOPE, members, day=DAY, since=SINCE, holder="a") == 5_000
    assert store.reserve_persons(SCOPE, members, day=DAY + timedelta(1), since=SINCE, holder="b") == 5_000
    store.take_back_persons(SCOPE, members, holder="b")
    assert store.persons(SCOPE, [], since=DAY) == 5_000
    assert store.persons(SCOPE, [], since=DAY + timedelta(1)) == 0


def at_the_threshold(store: CounterStore, reserve_one: Callable[[int, str], int]) -> tuple[int, int]:
    """Two lines of fifty requests each against a limit that leaves room for 31: how many passed, and how many are counted."""
    for number in range(69):
        reserve(store, 1_000 + number, holder="before")
    begin = threading.Barrier(2)

    def line(first: int) -> int:
        begin.wait()
        passed = 0
        for number in range(first, first + 50):
            holder = secrets.token_hex(8)
            if reserve_one(number, holder) <= 100:
                passed += 1
            else:
                store.take_back_persons(SCOPE, [person(number)], holder=holder)
        return passed

    with ThreadPoolExecutor(2) as pool:
        passed = sum(pool.map(line, (0, 50)))
    return passed, store.persons(SCOPE, [], since=SINCE)


def test_two_lines_of_fifty_at_the_threshold_never_pass_one_too_many(store):
    assert at_the_threshold(store, lambda number, holder: reserve(store, number, holder=holder)) == (31, 100)


def test_a_build_that_reads_before_it_writes_would_be_caught(store):
    """The weakened build: the count is read first and the person added after it, as two steps."""

    def read_then_write(number: int, holder: str) -> int:
        seen = store.persons(SCOPE, [person(number)], since=SINCE)
        both.wait(10)  # the other line has read too
        reserve(store, number, holder=holder)
        return seen

    both = threading.Barrier(2)
    passed, counted = at_the_threshold(store, read_then_write)
    assert passed == 32
    assert counted == 101


def call(store: CounterStore, holder: str, at: datetime = AT, *, days: int = 30, scope: bytes = SCOPE) -> int:
    return store.reserve_contacts(scope, at=at, since=at - timedelta(days), holder=holder)


def test_contacts_count_each_and_by_person(store):
    assert [call(store, holder) for holder in ("a", "b", "c")] == [1, 2, 3]
    assert call(store, "c") == 3, "one reservation counts one contact"
    assert call(store, "a", scope=OTHER) == 1
    assert store.contacts(SCOPE, since=AT - timedelta(30)) == 3


def test_a_contact_leaves_the_window_and_can_be_taken_back(store):
    call(store, "a", AT - timedelta(31))
    assert call(store, "b") == 1
    store.take_back_contacts(SCOPE, holder="b")
    assert store.contacts(SCOPE, since=AT - timedelta(40)) == 1


def test_two_lines_of_contacts_never_pass_one_too_many(store):
    def line(_: int) -> int:
        passed = 0
        for _number in range(25):
            holder = secrets.token_hex(8)
            if call(store, holder) <= 4:
                passed += 1
            else:
                store.take_back_contacts(SCOPE, holder=holder)
        return passed

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(line, range(2))) == 4


def test_the_sweep_forgets_only_what_no_window_reaches(store: Any):
    if isinstance(store, FakeCounters):
        pytest.skip("the stand-in forgets nothing")
    reserve(store, 1, day=DAY - timedelta(KEPT_DAYS + 1))
    reserve(store, 2, day=DAY - timedelta(KEPT_DAYS - 1))
    assert store.sweep(at=AT) == 2
    assert store.persons(SCOPE, [], since=date(2000, 1, 1)) == 1
    assert store.sweep(at=AT) == 0, "once a day is enough"
