"""Writing, reading and finding records of any kind, with everything checked first. Nothing here decides what may leave the region.

Whoever shows a record to somebody calls `read` or `search` with the reader's id: that leaves a row in the trail of reads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from policies.engine.errors import Code, DomicileError
from regional_node.crm.domains import Domains
from regional_node.crm.fields import FIELDS, FieldType, RecordType
from regional_node.crm.records import Record, Value
from regional_node.crm.validation import FaultCode, FieldFault, FieldsInvalidError, check, missing
from regional_node.usecases.collecting import Collecting
from regional_node.usecases.records import Page, RecordStore, Search, UnitOfWork

CREATED = 201


class ReadTrail(Protocol):
    """Who read personal fields of what, and when."""

    def note(self, reader_id: str, records: Sequence[Record], *, at: datetime) -> None:
        """Keep one row a record, durably, before the records are shown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """An Idempotency-Key as it is kept: a digest of the key with its owner, and an HMAC of the request."""

    key_digest: str
    request_hmac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A record that was created, now or (`replayed`) by an earlier request with the same key."""

    record: Record
    status: int
    replayed: bool


class Editing:
    """The use cases on records. `new_id` gives UUIDv7 as 32 hexadecimal digits, `now` the present time, aware.

    `collecting` asks the region's policies whether a field may be kept; without it nobody is asked.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        trail: ReadTrail,
        domains: Domains,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        collecting: Collecting | None = None,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._trail = trail
        self._domains = domains
        self._now = now
        self._new_id = new_id
        self._collecting = collecting

    @property
    def bounded_reads(self) -> bool:
        """Whether `find` may run on an event loop."""
        return self._unit_of_work.bounded_reads

    def create(self, record_type: RecordType, given: Mapping[str, object], *, idempotency: Idempotency | None = None) -> Created:
        """Write a new record. Raises FieldsInvalidError (every fault), IDEMPOTENCY_MISMATCH (key used for another request)."""
        try:
            return self._create(record_type, given, idempotency)
        except DomicileError as error:
            if idempotency is None or error.code is not Code.RECORD_DUPLICATE:
                raise
        return self._create(record_type, given, idempotency)  # the same key at the same moment: the other one won

    def find(self, record_type: RecordType, record_id: str) -> Record:
        """One record, without a trail: the caller notes the read, or shows nothing personal. Raises RECORD_NOT_FOUND."""
        with self._unit_of_work.reading() as unit:
            record = unit.records.get(record_type, record_id)
        if record is None:
            raise _not_found(record_type)
        return record

    def discouraged(self, record: Record, given: Iterable[str]) -> tuple[FieldFault, ...]:
        """Which of the given fields the policies discourage keeping; they are kept, and whoever wrote them is told."""
        if self._collecting is None:
            return ()
        filled = [name for name in given if record.values.get(name) is not None]
        return self._collecting.now(self._now().date()).findings(record.type, filled, record.values).discouraged

    def note(self, reader_id: str, records: Sequence[Record]) -> None:
        """Leave a row for each record in the trail of reads."""
        if records:
            self._trail.note(reader_id, records, at=self._now())

    def read(self, record_type: RecordType, record_id: str, *, reader_id: str) -> Record:
        """One record, with its trail. Raises RECORD_NOT_FOUND."""
        record = self.find(record_type, record_id)
        self.note(reader_id, [record])
        return record

    def search(self, query: Search, *, reader_id: str | None) -> Page:
        """A page of records, newest first, with their trail; `reader_id` None when nothing sealed of them is shown."""
        with self._unit_of_work.reading() as unit:
            page = unit.records.search(query)
        if reader_id is not None:
            self.note(reader_id, page.records)
        return page

    def count(self, record_type: RecordType, *, cap: int = 1000) -> int:
        """How many there are, counted up to `cap`."""
        with self._unit_of_work.reading() as unit:
            return unit.records.count(record_type, cap=cap)

    def update(
        self, record_type: RecordType, record_id: str, given: Mapping[str, object], *, expected_version: int, whole: bool
    ) -> Record:
        """Change the given fields (null empties one), or with `whole` all: those not given are emptied.

        Custom fields and external ids stay. Raises RECORD_NOT_FOUND, RECORD_CONFLICT, FieldsInvalidError.
        """
        at = self._now()
        with self._unit_of_work() as unit:
            former = unit.records.get(record_type, record_id)
            if former is None:
                raise _not_found(record_type)
            if former.version != expected_version:
                raise DomicileError("the record has changed since it was read", remedy="read it again", code=Code.RECORD_CONFLICT)
            values = self._checked(record_type, given, unit.records, former=former, whole=whole, at=at)
            record = replace(
                former,
                subject_id=_subject(record_type, record_id, values),
                version=expected_version + 1,
                updated_at=at,
                values=values,
            )
            unit.records.update(record, expected_version=expected_version)
            unit.commit()
        return record

    def _create(self, record_type: RecordType, given: Mapping[str, object], idempotency: Idempotency | None) -> Created:
        at = self._now()
        with self._unit_of_work() as unit:
            if idempotency is not None and (former := unit.records.remembered(idempotency.key_digest)) is not None:
                return _replayed(unit.records, record_type, former, idempotency)
            values = self._checked(record_type, given, unit.records, former=None, whole=True, at=at)
            record_id = self._new_id()
            record = Record(
                type=record_type,
                id=record_id,
                subject_id=_subject(record_type, record_id, values),
                version=1,
                created_at=at,
                updated_at=at,
                values=values,
            )
            unit.records.add([record])
            if idempotency is not None:
                unit.records.remember(idempotency.key_digest, idempotency.request_hmac, CREATED, record_id, at=at)
            unit.commit()
        return Created(record=record, status=CREATED, replayed=False)

    def _checked(
        self,
        record_type: RecordType,
        given: Mapping[str, object],
        store: RecordStore,
        *,
        former: Record | None,
        whole: bool,
        at: datetime,
    ) -> Mapping[str, Value]:
        checked = check(record_type, given, domains=self._domains, today=at.date())
        kept = {} if former is None or whole else {k: v for k, v in former.values.items() if k not in checked.emptied}
        values = {**kept, **checked.values}
        faulty = {fault.field for fault in checked.faults}
        lacking = (fault for fault in missing(record_type, values) if not faulty)
        faults = (*checked.faults, *lacking, *_unknown_references(record_type, checked.values, store))
        if self._collecting is not None:
            rules = self._collecting.now(at.date())
            custom = () if former is None else former.custom
            faults = (*faults, *rules.refused(record_type, values, custom, former))  # a new birthday speaks of an old address
        if faults:
            raise FieldsInvalidError(faults)
        return values


def _subject(record_type: RecordType, record_id: str, values: Mapping[str, Value]) -> str:
    """The person; else the company; else the record itself (DESIGN D1)."""
    if record_type not in {RecordType.PEOPLE, RecordType.COMPANIES}:
        for name in ("person_id", "company_id"):
            if isinstance(subject := values.get(name), str):
                return subject
    return record_id


def _unknown_references(record_type: RecordType, values: Mapping[str, Value], store: RecordStore) -> list[FieldFault]:
    faults = []
    for spec in FIELDS[record_type]:
        if spec.type is not FieldType.REFERENCE or spec.refers_to is None:
            continue
        pointed = values.get(spec.name)
        if isinstance(pointed, str) and store.get(spec.refers_to, pointed) is None:
            remedy = f"give the id of one of `{spec.refers_to.value}`"
            faults.append(FieldFault(field=spec.name, code=FaultCode.NO_SUCH_RECORD, remedy=remedy))
    return faults


def _replayed(store: RecordStore, record_type: RecordType, former: tuple[str, int, str], idempotency: Idempotency) -> Created:
    request_hmac, status, record_id = former
    if request_hmac != idempotency.request_hmac:
        raise DomicileError(
            "this Idempotency-Key came with another request",
            remedy="use a new key for a new request",
            code=Code.IDEMPOTENCY_MISMATCH,
        )
    record = store.get(record_type, record_id)
    if record is None:
        raise _not_found(record_type)
    return Created(record=record, status=status, replayed=True)


def _not_found(record_type: RecordType) -> DomicileError:
    return DomicileError(f"there is no such record in `{record_type.value}`", remedy="check its id", code=Code.RECORD_NOT_FOUND)
