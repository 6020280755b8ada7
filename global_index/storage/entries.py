"""Entries in the store: appended batch by batch at driver level, replaced in one step when a region begins a new epoch.
No name is here.
"""

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, delete, func, select, update

from chassis.database import reading, writing
from global_index.storage.tables import entries, feeds
from global_index.transfers.entries import Cursor, Kept, split
from policies.engine.crossing import EntryBatch

_PAGE = 5_000
_SLICE = 5_000


class Entries:
    """The store of entries, on SQLite and PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._postgres = engine.dialect.name == "postgresql"

    def cursor(self, region: str) -> Cursor:
        """How far the region is held, counting what is pulled afresh."""
        with reading(self._engine) as connection:
            return _cursor(connection, region)

    def append(self, batch: EntryBatch, *, after: Cursor) -> None:
        """Keep a batch and move the cursor in one transaction; does nothing when another has moved it already."""
        added, gone = split(batch.entries)
        with writing(self._engine) as connection:
            self._begin(connection, batch.region)
            if _cursor(connection, batch.region) != after:
                return
            self._insert(connection, batch, added)
            self._remove(connection, batch, gone)
            fresh = connection.execute(select(feeds.c.fresh_epoch).where(feeds.c.region == batch.region)).scalar_one()
            moved = {"fresh_batch": batch.cursor} if fresh else {"shown_batch": batch.cursor}
            connection.execute(update(feeds).where(feeds.c.region == batch.region).values(moved))

    def restart(self, region: str, *, epoch: str) -> None:
        """Begin a new epoch beside the old one; what was begun before and not finished is dropped."""
        with writing(self._engine) as connection:
            self._begin(connection, region)
            row = connection.execute(select(feeds).where(feeds.c.region == region)).one()
            if not row.shown_epoch:
                values: dict[str, object] = {"shown_epoch": epoch, "shown_batch": 0}
            else:
                connection.execute(delete(entries).where(entries.c.region == region, entries.c.epoch != row.shown_epoch))
                values = {"fresh_epoch": epoch, "fresh_batch": 0}
            connection.execute(update(feeds).where(feeds.c.region == region).values(values))

    def settle(self, region: str) -> bool:
        """Let the epoch pulled afresh replace the old one, in one transaction. True when there was one."""
        with reading(self._engine) as connection:  # most pulls find nothing to do, and need no write lock
            if not connection.execute(select(feeds.c.fresh_epoch).where(feeds.c.region == region)).scalar_one_or_none():
                return False
        with writing(self._engine) as connection:
            row = connection.execute(select(feeds).where(feeds.c.region == region)).first()
            if row is None or not row.fresh_epoch:
                return False
            connection.execute(delete(entries).where(entries.c.region == region, entries.c.epoch != row.fresh_epoch))
            settled = {"shown_epoch": row.fresh_epoch, "shown_batch": row.fresh_batch, "fresh_epoch": "", "fresh_batch": 0}
            connection.execute(update(feeds).where(feeds.c.region == region).values(settled))
        return True

    def forget(self, region: str) -> None:
        """Drop everything of a region that has left."""
        with writing(self._engine) as connection:
            connection.execute(delete(entries).where(entries.c.region == region))
            connection.execute(delete(feeds).where(feeds.c.region == region))

    def count(self, region: str) -> int:
        """How many entries of the region are shown."""
        counted = (
            select(func.count())
            .select_from(entries)
            .join(feeds, (feeds.c.region == entries.c.region) & (feeds.c.shown_epoch == entries.c.epoch))
        ).where(entries.c.region == region)
        with reading(self._engine) as connection:
            return int(connection.execute(counted).scalar_one())

    def export(self, *, region: str | None = None) -> Iterator[Kept]:
        """The entries shown, of one region or of all, in order; read page by page, so that a long export holds no transaction."""
        with reading(self._engine) as connection:
            shown = [tuple(row) for row in connection.execute(select(feeds.c.region, feeds.c.shown_epoch).order_by(feeds.c.region))]
        for name, epoch in shown:
            last = b""
            while region in {None, name} and (page := self._page(name, epoch, last)):
                yield from page
                last = page[-1].pseudonym

    def _page(self, region: str, epoch: str, last: bytes) -> list[Kept]:
        wanted = (
            select(entries.c.cluster, entries.c.pseudonym)
            .where(entries.c.region == region, entries.c.epoch == epoch, entries.c.pseudonym > last)
            .order_by(entries.c.pseudonym)
            .limit(_PAGE)
        )
        with reading(self._engine) as connection:
            return [Kept(cluster=row.cluster, region=region, pseudonym=bytes(row.pseudonym)) for row in connection.execute(wanted)]

    def _begin(self, connection: Connection, region: str) -> None:
        """Make sure the region has its line, and on PostgreSQL hold it."""
        sign = "%s" if self._postgres else "?"
        connection.exec_driver_sql(
            "INSERT INTO entry_feeds (region, shown_epoch, shown_batch, fresh_epoch, fresh_batch) "  # noqa: S608 - the marks are ours
            f"VALUES ({sign}, '', 0, '', 0) ON CONFLICT (region) DO NOTHING",
            (region,),
        )
        connection.execute(select(feeds.c.region).where(feeds.c.region == region).with_for_update()).one()

    def _insert(self, connection: Connection, batch: EntryBatch, added: list[bytes]) -> None:
        rows = [(batch.region, p, batch.feed_epoch, cluster_of(batch.region, p), batch.cursor) for p in added]
        for start in range(0, len(rows), _SLICE):
            part = rows[start : start + _SLICE]
            if self._postgres:
                columns = [list(column) for column in zip(*part, strict=True)]
                connection.exec_driver_sql(_UNNEST, tuple(columns))
            else:
                connection.exec_driver_sql(_VALUES, part)

    def _remove(self, connection: Connection, batch: EntryBatch, gone: list[bytes]) -> None:
        """A tombstone removes the pseudonym in every epoch that is held: erased means gone from what is shown, too."""
        for pseudonym in gone:
            connection.execute(delete(entries).where(entries.c.region == batch.region, entries.c.pseudonym == pseudonym))


_VALUES = "INSERT INTO entries (region, pseudonym, epoch, cluster, batch) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UNNEST = (
    "INSERT INTO entries (region, pseudonym, epoch, cluster, batch) "
    "SELECT * FROM unnest(%s::text[], %s::bytea[], %s::text[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING"
)


def cluster_of(region: str, pseudonym: bytes) -> str:
    """The cluster of a pseudonym that is linked to nothing: its own, the same at every pull."""
    return hashlib.blake2s(pseudonym, digest_size=16, person=region.encode()[:8]).hexdigest()


def _cursor(connection: Connection, region: str) -> Cursor:
    row = connection.execute(select(feeds).where(feeds.c.region == region)).first()
    if row is None:
        return Cursor()
    if row.fresh_epoch:
        return Cursor(epoch=row.fresh_epoch, batch=row.fresh_batch)
    return Cursor(epoch=row.shown_epoch, batch=row.shown_batch)
