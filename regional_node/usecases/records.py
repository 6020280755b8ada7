"""The store of records as the use cases see it: one unit of work, rolled back unless committed. Nothing here knows SQL."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some records and the cursor of the next page, None at the end."""

    records: tuple[Record, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for: exact `email` or `phone` (blind index), `name` words by prefix, open fields by equality."""

    record_type: RecordType
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    equals: tuple[tuple[str, str], ...] = ()
    cursor: str | None = None
    limit: int = 50


class RecordStore(Protocol):
    """Records of one region, inside one unit of work. Every write seals, indexes and adds its outbox event together."""

    def add(self, records: Sequence[Record]) -> None:
        """Write new records, each subject's own record before or beside those that belong to it.

        Raises `DomicileError`: RECORD_DUPLICATE for a repeated id or external id, RECORD_NOT_FOUND for an unknown subject.
        """
        ...

    def update(self, record: Record, *, expected_version: int) -> None:
        """Replace a record; its version becomes `expected_version + 1` and its `created_at` stays.

        Raises `DomicileError`: RECORD_CONFLICT when its version is not `expected_version`, RECORD_NOT_FOUND when there is none.
        """
        ...

    def get(self, record_type: RecordType, record_id: str) -> Record | None:
        """One record, opened; None when there is none."""
        ...

    def find_external(self, record_type: RecordType, system: str, keys: Sequence[str]) -> dict[str, str]:
        """Record ids by key of another system, for the keys that are known."""
        ...

    def known_emails(self, record_type: RecordType, addresses: Sequence[str]) -> frozenset[str]:
        """Those of the addresses that a record of the kind has already, whatever their case."""
        ...

    def search(self, query: Search) -> Page:
        """Records in order of creation, newest first."""
        ...

    def by_pseudonym(self, pseudonym: bytes) -> Record | None:
        """The person behind a local pseudonym, opened; None when there is none or the person was erased."""
        ...

    def count(self, record_type: RecordType, *, cap: int = 1000) -> int:
        """How many there are, counted up to `cap`."""
        ...

    def remembered(self, key_digest: str) -> tuple[str, int, str] | None:
        """An idempotency record younger than 24 hours: (HMAC of the request, status, resource id)."""
        ...

    def remember(self, key_digest: str, request_hmac: str, status: int, resource_id: str, *, at: datetime) -> None:
        """Keep an idempotency record in this unit of work."""
        ...


class UnitOfWork(Protocol):
    """Opens one transaction: `with unit_of_work() as store: ...; store` commits on `commit()`, rolls back otherwise."""

    def __call__(self) -> AbstractContextManager["OpenUnit"]:
        """Begin a unit that writes."""
        ...

    def reading(self) -> AbstractContextManager["OpenUnit"]:
        """Begin a unit that only reads and waits for no writer."""
        ...

    @property
    def bounded_reads(self) -> bool:
        """Whether a point read is short and local, so that it may run on an event loop."""
        ...


class OpenUnit(Protocol):
    """A begun unit of work. After an error of a write nothing of it can be kept: `commit` refuses."""

    records: RecordStore

    def commit(self) -> None:
        """Make everything durable."""
        ...
