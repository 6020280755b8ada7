"""Pseudonymous keys from a node's feed into the index's store, without the wire between. Every key must arrive."""

import itertools
import secrets

from chassis.database import migrate, open_database, writing
from global_index.bootstrap import MIGRATIONS as INDEX_MIGRATIONS
from global_index.catalogue.regions import Region
from global_index.storage.entries import Entries
from global_index.transfers.entries import Cursor, pull
from policies.engine.crossing import EntryBatch
from regional_node.bootstrap.home import MIGRATIONS as NODE_MIGRATIONS
from regional_node.storage.feed import StoredFeed
from regional_node.storage.tables import pseudonyms
from tests.bench.logging_leaves import AT
from tests.bench.measuring import Figure, Measure, Setting, medians, seconds

LIMIT_S = 10.0
REGION = Region(name="eu-de", jurisdiction="EU", state="joined", active=True)


class _Source:
    """The feed itself, as the index's client would reach it."""

    def __init__(self, feed: StoredFeed) -> None:
        self._feed = feed

    def pull(self, _region: Region, cursor: Cursor) -> EntryBatch:
        return self._feed.batch_after(cursor.epoch, cursor.batch)


def entries_pull(setting: Setting) -> list[Figure]:
    """Sealed, read batch by batch and kept."""
    keys, rounds = setting.of(60_000, 10_000), setting.of(5, 2)
    numbers = itertools.count()
    found = medians({"ours": lambda: _once(setting, next(numbers), keys)}, rounds=rounds)["ours"]
    what = f"{keys:,} keys sealed at the node's feed and kept at the index, both on SQLite (FULL), in one process, no wire"
    return [
        Figure(
            id="entries.pull", what=what, ours=found, against=LIMIT_S, name="limit", target="<= 1", measure=Measure.TIME,
            unit="s", n=rounds,
        )
    ]  # fmt: skip


def _once(setting: Setting, number: int, keys: int) -> float:
    node = open_database(f"sqlite:///{setting.folder / f'node-{number}.db'}")
    index = open_database(f"sqlite:///{setting.folder / f'index-{number}.db'}")
    try:
        migrate(node, NODE_MIGRATIONS)
        migrate(index, INDEX_MIGRATIONS)
        rows = [{"subject_id": f"{n:032x}", "pseudonym": secrets.token_bytes(16), "created_at": n} for n in range(keys)]
        with writing(node) as connection:
            connection.execute(pseudonyms.insert(), rows)
        feed, store = StoredFeed(node, region=REGION.name), Entries(index)

        def work() -> None:
            feed.seal(at=AT)
            while pull(REGION, source=_Source(feed), store=store).more:
                pass

        took = seconds(work)
        if store.count(REGION.name) != keys:
            message = f"{keys} keys were to arrive: {store.count(REGION.name)}"
            raise AssertionError(message)
    finally:
        node.dispose()
        index.dispose()
    return took
