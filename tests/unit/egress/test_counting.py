"""A count is asked for by a decision, reserved for what may be sent, kept by what is, and taken back by what is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policies.engine.counting import Counted, CounterSpec
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import load_policies
from policies.engine.registry import Registry
from policies.engine.request import FieldAsked, TransferRequest
from policies.engine.vocabulary import Kind
from regional_node.usecases.counters import NOT_KNOWN, SOMEBODY, Affected, Counting, Reservation
from tests.fakes import FakeCounters

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = AT.date()
ZOE, BOB = b"z" * 16, b"b" * 16
YEARLY = CounterSpec(
    name="data.persons_cumulative_since_jan1",
    of=Counted.PERSONS,
    window="year",
    per=("exporter.organisation",),
    kinds=(Kind.TRANSFER,),
)
CALLS = CounterSpec(
    name="contact.calls_in_30_days",
    of=Counted.CONTACTS,
    window="P30D",
    per=("subject",),
    kinds=(Kind.CONTACT,),
    channels=("phone",),
)
FACTS: dict[str, Any] = {
    "exporter": {"region": "EU", "organisation": "acme-cn"},
    "importer": {"region": "SG", "organisation": "acme-sg"},
    "data": {"categories": ["user.contact"]},
    "channel": "phone",
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_policies(Path(__file__).parents[3] / "policies").registry


@pytest.fixture
def store() -> FakeCounters:
    return FakeCounters()


@pytest.fixture
def counting(store: FakeCounters) -> Counting:
    return Counting(store, secret=b"k" * 32, zone=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def asked(counting: Counting, registry: Registry) -> Callable[..., int | None]:
    """How many are counted, by somebody who looks only."""

    def ask(
        spec: CounterSpec = YEARLY, affected: Affected = NOT_KNOWN, at: datetime = AT, kind: Kind = Kind.RELEASE, **facts: Any
    ) -> int | None:
        request = TransferRequest(kind=kind, facts={**FACTS, **facts})
        return counting.outlook(affected, at=at).under(registry).count(spec, request, at.date())

    return ask


def count(
    reservation: Reservation, registry: Registry, spec: CounterSpec = YEARLY, kind: Kind = Kind.TRANSFER, **facts: Any
) -> Any:
    return reservation.under(registry).count(spec, TransferRequest(kind=kind, facts={**FACTS, **facts}), DAY)


def reserve(counting: Counting, *pseudonyms: bytes, holder: str = "a", at: datetime = AT) -> Reservation:
    return counting.reserve(Affected(pseudonyms=pseudonyms), at=at, holder=holder)


def test_what_is_sent_stays_counted_and_what_is_denied_does_not(counting, registry, asked):
    with reserve(counting, ZOE) as sent:
        assert count(sent, registry) == 1
        sent.commit()
    with reserve(counting, BOB, holder="b") as denied:
        assert count(denied, registry) == 2
    assert asked() == 1


def test_a_send_that_fails_is_taken_back(counting, registry, asked):
    with pytest.raises(OSError, match="gone"), reserve(counting, ZOE) as failing:  # noqa: PT012 - the block is what fails
        count(failing, registry)
        message = "gone"
        raise OSError(message)
    assert asked() == 0


def test_a_process_that_dies_between_reservation_and_send_has_counted(counting, registry, asked):
    count(reserve(counting, ZOE), registry)  # neither committed nor taken back
    assert asked() == 1


def test_a_build_that_counts_only_what_is_committed_would_lose_the_crash(counting, registry, asked):
    dying = counting.outlook(Affected(pseudonyms=(ZOE,)), at=AT)  # the weakened build: nothing is kept before the send
    assert count(dying, registry) == 1
    assert asked() == 0


def test_a_store_that_does_not_answer_leaves_the_reservation_counted(counting, store, registry, monkeypatch, caplog):
    def silent(*_: Any, **__: Any) -> None:
        raise DomicileError("the store does not answer", code=Code.STORE_UNAVAILABLE)

    with reserve(counting, ZOE) as denied:
        count(denied, registry)
        monkeypatch.setattr(store, "take_back_persons", silent)
    assert count(counting.outlook(NOT_KNOWN, at=AT), registry, kind=Kind.RELEASE) == 1
    assert "stays counted" in caplog.text


def test_two_laws_that_ask_one_count_get_one_answer(counting, registry):
    with reserve(counting, ZOE) as twice:
        assert (count(twice, registry), count(twice, registry)) == (1, 1)


def test_handlers_are_counted_apart(counting, registry, asked):
    with reserve(counting, ZOE) as sent:
        count(sent, registry)
        sent.commit()
    assert asked(exporter={"region": "EU", "organisation": "another"}) == 0


def test_a_party_that_is_not_stated_is_not_known(asked):
    assert asked(exporter={"region": "EU"}) is None


def test_persons_that_nobody_knows_are_not_known_for_what_counts_and_change_nothing_for_what_does_not(asked):
    assert asked(kind=Kind.TRANSFER) is None
    assert asked(kind=Kind.RELEASE) == 0


def test_a_person_of_whom_nothing_is_known_counts_as_a_new_one(counting, registry, asked):
    with reserve(counting, ZOE) as sent:
        count(sent, registry)
        sent.commit()
    assert asked(affected=SOMEBODY, kind=Kind.TRANSFER) == 2
    assert asked(affected=Affected(pseudonyms=(ZOE,)), kind=Kind.TRANSFER) == 1


def test_sensitive_persons_are_counted_apart_by_the_law_that_says_what_is_special(counting, registry):
    sensitive = replace(YEARLY, name="data.sensitive_cumulative_since_jan1", special="EU")
    with reserve(counting, ZOE) as plain:
        assert count(plain, registry, sensitive) == 0
        plain.commit()
    with reserve(counting, ZOE) as health:
        assert count(health, registry, sensitive, data={"categories": ["user.health_and_medical.diagnosis"]}) is None, (
            "unknown word"
        )
        assert count(health, registry, sensitive, data={"categories": ["user.health_and_medical"]}) == 1
    assert count(reserve(counting, ZOE), registry, replace(sensitive, special="XX")) is None


def test_the_fields_asked_count_as_categories_too(counting, registry):
    named = replace(YEARLY, categories=("user.contact.email",))
    fields = (FieldAsked(name="email", category="user.contact.email"),)
    request = TransferRequest(kind=Kind.TRANSFER, facts={**FACTS, "data": {}}, fields=fields)
    with reserve(counting, ZOE) as counted:
        assert counted.under(registry).count(named, request, DAY) == 1
        assert counted.under(registry).count(named, replace(request, fields=()), DAY) is None


def test_the_year_turns_where_the_handler_is(counting, registry, asked):
    new_year_in_china = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    with reserve(counting, ZOE, at=new_year_in_china) as sent:
        request = TransferRequest(kind=Kind.TRANSFER, facts=FACTS)
        assert sent.under(registry).count(YEARLY, request, new_year_in_china.date()) == 1
        sent.commit()
    assert asked(at=datetime(2027, 6, 1, tzinfo=UTC)) == 1, "a person of the new year, though it was still the old one in UTC"


def test_a_day_that_is_not_that_of_the_crossing_is_not_known(counting, registry):
    request = TransferRequest(kind=Kind.TRANSFER, facts=FACTS)
    assert reserve(counting, ZOE).under(registry).count(YEARLY, request, date(2026, 11, 1)) is None


def test_calls_are_counted_by_person_and_by_channel(counting, registry):
    for holder in ("a", "b", "c", "d"):
        with reserve(counting, ZOE, holder=holder) as called:
            count(called, registry, CALLS, Kind.CONTACT)
            called.commit()
    with reserve(counting, ZOE, holder="e") as fifth:
        assert count(fifth, registry, CALLS, Kind.CONTACT) == 5
    with reserve(counting, BOB, holder="f") as other:
        assert count(other, registry, CALLS, Kind.CONTACT) == 1
    with reserve(counting, ZOE, holder="g") as mail:
        assert count(mail, registry, CALLS, Kind.CONTACT, channel="email") == 4


@pytest.mark.parametrize(
    ("window", "earlier", "counted"),
    [
        ("PT24H", datetime(2026, 11, 21, 11, 59, tzinfo=UTC), False),
        ("PT24H", datetime(2026, 11, 21, 12, 1, tzinfo=UTC), True),
        ("P1D", datetime(2026, 11, 21, 11, 59, tzinfo=UTC), False),
        ("P30D", datetime(2026, 10, 23, 11, 59, tzinfo=UTC), False),
        ("P30D", datetime(2026, 10, 23, 12, 1, tzinfo=UTC), True),
        ("P1M", datetime(2026, 10, 21, 16, 0, tzinfo=UTC), True),
        ("P1M", datetime(2026, 10, 21, 15, 59, tzinfo=UTC), False),
        ("year", datetime(2025, 12, 31, 16, 0, tzinfo=UTC), True),
    ],
)
def test_a_window_of_contacts_ends_where_the_law_ends_it(counting, registry, window, earlier, counted):
    spec = replace(CALLS, window=window)
    request = TransferRequest(kind=Kind.CONTACT, facts=FACTS)
    first = reserve(counting, ZOE, holder="a", at=earlier)
    first.under(registry).count(spec, request, earlier.date())
    first.commit()
    with reserve(counting, ZOE, holder="b") as second:
        assert count(second, registry, spec, Kind.CONTACT) == (2 if counted else 1)


def test_what_is_kept_of_a_person_leads_neither_back_nor_from_one_counter_to_another(counting, store, registry):
    other = replace(YEARLY, name="data.another")
    with reserve(counting, ZOE) as sent:
        count(sent, registry)
        count(sent, registry, other)
        sent.commit()
    members = [member for _, member in store._days]
    assert len(set(members)) == 2
    assert ZOE not in members
    fresh = Counting(store, secret=b"x" * 32, zone=UTC)
    assert count(fresh.outlook(Affected(pseudonyms=(ZOE,)), at=AT), registry) == 1, "under another node's key it is another count"
