"""Stand-ins that keep the Protocols' promises in memory, for tests of what uses them. The contract suites hold them to it."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice

from policies.engine.errors import Code, DomicileError
from regional_node.crm.changes import ChangeKind
from regional_node.crm.contact import LONGEST_PREFIX, email_key, name_words, phone_key, prefixes
from regional_node.crm.fields import FIELDS, FieldType, RecordType, field_of
from regional_node.crm.personal import Personal
from regional_node.crm.records import Record
from regional_node.storage.rows import comparable, microseconds
from regional_node.storage.search import LARGEST_PAGE, cursor_after, read_cursor
from regional_node.usecases.records import OpenUnit, Page, Search
from tests.builders import NOW

COUNTRY = "DE"


@dataclass
class Kept:
    """Everything a store keeps."""

    records: dict[str, Record] = field(default_factory=dict)
    pseudonyms: dict[bytes, str] = field(default_factory=dict)
    external: dict[tuple[RecordType, str, str], str] = field(default_factory=dict)
    idempotency: dict[str, tuple[str, int, str, datetime]] = field(default_factory=dict)
    outbox: list[tuple[ChangeKind, RecordType, str, str]] = field(default_factory=list)

    def copied(self) -> "Kept":
        return Kept(**{name: copy(getattr(self, name)) for name in self.__dataclass_fields__})


class FakeRecords:
    """Fits RecordStore."""

    def __init__(self, kept: Kept, now: Callable[[], datetime]) -> None:
        self.kept = kept
        self.broken = False
        self._now = now

    def add(self, records: Sequence[Record]) -> None:
        with self._whole():
            own = {r.id for r in records if r.subject_id == r.id}
            for one in records:
                if one.subject_id not in own and one.subject_id not in self.kept.records:
                    raise _error("a record belongs to a subject that is not known here", Code.RECORD_NOT_FOUND)
                if one.id in self.kept.records:
                    raise _error("a record with this key exists already", Code.RECORD_DUPLICATE)
                self.kept.records[one.id] = _bare(one)
                self._route(one)
                if one.type is RecordType.PEOPLE:
                    self.kept.pseudonyms[secrets.token_bytes(16)] = one.id
            self._tell(ChangeKind.ADDED, records)

    def update(self, record: Record, *, expected_version: int) -> None:
        with self._whole():
            former = self.get(record.type, record.id)
            if former is None:
                raise _error("there is no such record", Code.RECORD_NOT_FOUND)
            if former.version != expected_version:
                raise _error("the record has changed since it was read", Code.RECORD_CONFLICT)
            if record.subject_id != record.id and record.subject_id not in self.kept.records:
                raise _error("a record belongs to a subject that is not known here", Code.RECORD_NOT_FOUND)
            for key, found in list(self.kept.external.items()):
                if found == record.id:
                    del self.kept.external[key]
            self.kept.records[record.id] = replace(_bare(record), version=expected_version + 1, created_at=former.created_at)
            self._route(record)
            self._tell(ChangeKind.UPDATED, [record])

    def get(self, record_type: RecordType, record_id: str) -> Record | None:
        found = self.kept.records.get(record_id)
        return found if found is not None and found.type is record_type else None

    def find_external(self, record_type: RecordType, system: str, keys: Sequence[str]) -> dict[str, str]:
        known = self.kept.external
        return {key: known[record_type, system, key] for key in keys if (record_type, system, key) in known}

    def known_emails(self, record_type: RecordType, addresses: Sequence[str]) -> frozenset[str]:
        held = {
            email_key(str(text))
            for record in self.kept.records.values()
            if record.type is record_type
            for spec in FIELDS[record_type]
            if spec.type is FieldType.EMAIL and (text := record.plain(spec.name))
        }
        return frozenset(address for address in addresses if email_key(address) in held)

    def search(self, query: Search) -> Page:
        if not 1 <= query.limit <= LARGEST_PAGE:
            raise _error("a page has no such size", Code.INPUT_INVALID)
        _require_askable(query)
        found = [r for r in self.kept.records.values() if r.type is query.record_type and _meets(r, query)]
        found.sort(key=_order, reverse=True)
        if query.cursor is not None:
            last = read_cursor(query.cursor)
            found = [r for r in found if _order(r) < last]
        page = tuple(found[: query.limit])
        return Page(records=page, next_cursor=cursor_after(page[-1]) if len(found) > query.limit else None)

    def by_pseudonym(self, pseudonym: bytes) -> Record | None:
        subject = self.kept.pseudonyms.get(pseudonym)
        return None if subject is None else self.get(RecordType.PEOPLE, subject)

    def count(self, record_type: RecordType, *, cap: int = 1000) -> int:
        return sum(1 for _ in islice((r for r in self.kept.records.values() if r.type is record_type), cap))

    def remembered(self, key_digest: str) -> tuple[str, int, str] | None:
        found = self.kept.idempotency.get(key_digest)
        return found[:3] if found is not None and found[3] > self._now() - timedelta(hours=24) else None

    def remember(self, key_digest: str, request_hmac: str, status: int, resource_id: str, *, at: datetime) -> None:
        for key, kept in list(self.kept.idempotency.items()):
            if kept[3] <= at - timedelta(hours=24):
                del self.kept.idempotency[key]
        if key_digest in self.kept.idempotency:
            raise _error("a record with this key exists already", Code.RECORD_DUPLICATE)
        self.kept.idempotency[key_digest] = (request_hmac, status, resource_id, at)

    def _route(self, record: Record) -> None:
        for one in record.external_ids:
            key = (record.type, one.system, one.key.reveal())
            if key in self.kept.external:
                raise _error("a record with this key exists already", Code.RECORD_DUPLICATE)
            self.kept.external[key] = record.id

    def _tell(self, kind: ChangeKind, records: Sequence[Record]) -> None:
        self.kept.outbox.extend((kind, r.type, r.subject_id, r.id) for r in records)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.broken = True
            raise


class FakeUnits:
    """Fits UnitOfWork."""

    bounded_reads = True

    def __init__(self, *, now: Callable[[], datetime] = lambda: NOW) -> None:
        self.kept = Kept()
        self._now = now

    @contextmanager
    def __call__(self) -> Iterator[OpenUnit]:
        yield _FakeUnit(self, FakeRecords(self.kept.copied(), self._now))

    @contextmanager
    def reading(self) -> Iterator[OpenUnit]:
        yield _FakeUnit(self, FakeRecords(self.kept.copied(), self._now), reads=True)


class _FakeUnit:
    def __init__(self, units: FakeUnits, records: FakeRecords, *, reads: bool = False) -> None:
        self.records = records
        self._units = units
        self._reads = reads

    def commit(self) -> None:
        if self.records.broken or self._reads:
            raise _error("a unit of work that failed cannot be kept", Code.INTERNAL)
        self._units.kept = self.records.kept.copied()


class FakeTrail:
    """Fits ReadTrail."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def note(self, reader_id: str, records: Sequence[Record], *, at: datetime) -> None:
        self.rows.extend((reader_id, record.id) for record in records)


def _error(what: str, code: Code) -> DomicileError:
    return DomicileError(what, code=code)


def _order(record: Record) -> tuple[int, str]:
    return microseconds(record.created_at), record.id


def _bare(record: Record) -> Record:
    """As a store gives it back: without empty fields."""
    kept = {n: v for n, v in record.values.items() if (v.reveal() if isinstance(v, Personal) else v) is not None}
    return replace(record, values=kept)


def _meets(record: Record, query: Search) -> bool:
    specs = [spec for spec in FIELDS[record.type] if spec.searchable]
    texts = {kind: [str(t) for s in specs if s.type is kind and (t := record.plain(s.name))] for kind in FieldType}
    if query.email is not None and email_key(query.email) not in map(email_key, texts[FieldType.EMAIL]):
        return False
    if query.phone is not None and phone_key(query.phone, COUNTRY) not in [phone_key(t, COUNTRY) for t in texts[FieldType.PHONE]]:
        return False
    for word in name_words(query.name or ""):
        words = [w for text in texts[FieldType.TEXT] for w in name_words(text)]
        if not any(word[:LONGEST_PREFIX] in prefixes(w) for w in words):
            return False
    return all(_equal(record, name, text) for name, text in query.equals)


def _require_askable(query: Search) -> None:
    searched = {spec.type for spec in FIELDS[query.record_type] if spec.searchable}
    for asked, kind in ((query.email, FieldType.EMAIL), (query.phone, FieldType.PHONE), (query.name, FieldType.TEXT)):
        if asked is not None and kind not in searched:
            raise _error("not searched by this", Code.INPUT_INVALID)
    for name, text in query.equals:
        spec = field_of(query.record_type, name)
        if spec is None or spec.sealed:
            raise _error("records cannot be looked up by this field", Code.INPUT_UNKNOWN)
        comparable(spec, text)


def _equal(record: Record, name: str, text: str) -> bool:
    spec = field_of(record.type, name)
    assert spec is not None
    value = record.plain(name)
    return (microseconds(value) if isinstance(value, datetime) else value) == comparable(spec, text)


class FakeCounters:
    """Fits CounterStore: a list of who was counted when, and by whom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._days: dict[tuple[bytes, bytes], list[tuple[date, str]]] = {}
        self._contacts: dict[bytes, list[tuple[datetime, str]]] = {}

    def reserve_persons(self, scope: bytes, members: Sequence[bytes], *, day: date, since: date, holder: str) -> int:
        with self._lock:
            for member in members:
                self._days.setdefault((scope, member), []).append((day, holder))
            return self._persons(scope, since)

    def persons(self, scope: bytes, members: Sequence[bytes], *, since: date) -> int:
        with self._lock:
            known = {m for (s, m), days in self._days.items() if s == scope and any(day >= since for day, _ in days)}
            return len(known | set(members))

    def take_back_persons(self, scope: bytes, members: Sequence[bytes], *, holder: str) -> None:
        with self._lock:
            for member in members:
                held = self._days.get((scope, member), [])
                self._days[scope, member] = [each for each in held if each[1] != holder]

    def reserve_contacts(self, scope: bytes, *, at: datetime, since: datetime, holder: str) -> int:
        with self._lock:
            held = self._contacts.setdefault(scope, [])
            if holder not in {each for _, each in held}:
                held.append((at, holder))
            return sum(when > since for when, _ in held)

    def contacts(self, scope: bytes, *, since: datetime) -> int:
        with self._lock:
            return sum(when > since for when, _ in self._contacts.get(scope, []))

    def take_back_contacts(self, scope: bytes, *, holder: str) -> None:
        with self._lock:
            self._contacts[scope] = [each for each in self._contacts.get(scope, []) if each[1] != holder]

    def _persons(self, scope: bytes, since: date) -> int:
        return sum(s == scope and any(day >= since for day, _ in days) for (s, _), days in self._days.items())
