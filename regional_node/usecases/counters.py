"""Counting the persons that a transfer reaches and the contacts with one person: reserved before the send, kept by it.

The road: (1) a decision that reads a count reserves, in one transaction, and reads the count with its own persons in it (2) what
is sent commits (3) a denial, or a send that fails, takes its own back. A reservation counts from its first moment and `commit` only
gives up the right to take it back, so a process that dies between the two has counted: never too few, at worst too many. Two
decisions on the same new person at once keep that person counted, even if both are denied.

A person is counted as an HMAC of the pseudonym, under a key of the node's own for each counter and its parties. The law counts of
whom data went out, not who is still kept, so an erasure leaves the count as it is; and since the pseudonym is random and an erasure
destroys what bound it to the person, the digest that stays leads to nobody, nor from one counter to another. Nothing here keeps a
count; storage does.
"""

import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import TracebackType
from typing import Any, Protocol, Self

from policies.engine.calendars import Duration, read_duration
from policies.engine.counting import Counted, Counters, CounterSpec, window_start
from policies.engine.derived import categories_of
from policies.engine.errors import DomicileError
from policies.engine.facts import UNREADABLE, look_up
from policies.engine.registry import Registry
from policies.engine.request import TransferRequest

SUBJECT = "subject"
_DIGEST = 16
_log = logging.getLogger(__name__)


class CounterStore(Protocol):
    """Where counts are kept. `scope` tells one count from another, `members` are keyed digests of persons, all of 16 bytes.

    Every call is one transaction and stands in one line with the others of its scope. Raises `DomicileError` (STORE_*).
    """

    def reserve_persons(self, scope: bytes, members: Sequence[bytes], *, day: date, since: date, holder: str) -> int:
        """Count `members` on `day` for `holder`; how many distinct persons were counted on `since` or later, these included."""
        ...

    def persons(self, scope: bytes, members: Sequence[bytes], *, since: date) -> int:
        """How many it would be with these members; nothing is kept."""
        ...

    def take_back_persons(self, scope: bytes, members: Sequence[bytes], *, holder: str) -> None:
        """Undo what `holder` reserved, but for members that somebody else has counted on since."""
        ...

    def reserve_contacts(self, scope: bytes, *, at: datetime, since: datetime, holder: str) -> int:
        """Count one contact at `at` for `holder`, once; how many there were after `since`, this one included."""
        ...

    def contacts(self, scope: bytes, *, since: datetime) -> int:
        """How many contacts there were after `since`; nothing is kept."""
        ...

    def take_back_contacts(self, scope: bytes, *, holder: str) -> None:
        """Undo the contact that `holder` reserved."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """Whom a request is about: pseudonyms of known persons, and how many more that nobody knows of. Neither: not known at all."""

    pseudonyms: tuple[bytes, ...] = ()
    unknown: int = 0

    @property
    def known(self) -> bool:
        """Whether it is known how many persons there are."""
        return bool(self.pseudonyms) or self.unknown > 0


NOT_KNOWN = Affected()
SOMEBODY = Affected(unknown=1)
"""A person of whom nothing is known: what a denial may tell is decided on it."""


class Counting:
    """Opens reservations. `secret` is the node's, 32 bytes; days are those of `zone`, where the handler is."""

    def __init__(self, store: CounterStore, *, secret: bytes, zone: tzinfo) -> None:
        self._store = store
        self._secret = secret
        self._zone = zone

    def __repr__(self) -> str:
        return "Counting(…)"

    def reserve(self, affected: Affected, *, at: datetime, holder: str) -> "Reservation":
        """Counts for one crossing that may be sent, `holder` a fresh id. A context: what is not committed in it is taken back."""
        return Reservation(self._store, self._setting(affected, at), holder=holder)

    def outlook(self, affected: Affected, *, at: datetime) -> "Reservation":
        """The same counts for a decision that sends nothing: they are read, and nothing is kept."""
        return Reservation(self._store, self._setting(affected, at), holder="")

    def _setting(self, affected: Affected, at: datetime) -> "_Setting":
        return _Setting(affected=affected, at=at, zone=self._zone, secret=self._secret)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Setting:
    """All that one decision counts by."""

    affected: Affected
    at: datetime
    zone: tzinfo
    secret: bytes

    @property
    def day(self) -> date:
        return self.at.astimezone(self.zone).date()


@dataclass(slots=True)
class _Held:
    """What a reservation may take back."""

    persons: dict[bytes, list[bytes]] = field(default_factory=dict)
    contacts: set[bytes] = field(default_factory=set)


class Reservation:
    """The counts of one crossing, however many decisions it takes. Without a holder it only reads."""

    def __init__(self, store: CounterStore, setting: _Setting, *, holder: str) -> None:
        self._store = store
        self._setting = setting
        self._holder = holder
        self._held = _Held()
        self._reserved: dict[tuple[str, bytes], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self.take_back()

    def under(self, registry: Registry) -> Counters:
        """These counts for a decision under a registry, which says what is special in a law."""
        return _Under(self, registry)

    def count(self, spec: CounterSpec, request: TransferRequest, at: date, registry: Registry) -> int | None:
        """How many there are, those of this request included where it is of the kind that counts; None when that is not known."""
        setting = self._setting
        if abs((setting.day - at).days) > 1:  # the engine decides by UTC, the handler's day may be the one beside it
            return None
        parties = _parties(spec, request)
        counts = _counts(spec, request, registry)
        if parties is None or counts is None or (counts and not setting.affected.known):
            return None
        if spec.of is Counted.CONTACTS:
            return self._contacts(spec, parties, counts=counts)
        return self._persons(spec, parties, counts=counts)

    def commit(self) -> None:
        """What was reserved stays: it is sent. Nothing is written, so nothing can fail between the send and its count."""
        self._held = _Held()

    def take_back(self) -> None:
        """Undo what was reserved and not committed. When the store does not let it, it stays counted."""
        held, self._held = self._held, _Held()
        try:
            for scope, members in held.persons.items():
                self._store.take_back_persons(scope, members, holder=self._holder)
            for scope in held.contacts:
                self._store.take_back_contacts(scope, holder=self._holder)
        except DomicileError as error:
            _log.warning("a reservation could not be taken back and stays counted", extra={"code": error.code})

    def _persons(self, spec: CounterSpec, parties: tuple[str, ...], *, counts: bool) -> int | None:
        since = window_start(spec.window, self._setting.day)
        if since is None:
            return None
        scope = self._scope(spec, parties)
        affected = self._setting.affected
        members = [self._member(scope, pseudonym) for pseudonym in dict.fromkeys(affected.pseudonyms)] if counts else []
        more = affected.unknown if counts else 0
        if not self._holder or not members:
            return self._store.persons(scope, members, since=since) + more
        if (spec.name, scope) not in self._reserved:  # several laws may ask for one count; the answer stays the same
            self._held.persons[scope] = members  # first: what fails half-way is taken back too
            reserve = self._store.reserve_persons
            self._reserved[spec.name, scope] = reserve(scope, members, day=self._setting.day, since=since, holder=self._holder)
        return self._reserved[spec.name, scope] + more

    def _contacts(self, spec: CounterSpec, parties: tuple[str, ...], *, counts: bool) -> int | None:
        since = _since(spec.window, self._setting)
        if since is None:
            return None
        most = int(counts)
        for scope in self._contact_scopes(spec, parties):
            if counts and self._holder:
                self._held.contacts.add(scope)
                found = self._store.reserve_contacts(scope, at=self._setting.at, since=since, holder=self._holder)
            else:
                found = self._store.contacts(scope, since=since) + counts
            most = max(most, found)
        return most

    def _contact_scopes(self, spec: CounterSpec, parties: tuple[str, ...]) -> list[bytes]:
        """One for each person where contacts are counted by person; nobody known has had none."""
        scope = self._scope(spec, parties)
        if SUBJECT not in spec.per:
            return [scope]
        return [self._member(scope, pseudonym) for pseudonym in dict.fromkeys(self._setting.affected.pseudonyms)]

    def _scope(self, spec: CounterSpec, parties: tuple[str, ...]) -> bytes:
        told = "\0".join((spec.name, spec.of.value, *parties))
        return hmac.digest(self._setting.secret, b"counter\0" + told.encode(), "sha256")[:_DIGEST]

    def _member(self, scope: bytes, pseudonym: bytes) -> bytes:
        key = hmac.digest(self._setting.secret, b"persons of a counter\0" + scope, "sha256")
        return hmac.digest(key, pseudonym, "sha256")[:_DIGEST]


@dataclass(frozen=True, slots=True)
class _Under:
    """Fits the engine's `Counters`."""

    reservation: Reservation
    registry: Registry

    def count(self, spec: CounterSpec, request: TransferRequest, at: date) -> int | None:
        return self.reservation.count(spec, request, at, self.registry)


def _parties(spec: CounterSpec, request: TransferRequest) -> tuple[str, ...] | None:
    """The values that tell this count from others; None when one is not stated."""
    values = []
    for path in spec.per:
        if path == SUBJECT:
            continue
        value = look_up(request.facts, tuple(path.split(".")))
        if not isinstance(value, str | int):
            return None
        values.append(f"{path}={value}")
    return tuple(values)


def _counts(spec: CounterSpec, request: TransferRequest, registry: Registry) -> bool | None:
    """Whether a request of this kind, channel and content is counted; None when that cannot be told."""
    if spec.kinds and request.kind not in spec.kinds:
        return False
    if spec.channels:
        channel = request.facts.get("channel")
        if channel is None:
            return None
        if channel not in spec.channels:
            return False
    return _holds_counted(spec, categories_of(request), registry)


def _holds_counted(spec: CounterSpec, categories: Any, registry: Registry) -> bool | None:
    """Whether one of the categories is counted, and one is special under the law that the counter names."""
    wanted = [spec.categories] if spec.categories else []
    if spec.special is not None:
        if spec.special not in registry.jurisdictions:
            return None
        wanted.append(registry.jurisdictions[spec.special].special)
    if not wanted:
        return True
    if categories is None or categories is UNREADABLE:
        return None
    return all(any(_meets(category, key) for category in categories for key in keys) for keys in wanted)


def _meets(category: str, key: str) -> bool:
    """A category counts with its more special ones, as everywhere in the language."""
    return category == key or category.startswith(f"{key}.")


def _since(window: str, setting: _Setting) -> datetime | None:
    """The instant after which contacts count. Days read as spans of 24 hours or as days of the calendar: the longer counts."""
    duration = read_duration(window)
    start = window_start(window, setting.day)
    if start is None:
        return None
    if duration is None or duration != Duration(days=duration.days, hours=duration.hours):
        return _midnight(start, setting.zone)
    span = setting.at - timedelta(days=duration.days, hours=duration.hours)
    if not duration.days or duration.hours:
        return span
    return min(span, _midnight(setting.day - timedelta(days=duration.days - 1), setting.zone))


def _midnight(day: date, zone: tzinfo) -> datetime:
    """A microsecond before the day begins: what counts lies after it."""
    return datetime.combine(day, time(), zone).astimezone(UTC) - timedelta(microseconds=1)
