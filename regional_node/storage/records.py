"""The store of records in one transaction: every write seals, indexes and tells the outbox together. It never commits by itself.

Inside a unit of work records are open; nothing of them is kept when it ends.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from policies.engine.errors import Code, DomicileError
from regional_node.crm.changes import ChangeKind
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.storage.bulk import Row, among, insert_rows
from regional_node.storage.faults import told
from regional_node.storage.outbox import Outbox
from regional_node.storage.rows import COLUMNS, SYSTEM, microseconds, record_of, row_of
from regional_node.storage.sealing import DataKey, Indexer, Sealer
from regional_node.storage.search import cursor_after, statement
from regional_node.storage.tables import (
    OWN_SUBJECT,
    RECORDS,
    blind_index,
    external_ids,
    idempotency,
    name_tokens,
    person_keys,
    pseudonyms,
)
from regional_node.usecases.records import Page, Search

_CHUNK = 500
_KEYS_HELD = 20_000
_PSEUDONYM_BYTES = 16
_KEPT = ("subject_id", "id", "created_at")
_REMEMBERED = timedelta(hours=24)

_ID = re.compile(r"[0-9a-f]{32}")


class SqlRecords:
    """Fits the RecordStore Protocol on SQLite and PostgreSQL. Made by a unit of work, for one thread."""

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        *,
        sealer: Sealer,
        indexer: Indexer,
        random: Callable[[int], bytes],
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._sealer = sealer
        self._indexer = indexer
        self._random = random
        self._now = now
        self._nonces = sealer.nonces()
        self._keys: dict[str, DataKey] = {}
        self._sign = "?" if connection.dialect.name == "sqlite" else "%s"
        self.broken = False

    def add(self, records: Sequence[Record]) -> None:
        """Write new records, in the order of their references: a person before their deals, in the same call or an earlier one."""
        with self._whole():
            self._add_keys(records)
            for record_type in RecordType:
                ours = [record for record in records if record.type is record_type]
                if ours:
                    self._add_rows(record_type, ours)
            self._add_indexes(records)
            self._outbox.tell(ChangeKind.ADDED, records)

    def update(self, record: Record, *, expected_version: int) -> None:
        """Replace a record; its version becomes `expected_version + 1`, its creation time stays."""
        with self._whole():
            row = self._row(record.type, record.id)
            if row is None:
                raise _not_found(record.type)
            former = self._opened(record.type, row)
            if former.version != expected_version:
                raise _conflict()
            if former.subject_id == record.subject_id:
                self._replace(record, expected_version)
            else:
                self._move(former, record, expected_version)
            self._change_indexes(former, record)
            self._outbox.tell(ChangeKind.UPDATED, [record])

    def get(self, record_type: RecordType, record_id: str) -> Record | None:
        """One record, opened. What is not an id (32 hexadecimal digits) names no record: it never reaches the store."""
        if not _ID.fullmatch(record_id):
            return None
        with told():
            row = self._row(record_type, record_id)
            return None if row is None else self._opened(record_type, row)

    def find_external(self, record_type: RecordType, system: str, keys: Sequence[str]) -> dict[str, str]:
        """Record ids by key of another system."""
        by_digest = {self._indexer.external(record_type, system, key): key for key in keys}
        found: dict[str, str] = {}
        with told():
            for chunk in _chunks(by_digest):
                wanted = select(external_ids.c.digest, external_ids.c.record_id).where(
                    external_ids.c.record_type == record_type.value,
                    external_ids.c.system == system,
                    among(self._connection, external_ids.c.digest, chunk),
                )
                rows = self._connection.execute(wanted)
                found.update({by_digest[row.digest]: row.record_id for row in rows})
        return found

    def known_emails(self, record_type: RecordType, addresses: Sequence[str]) -> frozenset[str]:
        """Those of the addresses that are there already, by blind index."""
        by_digest: dict[bytes, list[str]] = {}
        for address in addresses:
            by_digest.setdefault(self._indexer.email(record_type, address)[1], []).append(address)
        kind = self._indexer.email(record_type, "a@example.org")[0]
        found: set[str] = set()
        with told():
            for chunk in _chunks(by_digest):
                wanted = select(blind_index.c.digest).where(
                    blind_index.c.kind == kind, among(self._connection, blind_index.c.digest, chunk)
                )
                for digest in self._connection.execute(wanted).scalars():
                    found.update(by_digest[bytes(digest)])
        return frozenset(found)

    def search(self, query: Search) -> Page:
        """One page, newest first."""
        wanted = statement(query, self._indexer)
        with told():
            rows = self._connection.execute(wanted).fetchall()
        records = tuple(self._opened(query.record_type, row) for row in rows[: query.limit])
        return Page(records=records, next_cursor=cursor_after(records[-1]) if len(rows) > query.limit else None)

    def by_pseudonym(self, pseudonym: bytes) -> Record | None:
        """The person behind a local pseudonym."""
        with told():
            subject = self._connection.execute(
                select(pseudonyms.c.subject_id).where(pseudonyms.c.pseudonym == pseudonym)
            ).scalar_one_or_none()
        return None if subject is None else self.get(RecordType.PEOPLE, subject)

    def count(self, record_type: RecordType, *, cap: int = 1000) -> int:
        """How many there are, counted up to `cap`."""
        with told():
            counted = f"SELECT count(*) FROM (SELECT 1 FROM {record_type.value} LIMIT {int(cap)}) AS counted"  # noqa: S608 - a closed word and an integer
            return int(self._connection.exec_driver_sql(counted).scalar_one())

    def remembered(self, key_digest: str) -> tuple[str, int, str] | None:
        """An idempotency record younger than 24 hours."""
        with told():
            row = self._connection.execute(
                select(idempotency.c.request_hmac, idempotency.c.status, idempotency.c.resource_id).where(
                    idempotency.c.key_digest == key_digest,
                    idempotency.c.created_at > microseconds(self._now() - _REMEMBERED),
                )
            ).first()
        return None if row is None else (row.request_hmac, row.status, row.resource_id)

    def remember(self, key_digest: str, request_hmac: str, status: int, resource_id: str, *, at: datetime) -> None:
        """Keep an idempotency record, and forget those older than 24 hours."""
        kept = {"request_hmac": request_hmac, "status": status, "resource_id": resource_id, "created_at": microseconds(at)}
        with told():
            self._connection.execute(delete(idempotency).where(idempotency.c.created_at <= microseconds(at - _REMEMBERED)))
            self._connection.execute(insert(idempotency).values(key_digest=key_digest, **kept))

    # Writing

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A write that fails may stand half in the transaction, so from then on the unit cannot be committed."""
        try:
            with told():
                yield
        except BaseException:
            self.broken = True
            raise

    def _add_keys(self, records: Sequence[Record]) -> None:
        """Make the keys of new subjects. Only a subject's own record brings one: so nothing revives a subject that was erased."""
        fresh: dict[str, DataKey] = {r.id: self._sealer.new_key() for r in records if r.subject_id == r.id}
        rows = [(subject_id, key.wrapped, key.kek_id) for subject_id, key in fresh.items()]
        insert_rows(self._connection, person_keys, ("subject_id", "wrapped", "kek_id"), rows)
        self._load_keys({r.subject_id for r in records} - fresh.keys())
        self._keys.update(fresh)

    def _add_rows(self, record_type: RecordType, records: Sequence[Record]) -> None:
        seal, nonces, keys = self._sealer.seal, self._nonces, self._keys
        rows: list[Row] = []
        for record in records:
            if record_type in OWN_SUBJECT and record.subject_id != record.id:
                what = f"one of `{record_type.value}` is its own subject"
                raise DomicileError(what, remedy="give its id as `subject_id`", code=Code.INPUT_INVALID)
            envelope = seal(record, record.version, key=keys[record.subject_id], nonce=next(nonces))
            rows.append(row_of(record, record.version, envelope))
        insert_rows(self._connection, RECORDS[record_type], COLUMNS[record_type], rows)
        if record_type is RecordType.PEOPLE:
            drawn = self._random(_PSEUDONYM_BYTES * len(records))
            of_people = [
                (record.id, drawn[n * _PSEUDONYM_BYTES : (n + 1) * _PSEUDONYM_BYTES], microseconds(record.created_at))
                for n, record in enumerate(records)
            ]
            insert_rows(self._connection, pseudonyms, ("subject_id", "pseudonym", "created_at"), of_people)

    def _add_indexes(self, records: Sequence[Record]) -> None:
        known: dict[RecordType, dict[str, tuple[int, ...]]] = {record_type: {} for record_type in RecordType}
        blind: list[Row] = []
        tokens: list[Row] = []
        external: list[Row] = []
        for record in records:
            if record.type in OWN_SUBJECT:
                blind.extend((*found, record.subject_id) for found in self._indexer.blind_rows(record))
                tokens.extend((token, record.subject_id) for token in self._indexer.tokens(record, known[record.type]))
            external.extend(self._external_rows(record))
        self._insert_indexes(blind, tokens, external)

    def _insert_indexes(self, blind: list[Row], tokens: list[Row], external: list[Row]) -> None:
        # Sorted, so that neighbours in the tree are written one after the other.
        insert_rows(self._connection, blind_index, ("kind", "digest", "subject_id"), sorted(blind))
        insert_rows(self._connection, name_tokens, ("token", "subject_id"), sorted(tokens))
        columns = ("record_type", "system", "digest", "subject_id", "record_id")
        insert_rows(self._connection, external_ids, columns, sorted(external))

    def _external_rows(self, record: Record) -> Iterator[Row]:
        for one in record.external_ids:
            digest = self._indexer.external(record.type, one.system, one.key.reveal())
            yield record.type.value, one.system, digest, record.subject_id, record.id

    def _replace(self, record: Record, expected_version: int) -> None:
        row = dict(zip(COLUMNS[record.type], self._sealed_row(record, expected_version + 1), strict=True))
        changed = [value for name, value in row.items() if name not in _KEPT]
        same = (record.subject_id, record.id, expected_version)
        replaced = self._connection.exec_driver_sql(_replacement(record.type, self._sign), (*changed, *same))
        if replaced.rowcount != 1:
            raise _conflict()

    def _move(self, former: Record, record: Record, expected_version: int) -> None:
        """The record now belongs to another subject: its row goes to that shard, sealed under that subject's key."""
        table = RECORDS[record.type]
        if record.type in OWN_SUBJECT:
            raise DomicileError("the subject of this record cannot change", remedy="keep its `subject_id`", code=Code.INPUT_INVALID)
        same = (table.c.subject_id == former.subject_id, table.c.id == record.id, table.c.version == expected_version)
        if self._connection.execute(delete(table).where(*same)).rowcount != 1:
            raise _conflict()
        if record.subject_id == record.id:
            self._ensure_own_key(record)
        row = self._sealed_row(record, expected_version + 1)
        created_at = microseconds(former.created_at)
        moved = (*row[: SYSTEM.index("created_at")], created_at, *row[SYSTEM.index("updated_at") :])
        insert_rows(self._connection, table, COLUMNS[record.type], [moved])

    def _ensure_own_key(self, record: Record) -> None:
        known = select(person_keys.c.subject_id).where(person_keys.c.subject_id == record.id)
        if self._connection.execute(known).first() is None:
            self._add_keys([record])

    def _sealed_row(self, record: Record, version: int) -> Row:
        self._load_keys({record.subject_id})
        key = self._keys[record.subject_id]
        return row_of(record, version, self._sealer.seal(record, version, key=key, nonce=next(self._nonces)))

    def _change_indexes(self, former: Record, record: Record) -> None:
        if record.type in OWN_SUBJECT:
            gone_blind, new_blind = _difference(self._indexer.blind_rows(former), self._indexer.blind_rows(record))
            gone_tokens, new_tokens = _difference(self._indexer.tokens(former, {}), self._indexer.tokens(record, {}))
        else:
            gone_blind = new_blind = gone_tokens = new_tokens = set()
        gone_external, new_external = _difference(set(self._external_rows(former)), set(self._external_rows(record)))
        subject = record.subject_id
        for kind, digest in gone_blind:
            same = (blind_index.c.kind == kind, blind_index.c.digest == digest, blind_index.c.subject_id == subject)
            self._connection.execute(delete(blind_index).where(*same))
        for token in gone_tokens:
            self._connection.execute(delete(name_tokens).where(name_tokens.c.token == token, name_tokens.c.subject_id == subject))
        for record_type, system, digest, _subject, _record in gone_external:
            routed = (external_ids.c.record_type == record_type, external_ids.c.system == system, external_ids.c.digest == digest)
            self._connection.execute(delete(external_ids).where(*routed))
        self._insert_indexes(
            [(*found, subject) for found in new_blind], [(token, subject) for token in new_tokens], list(new_external)
        )

    # Reading

    def _load_keys(self, subjects: set[str]) -> None:
        """Have the keys of these subjects at hand. Raises when one has none: it is not known here, or was erased."""
        if len(self._keys) > _KEYS_HELD:
            self._keys.clear()
        wanted = subjects - self._keys.keys()
        for chunk in _chunks(sorted(wanted)):
            rows = self._connection.execute(select(person_keys).where(among(self._connection, person_keys.c.subject_id, chunk)))
            self._keys.update({row.subject_id: self._sealer.key(row.kek_id, row.wrapped) for row in rows})
        if not wanted <= self._keys.keys():
            raise DomicileError(
                "a record belongs to a subject that is not known here",
                remedy="add the person or company first",
                code=Code.RECORD_NOT_FOUND,
            )

    def _row(self, record_type: RecordType, record_id: str) -> Sequence[Any] | None:
        sql = _point(record_type, self._sign)
        marks = (record_id, record_id) if record_type in OWN_SUBJECT else (record_id,)
        return self._connection.exec_driver_sql(sql, marks).fetchone()

    def _opened(self, record_type: RecordType, row: Sequence[Any]) -> Record:
        *columns, kek_id, wrapped = row
        opened = self._sealer.open(
            columns[-1],
            record_type=record_type,
            record_id=columns[1],
            version=columns[2],
            key=self._sealer.key(kek_id, wrapped),
        )
        return record_of(record_type, columns, opened)


@cache
def _point(record_type: RecordType, mark: str) -> str:
    table = record_type.value
    columns = ", ".join(f"{table}.{name}" for name in COLUMNS[record_type])
    where = f"{table}.id = {mark}" + (f" AND {table}.subject_id = {mark}" if record_type in OWN_SUBJECT else "")
    join = f"JOIN person_keys ON person_keys.subject_id = {table}.subject_id"
    return f"SELECT {columns}, person_keys.kek_id, person_keys.wrapped FROM {table} {join} WHERE {where}"  # noqa: S608 - closed words


@cache
def _replacement(record_type: RecordType, mark: str) -> str:
    changed = ", ".join(f"{name} = {mark}" for name in COLUMNS[record_type] if name not in _KEPT)
    same = f"subject_id = {mark} AND id = {mark} AND version = {mark}"
    return f"UPDATE {record_type.value} SET {changed} WHERE {same}"  # noqa: S608 - closed words


def _difference(former: set[Any], present: set[Any]) -> tuple[set[Any], set[Any]]:
    return former - present, present - former


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, _CHUNK)):
        yield chunk


def _conflict() -> DomicileError:
    return DomicileError("the record has changed since it was read", remedy="read it again", code=Code.RECORD_CONFLICT)


def _not_found(record_type: RecordType) -> DomicileError:
    return DomicileError(f"there is no such record in `{record_type.value}`", remedy="check its id", code=Code.RECORD_NOT_FOUND)
