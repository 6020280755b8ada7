"""What the index keeps, on every kind of store: entries pulled in order and replaced in one step, and a history that
names nobody.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chassis.database import migrate, open_database
from global_index.bootstrap import MIGRATIONS
from global_index.catalogue.regions import Region
from global_index.requests.history import Asked, Memory, Told
from global_index.storage.entries import Entries, cluster_of
from global_index.storage.history import Histories
from global_index.transfers.entries import Cursor, EntryStore, Kept, pull, split
from policies.engine.crossing import Entry, EntryBatch
from policies.engine.errors import Code, DomicileError
from tests.postgres import NoPostgresError, postgres_server, without_server

REGION = Region(name="eu-de", jurisdiction="EU", state="joined", active=True)
P = [bytes([n]) * 16 for n in range(1, 40)]


class FakeEntries:
    """Entries in memory."""

    def __init__(self) -> None:
        self.shown: dict[str, tuple[Cursor, set[bytes]]] = {}
        self.fresh: dict[str, tuple[Cursor, set[bytes]]] = {}

    def cursor(self, region: str) -> Cursor:
        return (self.fresh.get(region) or self.shown.get(region) or (Cursor(), set()))[0]

    def append(self, batch: EntryBatch, *, after: Cursor) -> None:
        held = self.fresh if batch.region in self.fresh else self.shown
        at, known = held[batch.region]
        if at != after:
            return
        added, gone = split(batch.entries)
        for kept in (self.shown, self.fresh):
            if batch.region in kept:
                kept[batch.region][1].difference_update(gone)
        held[batch.region] = (Cursor(epoch=batch.feed_epoch, batch=batch.cursor), (known | set(added)) - set(gone))

    def restart(self, region: str, *, epoch: str) -> None:
        (self.fresh if region in self.shown else self.shown)[region] = (Cursor(epoch=epoch), set())

    def settle(self, region: str) -> bool:
        if region not in self.fresh:
            return False
        self.shown[region] = self.fresh.pop(region)
        return True

    def forget(self, region: str) -> None:
        for kept in (self.shown, self.fresh):
            kept.pop(region, None)

    def count(self, region: str) -> int:
        return len(self.shown.get(region, (Cursor(), set()))[1])

    def export(self) -> Iterator[Kept]:
        for region, (_, known) in sorted(self.shown.items()):
            for pseudonym in sorted(known):
                yield Kept(cluster=cluster_of(region, pseudonym), region=region, pseudonym=pseudonym)


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
        opened = open_database(request.getfixturevalue("postgres"))
        with opened.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    migrate(opened, MIGRATIONS)
    yield opened
    opened.dispose()


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EntryStore]:
    if request.param == "fake":
        yield FakeEntries()
        return
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path}/index.db")
    else:
        opened = open_database(request.getfixturevalue("postgres"))
        with opened.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    migrate(opened, MIGRATIONS)
    yield Entries(opened)
    opened.dispose()


@dataclass
class Feed:
    """A region's feed: sealed batches of one epoch; `breaks_at` fails once before that batch."""

    epoch: str = "e1"
    batches: list[tuple[Entry, ...]] = field(default_factory=lambda: [entries(P[0:3]), entries(P[3:5])])
    breaks_at: int = -1

    def pull(self, region: Region, cursor: Cursor) -> EntryBatch:
        if cursor.epoch not in {"", self.epoch}:
            raise DomicileError("a new epoch", code=Code.EPOCH_UNKNOWN)
        number = cursor.batch + 1
        if number == self.breaks_at:
            self.breaks_at = -1
            raise DomicileError("gone", code=Code.PEER_UNREACHABLE)
        if number > len(self.batches):
            return EntryBatch(region=region.name, feed_epoch=self.epoch, cursor=cursor.batch, entries=(), more=False)
        return EntryBatch(
            region=region.name,
            feed_epoch=self.epoch,
            cursor=number,
            entries=self.batches[number - 1],
            more=number < len(self.batches),
        )


def entries(pseudonyms: list[bytes], *, tombstone: bool = False) -> tuple[Entry, ...]:
    return tuple(Entry(pseudonym=p, tombstone=tombstone) for p in pseudonyms)


def held(store: EntryStore) -> list[bytes]:
    return [kept.pseudonym for kept in store.export()]


def test_entries_are_pulled_in_order_and_twice_changes_nothing(store: EntryStore) -> None:
    feed = Feed()
    assert pull(REGION, source=feed, store=store).entries == 5
    assert pull(REGION, source=feed, store=store).entries == 0
    assert held(store) == P[:5]
    assert store.cursor("eu-de") == Cursor(epoch="e1", batch=2)
    assert store.count("eu-de") == 5
    assert len({kept.cluster for kept in store.export()}) == 5


def test_a_pull_that_broke_goes_on_where_it_was(store: EntryStore) -> None:
    feed = Feed(breaks_at=2)
    with pytest.raises(DomicileError):
        pull(REGION, source=feed, store=store)
    assert held(store) == P[:3]
    pull(REGION, source=feed, store=store)
    assert held(store) == P[:5]


def test_a_tombstone_removes_its_pseudonym(store: EntryStore) -> None:
    pull(REGION, source=Feed(batches=[entries(P[:3]), entries(P[1:2], tombstone=True)]), store=store)
    assert held(store) == [P[0], P[2]]


def test_a_new_epoch_replaces_the_old_one_in_one_step(store: EntryStore) -> None:
    pull(REGION, source=Feed(), store=store)
    after = Feed(epoch="e2", batches=[entries(P[10:12]), entries(P[12:13])], breaks_at=2)
    with pytest.raises(DomicileError):
        pull(REGION, source=after, store=store)
    assert held(store) == P[:5]  # half of the new epoch is not shown
    assert pull(REGION, source=after, store=store).replaced
    assert held(store) == P[10:13]
    assert store.cursor("eu-de") == Cursor(epoch="e2", batch=2)


def test_a_region_that_is_forgotten_holds_nothing_and_may_begin_again(store: EntryStore) -> None:
    pull(REGION, source=Feed(), store=store)
    store.restart(REGION.name, epoch="another")
    store.forget(REGION.name)
    assert (held(store), store.cursor(REGION.name)) == ([], Cursor())


def test_a_batch_that_another_process_kept_already_is_left_alone(store: EntryStore) -> None:
    pull(REGION, source=Feed(), store=store)
    late = EntryBatch(region="eu-de", feed_epoch="e1", cursor=2, entries=entries(P[20:22]), more=False)
    store.append(late, after=Cursor(epoch="e1", batch=1))
    assert held(store) == P[:5]


@pytest.mark.parametrize(
    "batch",
    [
        EntryBatch(region="br-sp", feed_epoch="e1", cursor=1, entries=entries(P[:1]), more=False),
        EntryBatch(region="eu-de", feed_epoch="e1", cursor=3, entries=entries(P[:1]), more=False),
        EntryBatch(region="eu-de", feed_epoch="e1", cursor=0, entries=entries(P[:1]), more=False),
        EntryBatch(region="eu-de", feed_epoch="e1", cursor=1, entries=(Entry(pseudonym=b"short"),), more=False),
    ],
)
def test_a_feed_out_of_order_or_of_another_region_is_refused(batch: EntryBatch) -> None:
    class Odd(Feed):
        def pull(self, region: Region, cursor: Cursor) -> EntryBatch:
            return batch

    store = FakeEntries()
    with pytest.raises(DomicileError):
        pull(REGION, source=Odd(), store=store)
    assert not held(store)


def test_sixty_thousand_entries_are_kept_in_seconds(engine: Engine) -> None:
    batches = [entries([os.urandom(16) for _ in range(5_000)]) for _ in range(12)]
    store = Entries(engine)
    began = time.perf_counter()
    assert pull(REGION, source=Feed(batches=batches), store=store).entries == 60_000
    assert time.perf_counter() - began < 8
    assert store.count("eu-de") == 60_000


def memory(number: int, **changed: object) -> Memory:
    told = (
        Told(region="eu-de", status="answered", rho="1/200", leaf=number),
        Told(region="br-sp", status="down", code="peer:channel:unreachable"),
    )
    values: dict[str, object] = {
        "question_id": f"{number:032x}",
        "at": datetime(2026, 11, 22, 12, number, tzinfo=UTC),
        "asked": Asked.QUESTION,
        "analyst": "a" * 32,
        "importer": "acme-hq",
        "purpose": "analytics.reporting",
        "told": tuple(sorted(told, key=lambda t: t.region)),
        "plans": ('{"table":"people"}',),
        "digests": ("ab" * 32,),
        "fields": (),
    }
    return Memory(**{**values, **changed})  # type: ignore[arg-type]  # the values above have the fields' types


def test_history_comes_back_newest_first_as_it_was_kept(engine: Engine) -> None:
    histories = Histories(engine)
    lines = [memory(1), memory(2, analyst="b" * 32), memory(3)]
    for line in lines:
        histories.remember(line)
    assert histories.recent(limit=10) == tuple(reversed(lines))
    assert histories.recent(limit=10, analyst="b" * 32) == (lines[1],)
    assert histories.recent(limit=1) == (lines[2],)


def test_charges_are_added_by_region_and_year(engine: Engine) -> None:
    histories = Histories(engine)
    for line in (memory(1), memory(2), memory(3, at=datetime(2025, 12, 31, tzinfo=UTC))):
        histories.remember(line)
    assert histories.charged(year=2026) == {"eu-de": "0.01"}
    assert histories.charged(year=2025) == {"eu-de": "0.005"}
