"""What a RecordStore and a UnitOfWork promise, on every backend."""

import base64
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import Record
from regional_node.usecases.records import Search
from tests.builders import NOW, company, deal, new_id, person, record
from tests.contract.conftest import Backend

PEOPLE = RecordType.PEOPLE


def keep(backend: Backend, *records: Record) -> None:
    with backend.units() as unit:
        unit.records.add(records)
        unit.commit()


def got(backend: Backend, kept: Record) -> Record | None:
    with backend.units.reading() as unit:
        return unit.records.get(kept.type, kept.id)


def found(backend: Backend, record_type: RecordType = PEOPLE, **asked: object) -> list[str]:
    with backend.units.reading() as unit:
        return [r.id for r in unit.records.search(Search(record_type=record_type, **asked)).records]


def refusal(code: Code, act: Callable[[], object]) -> None:
    with pytest.raises(DomicileError) as raised:
        act()
    assert raised.value.code is code


def test_a_record_comes_back_as_it_was_kept(backend: Backend) -> None:
    kept = person(external="003x", custom={"level__c": "gold \0 tab\t"})
    keep(backend, kept)
    assert got(backend, kept) == kept


def test_every_kind_comes_back_as_it_was_kept(backend: Backend) -> None:
    firm, someone = company(), person()
    call = record(
        RecordType.ACTIVITIES,
        {"subject": "call \\N back", "kind": "call", "occurred_at": datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)},
        subject_id=someone.id,
    )
    order = record(RecordType.ORDERS, {"number": "A\\1", "amount": -5, "ordered_at": date(2026, 1, 2)}, subject_id=firm.id)
    alone = record(RecordType.DEALS, {"name": "nobody's", "source": "a\tb\nc\\d"})
    keep(backend, firm, someone, call, order, alone)
    for one in (firm, someone, call, order, alone):
        assert got(backend, one) == one


def test_many_records_at_once_come_back(backend: Backend) -> None:
    people = [person(email=f"p{n}@example.net", family_name=f"Tab\t\\{n}", owner="a\\b\tc\nd\re") for n in range(40)]
    keep(backend, *people)
    assert [got(backend, one) for one in people] == people


def test_an_empty_value_is_no_value(backend: Backend) -> None:
    kept = person()
    keep(backend, replace(kept, values={**kept.values, "job_title": Personal(None), "churn_risk": None}))
    assert got(backend, kept) == kept


def test_nothing_is_kept_without_a_commit(backend: Backend) -> None:
    kept = person(external="003x")
    with backend.units() as unit:
        unit.records.add([kept])
        assert unit.records.get(PEOPLE, kept.id) == kept
    assert got(backend, kept) is None
    assert backend.outbox() == []
    assert backend.pseudonyms() == {}


def test_a_unit_may_go_on_after_a_commit(backend: Backend) -> None:
    first, second, third = person(), person(), person()
    with backend.units() as unit:
        for one in (first, second):
            unit.records.add([one])
            unit.commit()
        unit.records.add([third])
    assert [got(backend, one) is not None for one in (first, second, third)] == [True, True, False]


def test_the_outbox_and_a_pseudonym_come_with_the_record(backend: Backend) -> None:
    someone, firm = person(), company()
    keep(backend, someone, firm)
    with backend.units() as unit:
        unit.records.update(replace(someone, version=2), expected_version=1)
        unit.commit()
    assert sorted(backend.outbox()[:2]) == sorted(
        [("people", someone.id, someone.id, "added"), ("companies", firm.id, firm.id, "added")]
    )
    assert backend.outbox()[2:] == [("people", someone.id, someone.id, "updated")]
    assert list(backend.pseudonyms().values()) == [someone.id]
    assert all(len(pseudonym) == 16 for pseudonym in backend.pseudonyms())


def test_a_person_is_found_by_pseudonym(backend: Backend) -> None:
    someone = person()
    keep(backend, someone, person())
    pseudonym = next(p for p, subject in backend.pseudonyms().items() if subject == someone.id)
    with backend.units.reading() as unit:
        assert unit.records.by_pseudonym(pseudonym) == someone
        assert unit.records.by_pseudonym(b"\0" * 16) is None


def test_a_repeated_id_is_refused_and_spoils_the_unit(backend: Backend) -> None:
    kept = person()
    keep(backend, kept)
    with backend.units() as unit:
        refusal(Code.RECORD_DUPLICATE, lambda: unit.records.add([person(), replace(kept, external_ids=())]))
        refusal(Code.INTERNAL, unit.commit)
    with backend.units.reading() as unit:
        assert unit.records.count(PEOPLE) == 1


def test_a_repeated_external_id_is_refused(backend: Backend) -> None:
    keep(backend, person(external="003x"))
    refusal(Code.RECORD_DUPLICATE, lambda: keep(backend, person(external="003x")))
    keep(backend, person(external="003y"))


def test_external_ids_are_found_by_key(backend: Backend) -> None:
    one, other = person(external="a"), person(external="b")
    keep(backend, one, other)
    with backend.units.reading() as unit:
        assert unit.records.find_external(PEOPLE, "salesforce", ["a", "b", "c"]) == {"a": one.id, "b": other.id}
        assert unit.records.find_external(PEOPLE, "maven", ["a"]) == {}
        assert unit.records.find_external(RecordType.DEALS, "salesforce", ["a"]) == {}


def test_an_update_raises_the_version_and_keeps_the_time_of_creation(backend: Backend) -> None:
    kept = person(external="a")
    keep(backend, kept)
    later = NOW + timedelta(days=3)
    changed = replace(
        person(id=kept.id, given_name="Ada", segment=None, external="b"), version=2, created_at=later, updated_at=later
    )
    with backend.units() as unit:
        unit.records.update(changed, expected_version=1)
        unit.commit()
    assert got(backend, kept) == replace(changed, created_at=kept.created_at)
    with backend.units.reading() as unit:
        assert unit.records.find_external(PEOPLE, "salesforce", ["a", "b"]) == {"b": kept.id}


def test_an_update_changes_what_a_person_is_found_by(backend: Backend) -> None:
    kept = person()
    keep(backend, kept)
    changed = replace(person(id=kept.id, family_name="Nguyễn", email="neu@example.net", phone="+49 40 1111111"), version=2)
    with backend.units() as unit:
        unit.records.update(changed, expected_version=1)
        unit.commit()
    assert found(backend, email="zoe@example.net") == []
    assert found(backend, phone="030 1234567") == []
    assert found(backend, name="müll") == []
    assert (
        found(backend, email="NEU@example.net")
        == found(backend, phone="040/1111111")
        == found(backend, name="zoe nguy")
        == [kept.id]
    )


def test_an_update_from_an_old_version_is_refused(backend: Backend) -> None:
    kept = person()
    keep(backend, kept)
    with backend.units() as unit:
        unit.records.update(replace(kept, version=2), expected_version=1)
        unit.commit()
    with backend.units() as unit:
        refusal(Code.RECORD_CONFLICT, lambda: unit.records.update(replace(kept, version=2), expected_version=1))
    with backend.units() as unit:
        refusal(Code.RECORD_NOT_FOUND, lambda: unit.records.update(person(), expected_version=1))


def test_a_deal_moves_to_another_subject(backend: Backend) -> None:
    one, other = person(), company()
    sale = deal(one)
    keep(backend, one, other, sale)
    moved = replace(deal(other), id=sale.id, version=2, created_at=NOW + timedelta(days=1))
    with backend.units() as unit:
        unit.records.update(moved, expected_version=1)
        unit.commit()
    assert got(backend, sale) == replace(moved, created_at=sale.created_at)
    alone = replace(moved, subject_id=sale.id, version=3)
    with backend.units() as unit:
        unit.records.update(alone, expected_version=2)
        unit.commit()
    assert got(backend, sale) == replace(alone, created_at=sale.created_at)


def test_a_record_of_an_unknown_subject_is_refused(backend: Backend) -> None:
    refusal(Code.RECORD_NOT_FOUND, lambda: keep(backend, deal(person())))


def test_two_writers_of_one_version_and_one_wins(backend: Backend) -> None:
    if backend.engine is None:
        pytest.skip("the fake has no concurrent writers")
    kept = person()
    keep(backend, kept)
    told: list[str] = []
    together = threading.Barrier(2)

    def write(name: str) -> None:
        together.wait()
        try:
            with backend.units() as unit:
                unit.records.update(replace(person(id=kept.id, given_name=name), version=2), expected_version=1)
                unit.commit()
            told.append(name)
        except DomicileError as error:
            told.append(error.code)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("Ada", "Bea")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = next(one for one in told if one in {"Ada", "Bea"})
    assert sorted(told) == sorted([winner, Code.RECORD_CONFLICT])
    kept_now = got(backend, kept)
    assert kept_now is not None
    assert (kept_now.plain("given_name"), kept_now.version) == (winner, 2)


def test_the_outbox_is_numbered_in_the_order_of_commits(backend: Backend) -> None:
    if backend.engine is None or backend.engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL numbers rows of transactions that run beside each other")
    early, late = person(), person()
    with backend.units() as first:
        first.records.add([early])
        with backend.units() as second:
            second.records.add([late])
            second.commit()
        first.commit()
    assert [row[2] for row in backend.outbox()] == [late.id, early.id]


def test_people_are_found_by_email_phone_and_beginnings_of_names(backend: Backend) -> None:
    zoe, ada = (
        person(),
        person(given_name="Ada", family_name="O'Brien", email="Ada@Example.NET", phone=None, mobile="+44 20 7946 0958"),
    )
    keep(backend, zoe, ada)
    assert found(backend, email="ada@example.net") == [ada.id]
    assert found(backend, phone="+49 30 1234567") == [zoe.id]
    assert found(backend, phone="+442079460958") == [ada.id]
    assert found(backend, name="MUL zo") == [zoe.id]
    assert found(backend, name="luedenscheidt") == []
    assert found(backend, name="lüdenscheidtxy") == [zoe.id]  # beginnings are kept up to 12 signs
    assert found(backend, name="obr") == [ada.id]
    assert found(backend, name="zoe obr") == []
    assert found(backend, RecordType.COMPANIES, name="zoe") == []


def test_many_addresses_are_looked_up_at_once(backend: Backend) -> None:
    ada = person(email="Ada@Example.NET")
    keep(backend, ada)
    asked = [*(f"p{n}@example.org" for n in range(1200)), "ada@example.net", "ADA@EXAMPLE.NET"]
    with backend.units.reading() as unit:
        assert unit.records.known_emails(PEOPLE, asked) == {"ada@example.net", "ADA@EXAMPLE.NET"}
        assert unit.records.known_emails(RecordType.COMPANIES, asked) == frozenset()


def test_a_name_of_one_sign_is_found(backend: Backend) -> None:
    wang = person(given_name="小明", family_name="王")
    keep(backend, wang, person())
    assert found(backend, name="王 小") == [wang.id]


def test_a_phone_that_cannot_be_read_is_found_by_its_digits(backend: Backend) -> None:
    kept = person(phone="1")
    keep(backend, kept)
    assert found(backend, phone="(1)") == [kept.id]


def test_open_fields_are_compared(backend: Backend) -> None:
    one, other = person(lifetime_value=7, acquired_at=date(2025, 1, 1)), person(country="AT")
    keep(backend, one, other)
    assert found(backend, equals=(("country", "AT"),)) == [other.id]
    assert found(backend, equals=(("lifetime_value", "7"), ("acquired_at", "2025-01-01"))) == [one.id]
    refusal(Code.INPUT_UNKNOWN, lambda: found(backend, equals=(("email", "x"),)))
    refusal(Code.INPUT_UNKNOWN, lambda: found(backend, equals=(("envelope", "x"),)))
    refusal(Code.INPUT_INVALID, lambda: found(backend, equals=(("lifetime_value", "seven"),)))
    refusal(Code.INPUT_INVALID, lambda: found(backend, RecordType.DEALS, email="x@example.net"))


def test_pages_are_newest_first_and_whole(backend: Backend) -> None:
    people = [person(email=f"p{n}@example.net", at=NOW + timedelta(seconds=n // 2)) for n in range(7)]
    keep(backend, *people)
    expected = [r.id for r in sorted(people, key=lambda r: (r.created_at, r.id), reverse=True)]
    seen: list[str] = []
    cursor = None
    with backend.units.reading() as unit:
        while True:
            page = unit.records.search(Search(record_type=PEOPLE, cursor=cursor, limit=2))
            seen += [r.id for r in page.records]
            if (cursor := page.next_cursor) is None:
                break
    assert seen == expected
    for bad in ("", "nonsense", "🙂", "MTIz", "MTIzLg==.."):
        refusal(Code.INPUT_INVALID, lambda bad=bad: found(backend, cursor=bad))
    refusal(Code.INPUT_INVALID, lambda: found(backend, limit=0))


def test_counting_stops_at_the_cap(backend: Backend) -> None:
    keep(backend, *[person() for _ in range(5)])
    with backend.units.reading() as unit:
        assert unit.records.count(PEOPLE) == 5
        assert unit.records.count(PEOPLE, cap=3) == 3
        assert unit.records.count(RecordType.DEALS) == 0


def test_an_idempotency_record_is_kept_for_24_hours(backend: Backend) -> None:
    made = new_id()
    with backend.units() as unit:
        unit.records.remember("k", "h", 201, made, at=backend.clock())
        unit.commit()
    backend.clock.turn(hours=23, minutes=59)
    with backend.units() as unit:
        assert unit.records.remembered("k") == ("h", 201, made)
        refusal(Code.RECORD_DUPLICATE, lambda: unit.records.remember("k", "h", 201, made, at=backend.clock()))
    backend.clock.turn(minutes=1)
    with backend.units() as unit:
        assert unit.records.remembered("k") is None
        unit.records.remember("k", "other", 201, made, at=backend.clock())
        unit.commit()
    with backend.units.reading() as unit:
        assert unit.records.remembered("k") == ("other", 201, made)


def test_a_unit_that_reads_keeps_nothing(backend: Backend) -> None:
    with backend.units.reading() as unit:
        refusal(Code.INTERNAL, unit.commit)
    if backend.engine is not None:
        with pytest.raises(DomicileError, match="refused"), backend.units.reading() as unit:
            unit.records.add([person()])


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "forged",
    [
        f"{'9' * 30}.{'a' * 32}",
        f"{2**63}.{'a' * 32}",
        "1.x",
        "1.\0x",
        f"1.{'a' * 31}\0",
        f"1_0.{'a' * 32}",
        f"1.{'a' * 32}.b",
        "",
        "é",
    ],
)
def test_a_forged_cursor_is_refused_at_its_place(backend: Backend, forged: str) -> None:
    with pytest.raises(DomicileError) as raised:
        found(backend, cursor=cursor_of(forged))
    assert (raised.value.code, raised.value.where) == (Code.INPUT_INVALID, "cursor")
    assert "next_cursor" in raised.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lifetime_value", "9" * 30),
        ("lifetime_value", str(-(2**63) - 1)),
        ("lead_score", "9" * 5000),
        ("country", "D\0E"),
        ("stage", "\0"),
    ],
)
def test_a_value_that_no_column_holds_is_refused_at_its_place(backend: Backend, name: str, value: str) -> None:
    kind = RecordType.DEALS if name == "stage" else PEOPLE
    with pytest.raises(DomicileError) as raised:
        found(backend, kind, equals=((name, value),))
    assert (raised.value.code, raised.value.where) == (Code.INPUT_INVALID, name)
    assert raised.value.remedy


def test_the_widest_numbers_that_a_column_holds_are_looked_up(backend: Backend) -> None:
    assert found(backend, equals=(("lifetime_value", str(2**63 - 1)),)) == []
    assert found(backend, cursor=cursor_of(f"{2**63 - 1}.{'f' * 32}")) == []


@pytest.mark.parametrize("record_id", ["\0", "x" * 32, "1" * 5000, ""])
def test_what_is_no_id_names_no_record(backend: Backend, record_id: str) -> None:
    with backend.units.reading() as unit:
        assert unit.records.get(PEOPLE, record_id) is None


@pytest.mark.parametrize("asked", [{"email": "a\0@x.de"}, {"name": "Ad\0a"}, {"phone": "+49\0 30 123"}])
def test_a_nul_in_what_is_searched_by_digest_finds_nobody(backend: Backend, asked: dict[str, str]) -> None:
    assert found(backend, **asked) == []
