"""Every feed seals what waits into batches that never change, in an order that tells nothing, and buries what is gone."""

import secrets

import pytest
from sqlalchemy import delete

from policies.engine.errors import Code, DomicileError
from regional_node.storage import feed as feed_module
from regional_node.storage.feed import StoredFeed
from regional_node.storage.tables import pseudonyms
from tests.contract.backends import fixture_engine, fixture_postgres_address  # noqa: F401 - fixtures
from tests.unit.egress.ordinary import AT


def people(engine, numbers):
    rows = [{"subject_id": f"{n:032x}", "pseudonym": secrets.token_bytes(16), "created_at": n} for n in numbers]
    with engine.begin() as connection:
        connection.execute(pseudonyms.insert(), rows)
    return [row["pseudonym"] for row in rows]


@pytest.fixture
def feed(engine):
    return StoredFeed(engine, region="eu-de")


def pulled(feed, epoch="", cursor=0):
    batches = []
    while (batch := feed.batch_after(epoch, cursor)).entries:
        batches.append(batch)
        epoch, cursor = batch.feed_epoch, batch.cursor
    return batches


def test_every_person_is_fed_once(engine, feed):
    keys = people(engine, range(50))
    assert feed.seal(at=AT) == 1
    assert feed.seal(at=AT) == 0
    (batch,) = pulled(feed)
    assert sorted(entry.pseudonym for entry in batch.entries) == sorted(keys)
    assert (batch.cursor, batch.more, batch.region) == (1, False, "eu-de")


def test_the_order_in_a_batch_is_not_that_of_writing(engine, feed):
    keys = people(engine, range(200))
    feed.seal(at=AT)
    assert [entry.pseudonym for entry in pulled(feed)[0].entries] != keys


def test_a_feed_that_does_not_shuffle_is_caught_by_the_same_look(engine):
    keys = people(engine, range(200))
    careless = StoredFeed(engine, region="eu-de", shuffle=lambda waiting: waiting.sort(key=lambda pair: keys.index(pair[0])))
    careless.seal(at=AT)
    assert [entry.pseudonym for entry in pulled(careless)[0].entries] == keys


def test_batches_are_no_larger_than_their_size_and_follow_each_other(engine, feed, monkeypatch):
    monkeypatch.setattr(feed_module, "BATCH_SIZE", 20)
    people(engine, range(50))
    assert feed.seal(at=AT) == 3
    batches = pulled(feed)
    assert [len(batch.entries) for batch in batches] == [20, 20, 10]
    assert [batch.more for batch in batches] == [True, True, False]
    assert [batch.cursor for batch in batches] == [1, 2, 3]


def test_a_sealed_batch_never_changes(engine, feed):
    people(engine, range(30))
    feed.seal(at=AT)
    first = feed.batch_after("", 0)
    people(engine, range(30, 60))
    with engine.begin() as connection:
        connection.execute(delete(pseudonyms).where(pseudonyms.c.created_at < 5))
    feed.seal(at=AT)
    again = StoredFeed(engine, region="eu-de").batch_after(first.feed_epoch, 0)
    assert again.entries == first.entries


def test_who_is_gone_is_buried_once(engine, feed):
    keys = people(engine, range(3))
    feed.seal(at=AT)
    with engine.begin() as connection:
        connection.execute(delete(pseudonyms).where(pseudonyms.c.created_at == 1))
    assert feed.seal(at=AT) == 1
    assert feed.seal(at=AT) == 0
    buried = pulled(feed)[1].entries
    assert [(entry.pseudonym, entry.tombstone) for entry in buried] == [(keys[1], True)]


def test_who_was_never_fed_leaves_no_tombstone(engine, feed):
    people(engine, range(3))
    with engine.begin() as connection:
        connection.execute(delete(pseudonyms))
    assert feed.seal(at=AT) == 0


def test_at_the_end_the_cursor_stays(engine, feed):
    people(engine, range(3))
    feed.seal(at=AT)
    last = feed.batch_after(feed.epoch(), 1)
    assert (last.entries, last.cursor, last.more) == ((), 1, False)


@pytest.mark.parametrize(("epoch", "cursor"), [("another", 0), (None, 9)])
def test_another_epoch_or_an_unknown_batch_is_refused(engine, feed, epoch, cursor):
    people(engine, range(3))
    feed.seal(at=AT)
    with pytest.raises(DomicileError) as unknown:
        feed.batch_after(epoch or feed.epoch(), cursor)
    assert unknown.value.code is Code.EPOCH_UNKNOWN


def test_the_epoch_is_random_stays_and_is_new_after_a_restore(engine, feed):
    people(engine, range(3))
    feed.seal(at=AT)
    epoch = feed.epoch()
    assert len(epoch) >= 32
    assert StoredFeed(engine, region="eu-de").epoch() == epoch
    assert feed.renew_epoch() != epoch
    with pytest.raises(DomicileError):
        feed.batch_after(epoch, 1)
    assert feed.seal(at=AT) == 1
    assert len(pulled(feed)[0].entries) == 3
